//! `GET /v1/jobs/{job}`: what is known of a job, what it was enqueued with, and what happened to it.

use std::sync::Arc;

use arrw::{Epoch, JobHistory, JobStatus, Payload, Position, Progress, ReadError, Transition};
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::finish::token;
use super::outgoing::{JobOut, raw};
use crate::app::App;
use crate::consumers::blocking;
use crate::json;
use crate::keys::Grant;
use crate::limits::HISTORY_SHOWN_MAX;
use crate::part::Part;
use crate::problem::Problem;
use crate::rfc3339::rfc3339;

/// A job and its history.
#[derive(Debug, Serialize)]
struct ShownOut<'a> {
    #[serde(flatten)]
    job: JobOut<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    /// The newest first.
    history: Vec<TransitionOut<'a>>,
    /// False when older ones are not told.
    history_is_whole: bool,
}

/// A job's way into a state.
#[derive(Debug, Serialize)]
struct TransitionOut<'a> {
    position: String,
    time: String,
    state: &'static str,
    attempt: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cancelling: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<&'a RawValue>,
}

impl<'a> TransitionOut<'a> {
    fn new(transition: &'a Transition, epoch: Epoch) -> Self {
        Self {
            position: Position { epoch, seq: transition.at }.to_string(),
            time: rfc3339(transition.time),
            state: transition.state.name(),
            attempt: transition.attempt,
            run_at: transition.run_at.map(rfc3339),
            worker: transition.worker.as_deref(),
            cancelling: transition.is_cancelling,
            error: transition.error.as_deref(),
            progress: transition.progress.as_deref().and_then(raw),
        }
    }
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(job): Part,
) -> Result<Response, Problem> {
    let status = super::find(&app, &grant, super::number(&job)?)?;
    let epoch = app.db.position().epoch;
    let shown = blocking(app, move |app| {
        let payload = payload(app, &status)?;
        let history = history(app, &status)?;
        let transitions = history.transitions.iter();
        Ok(json::answer(&ShownOut {
            job: JobOut::new(&status, epoch, payload.as_ref()),
            progress: app.jobs.progress_of(status.job).map(ProgressForm::from),
            result: history.result().and_then(raw),
            history: transitions.map(|it| TransitionOut::new(it, epoch)).collect(),
            history_is_whole: history.is_whole,
        }))
    });
    shown.await
}

/// What happened to a job, as far as the log has it.
fn history(app: &App, status: &JobStatus) -> Result<JobHistory, Problem> {
    match app.jobs.history(status, HISTORY_SHOWN_MAX) {
        Ok(history) => Ok(history),
        Err(ReadError::Trimmed { .. } | ReadError::Lost { .. }) => Ok(JobHistory::default()),
        Err(error) => Err(Problem::from(&error)),
    }
}

/// What a job was enqueued with; `None` when the log has let go of it, as it may of finished jobs.
pub(super) fn payload(app: &App, status: &JobStatus) -> Result<Option<Payload>, Problem> {
    match app.jobs.payload(status) {
        Ok(payload) => Ok(payload),
        Err(ReadError::Trimmed { .. } | ReadError::Lost { .. }) => Ok(None),
        Err(error) => Err(Problem::from(&error)),
    }
}

/// How far a job is, as it is asked and answered.
#[derive(Debug, Serialize)]
struct ProgressForm {
    current: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
}

impl From<Progress> for ProgressForm {
    fn from(progress: Progress) -> Self {
        let Progress { current, total, message } = progress;
        Self { current, total, message }
    }
}

/// What a worker says of how far a job is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SaidForm {
    token: String,
    current: u64,
    total: Option<u64>,
    #[serde(default)]
    message: String,
}

/// Takes in how far a leased job is. Writes nothing.
pub(crate) async fn progress(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(job): Part,
    request: Request,
) -> Result<Response, Problem> {
    let job = super::find(&app, &grant, super::number(&job)?)?.job;
    let (head, body) = request.into_parts();
    let form: SaidForm = json::read(&app, &head.headers, body).await?;
    let token = token(&app, job, &form.token)?;
    let SaidForm { current, total, message, .. } = form;
    let progress = Progress { current, total, message };
    app.jobs.progress(job, token, progress).map_err(|error| Problem::from(&error))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
