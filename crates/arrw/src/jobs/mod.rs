//! The job queue: enqueue, claim, finish; what may be asked of jobs and queues.
//!
//! A claim that finds nothing waits in memory, with the writer. The turn that commits a job hands it out as well: from
//! enqueue to worker is one commit.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrw_bus::Dispatch;
use arrw_jobs::{
    Claim, Command, Cursor, Detail, Enqueue, Finish, JobId, JobStatus, NewJob, Outcome,
    QueueStatus, State, Token,
};
use arrw_log::{Batch, Clock, Log, ReadError, Urgency};

use crate::db::Shared;

pub mod limits;

mod asking;
mod carrying;
mod claiming;
mod counts;
mod error;
mod history;
pub(crate) mod memory;
pub(crate) mod minder;
mod progress;
mod records;
pub(crate) mod rules;
mod running;
mod slot;
mod standing;
pub(crate) mod tripping;
pub(crate) mod watch;
mod workers;

pub use claiming::{Claiming, Job};
pub use counts::{LeaseCounts, Load, Waits};
pub use error::{ClaimError, JobsError};
pub use history::{JobHistory, Transition};
pub use progress::Progress;
pub use records::Payload;
pub(crate) use running::enqueued;
pub use running::{Answers, Enqueued, Enqueuing, Running};
pub use workers::WorkerStatus;

use minder::Minder;
use records::Recent;
use rules::{Commands, Core, JobAsk};
use slot::Slot;
use tripping::Follower;

/// What the jobs of a database share.
#[derive(Debug)]
pub(crate) struct Jobbing {
    pub(crate) core: Arc<Core>,
    recent: Recent,
}

impl Jobbing {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core, recent: Recent::default() }
    }
}

/// Who minds the time of the jobs, and who follows events for triggers.
pub(crate) fn upkeep(
    core: &Arc<Core>,
    log: &Log,
    clock: &Arc<dyn Clock>,
    dispatch: &Arc<Dispatch>,
) -> (Minder, Follower) {
    let minder = Minder::new(log.clone(), Arc::clone(core), Arc::clone(clock));
    let follower = Follower::new(log.clone(), Arc::clone(core), Arc::clone(dispatch));
    (minder, follower)
}

/// The job queue of a database. Clones are handles to the same one.
///
/// ```
/// use arrw::{Claim, Db, NewJob};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let db = Db::in_memory()?;
/// let jobs = db.jobs();
/// jobs.enqueue(&NewJob::new("mail", "welcome", r#"{"to": "ada@example.org"}"#))?.wait()?;
///
/// let job = jobs.claim(Claim::new("worker-1", ["mail"], 1)?).wait(None)?.remove(0);
/// assert_eq!((job.kind(), job.args()), ("welcome", r#"{"to": "ada@example.org"}"#));
/// jobs.complete(&job, "null")?.wait()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Jobs {
    pub(crate) shared: Arc<Shared>,
}

impl Jobs {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Enqueues a job: wait for the answer, or await it. It comes when the job is on the disk.
    ///
    /// # Errors
    /// When the job cannot be as it is. That it is refused is the answer's to say.
    pub fn enqueue(&self, job: &NewJob<'_>) -> Result<Enqueuing, JobsError> {
        let now = self.shared.environment.clock.now();
        let failed = |error| JobsError::Job { index: 0, error };
        let enqueue = Enqueue::new(job, now).map_err(failed)?;
        let commands = Commands::from_buf([Command::Enqueue(enqueue)]);
        Ok(Enqueuing::new(self.run_some(commands, false)?))
    }

    /// Enqueues jobs, next to each other: all of them, or none.
    ///
    /// # Errors
    /// When one of them cannot be as it is, or there are too many. That one is refused is the answer's to say.
    pub fn enqueue_all(&self, jobs: &[NewJob<'_>]) -> Result<Enqueuing, JobsError> {
        let now = self.shared.environment.clock.now();
        let commands = jobs.iter().enumerate().map(|(index, job)| {
            let enqueue = Enqueue::new(job, now);
            enqueue.map(Command::Enqueue).map_err(|error| JobsError::Job { index, error })
        });
        let commands = commands.collect::<Result<Vec<Command>, JobsError>>()?;
        Ok(Enqueuing::new(self.run_some(commands.into(), false)?))
    }

    /// Runs commands in their order, each on what those before it leave. With `each`, those that are refused are
    /// left out, and the answer says which; else one that is refused has none of them done.
    ///
    /// # Errors
    /// When there are too many.
    pub fn run(&self, commands: Vec<Command>, each: bool) -> Result<Running, JobsError> {
        self.run_some(commands.into(), each)
    }

    fn run_some(&self, commands: Commands, each: bool) -> Result<Running, JobsError> {
        let max = arrw_jobs::limits::COMMANDS_MAX;
        if max < commands.len() {
            return Err(JobsError::TooMany { actual: commands.len(), max });
        }
        let finishes = |command: &Command| match command {
            Command::Enqueue(_) => false,
            Command::Finish(_)
            | Command::Cancel(_)
            | Command::Retry(_)
            | Command::Discard(_)
            | Command::Delete(_)
            | Command::Carry(_)
            | Command::Order { .. }
            | Command::Fire { .. }
            | Command::Trip(_)
            | Command::Queue { .. } => true,
        };
        let urgency = match commands.iter().all(finishes) {
            true => Urgency::Reserved,
            false => Urgency::Ordinary,
        };
        let bytes = commands.iter().map(Command::bytes_max).sum();
        let ask = Arc::new(JobAsk::new(commands, each));
        let batch = Batch::new().reserving(bytes).with_urgency(urgency).asking(ask.clone());
        Ok(Running::new(self.shared.log.append(batch), ask))
    }

    /// Claims jobs: waits for them with [`Claiming::wait`], or await it.
    pub fn claim(&self, claim: Claim) -> Claiming {
        self.claim_for(claim, limits::LEASE_MS_DEFAULT)
    }

    /// Claims jobs for a worker that may be silent for so many milliseconds: then its jobs go back. Every call that
    /// names the worker counts.
    pub fn claim_for(&self, claim: Claim, lease_ms: u64) -> Claiming {
        let lease_ms = lease_ms.clamp(limits::LEASE_MS_MIN, limits::LEASE_MS_MAX);
        Claiming::new(Arc::clone(&self.shared), Slot::new(claim, true, lease_ms))
    }

    /// Claims the jobs that are there, without waiting for any. Still waits for the commit of their leases.
    pub fn claim_now(&self, claim: Claim) -> Claiming {
        self.claim_now_for(claim, limits::LEASE_MS_DEFAULT)
    }

    /// The same for a worker that may be silent for so many milliseconds, as in [`claim_for`](Self::claim_for).
    pub fn claim_now_for(&self, claim: Claim, lease_ms: u64) -> Claiming {
        let lease_ms = lease_ms.clamp(limits::LEASE_MS_MIN, limits::LEASE_MS_MAX);
        Claiming::new(Arc::clone(&self.shared), Slot::new(claim, false, lease_ms))
    }

    /// Completes a job with a result, which is JSON. It never runs again.
    ///
    /// # Errors
    /// When the result is no JSON, or too large. That the lease is over is the answer's to say.
    pub fn complete(&self, job: &Job, result: &str) -> Result<Running, JobsError> {
        self.run_some(Commands::from_buf([self.completion(job, result)?]), false)
    }

    /// Ends a failed attempt: the job is tried again as its plan says, or goes to the dead ones.
    ///
    /// # Errors
    /// Never now; that the lease is over is the answer's to say.
    pub fn fail(&self, job: &Job, error: &str) -> Result<Running, JobsError> {
        let outcome = Outcome::Fail { retry_in_ms: None };
        self.finish(job.id(), job.token(), outcome, Detail::error(error))
    }

    /// The command that completes a job with a result, which is JSON: for [`run`](Self::run), and for
    /// [`Claiming::after`].
    ///
    /// # Errors
    /// When the result is no JSON, or too large.
    pub fn completion(&self, job: &Job, result: &str) -> Result<Command, JobsError> {
        Ok(job.completion(result)?)
    }

    /// Ends a lease in any way.
    ///
    /// # Errors
    /// Never now; that the lease is over is the answer's to say.
    pub fn finish(
        &self,
        job: JobId,
        token: Token,
        outcome: Outcome,
        detail: Detail,
    ) -> Result<Running, JobsError> {
        let finish = Command::Finish(Finish { job, token, outcome, detail });
        self.run_some(Commands::from_buf([finish]), false)
    }

    /// A worker is alive: its leases are good for as long as it may be silent again. Answers those of its jobs that
    /// are to be cancelled. Writes nothing, and keeps nothing of a worker without leases.
    #[must_use]
    pub fn heartbeat(&self, worker: &str, lease_ms: u64) -> Vec<JobId> {
        let lease_ms = lease_ms.clamp(limits::LEASE_MS_MIN, limits::LEASE_MS_MAX);
        let now = self.shared.environment.clock.now();
        let mut state = self.shared.jobs.core.lock();
        // Whoever has leases is known.
        if state.workers.contains_key(worker) {
            state.heard_of(worker, now, lease_ms);
        }
        if state.must_look {
            self.shared.jobs.core.sooner.notify_all();
        }
        let is_cancelling = |job: &JobId| state.jobs.get(*job).is_some_and(|it| it.is_cancelling);
        state.jobs.leases_of(worker).map(|(job, _)| job).filter(is_cancelling).collect()
    }

    /// The same, by a worker that says which jobs it has. A lease of it that it does not name now, nor named the time
    /// before, is lost: a worker that came back under its name has forgotten it. (Once is no proof: the answer that
    /// brings the job may still be on its way.)
    #[must_use]
    pub fn heartbeat_holding(&self, worker: &str, lease_ms: u64, holds: &[JobId]) -> Vec<JobId> {
        let holds: BTreeSet<JobId> = holds.iter().copied().collect();
        let mut state = self.shared.jobs.core.lock();
        if state.miss_unheld(worker, &holds) {
            self.shared.jobs.core.sooner.notify_all();
        }
        drop(state);
        self.heartbeat(worker, lease_ms)
    }

    /// What is known of a job; `None` when there is none, or it was forgotten.
    #[must_use]
    pub fn get(&self, job: JobId) -> Option<JobStatus> {
        self.looking(|jobs| jobs.get(job))
    }

    /// What a job was enqueued with. Reads the disk when it is not in memory.
    ///
    /// # Errors
    /// When the log cannot be read there.
    pub fn payload(&self, status: &JobStatus) -> Result<Option<Payload>, ReadError> {
        let recent = &self.shared.jobs.recent;
        Ok(records::payloads(&self.shared.log, recent, &[status.args_at])?.pop())
    }

    /// What happened to a job, the newest `limit` transitions of it, at most 4,000: its errors, its result, and where on the
    /// bus each is told. Reads a record for each, from the disk when it is not in memory.
    ///
    /// # Errors
    /// When the log cannot be read there.
    pub fn history(&self, status: &JobStatus, limit: usize) -> Result<JobHistory, ReadError> {
        history::read(&self.shared.log, &self.shared.jobs.recent, status, limit)
    }

    /// Queues behind the one of that name, by name, at most `limit`.
    #[must_use]
    pub fn queues(&self, after: &str, limit: usize) -> Vec<QueueStatus> {
        self.looking(|jobs| jobs.queues(after, limit))
    }

    /// One queue; `None` when nothing was ever enqueued there.
    #[must_use]
    pub fn queue(&self, name: &str) -> Option<QueueStatus> {
        self.looking(|jobs| jobs.queue(name))
    }

    /// Jobs of a queue in a state, in the order in which they come, behind `after`, at most `limit` and 1,000.
    #[must_use]
    pub fn list(
        &self,
        queue: &str,
        state: State,
        after: Option<Cursor>,
        limit: usize,
    ) -> Vec<JobStatus> {
        self.looking(|jobs| jobs.list(queue, state, after, limit))
    }

    /// Looks between two commits, at what is on the disk.
    fn looking<T>(&self, look: impl FnOnce(&arrw_jobs::Jobs) -> T) -> T {
        self.shared.log.between_commits(|_| look(&self.shared.jobs.core.lock().jobs))
    }
}
