//! Record and batch: the envelope that every view understands, and the bytes of it.

mod stored;
#[cfg(test)]
mod tests;

use crate::bytes_at::{put_at, u16_at, u32_at};
use crate::decide::Question;
use crate::error::RecordError;
use crate::frame::Records;
use crate::limits::{
    BATCH_RECORDS_MAX, DECIDER_BYTES_MAX, HEADER_NAME_BYTES_MAX, HEADER_VALUE_BYTES_MAX,
    HEADERS_MAX, KEY_BYTES_MAX, RECORD_BYTES_MAX,
};
use crate::position::{Seq, Timestamp};
use crate::topic::check_topic;
use crate::topics::Place;
pub(crate) use stored::split_first;
pub use stored::{Headers, Record};

/// What follows a record up to where the next may start.
const PADDING: [u8; 8] = [0; 8];

/// Bytes before a record's topic. `docs/log-format.md` draws them.
pub(crate) const RECORD_HEADER_BYTES: usize = 40;

const OFFSET_AT: usize = 0;
const PREVIOUS_AT: usize = 8;
const BORN_AT: usize = 16;
const PAYLOAD_LEN_AT: usize = 24;
const HEADERS_LEN_AT: usize = 28;
const KIND_AT: usize = 32;
const KEY_LEN_AT: usize = 34;
const TOPIC_LEN_AT: usize = 36;

/// What a record means to the views. The log stores it and does not look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u16);

/// A record to be appended, borrowed from the caller.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewRecord<'a> {
    /// What it means to the views.
    pub kind: Kind,
    /// Its topic ([`check_topic`]); empty for a control record, which belongs to none.
    pub topic: &'a str,
    /// Its key, at most 1 KiB; empty for none.
    pub key: &'a [u8],
    /// Its headers, at most 64.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Its payload. The whole record has at most 8 MiB.
    pub payload: &'a [u8],
}

/// Whether a batch may use the space that is kept back for a full disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Urgency {
    /// Refused while the disk is full.
    #[default]
    Ordinary,
    /// May use the reserve: what completes work or frees space.
    Reserved,
}

/// Records that are appended together: all of them, next to each other, or none.
///
/// ```
/// use arrw_log::{Batch, NewRecord};
///
/// let mut batch = Batch::new();
/// batch.push(NewRecord { topic: "orders.created", payload: b"{}", ..NewRecord::default() })?;
/// assert_eq!(batch.records(), 1);
/// # Ok::<(), arrw_log::RecordError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    records: u32,
    /// Where the last record starts: the next one is often of the same topic, which was checked.
    last_at: usize,
    expected_last: Option<Seq>,
    urgency: Urgency,
    question: Option<Question>,
    /// Bytes that the decider may add.
    reserved: usize,
}

impl NewRecord<'_> {
    /// Bytes that it takes in a frame, if it is within the limits.
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| 3 + name.len() + value.len());
        padded(self.unpadded(headers.sum()))
    }

    /// The same without what follows it up to the next.
    fn unpadded(&self, headers_len: usize) -> usize {
        let parts = [self.topic.len(), self.key.len(), headers_len, self.payload.len()];
        parts.iter().fold(RECORD_HEADER_BYTES, |sum, part| sum.saturating_add(*part))
    }
}

impl Batch {
    /// A batch without records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A batch without records that has room for `bytes` of them.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// A batch of one record.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn of(record: NewRecord<'_>) -> Result<Self, RecordError> {
        let mut batch = Self::new();
        batch.push(record)?;
        Ok(batch)
    }

    /// Adds a record behind the others.
    ///
    /// # Errors
    /// When a part of it is over its limit or its topic has no valid name. The batch stays as it was.
    pub fn push(&mut self, record: NewRecord<'_>) -> Result<(), RecordError> {
        if !record.topic.is_empty() && self.last_topic() != record.topic.as_bytes() {
            check_topic(record.topic)?;
        }
        let headers_len = check_headers(record.headers)?;
        check("key", record.key.len(), KEY_BYTES_MAX, "bytes")?;
        let count = self.records as usize + 1;
        check("batch", count, BATCH_RECORDS_MAX as usize, "records")?;
        let unpadded = record.unpadded(headers_len);
        check("record", unpadded, RECORD_BYTES_MAX, "bytes")?;

        let start = self.bytes.len();
        self.bytes.reserve(padded(unpadded));
        self.bytes.extend_from_slice(&header(record, headers_len));
        self.bytes.extend_from_slice(record.topic.as_bytes());
        self.bytes.extend_from_slice(record.key);
        for (name, value) in record.headers {
            self.bytes.push(narrow(name.len()));
            self.bytes.extend_from_slice(&narrow::<u16>(value.len()).to_le_bytes());
            self.bytes.extend_from_slice(name.as_bytes());
            self.bytes.extend_from_slice(value);
        }
        self.bytes.extend_from_slice(record.payload);
        self.bytes.extend_from_slice(&PADDING[..padded(unpadded) - unpadded]);
        self.records += 1;
        self.last_at = start;
        Ok(())
    }

    /// Takes the records out, and leaves the batch empty, with room for about `bytes`.
    ///
    /// What is taken has at most twice the memory that it needs: few records are copied and their room stays;
    /// many take it with them, and `spare` gives other.
    #[must_use]
    pub fn take(&mut self, bytes: usize, spare: impl FnOnce() -> Vec<u8>) -> Self {
        let all = std::mem::take(&mut self.bytes);
        let (taken, mut room) = if all.len() <= all.capacity() / 2 {
            (all.as_slice().to_vec(), all)
        } else {
            (all, spare())
        };
        room.clear();
        room.shrink_to(bytes);
        let emptied = Self { bytes: room, ..Self::default() };
        Self { bytes: taken, ..std::mem::replace(self, emptied) }
    }

    /// The topic of the last record; empty when there is none.
    fn last_topic(&self) -> &[u8] {
        match self.bytes.get(self.last_at..) {
            Some(record) if !record.is_empty() => topic_of(record).1,
            _ => &[],
        }
    }

    /// Its records, without places: seqs count from 1.
    #[must_use]
    pub fn iter(&self) -> Records<'_> {
        Records::bare(&self.bytes, self.records, Seq::FIRST, Timestamp::default())
    }

    /// Commits the batch only if `last` is then the last record of the log.
    #[must_use]
    pub fn expecting(mut self, last: Seq) -> Self {
        self.expected_last = Some(last);
        self
    }

    /// Has the log's [`Decider`](crate::Decider) decide whether the batch is committed. Such a batch may
    /// have no record.
    #[must_use]
    pub fn asking(mut self, question: Question) -> Self {
        self.question = Some(question);
        self
    }

    /// Lets the [`Decider`](crate::Decider) make so many bytes of records for the batch, 0 if this is not
    /// called. They count wherever the size of a batch is bounded, whether or not they are made.
    #[must_use]
    pub fn reserving(mut self, bytes: usize) -> Self {
        self.reserved = bytes;
        self
    }

    /// Lets the batch use the reserve of a full disk, or not.
    #[must_use]
    pub fn with_urgency(mut self, urgency: Urgency) -> Self {
        self.urgency = urgency;
        self
    }

    /// How many records it has.
    #[must_use]
    pub fn records(&self) -> u32 {
        self.records
    }

    /// True when it has no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Bytes that it takes in a frame, without those that it [reserves](Self::reserving).
    #[must_use]
    pub fn stored_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that it may take in a frame.
    pub(crate) fn stored_bytes_max(&self) -> usize {
        self.bytes.len().saturating_add(self.reserved)
    }

    /// Takes all records away and keeps their memory, up to the most that a decider may add at a time.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        if DECIDER_BYTES_MAX < self.bytes.capacity() {
            self.bytes.shrink_to(DECIDER_BYTES_MAX);
        }
        (self.records, self.last_at) = (0, 0);
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The records as stored, their offsets and links still blank.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn expected_last(&self) -> Option<Seq> {
        self.expected_last
    }

    pub(crate) fn question(&self) -> Option<&Question> {
        self.question.as_ref()
    }

    pub(crate) fn reserved(&self) -> usize {
        self.reserved
    }

    pub(crate) fn urgency(&self) -> Urgency {
        self.urgency
    }
}

/// Checks the headers and answers the bytes that they take.
fn check_headers(headers: &[(&str, &[u8])]) -> Result<usize, RecordError> {
    check("record", headers.len(), HEADERS_MAX, "headers")?;
    let mut bytes = 0;
    for (name, value) in headers {
        check("name of a header", name.len(), HEADER_NAME_BYTES_MAX, "bytes")?;
        check("value of a header", value.len(), HEADER_VALUE_BYTES_MAX, "bytes")?;
        bytes += 3 + name.len() + value.len();
    }
    Ok(bytes)
}

fn check(
    part: &'static str,
    actual: usize,
    max: usize,
    unit: &'static str,
) -> Result<(), RecordError> {
    if actual <= max { Ok(()) } else { Err(RecordError::TooLarge { part, actual, max, unit }) }
}

/// A checked length in the width that it is stored in.
fn narrow<T: TryFrom<usize>>(length: usize) -> T {
    T::try_from(length).ok().expect("every part was checked against its limit")
}

fn header(record: NewRecord<'_>, headers_len: usize) -> [u8; RECORD_HEADER_BYTES] {
    let mut bytes = [0; RECORD_HEADER_BYTES];
    put_at(&mut bytes, PAYLOAD_LEN_AT, narrow::<u32>(record.payload.len()).to_le_bytes());
    put_at(&mut bytes, HEADERS_LEN_AT, narrow::<u32>(headers_len).to_le_bytes());
    put_at(&mut bytes, KIND_AT, record.kind.0.to_le_bytes());
    put_at(&mut bytes, KEY_LEN_AT, narrow::<u16>(record.key.len()).to_le_bytes());
    put_at(&mut bytes, TOPIC_LEN_AT, [narrow::<u8>(record.topic.len())]);
    bytes
}

/// Records start at multiples of 8 bytes.
const fn padded(len: usize) -> usize {
    len.next_multiple_of(8)
}

/// Writes a record's place in its topic into its stored bytes.
pub(crate) fn set_place(record: &mut [u8], place: Place) {
    put_at(record, OFFSET_AT, place.offset.to_le_bytes());
    put_at(record, PREVIOUS_AT, place.previous.get().to_le_bytes());
    put_at(record, BORN_AT, place.born.get().to_le_bytes());
}

/// Bytes of the first record in `batch`, and its topic's name. Only for bytes that a [`Batch`] made.
pub(crate) fn topic_of(batch: &[u8]) -> (usize, &[u8]) {
    let topic_end = RECORD_HEADER_BYTES + usize::from(batch[TOPIC_LEN_AT]);
    let headers_at = topic_end + usize::from(u16_at(batch, KEY_LEN_AT));
    let rest = u32_at(batch, HEADERS_LEN_AT) as usize + u32_at(batch, PAYLOAD_LEN_AT) as usize;
    (padded(headers_at + rest), &batch[RECORD_HEADER_BYTES..topic_end])
}

impl<'a> IntoIterator for &'a Batch {
    type Item = Record<'a>;
    type IntoIter = Records<'a>;

    fn into_iter(self) -> Records<'a> {
        self.iter()
    }
}
