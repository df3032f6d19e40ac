//! Ids of events that were published lately: the same again is answered as the first time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrw_log::{Record, Seq, Timestamp, crc64};

use crate::event::Event;
use crate::limits::{IDS_MAX, IDS_MICROS};

/// An id in its topic.
pub(crate) type IdKey = Arc<[u8]>;

/// What is known of an event that was published with an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Tells its body from another one.
    pub body: u64,
    /// Its place.
    pub seq: Seq,
    /// Its place in its topic.
    pub offset: u64,
    /// When it was committed.
    pub time: Timestamp,
}

/// The ids of the last ten minutes of log time, at most a million.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ids {
    known: BTreeMap<IdKey, Known>,
    /// Oldest first.
    order: VecDeque<IdKey>,
}

/// The key of an id in a topic.
pub(crate) fn key_of(topic: &str, id: &str) -> IdKey {
    let mut key = Vec::with_capacity(topic.len() + 1 + id.len());
    key.extend_from_slice(topic.as_bytes());
    key.push(0);
    key.extend_from_slice(id.as_bytes());
    key.into()
}

/// A number that tells the body of an event from others: of its key, headers and payload.
pub(crate) fn body_of(record: &Record<'_>) -> u64 {
    let mut sums = Vec::with_capacity(64);
    let mut add = |part: &[u8]| sums.extend_from_slice(&crc64(part).to_le_bytes());
    add(record.key());
    add(record.payload());
    for (name, value) in record.headers() {
        add(name.as_bytes());
        add(value);
    }
    crc64(&sums)
}

impl Ids {
    /// What is known of an id at `now`.
    pub(crate) fn get(&self, key: &IdKey, now: Timestamp) -> Option<Known> {
        self.known.get(key).copied().filter(|known| !is_over(known, now))
    }

    /// Takes in an event with an id; answers what must be forgotten to take it back.
    pub(crate) fn add(&mut self, event: &Event<'_>, key: IdKey, body: u64, forgot: &mut Forgot) {
        let known = Known { body, seq: event.seq(), offset: event.offset(), time: event.time() };
        while let Some(oldest) = self.order.front()
            && let Some(old) = self.known.get(oldest)
            && (is_over(old, known.time) || IDS_MAX <= self.order.len())
        {
            let old = *old;
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
                forgot.push((oldest, old));
            }
        }
        self.known.insert(Arc::clone(&key), known);
        self.order.push_back(key);
    }

    /// Takes back the newest `count` ids, and what was forgotten for them.
    pub(crate) fn take_back(&mut self, count: usize, forgot: &mut Forgot) {
        for _ in 0..count {
            if let Some(newest) = self.order.pop_back() {
                self.known.remove(&newest);
            }
        }
        while let Some((key, known)) = forgot.pop() {
            self.known.insert(Arc::clone(&key), known);
            self.order.push_front(key);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// All, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&IdKey, &Known)> {
        self.order.iter().filter_map(|key| self.known.get(key).map(|known| (key, known)))
    }

    /// Adds one behind the others, as a checkpoint has it.
    pub(crate) fn restore(&mut self, key: IdKey, known: Known) {
        self.known.insert(Arc::clone(&key), known);
        self.order.push_back(key);
    }
}

/// Ids that made room, oldest first.
pub(crate) type Forgot = Vec<(IdKey, Known)>;

fn is_over(known: &Known, now: Timestamp) -> bool {
    IDS_MICROS < now.micros().saturating_sub(known.time.micros())
}
