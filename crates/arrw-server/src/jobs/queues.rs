//! `/v1/queues`: how queues are and how they are run.

use std::sync::Arc;

use arrw::{Command, Control, ControlChange, JobState, Keep, QueueStatus, Rate, Timestamp};
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::now;
use crate::jobs::figures::TotalsOut;
use crate::json;
use crate::keys::Grant;
use crate::part::Part;
use crate::problem::{Code, Problem};
use crate::query::Given;

/// A queue as it is answered.
#[derive(Debug, Serialize)]
struct QueueOut<'a> {
    queue: &'a str,
    jobs: CountsOut,
    /// How long the ready job that has waited longest has done so.
    oldest_ready_ms: Option<u64>,
    /// What happened to its jobs since the start.
    totals: TotalsOut,
    paused: bool,
    /// It gives no job now: it is paused or at a limit.
    closed: bool,
    #[serde(flatten)]
    limits: LimitsForm,
}

/// How many jobs there are in each state.
#[derive(Debug, Serialize)]
struct CountsOut {
    scheduled: usize,
    ready: usize,
    leased: usize,
    retrying: usize,
    completed: usize,
    dead: usize,
    cancelled: usize,
}

/// How a queue is run, as it is set and answered. What is left out has its default.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LimitsForm {
    concurrency_max: u32,
    rate: Option<RateForm>,
    keep_done: KeepForm,
    keep_dead: KeepForm,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `count` and `per_ms`")]
struct RateForm {
    count: u32,
    per_ms: u32,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `for_ms` and `count`")]
struct KeepForm {
    for_ms: u64,
    count: u32,
}

impl From<Keep> for KeepForm {
    fn from(keep: Keep) -> Self {
        Self { for_ms: keep.for_ms, count: keep.count }
    }
}

impl From<KeepForm> for Keep {
    fn from(form: KeepForm) -> Self {
        Self { for_ms: form.for_ms, count: form.count }
    }
}

impl From<Control> for LimitsForm {
    fn from(control: Control) -> Self {
        Self {
            concurrency_max: control.concurrency_max,
            rate: control.rate.map(|Rate { count, per_ms }| RateForm { count, per_ms }),
            keep_done: control.keep_done.into(),
            keep_dead: control.keep_dead.into(),
        }
    }
}

impl Default for LimitsForm {
    fn default() -> Self {
        Control::default().into()
    }
}

/// How long ago a job became ready.
pub(super) fn age_ms(ready: Option<Timestamp>, now: Timestamp) -> Option<u64> {
    Some(now.micros().saturating_sub(ready?.micros()) / 1_000)
}

impl<'a> QueueOut<'a> {
    fn new(status: &'a QueueStatus) -> Self {
        let count = |state| status.count(state);
        Self {
            queue: &status.name,
            jobs: CountsOut {
                scheduled: count(JobState::Scheduled),
                ready: count(JobState::Ready),
                leased: count(JobState::Leased),
                retrying: count(JobState::Retrying),
                completed: count(JobState::Completed),
                dead: count(JobState::Dead),
                cancelled: count(JobState::Cancelled),
            },
            oldest_ready_ms: age_ms(status.oldest_ready, now()),
            totals: TotalsOut::from(&status.totals),
            paused: status.control.is_paused,
            closed: status.is_closed,
            limits: status.control.into(),
        }
    }
}

/// The queues that the key covers, by name, a page of them.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut given = Given::parse(request.uri().query(), &["limit", "after"])?;
    let limit = given.limit(&app.limits)?;
    let after = given.take("after").unwrap_or_default();
    let mut found = app.jobs.queues(&after, limit + 1);
    let has_more = limit < found.len();
    found.truncate(limit);
    let next = has_more.then(|| found.last().map(|last| &*last.name)).flatten();
    let seen = found.iter().filter(|status| grant.covers_queue(&status.name));
    let queues: Vec<QueueOut<'_>> = seen.map(QueueOut::new).collect();
    Ok(json::answer(&serde_json::json!({ "queues": queues, "next": next })))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(queue): Part,
) -> Result<Response, Problem> {
    grant.check_queue(&queue)?;
    shown(&app, &queue)
}

fn shown(app: &App, queue: &str) -> Result<Response, Problem> {
    let status = app.jobs.queue(queue).ok_or_else(|| {
        let detail = format!("there is no queue {}", json::shown(queue));
        Problem::new(Code::NoSuchQueue, detail).hint("enqueue a job there, or set its limits")
    })?;
    Ok(json::answer(&QueueOut::new(&status)))
}

pub(crate) async fn pause(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(queue): Part,
) -> Result<Response, Problem> {
    grant.check_queue(&queue)?;
    changed(&app, queue, &[ControlChange::Pause]).await
}

pub(crate) async fn resume(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(queue): Part,
) -> Result<Response, Problem> {
    grant.check_queue(&queue)?;
    changed(&app, queue, &[ControlChange::Resume]).await
}

pub(crate) async fn set_limits(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(queue): Part,
    request: Request,
) -> Result<Response, Problem> {
    grant.check_queue(&queue)?;
    let (head, body) = request.into_parts();
    let form: LimitsForm = json::read(&app, &head.headers, body).await?;
    let LimitsForm { concurrency_max, rate, keep_done, keep_dead } = form;
    let rate = rate.map(|RateForm { count, per_ms }| Rate { count, per_ms });
    let limits = ControlChange::Limits { concurrency_max, rate };
    let keep = ControlChange::Keep { done: keep_done.into(), dead: keep_dead.into() };
    changed(&app, queue, &[limits, keep]).await
}

/// Changes how a queue is run, and answers how it is then.
async fn changed(app: &App, queue: String, changes: &[ControlChange]) -> Result<Response, Problem> {
    let command = |change: &ControlChange| Command::Queue { name: queue.clone(), change: *change };
    let running = app.jobs.run(changes.iter().map(command).collect(), false);
    let done = running.map_err(|error| Problem::from(&error))?.await;
    done.map_err(|error| app.refuse(&error))?;
    shown(app, &queue)
}
