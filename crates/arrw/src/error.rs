//! What can go wrong: one enum for each thing that a caller may ask.

use arrw_bus::{EventError, FilterError};
use arrw_log::{AppendError, Epoch, Outcome, Position, ReadError, Seq};

/// A publish that was refused, or of which nobody can say.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// An event cannot be as it is. Nothing was published.
    #[error(transparent)]
    Event(#[from] EventError),
    /// Events of volatile and of durable topics in one batch. Nothing was published.
    #[error("`{topic}` is volatile, and a batch is durable as a whole; publish it alone")]
    Volatile {
        /// The volatile topic.
        topic: String,
    },
    /// The log refused, or does not know.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl PublishError {
    /// What it means for the events.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Event(_) | Self::Volatile { .. } => Outcome::Rejected,
            Self::Append(error) => error.outcome(),
        }
    }
}

/// A subscription that cannot begin.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The text is no filter.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The position cannot be read from.
    #[error(transparent)]
    Position(#[from] ReadError),
    /// Volatile topics have no history.
    #[error("`{filter}` is volatile and has no history; subscribe to it from now on")]
    NoHistory {
        /// The filter.
        filter: String,
    },
    /// Too many subscriptions.
    #[error("there are {max} subscriptions already; end some")]
    TooMany {
        /// The limit.
        max: usize,
    },
}

/// A subscription that cannot go on as if nothing had happened.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscriptionError {
    /// Events between what was read and what comes next are gone. The next read goes on behind them.
    #[error(
        "events {first} to {last} are gone: they were trimmed or made room for newer ones before they were read"
    )]
    Gap {
        /// The first seq that may have held one.
        first: Seq,
        /// The last.
        last: Seq,
    },
    /// The subscription was so far behind that it was ended. Start a new one from `resume`.
    #[error("{behind} records behind, and at most {max} are allowed; go on from {resume}")]
    TooSlow {
        /// Records that it had not read.
        behind: u64,
        /// Records that it may be behind.
        max: u64,
        /// Where to go on.
        resume: Position,
    },
    /// The log cannot be read there.
    #[error(transparent)]
    Read(ReadError),
}

impl SubscriptionError {
    /// The error of a read; what was given up or trimmed is a gap.
    pub(crate) fn of(error: ReadError) -> Self {
        match error {
            ReadError::Lost { first, last } => Self::Gap { first, last },
            ReadError::Trimmed { wanted, first } => {
                Self::Gap { first: wanted, last: first.previous() }
            }
            other @ (ReadError::OtherEpoch { .. }
            | ReadError::BeyondTail { .. }
            | ReadError::Damaged(_)
            | ReadError::Io { .. }
            | _) => Self::Read(other),
        }
    }
}

/// The error of a position from another life of the log.
pub(crate) fn other_epoch(position: Position, epoch: Epoch) -> ReadError {
    ReadError::OtherEpoch { position, epoch }
}
