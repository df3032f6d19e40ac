//! What a worker did, and does now.

use std::sync::Arc;

use arrw_jobs::State as JobState;

use crate::jobs::Job;

/// Counts of a worker since it was built. Attempts are counted when what became of them is on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerStats {
    /// Attempts that run now.
    pub running: usize,
    /// Attempts that may run at once.
    pub capacity: usize,
    /// Jobs that are leased and wait for their turn here.
    pub waiting: usize,
    /// Jobs that were completed.
    pub completed: u64,
    /// Attempts that failed, those that panicked or timed out among them.
    pub failed: u64,
    /// Attempts whose handler panicked.
    pub panicked: u64,
    /// Attempts that timed out.
    pub timed_out: u64,
    /// Attempts whose job waits for a later time now, without an attempt counted.
    pub snoozed: u64,
    /// Jobs that were cancelled while they were here.
    pub cancelled: u64,
    /// Jobs that were given back, without an attempt counted.
    pub released: u64,
    /// Attempts that ended when their lease was over: what they answered counts nothing.
    pub stale: u64,
    /// Jobs of kinds that this worker does not know. They are ready again a minute later, without an attempt counted.
    pub unknown_kind: u64,
    /// Blocking handlers that still ran when the worker ended.
    pub left_behind: usize,
}

/// An attempt that ended, and what is on the disk of it.
#[derive(Clone, Debug)]
pub struct Attempted {
    /// Its job.
    pub job: Arc<Job>,
    /// Where the job is now; `None` when the lease was over before, so that what the handler answered counts nothing.
    pub state: Option<JobState>,
    /// Why it was not completed, if it was not.
    pub error: Option<String>,
}

/// As what an attempt is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Completed,
    Failed,
    Panicked,
    Snoozed,
    Released,
    UnknownKind,
}

impl WorkerStats {
    /// An attempt ended so, and its job is in that state now.
    pub(crate) fn count(&mut self, how: How, state: JobState) {
        if state == JobState::Cancelled {
            self.cancelled += 1;
            return;
        }
        match how {
            How::Completed => self.completed += 1,
            How::Failed => self.failed += 1,
            How::Panicked => {
                self.failed += 1;
                self.panicked += 1;
            }
            How::Snoozed => self.snoozed += 1,
            How::Released => self.released += 1,
            How::UnknownKind => self.unknown_kind += 1,
        }
    }
}
