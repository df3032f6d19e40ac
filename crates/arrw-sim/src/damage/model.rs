//! What was appended, kept outside the log, to hold against what it serves.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use arrw_log::{Batch, Entropy, Kind, NewRecord};

use crate::maker::{MADE_KIND, MADE_TOPIC};
use crate::rng::{Rng, mix};

/// Topics of the records; the empty one is that of control records.
const TOPICS: [&str; 6] = ["orders.created", "mail", "t", "a.b.c", "jobs.done", ""];

/// Random numbers for a log that are the same in every run.
#[derive(Debug)]
pub(crate) struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn draw(&self) -> u64 {
        mix(self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst))
    }
}

/// A record as it was given to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) topic: &'static str,
    kind: u16,
    key: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
    payload: Vec<u8>,
}

impl Given {
    /// A record with a payload of `payload_bytes`. `salt` changes its payload and nothing else.
    pub(crate) fn draw(rng: &mut Rng, payload_bytes: usize, salt: u8) -> Self {
        let topic = *rng.pick(&TOPICS);
        let key_bytes = rng.index(20);
        let key = rng.bytes(key_bytes);
        let headers = (0..rng.index(3)).map(|at| (format!("h{at}"), rng.bytes(5 * at))).collect();
        let mut payload = rng.bytes(payload_bytes);
        for byte in &mut payload {
            *byte ^= salt;
        }
        let kind = u16::try_from(rng.below(7)).unwrap_or(0);
        Self { topic, kind, key, headers, payload }
    }
}

impl Given {
    /// A record that a [`Maker`](crate::maker::Maker) makes that was told of so many.
    pub(crate) fn made(key: Vec<u8>, told: u64) -> Self {
        let payload = told.to_le_bytes().to_vec();
        Self { topic: MADE_TOPIC, kind: MADE_KIND.0, key, headers: Vec::new(), payload }
    }

    /// The same record with a key by which it is known again.
    pub(crate) fn with_key(mut self, key: Vec<u8>) -> Self {
        self.key = key;
        self
    }

    /// True when the log serves what was given, wherever it stands.
    pub(crate) fn is(&self, record: &arrw_log::Record<'_>) -> bool {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        record.topic() == self.topic
            && record.kind().0 == self.kind
            && record.key() == self.key
            && record.headers().eq(headers)
            && record.payload() == self.payload
    }
}

/// Bytes of a payload: most are small, some fill a good part of a segment.
pub(crate) fn payload_bytes(rng: &mut Rng) -> usize {
    match rng.below(20) {
        0 => 0,
        1..=9 => rng.index(100),
        10..=16 => rng.index(900),
        17..=18 => rng.index(3_000),
        _ => rng.index(6_000),
    }
}

/// A batch of these records.
pub(crate) fn batch_of(records: &[Given]) -> Batch {
    let mut batch = Batch::new();
    for given in records {
        let headers: Vec<(&str, &[u8])> =
            given.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let record = NewRecord {
            kind: Kind(given.kind),
            topic: given.topic,
            key: &given.key,
            headers: &headers,
            payload: &given.payload,
        };
        batch.push(record).expect("the drawn records are within all limits");
    }
    batch
}

/// A record at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    given: Given,
    offset: u64,
}

impl Placed {
    /// True when the log serves what was given, with its place in its topic.
    pub(crate) fn is(&self, record: &arrw_log::Record<'_>) -> bool {
        record.offset() == self.offset && self.given.is(record)
    }
}

/// All records that were acknowledged, at their places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    records: Vec<Placed>,
    ends: BTreeMap<&'static str, u64>,
}

impl Model {
    /// The seq that the next record gets.
    pub(crate) fn tail(&self) -> u64 {
        self.records.len() as u64 + 1
    }

    /// Takes what was acknowledged; answers the offset of the last record.
    pub(crate) fn add(&mut self, records: Vec<Given>) -> u64 {
        let mut last_offset = 0;
        for given in records {
            last_offset = 0;
            if !given.topic.is_empty() {
                let end = self.ends.entry(given.topic).or_default();
                *end += 1;
                last_offset = *end;
            }
            self.records.push(Placed { given, offset: last_offset });
        }
        last_offset
    }

    pub(crate) fn get(&self, seq: u64) -> Option<&Placed> {
        self.records.get(usize::try_from(seq.checked_sub(1)?).ok()?)
    }

    /// True when the log serves at its seq what the model has there.
    pub(crate) fn has(&self, record: &arrw_log::Record<'_>) -> bool {
        self.get(record.seq().get()).is_some_and(|placed| placed.is(record))
    }
}
