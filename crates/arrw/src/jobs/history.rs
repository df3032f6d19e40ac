//! What happened to a job: its records, from the newest back, each of which names the one before it.

use std::borrow::Cow;

use arrw_jobs::{JobId, JobStatus, State, Told};
use arrw_log::{Log, ReadError, Record, Seq, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::jobs::limits::{CARRIED_BYTES_MAX, HISTORY_MAX};
use crate::jobs::records::Recent;

/// What happened to a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobHistory {
    /// Its ways into states, the newest first.
    pub transitions: Vec<Transition>,
    /// False when older ones are not told: there are more than were asked for, or, of a job that has finished, they were
    /// trimmed.
    pub is_whole: bool,
}

/// A job's way into a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The record that tells of it, which is its event's place on the bus.
    pub at: Seq,
    /// When.
    pub time: Timestamp,
    /// What the job was from then on.
    pub state: State,
    /// The attempt that ran, from 1; 0 before the first.
    pub attempt: u16,
    /// Of a job that waits for a time: until when.
    pub run_at: Option<Timestamp>,
    /// Who got it, of a lease.
    pub worker: Option<String>,
    /// Its worker was asked to let go of it.
    pub is_cancelling: bool,
    /// Why the attempt ended, when it failed.
    pub error: Option<String>,
    /// What came of it, as JSON.
    pub result: Option<String>,
    /// How far its worker said it was when this happened, as JSON.
    pub progress: Option<String>,
}

impl JobHistory {
    /// The attempts that failed, the newest first: each with its error.
    pub fn errors(&self) -> impl Iterator<Item = (&Transition, &str)> {
        self.transitions.iter().filter_map(|it| Some((it, it.error.as_deref()?)))
    }

    /// What came of the job, as JSON, when it is completed.
    #[must_use]
    pub fn result(&self) -> Option<&str> {
        self.transitions.first().and_then(|newest| newest.result.as_deref())
    }

    /// What a record keeps of it that carries the job forward: as many of the newest as may be told, and of their
    /// errors as much as fits.
    pub(crate) fn keep(&self) -> Kept<'_> {
        let mut longest = usize::MAX;
        let mut history = self.cut_to(longest);
        let bytes = |history: &[Step<'_>]| serde_json::to_string(history).map_or(0, |it| it.len());
        if CARRIED_BYTES_MAX < bytes(&history) {
            longest = CARRIED_BYTES_MAX / 2 / history.len().max(1);
            history = self.cut_to(longest);
        }
        Kept { is_whole: self.is_whole, history }
    }

    fn cut_to(&self, longest: usize) -> Vec<Step<'_>> {
        self.transitions.iter().map(|it| Step::of(it, longest)).collect()
    }
}

/// What a carried job's record keeps of its history.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept<'a> {
    is_whole: bool,
    #[serde(borrow)]
    history: Vec<Step<'a>>,
}

/// A transition, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Step<'a> {
    at: u64,
    time: u64,
    state: &'a str,
    attempt: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run_at: Option<u64>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    worker: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cancelling: bool,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'a, str>>,
}

/// What the JSON of a job's event tells besides.
#[derive(Debug, Default, Deserialize)]
struct Details<'a> {
    #[serde(default, borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    result: Option<&'a RawValue>,
    #[serde(default, borrow)]
    progress: Option<&'a RawValue>,
}

impl<'a> Step<'a> {
    fn of(transition: &'a Transition, longest: usize) -> Self {
        let cut = |text: &'a String| {
            let mut end = text.len().min(longest);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            Cow::Borrowed(text.split_at(end).0)
        };
        Self {
            at: transition.at.get(),
            time: transition.time.micros(),
            state: transition.state.name(),
            attempt: transition.attempt,
            run_at: transition.run_at.map(Timestamp::micros),
            worker: transition.worker.as_deref().map(Cow::Borrowed),
            cancelling: transition.is_cancelling,
            error: transition.error.as_ref().map(cut),
        }
    }

    fn read(self) -> Option<Transition> {
        Some(Transition {
            at: Seq::new(self.at),
            time: Timestamp::from_micros(self.time),
            state: State::parse(self.state)?,
            attempt: self.attempt,
            run_at: self.run_at.map(Timestamp::from_micros),
            worker: self.worker.map(Cow::into_owned),
            is_cancelling: self.cancelling,
            error: self.error.map(Cow::into_owned),
            result: None,
            progress: None,
        })
    }
}

/// What one record adds to a history.
enum Found {
    /// One transition, and where the one before it is.
    One(Box<Transition>, Option<Seq>),
    /// All the older ones.
    Rest(JobHistory),
    /// It tells of something else.
    Nothing,
}

/// The history of a job, the newest `limit` transitions of it. Reads one record for each; frames that were
/// read lately are not read again.
pub(crate) fn read(
    log: &Log,
    recent: &Recent,
    status: &JobStatus,
    limit: usize,
) -> Result<JobHistory, ReadError> {
    let limit = limit.min(HISTORY_MAX);
    let mut transitions = Vec::new();
    let mut next = Some(status.newest);
    while let Some(at) = next
        && transitions.len() < limit
    {
        let frame = match recent.holding(log, at) {
            Ok(frame) => frame,
            // A finished job is not carried forward.
            Err(ReadError::Trimmed { .. }) => {
                return Ok(JobHistory { transitions, is_whole: false });
            }
            Err(error) => return Err(error),
        };
        let found = frame.records().next();
        match found.map_or(Found::Nothing, |record| look(&record, status.job)) {
            Found::One(transition, before) => {
                transitions.push(*transition);
                next = before;
            }
            Found::Rest(rest) => {
                let is_whole = rest.is_whole && transitions.len() + rest.transitions.len() <= limit;
                transitions.extend(rest.transitions);
                transitions.truncate(limit);
                return Ok(JobHistory { transitions, is_whole });
            }
            Found::Nothing => return Ok(JobHistory { transitions, is_whole: false }),
        }
    }
    Ok(JobHistory { transitions, is_whole: next.is_none() })
}

fn look(record: &Record<'_>, job: JobId) -> Found {
    let Some(told) = Told::by(record).filter(|told| told.job() == job) else {
        return Found::Nothing;
    };
    let Told::Change(change) = told else {
        return Found::Rest(carried(record.payload()).unwrap_or_default());
    };
    let details: Details<'_> = match change.before {
        // What the user gave is in there, and no details.
        None => Details::default(),
        Some(_) => serde_json::from_slice(record.payload()).unwrap_or_default(),
    };
    let raw = |json: Option<&RawValue>| json.map(|json| json.get().to_owned());
    let transition = Transition {
        at: record.seq(),
        time: record.time(),
        state: change.state,
        attempt: change.attempt,
        run_at: change.due.filter(|_| change.state.is_timed()),
        worker: (!change.worker.is_empty()).then(|| change.worker.to_owned()),
        is_cancelling: change.is_cancelling,
        error: details.error.map(Cow::into_owned),
        result: raw(details.result),
        progress: raw(details.progress),
    };
    Found::One(Box::new(transition), change.before)
}

/// What a record that carries a job forward keeps of its history.
fn carried(payload: &[u8]) -> Option<JobHistory> {
    let kept: Kept<'_> = serde_json::from_slice(payload).ok()?;
    let transitions = kept.history.into_iter().map(Step::read).collect::<Option<Vec<_>>>()?;
    Some(JobHistory { transitions, is_whole: kept.is_whole })
}
