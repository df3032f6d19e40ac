//! Lives of topics, and how far back clients may look.

use super::Hub;
use crate::planted::{Bug, is_planted};
use crate::sockets::channel::End;
use crate::sockets::channel::options::ChannelOptions;

/// Stands before the position at which a topic had no publications.
const EMPTY: char = 'e';

impl Hub {
    /// The life of a topic, for a client to say when it comes back. That of one without publications begins with its first one
    /// behind the position that it names.
    #[expect(clippy::unused_self, reason = "it reads as whose topic it is")]
    pub(crate) fn epoch(&self, end: End) -> String {
        let End { seen, born, .. } = end;
        match born.get() {
            0 => format!("{}.{EMPTY}{}", seen.epoch, seen.seq),
            born => format!("{}.{born}", seen.epoch),
        }
    }

    /// Whether a client that names a life of a topic, or none, means the one that it has, and can have seen the publication `offset`
    /// of it.
    #[expect(clippy::unused_self, reason = "it reads as whose topic it is")]
    pub(crate) fn is_same_life(&self, known: &str, end: End, offset: u64) -> bool {
        if known.is_empty() || is_planted(Bug::AnyEpoch) {
            return true;
        }
        let Some((epoch, born)) = known.split_once('.') else { return false };
        if end.seen.epoch.to_string() != epoch {
            return false;
        }
        match born.strip_prefix(EMPTY) {
            None => born == end.born.to_string(),
            Some(empty_at) => {
                let is_after = empty_at.parse::<u64>().is_ok_and(|seq| seq < end.born.get());
                is_after || (end.born.get() == 0 && offset == 0)
            }
        }
    }

    /// The time, in microseconds since 1970, from which on publications of a channel may be looked back to.
    pub(crate) fn oldest_us(&self, options: &ChannelOptions) -> u64 {
        match u64::try_from(options.history_ttl.as_micros()).unwrap_or(u64::MAX) {
            0 => 0,
            ttl_us => self.now_us().saturating_sub(ttl_us),
        }
    }
}
