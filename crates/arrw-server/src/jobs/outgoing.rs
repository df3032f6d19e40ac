//! A job as it is answered.

use arrw::{Backoff, Epoch, Job, JobState, JobStatus, Payload, Position};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::rfc3339::rfc3339;

/// What is known of a job.
#[derive(Debug, Serialize)]
pub(super) struct JobOut<'a> {
    job: u64,
    epoch: String,
    queue: &'a str,
    kind: &'a str,
    state: &'static str,
    priority: &'static str,
    attempt: u16,
    max_attempts: u16,
    timeout_ms: u32,
    backoff: BackoffOut<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    cancelling: bool,
    #[serde(flatten)]
    given: Option<GivenOut<'a>>,
}

/// What a job was enqueued with.
#[derive(Debug, Serialize)]
struct GivenOut<'a> {
    args: Option<&'a RawValue>,
    tags: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum BackoffOut<'a> {
    Exponential { first_ms: u64, max_ms: u64 },
    Fixed { ms: u64 },
    List { ms: &'a [u64] },
}

impl<'a> BackoffOut<'a> {
    pub(super) fn new(backoff: &'a Backoff) -> Self {
        match backoff {
            Backoff::Exponential { first_ms, max_ms } => {
                Self::Exponential { first_ms: *first_ms, max_ms: *max_ms }
            }
            Backoff::Fixed { ms } => Self::Fixed { ms: *ms },
            Backoff::List { ms } => Self::List { ms },
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde lends what it asks about")]
fn is_false(it: &bool) -> bool {
    !it
}

impl<'a> JobOut<'a> {
    /// With what it was enqueued with, if that was read.
    pub(super) fn new(status: &'a JobStatus, epoch: Epoch, payload: Option<&'a Payload>) -> Self {
        let due = || Some(rfc3339(status.due));
        let (run_at, ready_at, finished_at) = match status.state {
            JobState::Scheduled | JobState::Retrying => (due(), None, None),
            JobState::Ready | JobState::Leased => (None, due(), None),
            JobState::Completed | JobState::Dead | JobState::Cancelled => (None, None, due()),
        };
        Self {
            job: status.job.get(),
            epoch: epoch.to_string(),
            queue: &status.queue,
            kind: &status.kind,
            state: status.state.name(),
            priority: status.priority.name(),
            attempt: status.attempt,
            max_attempts: status.plan.max_attempts,
            timeout_ms: status.plan.timeout_ms,
            backoff: BackoffOut::new(&status.plan.backoff),
            run_at,
            ready_at,
            finished_at,
            worker: status.worker.as_deref(),
            cancelling: status.is_cancelling,
            given: payload.map(GivenOut::of),
        }
    }
}

impl<'a> GivenOut<'a> {
    fn of(payload: &'a Payload) -> Self {
        Self {
            args: raw(payload.args()),
            tags: payload.tags(),
            metadata: payload.metadata().and_then(raw),
            id: payload.id(),
        }
    }
}

/// A text that was JSON when it was enqueued.
pub(super) fn raw(text: &str) -> Option<&RawValue> {
    serde_json::from_str(text).ok()
}

/// A job that was claimed.
#[derive(Debug, Serialize)]
pub(super) struct ClaimedOut<'a> {
    job: u64,
    token: String,
    queue: &'a str,
    kind: &'a str,
    attempt: u16,
    max_attempts: u16,
    timeout_ms: u32,
    priority: &'static str,
    ready_at: String,
    #[serde(flatten)]
    given: GivenOut<'a>,
}

impl<'a> ClaimedOut<'a> {
    pub(super) fn new(job: &'a Job, epoch: Epoch) -> Self {
        Self {
            job: job.id().get(),
            token: Position { epoch, seq: job.token().seq() }.to_string(),
            queue: job.queue(),
            kind: job.kind(),
            attempt: job.attempt(),
            max_attempts: job.max_attempts(),
            timeout_ms: job.timeout_ms(),
            priority: job.priority().name(),
            ready_at: rfc3339(job.ready_at()),
            given: GivenOut::of(job.payload()),
        }
    }
}
