//! What can go wrong: one enum for each thing that a caller may ask.

use arrw_bus::{EventError, FilterError, RuleError};
use arrw_jobs::{JobError, Refused};
use arrw_log::{AppendError, Epoch, Outcome, Position, ReadError, Seq};

use crate::jobs::rules::RefusedAt;

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
    /// The name of the producer is none.
    #[error(
        "`{name}` cannot be the name of a producer: it must have 1 to {max} characters of ASCII that can be seen"
    )]
    Producer {
        /// The name.
        name: String,
        /// Bytes that it may have.
        max: usize,
    },
    /// The number of an event of a producer is too large. Nothing was published.
    #[error("the number of the last event is {last}, and may be at most {max}")]
    Number {
        /// The number of the last event.
        last: u64,
        /// What it may be.
        max: u64,
    },
    /// A position that the batch names cannot be. Nothing was published.
    #[error(transparent)]
    Position(#[from] ReadError),
    /// What was published before speaks against it. Nothing was published.
    #[error(transparent)]
    Rule(RuleError),
    /// A job of the batch cannot be as it is. Nothing was done.
    #[error(transparent)]
    Job(JobError),
    /// The state of the jobs speaks against the batch. Nothing was done.
    #[error(transparent)]
    Refused(Refused),
    /// The log refused, or does not know.
    #[error(transparent)]
    Append(AppendError),
}

impl From<AppendError> for PublishError {
    fn from(error: AppendError) -> Self {
        if let AppendError::Refused(refusal) = &error
            && let Some(RefusedAt { refused, .. }) = refusal.downcast_ref()
        {
            return Self::Refused(refused.clone());
        }
        if let AppendError::Refused(refusal) = &error
            && let Some(rule) = refusal.downcast_ref::<RuleError>()
        {
            return Self::Rule(rule.clone());
        }
        Self::Append(error)
    }
}

/// A consumer that cannot be opened, read or acknowledged.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumerError {
    /// The name is none.
    #[error("`{name}` cannot be the name of a consumer: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// Volatile topics are not remembered.
    #[error("`{filter}` is volatile, and a consumer needs history; subscribe to it instead")]
    Volatile {
        /// The filter.
        filter: String,
    },
    /// There is a consumer of that name that reads something else.
    #[error(
        "consumer `{name}` reads `{actual}`; use that filter, another name, or delete it first"
    )]
    OtherFilter {
        /// The consumer.
        name: String,
        /// What it reads.
        actual: String,
    },
    /// There is none of that name.
    #[error("there is no consumer `{name}`; make it first")]
    Unknown {
        /// The name.
        name: String,
    },
    /// Another reader has it now.
    #[error("consumer `{name}` was taken over by another reader; open it again to take it back")]
    Fenced {
        /// The consumer.
        name: String,
    },
    /// There are as many as may be.
    #[error("there are {max} consumers already; delete some")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// History cannot be kept for it.
    #[error(transparent)]
    Hold(#[from] arrw_log::UpkeepError),
    /// It cannot subscribe.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    /// It cannot go on as if nothing had happened.
    #[error(transparent)]
    Subscription(#[from] SubscriptionError),
    /// The log refused, or does not know.
    #[error(transparent)]
    Append(AppendError),
}

impl PublishError {
    /// What it means for the events.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Event(_)
            | Self::Volatile { .. }
            | Self::Producer { .. }
            | Self::Number { .. }
            | Self::Position(_)
            | Self::Rule(_)
            | Self::Job(_)
            | Self::Refused(_) => Outcome::Rejected,
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
