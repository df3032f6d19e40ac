//! `POST /v1/jobs/{job}/cancel` and the like, and `POST /v1/jobs/bulk`: what people do with jobs.

use std::sync::Arc;

use arrw::{Command, Done, JobId, JobState, Refused};
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::list::{self, Scope};
use crate::app::App;
use crate::consumers::blocking;
use crate::json;
use crate::keys::{Grant, KeyScope};
use crate::limits::SCANNED_JOBS_MAX;
use crate::part::Part;
use crate::problem::{Code, Problem};

/// What is done with a job.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Cancel,
    Retry,
    Discard,
    Delete,
}

impl Action {
    fn on(self, job: JobId) -> Command {
        match self {
            Self::Cancel => Command::Cancel(job),
            Self::Retry => Command::Retry(job),
            Self::Discard => Command::Discard(job),
            Self::Delete => Command::Delete(job),
        }
    }
}

pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(job): Part,
) -> Result<Response, Problem> {
    one(&app, &grant, Action::Cancel, super::number(&job)?).await
}

pub(crate) async fn retry(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(job): Part,
) -> Result<Response, Problem> {
    one(&app, &grant, Action::Retry, super::number(&job)?).await
}

/// Has a job that waits run no more. Of a lease its worker says so itself.
pub(super) async fn discard(app: &App, grant: &Grant, job: JobId) -> Result<Response, Problem> {
    if !grant.has(KeyScope::Admin) {
        let detail = "`token` is missing, and the key is not good for `admin`";
        return Err(Problem::new(Code::ScopeMissing, detail)
            .hint("name the token of the lease, or use a key with the scope `admin`"));
    }
    one(app, grant, Action::Discard, job).await
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(job): Part,
) -> Result<Response, Problem> {
    one(&app, &grant, Action::Delete, super::number(&job)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Does something with one job and answers its state.
async fn one(app: &App, grant: &Grant, action: Action, job: JobId) -> Result<Response, Problem> {
    let job = super::find(app, grant, job)?.job;
    let running = app.jobs.run(vec![action.on(job)], false);
    let done = running.map_err(|error| Problem::from(&error))?.await;
    let done = done.map_err(|error| app.refuse(&error))?;
    Ok(json::answer(&changed(job, done)))
}

/// A job that was changed, with the state that it then has. A leased one is cancelled when its worker lets go of it.
pub(super) fn changed(job: JobId, done: Vec<Result<Done, Refused>>) -> serde_json::Value {
    let state = done.into_iter().find_map(|done| match done {
        Ok(Done::Job { state, .. }) => Some(state),
        Ok(Done::Enqueued { .. } | Done::Queue | Done::Order) | Err(_) => None,
    });
    let state = state.map_or("forgotten", JobState::name);
    serde_json::json!({ "job": job.get(), "state": state })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BulkForm {
    action: Action,
    queue: String,
    state: String,
    kind: Option<String>,
    tag: Option<String>,
    limit: Option<usize>,
    after: Option<String>,
}

/// What became of many jobs.
#[derive(Debug, Serialize)]
struct BulkOut {
    matched: usize,
    done: usize,
    refused: usize,
    next: Option<String>,
}

/// Does the same with all jobs of a queue that are in a state, a page of them.
pub(crate) async fn bulk(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let form: BulkForm = json::read(&app, &head.headers, body).await?;
    grant.check_queue(&form.queue)?;
    let limit = form.limit.unwrap_or(SCANNED_JOBS_MAX);
    if !(1..=SCANNED_JOBS_MAX).contains(&limit) {
        let detail = format!("`limit` is {limit}, and must be from 1 to {SCANNED_JOBS_MAX}");
        return Err(Problem::new(Code::Body, detail).hint("`next` says where to go on"));
    }
    let scope = Scope {
        queue: form.queue,
        state: Some(list::state(&form.state)?),
        kind: form.kind,
        tag: form.tag,
        after: form.after.map(|after| after.parse()).transpose()?,
        limit,
    };
    let place = app.take_page().await;
    let found = blocking(Arc::clone(&app), move |app| {
        let _place = place;
        let mut jobs: Vec<JobId> = Vec::new();
        let next = list::scan(app, &scope, |status, _read| {
            jobs.push(status.job);
            Ok(true)
        });
        Ok((jobs, next?))
    });
    let (jobs, next) = found.await?;
    let mut out = BulkOut {
        matched: jobs.len(),
        done: 0,
        refused: 0,
        next: next.map(|place| place.to_string()),
    };
    if !jobs.is_empty() {
        let commands = jobs.into_iter().map(|job| form.action.on(job)).collect();
        let running = app.jobs.run(commands, true).map_err(|error| Problem::from(&error))?;
        let answers = running.await.map_err(|error| app.refuse(&error))?;
        let is_refused = |answer: &&Result<Done, Refused>| answer.is_err();
        out.refused = answers.iter().filter(is_refused).count();
        out.done = answers.len() - out.refused;
    }
    Ok(json::answer(&out))
}
