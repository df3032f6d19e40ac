//! A record in stored bytes: found, checked, and read where it lies.

use std::fmt;

use super::{
    BORN_AT, HEADERS_LEN_AT, KEY_LEN_AT, KIND_AT, Kind, OFFSET_AT, PAYLOAD_LEN_AT, PREVIOUS_AT,
    RECORD_HEADER_BYTES, TOPIC_LEN_AT, padded,
};
use crate::bytes_at::{u16_at, u32_at, u64_at};
use crate::limits::{NUMBER_MAX, RECORD_BYTES_MAX};
use crate::position::{Seq, Timestamp};
use crate::topics::Place;

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
