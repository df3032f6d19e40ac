//! Typed workers: a type is a kind of job, a handler does its jobs, and a worker claims them, runs handlers, and tells the
//! log what became of each.
//!
//! ```
//! use arrw::{Attempt, Completion, Db, Failure, JobArgs};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct SendMail {
//!     to: String,
//! }
//!
//! impl JobArgs for SendMail {
//!     const KIND: &'static str = "mail.send";
//! }
//!
//! async fn send(mail: SendMail, job: Attempt) -> Result<String, Failure> {
//!     Ok(format!("attempt {} reached {}", job.attempt(), mail.to))
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let db = Db::in_memory()?;
//! let mail = SendMail { to: "ada@example.org".to_owned() };
//! db.jobs().enqueue_args("mail", &mail)?.wait()?;
//!
//! let worker = db.jobs().worker("mailer").queue("mail").on(send).build()?;
//! // In a task of any runtime: `worker.run().await`. Here, what is ready now, on this thread.
//! let done = worker.run_due()?;
//! assert_eq!((done.len(), worker.stats().completed), (1, 1));
//! # Ok(())
//! # }
//! ```
//!
//! # What a handler answers
//!
//! | answer | what becomes of the job |
//! | --- | --- |
//! | `Ok(result)` | completed; the result, as JSON, is kept with it |
//! | `Ok(Completion)` | the same, with events and jobs in the same commit |
//! | `Err(error)`, a panic, a timeout, args that cannot be read | the attempt failed: tried again as the job's plan says, or dead when no attempt is left |
//! | [`Failure::retry_in`] | the same, after that time |
//! | [`Failure::snooze`] | ready again after that time, no attempt counted |
//! | [`Failure::discard`] | dead at once |
//!
//! A job is run at least once: what a handler did outside of the log is done again when the program ends before the answer
//! is on the disk. What is in a [`Completion`] happens once.
//!
//! # What is kept in mind for handlers
//!
//! - *Leases.* A worker that runs has its leases for as long as its process lives: the engine knows that, so a handler
//!   that blocks, and a task that is not polled, lose nothing, and nothing is written for it. After a crash a worker
//!   of the same name gives the jobs of its former life back as it begins; else they go back after a minute.
//! - *Cancel.* Whoever cancels a running job has [`Attempt::cancelled`] done at once. The handler ends when it likes: with
//!   an error the job is cancelled, with an answer it is completed.
//! - *Timeouts.* When a job's attempt takes too long the future is dropped, or a blocking handler told to end, and the job
//!   is tried again. The thread of a blocking handler is free when the handler returns. The time begins with the lease,
//!   so a job that was leased ahead waits within it.
//! - *Kinds* that a worker has no handler for: the job is ready again a minute later, with no attempt counted and the
//!   reason in its record; so a worker that is older or newer than what was enqueued harms nothing.
//! - *Stopping.* [`Worker::stop`] lets what runs end.
//!
//! The time from enqueue to handler is one commit. Ends of attempts go with the next claim, so a busy worker makes one
//! commit for each round of its handlers, however many there are.

mod answer;
mod args;
mod attempt;
mod builder;
mod crew;
mod desk;
mod due;
mod error;
mod finishes;
mod handler;
pub mod limits;
mod plan;
mod run;
mod signal;
mod stats;
mod stop;
mod task;
mod threads;

use std::sync::Arc;
use std::time::Duration;

use crate::jobs::Jobs;
use crate::parker::block_on;

pub use answer::{Completion, Failure, IntoCompletion};
pub use args::{EncodedArgs, JobArgs};
pub use attempt::{Attempt, Cancelled};
pub use builder::WorkerBuilder;
pub use error::{RunError, WorkerError};
pub use run::WorkerRun;
pub use stats::{Attempted, WorkerStats};
pub use task::Task;

use plan::Plan;

/// A worker, ready to run. Clones are handles to the same one: one of them runs it, others stop it and read its counts.
#[derive(Clone, Debug)]
pub struct Worker {
    plan: Arc<Plan>,
}

impl Jobs {
    /// Begins to build a worker. Its name, 1 to 128 visible ASCII characters, is in the records of its leases; give each
    /// worker of a database its own, and the same one after a restart.
    pub fn worker(&self, name: &str) -> WorkerBuilder {
        WorkerBuilder::new(self.clone(), name)
    }
}

impl Worker {
    pub(crate) fn new(plan: Plan) -> Self {
        Self { plan: Arc::new(plan) }
    }

    /// Runs it until it is stopped, as a future for any runtime. Handlers are driven by it, or on threads. It ends with an
    /// error when another worker of its name runs, or the log refuses or is closed.
    pub fn run(&self) -> WorkerRun {
        WorkerRun::new(&self.plan)
    }

    /// Runs it on this thread until it is stopped.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_blocking(&self) -> Result<WorkerStats, RunError> {
        block_on(self.run())
    }

    /// Runs all jobs that are ready now, and those that become so by it, one after the other on this thread, until none is
    /// left. Answers what ran, in order. Timeouts are not minded meanwhile.
    ///
    /// For tests: with a [clock that is set by hand](crate::testing), retries and schedules are run without waiting.
    ///
    /// # Errors
    /// As [`run`](Self::run), and after 10,000 jobs.
    pub fn run_due(&self) -> Result<Vec<Attempted>, RunError> {
        due::run_due(&self.plan)
    }

    /// Has it stop, for good: it claims no more, and gives back what it leased and did not begin. What runs has so much
    /// time to end; then it is [cancelled](Attempt::cancelled), and has a second; then futures are dropped, threads left
    /// behind, and their jobs go back. No attempt is counted for what goes back, nor for a handler that fails after it was
    /// cancelled so. [`run`](Self::run) ends when all of it is on the disk. Does not wait.
    pub fn stop(&self, grace: Duration) {
        self.plan.stop.begin(grace);
    }

    /// What it did and does.
    #[must_use]
    pub fn stats(&self) -> WorkerStats {
        self.plan.stats()
    }
}
