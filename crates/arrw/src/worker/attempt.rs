//! What a handler gets beside the args: the job of this attempt, and whether it is still wanted.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arrw_log::Timestamp;

use crate::jobs::{Job, Jobs, JobsError, Progress};
use crate::parker::Parker;
use crate::worker::signal::{Level, Reached, Signal};

/// One run of a job, for its handler. It reads as the [`Job`]: its [id](Job::id), its [queue](Job::queue),
/// [which attempt](Job::attempt) this is and of [how many](Job::max_attempts), and what goes with it in its
/// [payload](Job::payload). Clones are handles to the same attempt.
#[derive(Clone, Debug)]
pub struct Attempt {
    jobs: Jobs,
    job: Arc<Job>,
    deadline: Option<Timestamp>,
    signal: Arc<Signal>,
}

impl Attempt {
    pub(crate) fn new(jobs: &Jobs, job: Job, deadline: Option<Timestamp>) -> Self {
        Self { jobs: jobs.clone(), job: Arc::new(job), deadline, signal: Arc::default() }
    }

    /// Says how far the job is, as [`Jobs::progress`] does. Writes nothing, so it can be said often.
    ///
    /// # Errors
    /// When the lease is over: the handler should end.
    pub fn progress(&self, progress: Progress) -> Result<(), JobsError> {
        self.jobs.progress(self.id(), self.token(), progress)
    }

    /// When the attempt times out, on the log's clock: then the job is tried again, the future of an async handler is
    /// dropped, and a blocking one is told to end. `None` when the job has no timeout.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    /// True when the handler should end soon: the job was cancelled, the attempt timed out, the lease was lost, or the
    /// worker stops. Whatever it answers then still counts, if the lease is its own.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        Level::Cancelled <= self.signal.level()
    }

    /// Waits in a task until the attempt is [cancelled](Self::is_cancelled).
    pub fn cancelled(&self) -> Cancelled {
        Cancelled(self.signal.reached(Level::Cancelled))
    }

    /// Waits on this thread for that time, or until the attempt is cancelled: then it is true.
    #[must_use]
    pub fn wait_cancelled(&self, timeout: Duration) -> bool {
        let until = Instant::now().checked_add(timeout);
        let parker = Parker::new();
        let waker = parker.waker();
        let mut cancelled = self.cancelled();
        loop {
            if Pin::new(&mut cancelled).poll(&mut Context::from_waker(&waker)).is_ready() {
                return true;
            }
            if !parker.park(until) {
                return self.is_cancelled();
            }
        }
    }

    /// The job, to be kept.
    pub(crate) fn job(&self) -> &Arc<Job> {
        &self.job
    }

    pub(crate) fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }
}

impl Deref for Attempt {
    type Target = Job;

    fn deref(&self) -> &Job {
        &self.job
    }
}

/// Waits until an attempt is cancelled.
#[derive(Debug)]
#[must_use = "it does nothing until it is awaited"]
pub struct Cancelled(Reached);

impl Future for Cancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context)
    }
}
