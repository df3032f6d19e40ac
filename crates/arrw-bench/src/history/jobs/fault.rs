//! Why what clients saw of jobs cannot be true.

use super::Task;

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
    /// A job came before its time.
    #[error("early: job {job} was handed out with token {token} before its time")]
    Early {
        /// The job.
        job: u64,
        /// The token.
        token: u64,
    },
    /// A job came before another that was ahead of it in its queue.
    #[error("jumped: job {job} was handed out at {seq}, and {first} came before it")]
    Jumped {
        /// The job.
        job: u64,
        /// Where.
        seq: u64,
        /// The one whose turn it was.
        first: u64,
    },
    /// A lease was said to be another attempt than it is.
    #[error("miscounted: token {token} of job {job} is attempt {attempt}, and not {counted}")]
    Miscounted {
        /// The job.
        job: u64,
        /// The token.
        token: u64,
        /// What was said.
        attempt: u16,
        /// What was counted.
        counted: u16,
    },
    /// A lease was lost before its worker had been silent for as long as it may be.
    #[error("cut short: the lease {token} of job {job} was lost before its time")]
    CutShort {
        /// The job.
        job: u64,
        /// The token.
        token: u64,
    },
    /// What is told of the end of a lease is not what its worker told.
    #[error("untold: the end of the lease {token} of job {job} does not tell what its worker did")]
    Untold {
        /// The job.
        job: u64,
        /// The token.
        token: u64,
    },
    /// A completion and the job that came of it are not both there.
    #[error(
        "half: job {job} with token {token} is completed, or {follow_up} is there, and not both"
    )]
    Half {
        /// The job.
        job: u64,
        /// The token.
        token: u64,
        /// What came of it.
        follow_up: Task,
    },
    /// Two jobs held a key at a time.
    #[error("shared: jobs {first} and {second} held the key {key} at a time")]
    Shared {
        /// The key.
        key: u64,
        /// The first job.
        first: u64,
        /// The second job.
        second: u64,
    },
    /// A job was said to hold a key that it did not hold.
    #[error("withheld: job {job} was said to hold the key {key}, and did not")]
    Withheld {
        /// The key.
        key: u64,
        /// The job.
        job: u64,
    },
    /// A job was handed out of a queue that was paused, or though it was cancelled.
    #[error("held: job {job} was handed out with token {token}, and was {why}")]
    Held {
        /// The job.
        job: u64,
        /// The token.
        token: u64,
        /// Why it may not be.
        why: &'static str,
    },
    /// A slot of a schedule does not have its job.
    #[error("slot: the schedule's slot {slot} {wrong}")]
    Slot {
        /// In microseconds.
        slot: u64,
        /// What is wrong with it.
        wrong: &'static str,
    },
    /// An event that a trigger follows does not have its job.
    #[error("trigger: the event {event} {wrong}")]
    Trigger {
        /// Its seq.
        event: u64,
        /// What is wrong with it.
        wrong: &'static str,
    },
    /// What a job is said to have been through is not what the log says.
    #[error("history: job {job} is told of otherwise than the log has it")]
    History {
        /// The job.
        job: u64,
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
