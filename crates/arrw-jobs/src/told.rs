//! What a record tells of a job, for whoever reads the log to show a job's history.

use arrw_log::{Record, Seq, Timestamp};

use crate::event::{self, Event};
use crate::job::{JobId, State};

/// What a record tells of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// The job is in this state from here on.
    Change(Change<'a>),
    /// All that was told of the job before is in the payload. Nothing changed.
    Carried(JobId),
}

/// A job's way into a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// Which job.
    pub job: JobId,
    /// What it is from this record on.
    pub state: State,
    /// The attempt that runs or ran last, from 1; 0 before the first.
    pub attempt: u16,
    /// When it became or becomes ready, or finished; `None` of a job that is new and ready at once.
    pub due: Option<Timestamp>,
    /// Who has it; empty for nobody.
    pub worker: &'a str,
    /// Its worker is asked to let go of it.
    pub is_cancelling: bool,
    /// How many triggers led to the job, each on an event of the job before.
    pub depth: u8,
    /// The record before this one that tells of the job; `None` in the one that enqueued it.
    pub before: Option<Seq>,
}

impl<'a> Told<'a> {
    /// What a record tells; `None` when it tells of no job.
    #[must_use]
    pub fn by(record: &Record<'a>) -> Option<Self> {
        if let Some(job) = event::carried(record) {
            return Some(Self::Carried(job));
        }
        let (_, state, event) = event::of_record(record)?;
        let change = match event {
            Event::Enqueued(it) => Change {
                job: JobId::new(record.seq()),
                state,
                attempt: 0,
                due: (it.run_at.micros() != 0).then_some(it.run_at),
                worker: "",
                is_cancelling: false,
                depth: it.origin.map_or(0, |origin| origin.depth()),
                before: None,
            },
            Event::Changed(it) => Change {
                job: it.job,
                state,
                attempt: it.attempt,
                due: Some(it.due),
                worker: it.worker,
                is_cancelling: it.is_cancelling,
                depth: it.depth,
                before: Some(it.before),
            },
            Event::Carried(job) => return Some(Self::Carried(job)),
        };
        Some(Self::Change(change))
    }

    /// Which job.
    #[must_use]
    pub fn job(&self) -> JobId {
        match self {
            Self::Change(change) => change.job,
            Self::Carried(job) => *job,
        }
    }
}
