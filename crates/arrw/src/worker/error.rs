//! Why a worker cannot be built, and why one ended.

use arrw_jobs::JobError;

use crate::jobs::{ClaimError, JobsError};

/// A worker that cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// A name or a number cannot be.
    #[error(transparent)]
    Wrong(#[from] JobError),
    /// Nothing says where its jobs come from.
    #[error("worker `{worker}` has no queue; name one with `queue`")]
    NoQueue {
        /// Its name.
        worker: String,
    },
    /// Nothing says what it does.
    #[error("worker `{worker}` has no handler; add one with `on` or `on_blocking`")]
    NoHandler {
        /// Its name.
        worker: String,
    },
    /// Two handlers are for one kind.
    #[error("worker `{worker}` has two handlers for jobs of kind `{kind}`; leave one out")]
    TwoHandlers {
        /// Its name.
        worker: String,
        /// The kind.
        kind: &'static str,
    },
}

/// Why a run of a worker ended before it was stopped. What it held goes back.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// One of that name runs on this database already.
    #[error("worker `{worker}` runs already; give each its own name")]
    Taken {
        /// Its name.
        worker: String,
    },
    /// Jobs cannot be claimed: the log refuses, or was closed.
    #[error("jobs cannot be claimed")]
    Claim(#[from] ClaimError),
    /// What became of attempts cannot be told to the log. Their jobs are tried again.
    #[error("what became of attempts cannot be written")]
    Finish(#[source] JobsError),
    /// A run of what is due has no end.
    #[error("{max} jobs were run and more are ready; do handlers make jobs without end?")]
    Endless {
        /// How many may be run.
        max: usize,
    },
}
