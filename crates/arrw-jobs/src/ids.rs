//! Ids of jobs that were enqueued lately: the same again is answered as the first time.

use std::collections::BTreeMap;

use arrw_log::Timestamp;

use crate::limits::{IDS_MAX, IDS_MICROS};
use crate::mix::mix_all;

/// The digest of a queue and an id.
pub(crate) type IdKey = [u8; 16];

/// What is known of a job that was enqueued with an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// Tells what was enqueued from other things.
    pub(crate) body: u64,
    /// Its number.
    pub(crate) job: u64,
    /// When, in microseconds.
    pub(crate) time: u64,
}

/// The ids of the last ten minutes of log time, at most a million.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ids {
    known: BTreeMap<IdKey, Known>,
    /// Which of them each job brought, oldest first.
    order: BTreeMap<u64, IdKey>,
    sum: u64,
}

/// A change of the ids, to be taken back.
#[derive(Debug)]
pub(crate) enum IdChange {
    /// A job brought one, in place of what was known of it.
    Added(IdKey, Option<Known>),
    /// One made room.
    Forgot(IdKey, Known),
}

fn weigh(key: &IdKey, known: &Known) -> u64 {
    let (first, second) = key.split_at(8);
    let half = |half: &[u8]| half.try_into().map_or(0, u64::from_le_bytes);
    mix_all([half(first), half(second), known.body, known.job, known.time])
}

impl Ids {
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn sum(&self) -> u64 {
        self.sum
    }

    /// What is known of an id at `now`.
    pub(crate) fn get(&self, key: &IdKey, now: Timestamp) -> Option<Known> {
        let is_fresh = |known: &Known| now.micros().saturating_sub(known.time) <= IDS_MICROS;
        self.known.get(key).copied().filter(is_fresh)
    }

    /// All, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (IdKey, Known)> {
        self.order.values().filter_map(|key| Some((*key, *self.known.get(key)?)))
    }

    /// Takes in the id of a job. `undo` gets what takes it back.
    pub(crate) fn add(&mut self, key: IdKey, known: Known, mut undo: impl FnMut(IdChange)) {
        while let Some((_, oldest)) = self.order.first_key_value() {
            let oldest = *oldest;
            let over = |old: &Known| IDS_MICROS < known.time.saturating_sub(old.time);
            if !self.known.get(&oldest).is_none_or(over) && self.order.len() < IDS_MAX {
                break;
            }
            match self.set(oldest, None) {
                Some(forgotten) => undo(IdChange::Forgot(oldest, forgotten)),
                None => break,
            }
        }
        let before = self.set(key, Some(known));
        undo(IdChange::Added(key, before));
    }

    /// Takes in one of a checkpoint, which comes behind all before. False when it cannot be there.
    pub(crate) fn restore(&mut self, key: IdKey, known: Known) -> bool {
        let is_behind = self.order.last_key_value().is_none_or(|(job, _)| *job < known.job);
        is_behind && self.set(key, Some(known)).is_none()
    }

    /// Takes a change back.
    pub(crate) fn take_back(&mut self, change: &IdChange) {
        match change {
            IdChange::Added(key, before) => self.set(*key, *before),
            IdChange::Forgot(key, known) => self.set(*key, Some(*known)),
        };
    }

    fn set(&mut self, key: IdKey, known: Option<Known>) -> Option<Known> {
        let before = match known {
            Some(known) => {
                self.sum = self.sum.wrapping_add(weigh(&key, &known));
                self.order.insert(known.job, key);
                self.known.insert(key, known)
            }
            None => self.known.remove(&key),
        };
        if let Some(before) = &before {
            self.sum = self.sum.wrapping_sub(weigh(&key, before));
            if known.is_none_or(|known| known.job != before.job) {
                self.order.remove(&before.job);
            }
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_makes_room_and_what_is_taken_back_leaves_no_trace() {
        let mut ids = Ids::default();
        let known = |job: u64| Known { body: 0, job, time: job * 100 * 1_000_000 };
        for job in 1..=3 {
            ids.add([u8::try_from(job).unwrap(); 16], known(job), |_| ());
        }
        let before = ids.clone();
        let mut undo = Vec::new();
        ids.add([2; 16], known(4), |change| undo.push(change));
        ids.add([9; 16], known(9), |change| undo.push(change));
        let jobs = |ids: &Ids| ids.iter().map(|(_, known)| known.job).collect::<Vec<_>>();
        assert_eq!(jobs(&ids), [3, 4, 9], "the first is more than ten minutes old");
        assert_eq!(ids.get(&[3; 16], Timestamp::from_micros(900_000_001)), None);
        undo.into_iter().rev().for_each(|change| ids.take_back(&change));
        assert_eq!(ids, before);
    }
}
