//! Record and batch: the envelope that every view understands, and the bytes of it.

use std::fmt;

use crate::bytes_at::{put_at, u16_at, u32_at, u64_at};
use crate::decide::Question;
use crate::error::RecordError;
use crate::frame::Records;
use crate::limits::{
    BATCH_RECORDS_MAX, DECIDER_BYTES_MAX, HEADER_NAME_BYTES_MAX, HEADER_VALUE_BYTES_MAX,
    HEADERS_MAX, KEY_BYTES_MAX, NUMBER_MAX, RECORD_BYTES_MAX,
};
use crate::position::{Seq, Timestamp};
use crate::topic::check_topic;
use crate::topics::Place;

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

/// A record in stored bytes, as [`split_first`] finds it.
#[derive(Clone, Copy)]
pub(crate) struct Stored<'a> {
    bytes: &'a [u8],
    topic: &'a str,
    key_at: usize,
    headers_at: usize,
    payload_at: usize,
    payload_end: usize,
}

impl<'a> Stored<'a> {
    #[inline]
    fn place(&self) -> Place {
        let seq_at = |at| Seq::new(u64_at(self.bytes, at));
        let offset = u64_at(self.bytes, OFFSET_AT);
        Place { offset, previous: seq_at(PREVIOUS_AT), born: seq_at(BORN_AT) }
    }

    #[inline]
    pub(crate) fn topic(&self) -> &'a str {
        self.topic
    }

    /// Bytes that it takes, padding included.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// The first record in `bytes`; `None` when there is no whole, valid one. `known` is the topic of a record
/// before it, which need not be checked again.
#[inline]
pub(crate) fn split_first<'a>(bytes: &'a [u8], known: &'a str) -> Option<Stored<'a>> {
    let header: &[u8; RECORD_HEADER_BYTES] = bytes.first_chunk()?;
    let key_at = RECORD_HEADER_BYTES + usize::from(header[TOPIC_LEN_AT]);
    let headers_at = key_at + usize::from(u16_at(header, KEY_LEN_AT));
    let payload_at =
        headers_at.checked_add(usize::try_from(u32_at(header, HEADERS_LEN_AT)).ok()?)?;
    let payload_end =
        payload_at.checked_add(usize::try_from(u32_at(header, PAYLOAD_LEN_AT)).ok()?)?;
    if RECORD_BYTES_MAX < payload_end {
        return None;
    }
    let bytes = bytes.get(..padded(payload_end))?;
    if [OFFSET_AT, PREVIOUS_AT, BORN_AT].iter().any(|at| NUMBER_MAX < u64_at(header, *at)) {
        return None;
    }
    let topic = bytes.get(RECORD_HEADER_BYTES..key_at)?;
    let topic = if topic == known.as_bytes() { known } else { std::str::from_utf8(topic).ok()? };
    Some(Stored { bytes, topic, key_at, headers_at, payload_at, payload_end })
}

/// One committed record, borrowed from its frame.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    seq: Seq,
    time: Timestamp,
    stored: Stored<'a>,
}

impl<'a> Record<'a> {
    #[inline]
    pub(crate) fn new(seq: Seq, time: Timestamp, stored: Stored<'a>) -> Self {
        Self { seq, time, stored }
    }

    /// Its position in the log.
    #[inline]
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// When it was committed, on the log's clock. All records of a frame share it.
    #[inline]
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// What it means to the views.
    #[inline]
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind(u16_at(self.stored.bytes, KIND_AT))
    }

    /// Its topic; empty for a control record.
    #[inline]
    #[must_use]
    pub fn topic(&self) -> &'a str {
        self.stored.topic
    }

    /// Its position inside its topic: dense, from 1; 0 for a control record.
    #[inline]
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.stored.place().offset
    }

    /// The record before it in its topic; `Seq::ZERO` for the first in the topic's life.
    #[inline]
    #[must_use]
    pub fn previous_in_topic(&self) -> Seq {
        self.stored.place().previous
    }

    /// The first record in its topic's life, which tells lives apart; `Seq::ZERO` for a control record.
    #[inline]
    #[must_use]
    pub fn topic_born(&self) -> Seq {
        self.stored.place().born
    }

    pub(crate) fn place(&self) -> Place {
        self.stored.place()
    }

    /// Its key; empty for none.
    #[inline]
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        &self.stored.bytes[self.stored.key_at..self.stored.headers_at]
    }

    /// Its headers, in the order in which they were given.
    #[inline]
    #[must_use]
    pub fn headers(&self) -> Headers<'a> {
        Headers { rest: &self.stored.bytes[self.stored.headers_at..self.stored.payload_at] }
    }

    /// Its payload.
    #[inline]
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        &self.stored.bytes[self.stored.payload_at..self.stored.payload_end]
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("seq", &self.seq)
            .field("topic", &self.topic())
            .field("offset", &self.offset())
            .field("payload_bytes", &self.payload().len())
            .finish_non_exhaustive()
    }
}

/// The headers of a record: pairs of name and value.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let name_len = usize::from(*self.rest.first()?);
        let value_at = 3 + name_len;
        let value_end = value_at + usize::from(u16_at(self.rest.get(..3)?, 1));
        let name = std::str::from_utf8(self.rest.get(3..value_at)?).ok()?;
        let value = self.rest.get(value_at..value_end)?;
        self.rest = &self.rest[value_end..];
        Some((name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample<'a>() -> NewRecord<'a> {
        NewRecord {
            kind: Kind(7),
            topic: "orders.created",
            key: b"42",
            headers: &[("trace", b"abc"), ("empty", b"")],
            payload: b"hello",
        }
    }

    #[test]
    fn a_record_survives_its_bytes() {
        let mut batch = Batch::of(sample()).unwrap();
        assert_eq!(batch.stored_bytes(), sample().stored_bytes());
        batch.push(NewRecord { payload: b"control", ..NewRecord::default() }).unwrap();
        assert_eq!(batch.bytes().len() % 8, 0);

        let first = split_first(batch.bytes(), "").unwrap();
        let record = Record::new(Seq::new(9), Timestamp::from_micros(5), first);
        assert_eq!(record.kind(), Kind(7));
        assert_eq!(record.topic(), "orders.created");
        assert_eq!(record.key(), b"42");
        assert_eq!(record.payload(), b"hello");
        let headers: Vec<_> = record.headers().collect();
        assert_eq!(headers, [("trace", &b"abc"[..]), ("empty", b"")]);

        let second = split_first(&batch.bytes()[first.len()..], first.topic).unwrap();
        assert_eq!(second.topic, "");
        assert_eq!(first.len() + second.len(), batch.bytes().len());
    }

    #[test]
    fn bytes_cut_anywhere_are_no_record() {
        let batch = Batch::of(sample()).unwrap();
        for len in 0..batch.bytes().len() {
            assert!(split_first(&batch.bytes()[..len], "").is_none(), "{len}");
        }
    }

    #[test]
    fn what_is_taken_is_tight_and_what_is_left_has_room() {
        let mut batch = Batch::with_capacity(1024);
        batch.push(sample()).unwrap();
        let one = batch.bytes().to_vec();
        let few = batch.take(1024, Vec::new);
        assert_eq!((few.records(), few.bytes()), (1, &one[..]));
        assert_eq!(few.into_bytes().capacity(), one.len());
        assert_eq!((batch.records(), batch.bytes.capacity()), (0, 1024));

        while batch.stored_bytes() <= 512 {
            batch.push(sample()).unwrap();
        }
        let pushed = batch.records();
        let many = batch.take(1024, || Vec::with_capacity(2048));
        assert_eq!((many.records(), batch.records()), (pushed, 0));
        assert_eq!(many.into_bytes().capacity(), 1024);
        assert_eq!(batch.bytes.capacity(), 1024);
        batch.push(sample()).unwrap();
        assert_eq!(batch.bytes(), one);
    }

    #[test]
    fn only_a_topic_that_was_checked_is_not_checked_again() {
        let mut batch = Batch::of(NewRecord { topic: "a", ..NewRecord::default() }).unwrap();
        for topic in ["a b", "a.", "a.*"] {
            assert!(batch.push(NewRecord { topic, ..NewRecord::default() }).is_err(), "{topic}");
        }
        batch.push(NewRecord::default()).unwrap();
        batch.push(NewRecord { topic: "a", ..NewRecord::default() }).unwrap();
        assert_eq!(batch.iter().map(|record| record.topic()).collect::<Vec<_>>(), ["a", "", "a"]);
    }

    #[test]
    fn a_refused_record_leaves_the_batch_as_it_was() {
        let mut batch = Batch::of(sample()).unwrap();
        let before = batch.bytes().to_vec();
        let large = vec![0; RECORD_BYTES_MAX];
        let key = vec![0; KEY_BYTES_MAX + 1];
        let many = vec![("a", &b""[..]); HEADERS_MAX + 1];
        for bad in [
            NewRecord { topic: "a b", ..sample() },
            NewRecord { payload: &large, ..sample() },
            NewRecord { key: &key, ..sample() },
            NewRecord { headers: &many, ..sample() },
        ] {
            assert!(batch.push(bad).is_err());
        }
        assert_eq!((batch.bytes(), batch.records()), (&before[..], 1));
    }
}
