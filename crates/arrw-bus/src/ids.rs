//! Ids of events that were published lately: the same again is answered as the first time.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrw_log::{Record, Seq, Timestamp, crc64};

use crate::event::Event;
use crate::limits::{IDS_MAX, IDS_MICROS};
use crate::summed::{Summed, Weigh, mix};

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

impl Weigh for Known {
    fn weigh(&self) -> u64 {
        let numbers = [self.body, self.seq.get(), self.offset, self.time.micros()];
        numbers.into_iter().fold(0, |sum, number| mix(sum).wrapping_add(number))
    }
}

/// The ids of the last ten minutes of log time, at most a million.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ids {
    known: Summed<IdKey, Known>,
    /// Which of them each event brought, oldest first.
    order: BTreeMap<Seq, IdKey>,
}

/// The key of an id in a topic.
pub(crate) fn key_of(topic: &str, id: &str) -> IdKey {
    let mut key = Vec::with_capacity(topic.len() + 1 + id.len());
    key.extend_from_slice(topic.as_bytes());
    key.push(0);
    key.extend_from_slice(id.as_bytes());
    key.into()
}

/// Headers that say how an event came here, not what it is: published again, it may have others.
const TRACING: [&str; 2] = ["traceparent", "tracestate"];

/// A number that tells the body of an event from others: of its key, headers and payload.
pub(crate) fn body_of(record: &Record<'_>) -> u64 {
    let mut sums = Vec::with_capacity(64);
    let mut add = |part: &[u8]| sums.extend_from_slice(&crc64(part).to_le_bytes());
    add(record.key());
    add(record.payload());
    for (name, value) in record.headers().filter(|(name, _)| !TRACING.contains(name)) {
        add(name.as_bytes());
        add(value);
    }
    crc64(&sums)
}

impl Ids {
    /// What is known of an id at `now`.
    pub(crate) fn get(&self, key: &IdKey, now: Timestamp) -> Option<Known> {
        self.known.map().get(key).copied().filter(|known| !is_over(known, now))
    }

    /// Takes in an event with an id. `undo` gets what takes it back.
    pub(crate) fn add(&mut self, event: &Event<'_>, key: IdKey, body: u64, undo: &mut IdsUndo) {
        let known = Known { body, seq: event.seq(), offset: event.offset(), time: event.time() };
        while let Some((_, oldest)) = self.order.first_key_value() {
            let is_stale = self.known.map().get(oldest).is_none_or(|old| is_over(old, known.time));
            if !is_stale && self.order.len() < IDS_MAX {
                break;
            }
            let Some((_, oldest)) = self.order.pop_first() else { break };
            if let Some(forgotten) = self.known.set(Arc::clone(&oldest), None) {
                undo.push(IdChange::Forgot(oldest, forgotten));
            }
        }
        let before = self.known.set(Arc::clone(&key), Some(known));
        if let Some(before) = &before {
            self.order.remove(&before.seq);
        }
        self.order.insert(known.seq, key);
        undo.push(IdChange::Added(known.seq, before));
    }

    /// Takes back all that is in `undo`.
    pub(crate) fn take_back(&mut self, undo: &mut IdsUndo) {
        for change in undo.drain(..).rev() {
            match change {
                IdChange::Added(seq, before) => {
                    let Some(key) = self.order.remove(&seq) else { continue };
                    if let Some(before) = &before {
                        self.order.insert(before.seq, Arc::clone(&key));
                    }
                    self.known.set(key, before);
                }
                IdChange::Forgot(key, known) => self.restore(key, known),
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.known.map().len()
    }

    /// All, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&IdKey, &Known)> {
        self.order.values().filter_map(|key| self.known.map().get_key_value(key))
    }

    /// Puts one back that was known before.
    pub(crate) fn restore(&mut self, key: IdKey, known: Known) {
        self.order.insert(known.seq, Arc::clone(&key));
        self.known.set(key, Some(known));
    }

    /// A number for all that is known.
    pub(crate) fn sum(&self) -> u64 {
        self.known.sum()
    }
}

/// What takes changes back, the last one first.
pub(crate) type IdsUndo = Vec<IdChange>;

/// A change of the ids.
#[derive(Debug)]
pub(crate) enum IdChange {
    /// An event brought one, in place of what was known of it.
    Added(Seq, Option<Known>),
    /// One made room.
    Forgot(IdKey, Known),
}

fn is_over(known: &Known, now: Timestamp) -> bool {
    IDS_MICROS < now.micros().saturating_sub(known.time.micros())
}

#[cfg(test)]
mod tests {
    use arrw_log::{Batch, Epoch, Frame};

    use super::*;
    use crate::event::NewEvent;

    /// Adds an event with an id, as record `seq` at `seconds`.
    fn add(ids: &mut Ids, id: &str, (seq, seconds): (u64, u64), undo: &mut IdsUndo) {
        let mut batch = Batch::new();
        NewEvent { id: Some(id), ..NewEvent::new("t", b"") }.push_to(&mut batch).unwrap();
        let time = Timestamp::from_micros(seconds * 1_000_000);
        let frame = Frame::in_memory(batch, Seq::new(seq), time, Epoch::from_random(1));
        let event = frame.records().find_map(Event::of).unwrap();
        ids.add(&event, key_of("t", id), 0, undo);
    }

    fn seqs(ids: &Ids) -> Vec<u64> {
        ids.iter().map(|(_, known)| known.seq.get()).collect()
    }

    /// A producer's events may have the same id again and again: nobody looks at it.
    #[test]
    fn an_id_that_comes_again_takes_the_place_of_the_first() {
        let mut ids = Ids::default();
        for (seq, id) in [(1, "a"), (2, "b"), (3, "a"), (4, "a")] {
            add(&mut ids, id, (seq, seq), &mut Vec::new());
        }
        assert_eq!(seqs(&ids), [2, 4]);
        // Ten minutes after the second and before they are over for the last.
        add(&mut ids, "c", (5, 603), &mut Vec::new());
        assert_eq!((seqs(&ids), ids.order.len()), (vec![4, 5], 2));
        add(&mut ids, "d", (6, 2_000), &mut Vec::new());
        assert_eq!((seqs(&ids), ids.order.len(), ids.len()), (vec![6], 1, 1));
    }

    #[test]
    fn what_is_taken_back_leaves_no_trace() {
        let mut ids = Ids::default();
        for (seq, id) in [(1, "a"), (2, "b"), (3, "a")] {
            add(&mut ids, id, (seq, seq), &mut Vec::new());
        }
        let before = ids.clone();
        let mut undo = Vec::new();
        for (seq, id) in [(4, "a"), (5, "c"), (6, "b"), (7, "c")] {
            add(&mut ids, id, (seq, 700), &mut undo);
        }
        assert_eq!(seqs(&ids), [4, 6, 7]);
        ids.take_back(&mut undo);
        assert_eq!(ids, before);
    }
}
