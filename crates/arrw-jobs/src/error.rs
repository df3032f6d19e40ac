//! Why something is refused. Nothing changed then.

use crate::job::{JobId, State};

/// Why a command was refused where its place was decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Nobody knows the job.
    #[error(
        "there is no job {job}; it was never enqueued here, or it finished and was forgotten as its queue's retention says"
    )]
    NotFound {
        /// Which.
        job: JobId,
    },
    /// The lease is over: somebody else has the job, or it has ended.
    #[error("the lease of job {job} is over: it is {state} now; drop what was done for it")]
    Stale {
        /// Which.
        job: JobId,
        /// Where it is now.
        state: &'static str,
    },
    /// The job's state does not allow it.
    #[error("job {job} is {state}, so it cannot be {wish}; {hint}")]
    State {
        /// Which.
        job: JobId,
        /// Where it is.
        state: &'static str,
        /// What was asked for.
        wish: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// Nobody knows the schedule or trigger.
    #[error("there is no {kind} `{name}`; see which there are, and put it if it is missing")]
    NoOrder {
        /// Which of the two.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The id was used for another job.
    #[error("id `{id}` was used lately for another job of that queue; use another id for this one")]
    IdConflict {
        /// The id.
        id: String,
    },
    /// There are as many as may be.
    #[error("there are {max} {what} already, which is the most; {hint}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
        /// What to do.
        hint: &'static str,
    },
    /// It cannot be as it is.
    #[error(transparent)]
    Invalid(#[from] JobError),
    /// The log takes no record like that.
    #[error("the log takes no such record: {0}")]
    Record(String),
}

impl Refused {
    pub(crate) fn state(job: JobId, state: State, wish: &'static str, hint: &'static str) -> Self {
        Self::State { job, state: state.name(), wish, hint }
    }
}

/// Why a job, a claim or a control cannot be as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// A name has the wrong length or characters.
    #[error(
        "the {what} `{name}` cannot be: it needs 1 to {max} visible ASCII characters, other than \", \\, *, >{but}"
    )]
    Name {
        /// Whose.
        what: &'static str,
        /// The name, cut.
        name: String,
        /// Bytes at most.
        max: usize,
        /// What else it may not have.
        but: &'static str,
    },
    /// A text is no JSON.
    #[error("the {what} must be JSON: {why}")]
    Json {
        /// Of what.
        what: &'static str,
        /// What the parser says.
        why: String,
    },
    /// Something is too large.
    #[error("the {what} has {actual} {unit}; at most {max} are taken")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How much it has.
        actual: usize,
        /// How much it may have.
        max: usize,
        /// Of what.
        unit: &'static str,
    },
    /// A number is out of its range.
    #[error("{what} must be {range}")]
    Range {
        /// Which.
        what: &'static str,
        /// What it may be.
        range: &'static str,
    },
}
