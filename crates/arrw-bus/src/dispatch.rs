//! Tells the subscribers of durable topics that there is something to read.

use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;

use arrw_log::{Frame, Seq};

use crate::limits::{DISPATCH_RECORDS, SUBSCRIPTIONS_MAX};
use crate::registry::{Listed, Registry, Rest, SubscriberId, Wakes, show_all};
use crate::subscriber::{Delivered, Subscriber};

/// The subscribers of durable topics. Frames are noted here in the order of the log, by one at a time.
#[derive(Debug)]
pub struct Dispatch {
    registry: Mutex<Registry>,
}

/// A subscriber of durable topics: a number to go to sleep with. Taken out when it is dropped by its owner
/// through [`Dispatch::remove`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DispatchId(SubscriberId);

impl Dispatch {
    /// Without subscribers, for a log that ends before `next`. `seed` keeps users from choosing topics that
    /// are slow to look up.
    #[must_use]
    pub fn new(next: Seq, seed: u64) -> Self {
        Self { registry: Mutex::new(Registry::new(next, seed)) }
    }

    /// Adds a subscriber, who is awake; `None` when there are [`SUBSCRIPTIONS_MAX`].
    pub fn add(&self, subscriber: &Arc<Subscriber>) -> Option<DispatchId> {
        self.lock().add(subscriber, SUBSCRIPTIONS_MAX).map(DispatchId)
    }

    /// Events that were noted since the start.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.lock().published()
    }

    /// Shows all subscribers to `each`, some at a time, and answers what those were handed who are gone. Who
    /// comes or goes meanwhile may or may not be shown.
    pub fn list(&self, each: impl FnMut(Listed)) -> Delivered {
        show_all(|at, some| self.lock().list(at, some), each);
        self.lock().gone()
    }

    /// Takes a subscriber out.
    pub fn remove(&self, id: DispatchId) {
        self.lock().remove(id.0);
    }

    /// Lets a subscriber sleep that has read all before `from`, if it has.
    pub fn rest(&self, id: DispatchId, from: Seq, waker: &Waker) -> Rest {
        self.lock().rest(id.0, from, waker)
    }

    /// A subscriber is about to read; answers the event that woke it, before which nothing concerns it.
    pub fn rise(&self, id: DispatchId) -> Option<Seq> {
        self.lock().rise(id.0)
    }

    /// The record behind which a sleeping subscriber may say that it saw everything; `None` when it is awake
    /// or something has come for it.
    #[must_use]
    pub fn progress(&self, id: DispatchId) -> Option<Seq> {
        self.lock().progress(id.0)
    }

    /// Notes the records of a frame, and wakes who wants them.
    pub fn note(&self, frame: &Frame) {
        let mut records = frame.records().peekable();
        while records.peek().is_some() {
            let mut wakes = Wakes::default();
            let mut registry = self.lock();
            // Let go now and then: who goes to sleep meanwhile waits for this lock.
            for record in records.by_ref().take(DISPATCH_RECORDS) {
                if !record.topic().is_empty() {
                    registry.note(record.topic(), record.seq(), &mut wakes);
                }
                registry.noted(record.seq().next());
            }
            drop(registry);
            wakes.wake();
        }
    }

    /// The frames before `next` cannot be told: everybody looks for themselves.
    pub fn skip_to(&self, next: Seq) {
        let mut wakes = Wakes::default();
        let mut registry = self.lock();
        registry.noted(next);
        registry.note_all(&mut wakes);
        drop(registry);
        wakes.wake();
    }

    /// Nothing more will come: wakes all, and lets nobody sleep.
    pub fn close(&self) {
        let mut wakes = Wakes::default();
        let mut registry = self.lock();
        registry.close(&mut wakes);
        drop(registry);
        wakes.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().expect("no holder of this lock panics")
    }
}
