//! What the clients of the job queue saw while the server was killed again and again, and whether it can be true.
//!
//! Those who enqueue number their jobs and note each call; workers note the leases that they got and how each ended;
//! the topics of jobs are read once, at the end. [`JobHistory::check`] compares them.

mod chains;
mod check;
mod ends;
mod fault;
mod keys;
mod order;
mod standing;
#[cfg(test)]
mod tests;

use std::fmt;

use arrw::{JobState, Priority};
use serde::Serialize;

pub use fault::JobFault;
pub use standing::Standing;

/// The number of the queue that is paused until the end.
pub const PAUSED: usize = 2;

/// Changes of a job that are shown at most.
const HISTORY_MAX: usize = 100;

/// A job by who enqueued it and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Task {
    /// Who enqueued it.
    pub client: u32,
    /// Counted by the client, never used for two jobs.
    pub number: u64,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {} of client {}", self.number, self.client)
    }
}

/// A call that enqueues jobs of one client whose numbers follow each other, all or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Enqueue {
    /// The first of them.
    pub first: Task,
    /// How many.
    pub count: u64,
    /// How urgent each is.
    #[serde(skip)]
    pub priority: Priority,
    /// When the call was made first: nanoseconds since the start.
    pub sent_at: u64,
    /// Nanoseconds for which they are put off.
    pub delay: u64,
    /// The unique key of the one job.
    pub key: Option<u64>,
    /// The job that was said to hold the key already.
    pub held_by: Option<u64>,
    /// What the server said they are, each time that it answered: the jobs, in their order. Only calls with ids are made
    /// again, and all that are made again have ids.
    pub answers: Vec<Vec<u64>>,
}

impl Enqueue {
    /// A call that was not made yet.
    #[must_use]
    pub fn new(first: Task, count: u64) -> Self {
        let (priority, answers) = (Priority::default(), Vec::new());
        Self { first, count, priority, sent_at: 0, delay: 0, key: None, held_by: None, answers }
    }
}

/// A job that a worker got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Lease {
    /// Which.
    pub job: u64,
    /// What proves it.
    pub token: u64,
    /// Whose its args say it is; `None` when they are nobody's.
    pub task: Option<Task>,
    /// Which attempt it is, from 1.
    pub attempt: u16,
    /// When the call began that brought it: nanoseconds since the start.
    pub asked_at: u64,
    /// When it was answered: nanoseconds since the start.
    pub got_at: u64,
}

/// How a worker wants a lease to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The job is done.
    Complete,
    /// The attempt failed, and others are left.
    Fail,
    /// Later, and it was no attempt.
    Snooze,
    /// Somebody else, and it was no attempt.
    Release,
    /// Never again.
    Discard,
}

impl Ending {
    /// The last part of its path, and its name among several.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Fail => "fail",
            Self::Snooze => "snooze",
            Self::Release => "release",
            Self::Discard => "discard",
        }
    }

    /// What the job is from then on.
    #[must_use]
    pub const fn state(self) -> JobState {
        match self {
            Self::Complete => JobState::Completed,
            Self::Fail => JobState::Retrying,
            Self::Snooze => JobState::Scheduled,
            Self::Release => JobState::Ready,
            Self::Discard => JobState::Dead,
        }
    }
}

/// What the server said to the end of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It is on the disk.
    Done,
    /// The lease had ended before.
    Over,
}

/// An end of a lease that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Finish {
    /// Of which job.
    pub job: u64,
    /// With what proof.
    pub token: u64,
    /// How.
    pub ending: Ending,
    /// What is told of it: the number in the result or the error.
    pub told: Told,
    /// Nanoseconds for which the job is put off.
    pub delay: u64,
    /// The job that is enqueued with it, in one commit.
    pub follow_up: Option<Task>,
    /// When it was sent: nanoseconds since the start.
    pub sent_at: u64,
    /// When it was answered, and what; `None` when it never was.
    pub answer: Option<(u64, Said)>,
}

/// What the end of a lease tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// Nothing.
    #[default]
    Nothing,
    /// A result, by its number; `None` for one that nobody sent.
    Result(Option<u64>),
    /// An error, by its number; `None` for one that the server gave.
    Error(Option<u64>),
}

/// An event on the topics of jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Where.
    pub seq: u64,
    /// Which job.
    pub job: u64,
    /// What it is from then on.
    pub state: JobState,
    /// Whose its args say it is, where it has any: when it was enqueued.
    pub task: Option<Task>,
    /// When, in microseconds of the log's time.
    pub time: u64,
    /// In which of the queues.
    pub queue: usize,
    /// How urgent it is, when it was enqueued.
    pub priority: Priority,
    /// When it becomes ready, in microseconds, if it is put off.
    pub run_at: Option<u64>,
    /// What is told of the end of a lease.
    pub told: Told,
}

/// What a job was said to be at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Which.
    pub job: u64,
    /// What it is.
    pub state: JobState,
    /// What it has been through, the newest first: where, what it was from then on, and what was told. At most 100.
    pub history: Vec<(u64, JobState, Told)>,
}

/// All that was seen of jobs.
#[derive(Clone, Debug, Default)]
pub struct JobHistory {
    /// All calls that enqueue.
    pub enqueues: Vec<Enqueue>,
    /// What workers got.
    pub leases: Vec<Lease>,
    /// What they told.
    pub finishes: Vec<Finish>,
    /// The topics of jobs at the end, in their order.
    pub log: Vec<Transition>,
    /// What some jobs were said to be at the end.
    pub shown: Vec<Shown>,
    /// Microseconds for which every lease lasts at least of which nobody is told.
    pub lease_min: u64,
    /// Jobs that somebody wanted to be cancelled, and whether that was acknowledged.
    pub cancels: Vec<(u64, bool)>,
    /// When the queue was told to go on that is paused all the time: nanoseconds since the start.
    pub resumed_at: Option<u64>,
    /// The schedule and the trigger.
    pub standing: Option<Standing>,
}

/// How much must have been seen of jobs to prove anything.
#[derive(Clone, Copy, Debug)]
pub struct JobDemand {
    /// Jobs that were acknowledged, and as many leases and acknowledged completions.
    pub jobs: u64,
    /// Calls with tokens of leases that had ended.
    pub refused: u64,
    /// Leases that were lost as nobody was heard of.
    pub lost: u64,
    /// Calls whose unique key was held, jobs of the trigger and of the schedule, and jobs enqueued with a completion.
    pub made: u64,
}

/// What a sound history holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JobSummary {
    /// Jobs that were acknowledged.
    pub acknowledged: u64,
    /// Jobs that are there of calls that were never answered.
    pub unanswered: u64,
    /// Leases that workers got.
    pub leases: u64,
    /// Completions that were acknowledged.
    pub completed: u64,
    /// Ends of leases that were refused, as those had ended before.
    pub refused: u64,
    /// Leases that were lost, as their worker was not heard of.
    pub lost: u64,
    /// Jobs that were enqueued with the completion of another.
    pub follow_ups: u64,
    /// Calls that were answered that their unique key is held.
    pub held: u64,
    /// Jobs of the schedule.
    pub slots: u64,
    /// Slots of it without one, as nobody was there.
    pub missed: u64,
    /// Jobs of the trigger.
    pub trips: u64,
}
