//! What can go wrong with jobs.

use arrw_bus::FilterError;
use arrw_jobs::{JobError, Refused};
use arrw_log::{AppendError, Outcome, ReadError};

use crate::jobs::rules::RefusedAt;

/// A command that was refused, or of which nobody can say.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobsError {
    /// A job to be enqueued cannot be as it is. Nothing was enqueued.
    #[error("job {index} of the call: {error}")]
    Job {
        /// Which, from 0.
        index: usize,
        /// What is wrong.
        error: JobError,
    },
    /// Something else cannot be as it is. Nothing was done.
    #[error(transparent)]
    Wrong(#[from] JobError),
    /// The filter of a trigger is none. Nothing was done.
    #[error(transparent)]
    Filter(FilterError),
    /// There are too many commands in one call. Nothing was done.
    #[error("the call has {actual} commands; at most {max} are done together")]
    TooMany {
        /// How many there are.
        actual: usize,
        /// How many there may be.
        max: usize,
    },
    /// The state of the jobs speaks against it. Nothing was done.
    #[error("{refused}")]
    Refused {
        /// Which command, from 0.
        index: usize,
        /// Why.
        refused: Refused,
    },
    /// The log refused, or does not know.
    #[error(transparent)]
    Append(AppendError),
}

impl JobsError {
    /// Whether it may have been done all the same.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Append(error) => error.outcome(),
            Self::Job { .. }
            | Self::Wrong(_)
            | Self::Filter(_)
            | Self::TooMany { .. }
            | Self::Refused { .. } => Outcome::Rejected,
        }
    }
}

impl From<AppendError> for JobsError {
    fn from(error: AppendError) -> Self {
        if let AppendError::Refused(refusal) = &error
            && let Some(RefusedAt { index, refused }) = refusal.downcast_ref::<RefusedAt>()
        {
            return Self::Refused { index: *index, refused: refused.clone() };
        }
        Self::Append(error)
    }
}

/// A claim that cannot be answered.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// The log refused the leases, or was closed.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The args of a job cannot be read. Its lease stays until its worker is lost.
    #[error(transparent)]
    Read(#[from] ReadError),
}
