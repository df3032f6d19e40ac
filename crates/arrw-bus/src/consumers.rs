//! Named consumers: who reads a filter, how far they have acknowledged, and which reader is the present one.

use arrw_log::{Seq, crc64};

use crate::filter::Filter;
use crate::limits::NAME_BYTES_MAX;
use crate::planted::{Bug, is_planted};
use crate::summed::{Summed, Weigh};

/// A named consumer, as the log knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// What it reads.
    pub filter: Filter,
    /// All up to this record is acknowledged.
    pub cursor: Seq,
    /// Counts its readers, from 1: the present one has this number, and those before it are fenced off.
    pub generation: u64,
}

/// What the log says of a consumer. Format 1: a byte, then numbers of 8 bytes, then the filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerFact {
    /// A reader took it over, or made it.
    Opened(Consumer),
    /// Its reader acknowledged all up to a record.
    Acknowledged(Seq),
    /// It is gone.
    Deleted,
}

const OPENED: u8 = 1;
const ACKNOWLEDGED: u8 = 2;
const DELETED: u8 = 3;

impl ConsumerFact {
    /// Its bytes in a record.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Opened(consumer) => {
                let mut bytes = vec![OPENED];
                bytes.extend_from_slice(&consumer.cursor.get().to_le_bytes());
                bytes.extend_from_slice(&consumer.generation.to_le_bytes());
                bytes.extend_from_slice(consumer.filter.as_str().as_bytes());
                bytes
            }
            Self::Acknowledged(seq) => {
                let mut bytes = vec![ACKNOWLEDGED];
                bytes.extend_from_slice(&seq.get().to_le_bytes());
                bytes
            }
            Self::Deleted => vec![DELETED],
        }
    }

    /// The fact in a record's bytes; `None` when a newer version of the program wrote it.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        match *kind {
            OPENED => {
                let (cursor, rest) = number(rest)?;
                let (generation, rest) = number(rest)?;
                let filter = Filter::parse(std::str::from_utf8(rest).ok()?).ok()?;
                Some(Self::Opened(Consumer { filter, cursor: Seq::new(cursor), generation }))
            }
            ACKNOWLEDGED => Some(Self::Acknowledged(Seq::new(number(rest)?.0))),
            DELETED => Some(Self::Deleted),
            _ => None,
        }
    }
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*number), rest))
}

/// True when a producer or a consumer may have this name, which is a key of records and part of addresses.
#[must_use]
pub fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// All consumers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consumers(Summed<String, Consumer>);

impl Weigh for Consumer {
    fn weigh(&self) -> u64 {
        crc64(&ConsumerFact::Opened(self.clone()).encode())
    }
}

impl Consumers {
    /// One of them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Consumer> {
        self.0.map().get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Consumer)> {
        self.0.map().iter().map(|(name, consumer)| (name.as_str(), consumer))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.map().len()
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.map().is_empty()
    }

    pub(crate) fn set(&mut self, name: &str, consumer: Option<Consumer>) -> Option<Consumer> {
        self.0.set(name.to_owned(), consumer)
    }

    /// A number for all of them.
    pub(crate) fn sum(&self) -> u64 {
        self.0.sum()
    }

    /// What a consumer is after a fact.
    pub(crate) fn after(&self, name: &str, fact: ConsumerFact) -> Option<Consumer> {
        match fact {
            ConsumerFact::Opened(consumer) => Some(consumer),
            ConsumerFact::Acknowledged(seq) => self.get(name).map(|consumer| {
                let ahead = consumer.cursor.max(seq);
                let cursor = if is_planted(Bug::CursorGoesBack) { seq } else { ahead };
                Consumer { cursor, ..consumer.clone() }
            }),
            ConsumerFact::Deleted => None,
        }
    }
}
