//! What the clients of the job queue saw while the server was killed again and again, and whether it can be true.
//!
//! Those who enqueue number their jobs and note each call; workers note the leases that they got and how each ended;
//! the topics of jobs are read once, at the end. [`JobHistory::check`] compares them.

mod chains;
mod check;
#[cfg(test)]
mod tests;

use std::fmt;

use arrw::JobState;
use serde::Serialize;

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
    /// What the server said they are, each time that it answered: the jobs, in their order. Only calls with ids are made
    /// again, and all that are made again have ids.
    pub answers: Vec<Vec<u64>>,
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
    /// When it was sent: nanoseconds since the start.
    pub sent_at: u64,
    /// When it was answered, and what; `None` when it never was.
    pub answer: Option<(u64, Said)>,
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
    pub shown: Vec<(u64, JobState)>,
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
}

/// Why what was seen of jobs cannot be that of a sound server, or proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobFault {
    /// What was acknowledged is not there.
    #[error("lost: {task} was acknowledged as {job} and is not there")]
    Lost {
        /// Which.
        task: Task,
        /// Its number in the log.
        job: u64,
    },
    /// A job is there twice.
    #[error("doubled: {task} is there as {first} and as {second}")]
    Doubled {
        /// Which.
        task: Task,
        /// Its first number.
        first: u64,
        /// Its second number.
        second: u64,
    },
    /// Some jobs of a call are there and others are not.
    #[error("torn: {missing} is not there, and others of its call are")]
    Torn {
        /// One that is not.
        missing: Task,
    },
    /// A job is there, or was handed out, that nobody enqueued so.
    #[error("phantom: nobody enqueued job {job} as it is")]
    Phantom {
        /// Its number.
        job: u64,
    },
    /// A lease was handed out that is not in the log.
    #[error("unleased: job {job} was handed out with token {token}, and the log has no such lease")]
    Unleased {
        /// Of which job.
        job: u64,
        /// Its token.
        token: u64,
    },
    /// The token of a later lease is not greater.
    #[error("overtaken: job {job} was handed out with token {token} behind {before}")]
    Overtaken {
        /// The job.
        job: u64,
        /// The token of the earlier lease.
        before: u64,
        /// That of the later one.
        token: u64,
    },
    /// A job was handed out that was done.
    #[error(
        "again: job {job} was handed out with token {token} behind its acknowledged completion"
    )]
    Again {
        /// The job.
        job: u64,
        /// The token.
        token: u64,
    },
    /// Whoever came too late was let in.
    #[error("late: job {job} was ended with token {token}, and {newer} was known")]
    Late {
        /// The job.
        job: u64,
        /// The token.
        token: u64,
        /// That of a newer lease.
        newer: u64,
    },
    /// An acknowledged end of a lease is not there.
    #[error(
        "undone: job {job} was told to {ending} with token {token}, and is {instead} behind it"
    )]
    Undone {
        /// The job.
        job: u64,
        /// The token.
        token: u64,
        /// What was acknowledged.
        ending: &'static str,
        /// What is there.
        instead: &'static str,
    },
    /// A lease that lasted was said to be over.
    #[error("refused: job {job} with token {token} was said to be over before it was")]
    Refused {
        /// The job.
        job: u64,
        /// The token.
        token: u64,
    },
    /// A job is not done at the end.
    #[error("open: job {job} is {state} at the end")]
    Open {
        /// The job.
        job: u64,
        /// What it is.
        state: &'static str,
    },
    /// The topics of jobs have what cannot follow each other.
    #[error("order: job {job} is {state} at {seq}, {instead}")]
    Order {
        /// The job.
        job: u64,
        /// What it is.
        state: &'static str,
        /// Where.
        seq: u64,
        /// What is wrong with it.
        instead: &'static str,
    },
    /// There is too little of something.
    #[error("too thin: {found} {what}, not {wanted}")]
    Thin {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many there must be.
        wanted: u64,
    },
}
