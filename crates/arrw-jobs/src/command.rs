//! What a caller may ask, checked as far as that needs no state.

use arrw_log::Seq;

use crate::control::{Control, Keep, Rate};
use crate::error::JobError;
use crate::job::{JobId, Token};
use crate::limits::{ARGS_BYTES_MAX, CLAIM_QUEUES_MAX, LEASE_BYTES_MAX, PROGRESS_BYTES_MAX};
use crate::new_job::{Enqueue, check_json, check_name, check_queue};
use crate::standing::{OrderChange, OrderKind, Trip, Tripped};

/// One thing to be done.
#[derive(Clone, Debug)]
pub enum Command {
    /// Enqueue a job.
    Enqueue(Enqueue),
    /// End a lease.
    Finish(Finish),
    /// Cancel a job: at once if it waits, else as soon as its worker lets go of it without having completed it.
    Cancel(JobId),
    /// Have a job run now: one that is dead, with all its attempts again, or one that waits for a time.
    Retry(JobId),
    /// Put a job that waits to the dead ones.
    Discard(JobId),
    /// Forget a job that is not leased.
    Delete(JobId),
    /// Change how a queue is run.
    Queue {
        /// Its name.
        name: String,
        /// What changes.
        change: ControlChange,
    },
    /// Put what was told of a job into a new record.
    Carry(Carry),
    /// Change a schedule or a trigger.
    Order {
        /// Which of the two.
        kind: OrderKind,
        /// Its name.
        name: String,
        /// What changes.
        change: OrderChange,
        /// Bytes of the job that it may have enqueued now.
        bytes: usize,
    },
    /// Give the slot of a schedule that has come its job.
    Fire {
        /// Its name.
        name: String,
        /// Bytes of its job.
        bytes: usize,
    },
    /// Give events the jobs that a trigger has for them.
    Trip(Trip),
}

impl Command {
    /// Bytes that its records take in the log at most.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        match self {
            // As a new job, or as the new args of the first.
            Self::Enqueue(it) => LEASE_BYTES_MAX + it.payload.len() + it.fact.len(),
            Self::Finish(it) => LEASE_BYTES_MAX + PROGRESS_BYTES_MAX + it.detail.0.len(),
            Self::Carry(it) => LEASE_BYTES_MAX + it.payload.len(),
            Self::Order { change: OrderChange::Put(order), .. } => LEASE_BYTES_MAX + order.bytes(),
            // The job, and the order as it is then.
            Self::Order { bytes, .. } | Self::Fire { bytes, .. } => 2 * (LEASE_BYTES_MAX + bytes),
            Self::Trip(it) => {
                let jobs: usize = it.jobs.iter().map(Tripped::bytes_max).sum();
                jobs + LEASE_BYTES_MAX + it.bytes
            }
            Self::Cancel(_)
            | Self::Retry(_)
            | Self::Discard(_)
            | Self::Delete(_)
            | Self::Queue { .. } => LEASE_BYTES_MAX,
        }
    }
}

/// What changes of how a queue is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlChange {
    /// No job of it is handed out.
    Pause,
    /// Jobs of it are handed out again.
    Resume,
    /// How many jobs at once (0 for any number) and in a time.
    Limits {
        /// At once.
        concurrency_max: u32,
        /// In a time.
        rate: Option<Rate>,
    },
    /// How long finished jobs are kept.
    Keep {
        /// Completed and cancelled ones.
        done: Keep,
        /// Dead ones.
        dead: Keep,
    },
}

impl ControlChange {
    pub(crate) fn on(self, control: Control) -> Control {
        match self {
            Self::Pause => Control { is_paused: true, ..control },
            Self::Resume => Control { is_paused: false, ..control },
            Self::Limits { concurrency_max, rate } => Control { concurrency_max, rate, ..control },
            Self::Keep { done, dead } => Control { keep_done: done, keep_dead: dead, ..control },
        }
    }
}

/// The end of a lease.
#[derive(Clone, Debug)]
pub struct Finish {
    /// The job.
    pub job: JobId,
    /// What proves the lease.
    pub token: Token,
    /// How it ended.
    pub outcome: Outcome,
    /// What else is to be told.
    pub detail: Detail,
}

/// A job whose records are about to go, and all that they told.
#[derive(Clone, Debug)]
pub struct Carry {
    /// Which job.
    pub job: JobId,
    /// Its newest record when this was made: nothing is done if there is a newer one.
    pub newest: Seq,
    /// The payload of the record that enqueued it, and its history; JSON.
    pub payload: String,
}

/// How a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The job is done.
    Complete,
    /// The attempt failed: the job is tried again as its plan says, or after so many milliseconds, while it has
    /// attempts left.
    Fail {
        /// Instead of what the plan says.
        retry_in_ms: Option<u64>,
    },
    /// The job is to be tried again after so many milliseconds. No attempt is counted.
    Snooze {
        /// How long.
        for_ms: u64,
    },
    /// The job must not be tried again.
    Discard,
    /// The worker gives the job back, as it stops. No attempt is counted.
    Release,
    /// The worker is gone: the job is ready again at once, while it has attempts left.
    Lost,
}

/// What a record of a job tells besides: members of its JSON, checked.
#[derive(Clone, Debug, Default)]
pub struct Detail(pub(crate) String);

impl Detail {
    /// The result of a job, as JSON, at most 1 MiB.
    ///
    /// # Errors
    /// When it is no JSON, or too large.
    pub fn result(json: &str) -> Result<Self, JobError> {
        check_json("result", json, ARGS_BYTES_MAX)?;
        Ok(Self(format!(",\"result\":{json}")))
    }

    /// Why an attempt failed, or a job was cancelled. What is over 64 KiB of it is cut.
    #[must_use]
    pub fn error(text: &str) -> Self {
        let mut cut = text.len().min(64 * 1024);
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        let text = serde_json::Value::from(text.split_at(cut).0);
        Self(format!(",\"error\":{text}"))
    }

    /// The same, and the last progress of the job, as JSON, at most 1 KiB.
    ///
    /// # Errors
    /// When it is no JSON, or too large.
    pub fn with_progress(mut self, json: &str) -> Result<Self, JobError> {
        check_json("progress", json, PROGRESS_BYTES_MAX)?;
        self.0.push_str(",\"progress\":");
        self.0.push_str(json);
        Ok(self)
    }
}

/// A wish for jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    worker: String,
    queues: Vec<String>,
    count: usize,
}

impl Claim {
    /// A wish for up to `count` jobs of some queues, which are served by turns.
    ///
    /// # Errors
    /// When a name cannot be, or there are too many or no queues.
    pub fn new<'a>(
        worker: &str,
        queues: impl IntoIterator<Item = &'a str>,
        count: usize,
    ) -> Result<Self, JobError> {
        check_name("worker", worker)?;
        let queues: Vec<String> = queues.into_iter().map(str::to_owned).collect();
        queues.iter().try_for_each(|queue| check_queue(queue))?;
        if !(1..=CLAIM_QUEUES_MAX).contains(&queues.len()) {
            return Err(JobError::Range {
                what: "the number of queues of a claim",
                range: "1 to 64",
            });
        }
        if count == 0 {
            return Err(JobError::Range {
                what: "the number of jobs of a claim",
                range: "at least 1",
            });
        }
        Ok(Self { worker: worker.to_owned(), queues, count })
    }

    /// Who wants them.
    #[must_use]
    pub fn worker(&self) -> &str {
        &self.worker
    }

    /// Of which queues.
    #[must_use]
    pub fn queues(&self) -> &[String] {
        &self.queues
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.min(crate::limits::CLAIM_MAX)
    }
}
