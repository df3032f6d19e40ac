//! One subscription of one connection: a place in a channel, and no queue.

use std::sync::Arc;

use arrw_wire::centrifuge::Filter;

use super::batch::Batch;
use crate::sockets::channel::Channel;
use crate::sockets::channel::ring::{Entry, What};

/// A place in a channel.
///
/// ```text
///             reply sent                  it does not take more, or others went on
///   Asked -----------------> InStep ---------------------------------------------> Behind
///     |                        ^                                                   |     ^
///     |  more was missed than  |  the ring has what it needs                       |     | it takes no more
///     |  the reply has         +---------------------------------------------------+     |
///     +------------------> Reading <------- the ring has not, the log is read -----+-----+
/// ```
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) channel: Arc<Channel>,
    /// Tells it from others in the same slot before.
    pub(crate) serial: u32,
    /// The number of the next entry of the ring that it gets.
    pub(crate) next: u64,
    /// The offset of the last publication that it got, or that was there before it came.
    pub(crate) offset: u64,
    pub(crate) pace: Pace,
    pub(crate) wants: Wants,
    /// Lets through the publications that it wants; all without one.
    pub(crate) filter: Option<Box<Filter>>,
    /// The second since 1970 at which it ends, unless its token is made new; 0 for never.
    pub(crate) expires_at: u64,
}

/// How it gets what is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Not yet: its reply was not sent.
    Asked,
    /// By its channel's worker.
    InStep,
    /// When its connection takes more.
    Behind,
    /// By a read of the log that is under way.
    Reading,
}

/// What a subscription was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wants(u8);

impl Wants {
    pub(crate) const POSITIONED: Self = Self(1);
    pub(crate) const RECOVERABLE: Self = Self(2);
    /// It is told who comes and goes.
    pub(crate) const MEMBERS: Self = Self(4);
    /// The server made it.
    pub(crate) const SERVER_SIDE: Self = Self(8);
    /// It is in the presence.
    pub(crate) const PRESENT: Self = Self(16);

    pub(crate) fn with(self, other: Self, is_on: bool) -> Self {
        if is_on { Self(self.0 | other.0) } else { self }
    }

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl Subscription {
    /// Whether it gets an entry, of those behind the last that it got.
    pub(crate) fn gets(&self, entry: &Entry) -> bool {
        match &entry.what {
            What::Member => self.wants.has(Wants::MEMBERS),
            // By a read of the log it may have got more than was in the ring then.
            What::Publication { offset, .. } if *offset != 0 && *offset <= self.offset => false,
            What::Publication { tags, .. } => self.filter.as_ref().is_none_or(|filter| {
                let tag = |name: &str| {
                    tags.iter().find(|(it, _)| &**it == name).map(|(_, value)| &**value)
                };
                filter.matches(tag)
            }),
        }
    }

    /// True when it gets all of a batch that others of its form get.
    pub(crate) fn gets_all_of(&self, batch: &Batch) -> bool {
        let is_new = batch.first_offset == 0 || self.offset < batch.first_offset;
        self.filter.is_none() && is_new
    }

    /// It was given all up to an entry, which has this number.
    pub(crate) fn has_got(&mut self, number: u64, entry: &Entry) {
        self.next = number + 1;
        if let What::Publication { offset, .. } = entry.what {
            self.offset = self.offset.max(offset);
        }
    }
}
