//! What a worker is built of, and what all handles to it share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;

use arrw_jobs::Claim;
use arrw_log::Timestamp;

use crate::jobs::watch::Watch;
use crate::jobs::{Job, Jobs};
use crate::worker::attempt::Attempt;
use crate::worker::crew::Spawner;
use crate::worker::desk::Desk;
use crate::worker::error::RunError;
use crate::worker::handler::Handler;
use crate::worker::stats::{Attempted, How, WorkerStats};
use crate::worker::stop::Stop;

/// Is told of each attempt that ended.
pub(crate) type Observer = Arc<dyn Fn(&Attempted) + Send + Sync>;

/// A worker that was checked.
pub(crate) struct Plan {
    pub(crate) jobs: Jobs,
    pub(crate) name: Arc<str>,
    pub(crate) queues: Vec<String>,
    pub(crate) handlers: BTreeMap<&'static str, Handler>,
    pub(crate) concurrency: usize,
    pub(crate) prefetch: usize,
    pub(crate) spawner: Option<Spawner>,
    pub(crate) observer: Option<Observer>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) stats: Mutex<WorkerStats>,
}

impl Plan {
    /// Has the worker be one that runs here.
    pub(crate) fn watch(&self) -> Result<Watch, RunError> {
        let (core, waker) = (&self.jobs.shared.jobs.core, Waker::from(Arc::clone(&self.desk)));
        Watch::begin(core, &self.name, waker)
            .ok_or_else(|| RunError::Taken { worker: self.name.to_string() })
    }

    /// A wish for so many jobs.
    pub(crate) fn claim(&self, count: usize) -> Claim {
        let queues = self.queues.iter().map(String::as_str);
        Claim::new(&self.name, queues, count.max(1)).expect("it was checked when it was built")
    }

    /// The attempt of a job that was just claimed.
    pub(crate) fn attempt(&self, job: Job) -> Attempt {
        let now = self.jobs.shared.environment.clock.now().micros();
        let timeout = u64::from(job.timeout_ms()).saturating_mul(1_000);
        let deadline = Timestamp::from_micros(now.saturating_add(timeout));
        Attempt::new(&self.jobs, job, (timeout != 0).then_some(deadline))
    }

    /// An attempt ended, and that is on the disk; or its lease was over.
    pub(crate) fn ended(&self, how: How, attempted: &Attempted) {
        self.count(|stats| match attempted.state {
            Some(state) => stats.count(how, state),
            None => stats.stale += 1,
        });
        self.observe(attempted);
    }

    /// The lease of an attempt was over before it ended.
    pub(crate) fn lost(&self, attempt: &Attempt) {
        // Only time ends a lease that its worker has.
        let timed_out = attempt.deadline().is_some();
        self.count(|stats| match timed_out {
            true => {
                stats.failed += 1;
                stats.timed_out += 1;
            }
            false => stats.stale += 1,
        });
        let error = if timed_out { "the attempt timed out" } else { "the lease was over" };
        let (job, error) = (Arc::clone(attempt.job()), Some(error.to_owned()));
        self.observe(&Attempted { job, state: None, error });
    }

    fn observe(&self, attempted: &Attempted) {
        if let Some(observer) = &self.observer {
            observer(attempted);
        }
    }

    /// What it did and does.
    pub(crate) fn stats(&self) -> WorkerStats {
        *self.lock_stats()
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut WorkerStats)) {
        count(&mut self.lock_stats());
    }

    fn lock_stats(&self) -> MutexGuard<'_, WorkerStats> {
        self.stats.lock().expect("no holder of this lock panics")
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("name", &self.name)
            .field("queues", &self.queues)
            .field("handlers", &self.handlers)
            .field("concurrency", &self.concurrency)
            .field("prefetch", &self.prefetch)
            .finish_non_exhaustive()
    }
}
