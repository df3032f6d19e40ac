//! What is known of one subscriber: what it wants and how far it is. Its owner writes, anybody may look.

use std::sync::atomic::{AtomicU64, Ordering};

use arrw_log::Seq;

use crate::filter::Filter;

/// A subscriber. One allocation, which the bus and all that the subscriber was handed share.
#[derive(Debug)]
pub struct Subscriber {
    filter: Filter,
    next: AtomicU64,
    delivered: AtomicU64,
    errors: AtomicU64,
}

/// What subscribers were handed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivered {
    /// Events that they looked at, each counted once a subscriber.
    pub events: u64,
    /// Gaps that they were told of, ends because they were slow, and reads that failed.
    pub errors: u64,
}

impl Delivered {
    pub(crate) fn add(&mut self, other: Self) {
        self.events += other.events;
        self.errors += other.errors;
    }
}

impl Subscriber {
    /// One that has read nothing.
    #[must_use]
    pub fn new(filter: Filter) -> Self {
        let (next, delivered, errors) = Default::default();
        Self { filter, next, delivered, errors }
    }

    /// What it wants.
    #[must_use]
    #[inline]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// It has read all before `next`.
    pub fn has_read(&self, next: Seq) {
        self.next.store(next.get(), Ordering::Relaxed);
    }

    /// The record that it reads next.
    #[must_use]
    pub fn next(&self) -> Seq {
        Seq::new(self.next.load(Ordering::Relaxed))
    }

    /// So many more events were looked at.
    pub fn add_delivered(&self, events: u64) {
        self.delivered.fetch_add(events, Ordering::Relaxed);
    }

    /// It was told of a gap or an error.
    pub fn add_error(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    /// What it was handed so far.
    #[must_use]
    pub fn delivered(&self) -> Delivered {
        Delivered {
            events: self.delivered.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
        }
    }
}
