//! Seq, epoch, position and time: where in which life of the log, and when.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use crate::limits::SHOWN_CHARS_MAX;

/// Position of a record in the log: dense, from 1, never used twice in a life of the log.
///
/// `Seq::ZERO` stands before the first record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(u64);

impl Seq {
    /// Before the first record.
    pub const ZERO: Self = Self(0);
    /// The first record that a log ever has.
    pub const FIRST: Self = Self(1);

    /// A seq from its number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The seq after this one.
    ///
    /// # Panics
    /// At 2^64 records, which no log reaches: at ten million a second it takes 58,000 years.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// The seq `count` after this one.
    ///
    /// # Panics
    /// At 2^64 records.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.checked_add(count).expect("a log has fewer than 2^64 records"))
    }

    /// The seq before this one; `ZERO` has none before it and stays.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identity of one life of the log, drawn at random. It changes only when history was lost (`repair`)
/// or put back (`restore`), so that an old position can never match by accident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(NonZeroU64);

impl Epoch {
    /// An epoch from a random number; zero, which means "none" on disk, becomes one.
    #[must_use]
    pub const fn from_random(number: u64) -> Self {
        match NonZeroU64::new(number) {
            Some(number) => Self(number),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// The epoch stored as this number; `None` for zero.
    #[must_use]
    pub const fn stored(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The only thing from which reading may resume: the last record that was seen, and in which life.
///
/// Written `<epoch>:<seq>`, the epoch as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The life of the log in which `seq` was seen.
    pub epoch: Epoch,
    /// The last record seen; `Seq::ZERO` for none yet.
    pub seq: Seq,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.seq)
    }
}

/// Text that is not a position. A very long one is cut.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not a position; write `<epoch>:<seq>`, as in `00c0ffee00c0ffee:42`")]
pub struct PositionError {
    text: String,
}

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let parse = || {
            let (epoch, seq) = text.split_once(':')?;
            let digits_only = seq.bytes().all(|byte| byte.is_ascii_digit());
            let hex_only = epoch.bytes().all(|byte| byte.is_ascii_hexdigit());
            if epoch.len() != 16 || !hex_only || !digits_only {
                return None;
            }
            let epoch = Epoch::stored(u64::from_str_radix(epoch, 16).ok()?)?;
            Some(Self { epoch, seq: Seq(seq.parse().ok()?) })
        };
        parse().ok_or_else(|| {
            let text = text.chars().take(SHOWN_CHARS_MAX).collect();
            PositionError { text }
        })
    }
}

/// Microseconds since 1970-01-01T00:00:00Z on the log's clock, which never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// A time from microseconds since 1970.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }
}

/// The end of a stretch of the log: what the next frame must continue from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tip {
    /// The seq that the next record will get.
    pub(crate) next_seq: Seq,
    /// The number that the next frame will get.
    pub(crate) next_frame: u64,
    /// Checksum over all frames so far; the next frame carries it.
    pub(crate) chain: u64,
}

impl Tip {
    /// Before any log: comes before every frame.
    pub(crate) const NOTHING: Self = Self { next_seq: Seq::ZERO, next_frame: 0, chain: 0 };
    /// Before anything was written.
    pub(crate) const START: Self = Self { next_seq: Seq::FIRST, next_frame: 1, chain: 0 };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_text() {
        let position = Position { epoch: Epoch::from_random(0xC0FFEE), seq: Seq::new(42) };
        assert_eq!(position.to_string(), "0000000000c0ffee:42");
        assert_eq!(position.to_string().parse(), Ok(position));
    }

    #[test]
    fn text_that_is_no_position_is_refused() {
        let bad = [
            "",
            "42",
            ":",
            "0000000000c0ffee:",
            "0000000000000000:1",
            "c0ffee:1",
            "0000000000c0ffee:+1",
            "0000000000c0ffee:99999999999999999999",
        ];
        for text in bad {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
        let refused = "7".repeat(100_000).parse::<Position>().unwrap_err().to_string();
        assert!(refused.len() < 1_000, "{} bytes", refused.len());
    }
}
