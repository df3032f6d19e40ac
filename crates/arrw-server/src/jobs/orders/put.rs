//! `PUT /v1/schedules/{name}` and `PUT /v1/triggers/{name}`.

use std::sync::Arc;

use arrw::{JobsError, NewJob, OrderKind, Running};
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::value::RawValue;

use super::incoming::{ScheduleForm, TriggerForm};
use super::{check, find, shown};
use crate::app::App;
use crate::auth::now;
use crate::jobs::incoming::Incoming;
use crate::json;
use crate::keys::Grant;
use crate::part::Part;
use crate::problem::{Code, Problem};

pub(crate) async fn put_schedule(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(name): Part,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let form: ScheduleForm = json::read_large(&app, &head.headers, body).await?;
    check_old(&app, &grant, OrderKind::Schedule, &name)?;
    let when = form.when(&app)?;
    let running =
        with_job(&grant, &form.job, |job| app.jobs.put_schedule(&name, when, form.misfire(), job))?;
    put(&app, &grant, (OrderKind::Schedule, &name), running).await
}

pub(crate) async fn put_trigger(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(name): Part,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let form: TriggerForm = json::read_large(&app, &head.headers, body).await?;
    check_old(&app, &grant, OrderKind::Trigger, &name)?;
    form.check(&grant)?;
    let running =
        with_job(&grant, &form.job, |job| app.jobs.put_trigger(&name, &form.filter, job))?;
    put(&app, &grant, (OrderKind::Trigger, &name), running).await
}

/// Refuses to replace one that the key does not cover.
fn check_old(app: &App, grant: &Grant, kind: OrderKind, name: &str) -> Result<(), Problem> {
    app.jobs.order(kind, name).map_or(Ok(()), |order| check(grant, &order))
}

/// Reads the job that others are to be like, and has it put.
fn with_job(
    grant: &Grant,
    job: &RawValue,
    put: impl FnOnce(&NewJob<'_>) -> Result<Running, JobsError>,
) -> Result<Running, Problem> {
    let incoming = Incoming::parse(job.get().as_bytes(), now());
    let incoming = incoming.map_err(|problem| problem.within("`job`"))?;
    grant.check_queue(incoming.queue())?;
    if let Some(member) = incoming.time_member() {
        let detail = format!("`job`: `{member}` cannot be: each job that is made is ready at once");
        return Err(Problem::new(Code::Job, detail).hint("leave it out"));
    }
    let tags = incoming.tag_refs();
    put(&incoming.new_job(&tags)).map_err(|error| Problem::from(&error))
}

/// Waits for the disk, and answers how it is then.
async fn put(
    app: &App,
    grant: &Grant,
    (kind, name): (OrderKind, &str),
    running: Running,
) -> Result<Response, Problem> {
    running.await.map_err(|error| app.refuse(&error))?;
    let order = find(app, grant, kind, name)?;
    Ok(shown(app, name, &order))
}
