//! Where a subscription starts, and what becomes of one that is slow.

use arrw_log::{Position, Timestamp};

/// Where a subscription starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the next event.
    Latest,
    /// At the oldest event that is kept.
    Earliest,
    /// Behind this position.
    After(Position),
    /// At the first event that was committed at this time or later.
    Since(Timestamp),
}

impl Start {
    pub(crate) fn of_log(self) -> arrw_log::Start {
        match self {
            Self::Latest => arrw_log::Start::Latest,
            Self::Earliest => arrw_log::Start::Earliest,
            Self::After(position) => arrw_log::Start::After(position),
            Self::Since(time) => arrw_log::Start::Since(time),
        }
    }
}

/// What becomes of a subscriber that reads more slowly than is published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// It reads the disk and misses nothing that retention keeps. Of volatile topics it misses what no
    /// longer is in memory, and is told of the gap.
    #[default]
    Durable,
    /// It gets the last event of each topic and key, and not those that it replaces.
    Conflate,
    /// It is never more than so many records behind: the oldest are left out, and it is told of the gap.
    DropOldest {
        /// Records of the whole log, wanted or not.
        records_max: u64,
    },
    /// It is ended when it is more than so many records behind, and told where to go on.
    Disconnect {
        /// Records of the whole log, wanted or not.
        records_max: u64,
    },
}
