//! A log in memory, in a few lines: what a real one must agree with.

use std::collections::BTreeMap;

use arrw_log::{Batch, Frame, Kind, Log, NewRecord, ReadError, Record, Seq, Start, TopicEnd};

use crate::Rng;
use crate::maker::{MADE_KIND, MADE_TOPIC, Order};

/// Topics that workloads write to, control records (no topic) among them.
const TOPICS: &[&str] = &["orders.created", "orders.paid", "chat:room.1", "$private", "größe", ""];

/// A record as the caller gave it, with the offset that it must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    kind: u16,
    topic: &'static str,
    key: Vec<u8>,
    header: Option<Vec<u8>>,
    payload: Vec<u8>,
    offset: u64,
    /// The first record in its topic's life.
    born: Seq,
}

impl Expected {
    /// A record drawn at random, its payload of at most `bytes_max`.
    pub fn draw(rng: &mut Rng, bytes_max: u64) -> Self {
        let len = usize::try_from(rng.below(bytes_max + 1)).unwrap_or_default();
        let key = if rng.chance(1, 3) { rng.bytes(5) } else { Vec::new() };
        let header = rng.chance(1, 4).then(|| rng.bytes(7));
        let kind = u16::try_from(rng.below(5)).unwrap_or_default();
        Self {
            kind,
            topic: TOPICS[rng.index(TOPICS.len())],
            key,
            header,
            payload: rng.bytes(len),
            offset: 0,
            born: Seq::ZERO,
        }
    }

    /// A record that a [`Maker`](crate::maker::Maker) makes that was told of so many.
    pub(crate) fn made(key: &[u8], told: u64) -> Self {
        Self {
            kind: MADE_KIND.0,
            topic: MADE_TOPIC,
            key: key.to_vec(),
            header: None,
            payload: told.to_le_bytes().to_vec(),
            offset: 0,
            born: Seq::ZERO,
        }
    }

    fn push_to(&self, batch: &mut Batch) {
        let header = self.header.as_deref().map(|value| ("trace", value));
        let record = NewRecord {
            kind: Kind(self.kind),
            topic: self.topic,
            key: &self.key,
            headers: header.as_slice(),
            payload: &self.payload,
        };
        batch.push(record).expect("a workload draws records within the limits");
    }

    fn is(&self, record: &Record<'_>) -> bool {
        let header = record.headers().next().map(|(_, value)| value);
        record.kind() == Kind(self.kind)
            && record.topic() == self.topic
            && record.key() == self.key
            && header == self.header.as_deref()
            && record.payload() == self.payload
            && (record.offset(), record.topic_born()) == (self.offset, self.born)
    }
}

/// The batch of some records.
pub fn batch_of(records: &[Expected]) -> Batch {
    let mut batch = Batch::new();
    for record in records {
        record.push_to(&mut batch);
    }
    batch
}

/// A batch that has records made for it and some of its own left out, drawn at random, and what comes of it when
/// the maker was told of so many before.
pub(crate) fn order_of(own: &[Expected], rng: &mut Rng, told: u64) -> (Batch, Vec<Expected>) {
    let skip = if rng.chance(1, 3) { rng.index(own.len() + 1) } else { 0 };
    let keys: Vec<Vec<u8>> = (0..rng.below(4)).map(|_| rng.bytes(5)).collect();
    let mut outcome = own[skip..].to_vec();
    outcome.extend(keys.iter().map(|key| Expected::made(key, told)));
    let skip = u32::try_from(skip).unwrap_or(u32::MAX);
    (Order { skip, keys }.ask(batch_of(own)), outcome)
}

/// What a log must hold.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// All records ever acknowledged; record `seq` stands at `seq - 1`.
    records: Vec<Expected>,
    topics: BTreeMap<&'static str, TopicEnd>,
    /// The oldest record that is kept.
    first: Seq,
}

impl Model {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self { first: Seq::FIRST, ..Self::default() }
    }

    /// The seq that the next record gets.
    #[must_use]
    pub fn tail(&self) -> Seq {
        Seq::new(self.records.len() as u64 + 1)
    }

    /// The oldest record that is kept.
    #[must_use]
    pub fn first(&self) -> Seq {
        self.first
    }

    /// Takes in records that were acknowledged; answers the offset of the last.
    pub fn append(&mut self, records: Vec<Expected>) -> u64 {
        let mut offset = 0;
        for mut record in records {
            let seq = self.tail();
            offset = 0;
            if !record.topic.is_empty() {
                let end = self.topic_end(record.topic);
                offset = end.map_or(1, |end| end.last_offset + 1);
                record.born = end.map_or(seq, |end| end.born);
                let end = TopicEnd { born: record.born, last: seq, last_offset: offset };
                self.topics.insert(record.topic, end);
            }
            record.offset = offset;
            self.records.push(record);
        }
        offset
    }

    /// Forgets the records before `first`.
    pub fn trim(&mut self, first: Seq) {
        self.first = first;
    }

    /// Where a topic ends, if its last record is kept.
    fn topic_end(&self, topic: &str) -> Option<TopicEnd> {
        self.topics.get(topic).copied().filter(|end| self.first <= end.last)
    }

    /// Checks a frame that was read: its records are those of the model, from `next` on. Answers the seq
    /// behind it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check_frame(&self, frame: &Frame, next: Seq) -> Result<Seq, String> {
        let mut next = next;
        for record in frame.records() {
            if record.seq() != next {
                return Err(format!("record {} came where {next} should", record.seq()));
            }
            let at = usize::try_from(next.get() - 1).map_err(|error| error.to_string())?;
            match self.records.get(at) {
                Some(expected) if expected.is(&record) => next = next.next(),
                Some(expected) => {
                    return Err(format!("record {next} is not {expected:?}: {record:?}"));
                }
                None => return Err(format!("record {next} was never appended: {record:?}")),
            }
        }
        Ok(next)
    }

    /// Reads the log from `start` to its end and checks every record.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check_from(&self, log: &Log, start: Seq) -> Result<(), String> {
        let mut reader = match log.reader(Start::At(start)) {
            Ok(reader) => reader,
            Err(ReadError::Trimmed { first, .. }) if start < self.first && first == self.first => {
                return Ok(());
            }
            Err(ReadError::BeyondTail { .. }) if self.tail() < start => return Ok(()),
            Err(other) => return Err(format!("cannot read from {start}: {other}")),
        };
        if start < self.first || self.tail() < start {
            return Err(format!("reading from {start} should be refused"));
        }
        let mut next = start;
        while let Some(frame) = reader.try_next().map_err(|error| format!("at {next}: {error}"))? {
            next = self.check_frame(&frame, next)?;
        }
        if next == self.tail() {
            Ok(())
        } else {
            Err(format!("reading ended at {next}, not {}", self.tail()))
        }
    }

    /// Checks all that the log says of itself and every record in it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, log: &Log) -> Result<(), String> {
        if (log.first(), log.tail()) != (self.first, self.tail()) {
            let (first, tail) = (log.first(), log.tail());
            return Err(format!("the log is {first}..{tail}, not {}..{}", self.first, self.tail()));
        }
        for topic in TOPICS.iter().filter(|topic| !topic.is_empty()) {
            let found = log.topic(topic);
            if found != self.topic_end(topic) {
                return Err(format!(
                    "`{topic}` ends at {found:?}, not {:?}",
                    self.topic_end(topic)
                ));
            }
        }
        self.check_from(log, self.first)
    }
}
