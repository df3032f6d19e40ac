//! What the log answered and showed, to hold against what it has after a restart or a crash.

use std::collections::BTreeMap;

use arrw_log::{Log, Record, Start};

use super::stage::BYTES_MAX;
use crate::damage::model::Given;

/// The most that goes at once.
const SEGMENT_BYTES: u64 = 16 * 1024;

/// What an append was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is in the log from this seq on.
    Acked(u64),
    Rejected,
    Unknown,
}

#[derive(Clone, Debug)]
struct Attempt {
    records: Vec<Given>,
    answer: Answer,
}

/// Which record of which attempt.
type Identity = (usize, usize);

/// All attempts to append, and all records that a reader saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    attempts: Vec<Attempt>,
    seen: BTreeMap<u64, Identity>,
    /// The highest seq before which a trim was asked for.
    trimmed: u64,
}

impl Ledger {
    /// The number of the next attempt.
    pub(crate) fn next(&self) -> usize {
        self.attempts.len()
    }

    pub(crate) fn add(&mut self, records: Vec<Given>, answer: Answer) {
        self.attempts.push(Attempt { records, answer });
    }

    pub(crate) fn trim(&mut self, before: u64) {
        self.trimmed = self.trimmed.max(before);
    }

    /// Takes note of a record that a reader was shown.
    pub(crate) fn see(&mut self, record: &Record<'_>) -> Result<(), String> {
        let identity = self.identify(record)?;
        let seq = record.seq().get();
        match self.seen.insert(seq, identity) {
            Some(before) if before != identity => {
                Err(format!("{seq} was {before:?} and is shown as {identity:?}"))
            }
            _ => Ok(()),
        }
    }

    /// Whose record this is, if it is one that was given to the log.
    fn identify(&self, record: &Record<'_>) -> Result<Identity, String> {
        let stranger = || format!("{record:?} is none that was given");
        let (attempt, at) = identity_of(record.key()).ok_or_else(stranger)?;
        let given = self.attempts.get(attempt).and_then(|attempt| attempt.records.get(at));
        given.filter(|given| given.is(record)).map(|_| (attempt, at)).ok_or_else(stranger)
    }

    /// Reads all of a log that was opened again, and says what is wrong.
    pub(crate) fn check(&self, log: &Log) -> Result<Held, String> {
        let first = log.first().get();
        // Retention removes a segment only while there is more than it keeps.
        if self.trimmed.max(1) < first && log.stats().bytes + SEGMENT_BYTES < BYTES_MAX {
            let bytes = log.stats().bytes;
            return Err(format!("starts at {first}, {bytes} bytes, trimmed was {}", self.trimmed));
        }
        let mut held = Held { first, next: first, ..Held::default() };
        let mut offsets = BTreeMap::new();
        let mut reader = log.reader(Start::Earliest).map_err(|error| error.to_string())?;
        while let Some(frame) = reader.try_next().map_err(|error| error.to_string())? {
            for record in frame.records() {
                self.hold(&mut held, &record)?;
                let topic = record.topic().to_owned();
                let before = offsets.insert(topic, record.offset());
                if !record.topic().is_empty() && before.is_some_and(|o| o + 1 != record.offset()) {
                    return Err(format!("{record:?} comes after offset {before:?}"));
                }
            }
        }
        if held.next != log.tail().get() {
            return Err(format!("read to {}, the tail is {}", held.next, log.tail()));
        }
        self.is_complete(&held)?;
        Ok(held)
    }

    /// Takes one record that the log has.
    fn hold(&self, held: &mut Held, record: &Record<'_>) -> Result<(), String> {
        let (attempt, at) = self.identify(record)?;
        let seq = record.seq().get();
        if seq != held.next {
            return Err(format!("{seq} where {} belongs", held.next));
        }
        held.next += 1;
        let fits = match self.attempts[attempt].answer {
            Answer::Acked(first) => first + at as u64 == seq,
            Answer::Rejected => false,
            Answer::Unknown => true,
        };
        let follows = match held.records.get(&(seq - 1)) {
            _ if at == 0 => held.records.values().all(|(other, _)| *other != attempt),
            before => before == Some(&(attempt, at - 1)),
        };
        if !fits || !follows {
            let answer = self.attempts[attempt].answer;
            return Err(format!("record {at} of attempt {attempt} ({answer:?}) is at {seq}"));
        }
        held.records.insert(seq, (attempt, at));
        Ok(())
    }

    /// Says what is missing: acknowledged records, records that were seen, parts of batches.
    fn is_complete(&self, held: &Held) -> Result<(), String> {
        for (number, attempt) in self.attempts.iter().enumerate() {
            let Answer::Acked(first) = attempt.answer else { continue };
            for (at, seq) in (0..attempt.records.len()).zip(first..) {
                if held.first <= seq && held.records.get(&seq) != Some(&(number, at)) {
                    return Err(format!(
                        "acknowledged record {seq} of attempt {number} is missing"
                    ));
                }
            }
        }
        for (seq, identity) in self.seen.range(held.first..) {
            if held.records.get(seq) != Some(identity) {
                return Err(format!("record {seq} was shown ({identity:?}) and is missing"));
            }
        }
        for (seq, (attempt, at)) in &held.records {
            let is_last = at + 1 == self.attempts[*attempt].records.len();
            if !is_last && held.records.get(&(seq + 1)) != Some(&(*attempt, at + 1)) {
                return Err(format!("attempt {attempt} is there in part, up to {seq}"));
            }
        }
        Ok(())
    }

    /// Settles what was unknown: it is there for good, or will never be.
    pub(crate) fn settle(&mut self, held: &Held) {
        for (number, attempt) in self.attempts.iter_mut().enumerate() {
            if attempt.answer == Answer::Unknown {
                let found = held.records.iter().find(|(_, identity)| **identity == (number, 0));
                attempt.answer = found.map_or(Answer::Rejected, |(seq, _)| Answer::Acked(*seq));
            }
        }
    }
}

/// The records that a log has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    first: u64,
    next: u64,
    records: BTreeMap<u64, Identity>,
}

/// The key of record `at` of an attempt.
pub(crate) fn key_of(attempt: usize, at: usize) -> Vec<u8> {
    format!("{attempt}.{at}").into_bytes()
}

fn identity_of(key: &[u8]) -> Option<Identity> {
    let (attempt, at) = std::str::from_utf8(key).ok()?.split_once('.')?;
    Some((attempt.parse().ok()?, at.parse().ok()?))
}
