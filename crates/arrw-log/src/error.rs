//! What can go wrong: one enum for each thing that a caller may ask.

use std::io;
use std::sync::Arc;

use crate::position::{Epoch, Position, Seq};

/// A record that cannot be stored as it is. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The name is not a topic's.
    #[error("`{name}` is not a topic: {why}")]
    Topic {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A part of the record is over its limit.
    #[error("the {part} has {actual} {unit}, and at most {max} are allowed")]
    TooLarge {
        /// Which part.
        part: &'static str,
        /// How much it has.
        actual: usize,
        /// How much it may have.
        max: usize,
        /// Of what.
        unit: &'static str,
    },
}

/// An append that was not committed, or of which nobody can say.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The batch holds no record and asks nothing. Nothing was written.
    #[error("the batch is empty; add a record to it")]
    Empty,
    /// The batch, with what it reserves, does not fit into a frame of this log. Nothing was written.
    #[error("the batch has {actual} bytes, and a frame of this log holds at most {max}; split it")]
    TooLarge {
        /// Bytes of the batch, with those that it reserves.
        actual: usize,
        /// Bytes that fit.
        max: usize,
    },
    /// The log does not end where the caller expected. Nothing was written.
    #[error("expected the last record to be {expected}, and it is {actual}; read on and try again")]
    Conflict {
        /// What the caller expected.
        expected: Seq,
        /// The last record at the time of the decision.
        actual: Seq,
    },
    /// One topic more than a log may have alive. Nothing was written.
    #[error("the log already has {max} topics; use fewer topics, with keys, or trim old ones")]
    TooManyTopics {
        /// The limit.
        max: usize,
    },
    /// The rules of the [`Decider`](crate::Decider) refused it. Nothing was written.
    #[error("{0}")]
    Refused(crate::decide::Refusal),
    /// The [`Decider`](crate::Decider) made more for the batch than that
    /// [reserves](crate::Batch::reserving), or more records than a batch may have: a fault of its rules.
    /// Nothing was written.
    #[error(
        "the rules made {actual} {unit} of a batch that may have {max}; reserve more, or make less"
    )]
    OverReserved {
        /// How much there was.
        actual: usize,
        /// How much there may be.
        max: usize,
        /// Of what.
        unit: &'static str,
    },
    /// The disk is full. Nothing was written; appends go on when there is space again.
    #[error("the disk is full; free space or shorten retention")]
    Full,
    /// The log was closed. Nothing was written.
    #[error("the log is closed; open it again")]
    Closed,
    /// The write or the sync of this batch failed: it may be in the log after a restart, or not.
    #[error("the outcome of the append is unknown; open the log again and look")]
    Unknown(#[source] Arc<io::Error>),
    /// An earlier write or sync failed. Nothing of this batch was written, and nothing will be until
    /// the log is opened again.
    #[error("the log stopped after a failed write; open it again")]
    Poisoned(#[source] Arc<io::Error>),
}

impl AppendError {
    /// What it means for the batch.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Unknown(_) => Outcome::Unknown,
            Self::Empty
            | Self::TooLarge { .. }
            | Self::Conflict { .. }
            | Self::TooManyTopics { .. }
            | Self::Refused(_)
            | Self::OverReserved { .. }
            | Self::Full
            | Self::Closed
            | Self::Poisoned(_) => Outcome::Rejected,
        }
    }
}

/// What became of a batch that was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is not in the log and never will be.
    Rejected,
    /// It may be in the log after the next start.
    Unknown,
}

/// A read that cannot go on from where it stands.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The position is from another life of the log.
    #[error(
        "position {position} is from another life of the log, which now is {epoch}; start over"
    )]
    OtherEpoch {
        /// The position asked for.
        position: Position,
        /// The log's epoch.
        epoch: Epoch,
    },
    /// The records there were trimmed.
    #[error("record {wanted} was trimmed; the oldest kept is {first}")]
    Trimmed {
        /// The record asked for.
        wanted: Seq,
        /// The oldest record that is kept.
        first: Seq,
    },
    /// The log has not come this far.
    #[error("record {wanted} does not exist; the next to be written is {tail}")]
    BeyondTail {
        /// The record asked for.
        wanted: Seq,
        /// The seq that the next record will get.
        tail: Seq,
    },
    /// A repair gave these records up. The next read goes on behind them.
    #[error("records {first} to {last} were lost to damage and given up by a repair")]
    Lost {
        /// The first that is gone.
        first: Seq,
        /// The last that is gone.
        last: Seq,
    },
    /// The bytes on the disk are not those that were written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The disk could not be read.
    #[error("cannot read `{file}`")]
    Io {
        /// Which file.
        file: String,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
}

/// Bytes on the disk that are not those that were written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{file}` is damaged at byte {from} (to {to}): {what}; records {first} to {last} are affected"
)]
pub struct Damage {
    /// The file.
    pub file: String,
    /// First byte that cannot be trusted.
    pub from: u64,
    /// First byte behind it that can be trusted again, or the end of the file.
    pub to: u64,
    /// First record that is affected.
    pub first: Seq,
    /// Last record that is affected; before `first` when no record is.
    pub last: Seq,
    /// What was found there.
    pub what: &'static str,
}

/// A log that could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it.
    #[error("the log in `{place}` is open in another process; stop that one first")]
    Locked {
        /// Where the log is.
        place: String,
    },
    /// Data that had been acknowledged is damaged.
    #[error(
        "acknowledged data is damaged; run `arrwdb log verify`, then put back a backup, or see what `arrwdb log repair` would lose"
    )]
    Damaged(#[source] Damage),
    /// Both superblocks are damaged.
    #[error(
        "neither superblock of the log in `{place}` can be read; put back a backup, or run `arrwdb log repair`"
    )]
    NoSuperblock {
        /// Where the log is.
        place: String,
    },
    /// The folder holds a backup.
    #[error("`{place}` holds a backup; put it back with `arrwdb log restore` into another folder")]
    Backup {
        /// Where the backup is.
        place: String,
    },
    /// There is no log.
    #[error("there is no log in `{place}`")]
    NotFound {
        /// Where it was looked for.
        place: String,
    },
    /// Another version of the program wrote it.
    #[error(
        "the log has format {found}, and this program reads format {known}; use the version that wrote it"
    )]
    Format {
        /// The format found.
        found: u32,
        /// The format that this program reads.
        known: u32,
    },
    /// An option that cannot be.
    #[error("option `{option}` is {actual}, and must be {rule}")]
    Option {
        /// Its name.
        option: &'static str,
        /// What it was set to.
        actual: u64,
        /// What it may be.
        rule: &'static str,
    },
    /// The disk refused.
    #[error("cannot {action}")]
    Io {
        /// What was tried, on which file.
        action: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A trim, backup or other upkeep that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpkeepError {
    /// The log was closed.
    #[error("the log is closed; open it again")]
    Closed,
    /// An earlier write or sync failed.
    #[error("the log stopped after a failed write; open it again")]
    Poisoned(#[source] Arc<io::Error>),
    /// Too many holds.
    #[error("the log already has {max} holds; release some")]
    TooManyHolds {
        /// The limit.
        max: usize,
    },
    /// The disk refused.
    #[error("cannot {action}")]
    Io {
        /// What was tried, on which file.
        action: String,
        /// What the system said.
        #[source]
        source: Arc<io::Error>,
    },
    /// What was read to be copied is damaged.
    #[error(transparent)]
    Damaged(#[from] Damage),
}
