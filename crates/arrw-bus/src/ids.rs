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
    /// Oldest first, each with its event. One whose event is not the one that is known has been replaced.
    order: VecDeque<(IdKey, Seq)>,
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

    /// Takes in an event with an id. `undo` gets what takes it back.
    pub(crate) fn add(&mut self, event: &Event<'_>, key: IdKey, body: u64, undo: &mut IdsUndo) {
        let known = Known { body, seq: event.seq(), offset: event.offset(), time: event.time() };
        while let Some((oldest, seq)) = self.order.front() {
            let current = self.known.get(oldest).copied().filter(|known| known.seq == *seq);
            let must_go = current.is_none_or(|old| is_over(&old, known.time));
            if !must_go && self.order.len() < IDS_MAX {
                break;
            }
            if let Some((oldest, seq)) = self.order.pop_front() {
                if current.is_some() {
                    self.known.remove(&oldest);
                }
                undo.push(IdChange::Forgot(oldest, seq, current));
            }
        }
        self.order.push_back((Arc::clone(&key), known.seq));
        undo.push(IdChange::Added(self.known.insert(key, known)));
    }

    /// Takes back all that is in `undo`.
    pub(crate) fn take_back(&mut self, undo: &mut IdsUndo) {
        while let Some(change) = undo.pop() {
            match change {
                IdChange::Added(before) => {
                    let Some((key, _)) = self.order.pop_back() else { continue };
                    match before {
                        Some(before) => self.known.insert(key, before),
                        None => self.known.remove(&key),
                    };
                }
                IdChange::Forgot(key, seq, current) => {
                    if let Some(known) = current {
                        self.known.insert(Arc::clone(&key), known);
                    }
                    self.order.push_front((key, seq));
                }
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// All, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&IdKey, &Known)> {
        let current = |(key, seq): &'_ (IdKey, Seq)| {
            self.known.get_key_value(key).filter(|(_, known)| known.seq == *seq)
        };
        self.order.iter().filter_map(current)
    }

    /// Adds one behind the others, as a checkpoint has it.
    pub(crate) fn restore(&mut self, key: IdKey, known: Known) {
        self.order.push_back((Arc::clone(&key), known.seq));
        self.known.insert(key, known);
    }
}

/// What takes changes back, the last one first.
pub(crate) type IdsUndo = Vec<IdChange>;

/// A change of the ids.
#[derive(Debug)]
pub(crate) enum IdChange {
    /// One was added, in place of what was known of it.
    Added(Option<Known>),
    /// One made room; with what was known of it, unless a later event had its place.
    Forgot(IdKey, Seq, Option<Known>),
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
