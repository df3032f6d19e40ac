//! Lives of topics, and how far back clients may look.

use super::Hub;
use crate::sockets::channel::End;
use crate::sockets::channel::options::ChannelOptions;

/// Stands before the position at which a topic had no publications.
const EMPTY: char = 'e';

impl Hub {
    /// The life of a topic, for a client to say when it comes back. That of one without publications begins with its first one
    /// behind the position that it names.
    pub(crate) fn epoch(&self, end: End) -> String {
        let position = self.db.position();
        match end.born.get() {
            0 => format!("{}.{EMPTY}{}", position.epoch, position.seq),
            born => format!("{}.{born}", position.epoch),
        }
    }

    /// Whether a client that names a life of a topic, or none, means the one that it has, and can have seen the publication `offset`
    /// of it.
    pub(crate) fn is_same_life(&self, known: &str, end: End, offset: u64) -> bool {
        if known.is_empty() {
            return true;
        }
        let Some((epoch, born)) = known.split_once('.') else { return false };
        if self.db.position().epoch.to_string() != epoch {
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
