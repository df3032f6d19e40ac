//! `POST /v1/batch`: writes of several kinds, all or nothing.
//!
//! Events are published, consumers acknowledged, jobs enqueued and leases ended, in one commit.

use std::sync::Arc;

use arrw::{Command, Position};
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::app::App;
use crate::consumers::{check_consumer, parse_position};
use crate::events::{Incoming, Taking, Tally};
use crate::jobs::{self, EndingForm, EnqueuedOut};
use crate::json;
use crate::keys::{Grant, KeyScope};
use crate::problem::{Code, Problem};

/// The fields of a batch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form<'a> {
    #[serde(borrow, default)]
    events: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    acknowledge: Vec<AckForm<'a>>,
    #[serde(borrow, default)]
    jobs: Vec<&'a RawValue>,
    #[serde(default)]
    finish: Vec<EndingForm>,
    expect_last: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AckForm<'a> {
    #[serde(borrow)]
    consumer: std::borrow::Cow<'a, str>,
    generation: u64,
    position: &'a str,
}

pub(crate) async fn commit(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let mut inflow = app.inflow(body);
    let body = match inflow.json(&head.headers, &app.limits).await {
        Ok(body) => body,
        Err(problem) => {
            inflow.discard().await;
            return Err(problem);
        }
    };
    let mut form: Form<'_> = json::object(Code::Body, &body)?;
    let endings = endings(&app, &grant, std::mem::take(&mut form.finish))?;
    let committed = hand_over(&app, Taking::of(&grant, &head.headers), &form, endings)?.await;
    let committed = committed.map_err(|error| app.refuse(&error))?;
    let mut tally = Tally::default();
    tally.add(&committed.events);
    if form.jobs.is_empty() {
        return Ok(tally.into_response());
    }
    let jobs: Vec<EnqueuedOut> = committed.jobs.iter().map(EnqueuedOut::from).collect();
    let jobs = serde_json::to_string(&jobs).expect("numbers are always JSON");
    Ok(tally.into_response_with(&format!(",\"jobs\":{jobs}")))
}

/// The commands that end leases.
fn endings(app: &App, grant: &Grant, finish: Vec<EndingForm>) -> Result<Vec<Command>, Problem> {
    if !finish.is_empty() && !grant.has(KeyScope::Work) {
        return Err(Problem::new(Code::ScopeMissing, "the key may not finish jobs")
            .hint("use a key with the scopes `publish` and `work`"));
    }
    jobs::check_count(&finish)?;
    let ending = |(at, item)| {
        let part = || format!("end {} of the array", at + 1);
        jobs::of_item(app, grant, item).map_err(|problem: Problem| problem.within(&part()))
    };
    finish.into_iter().enumerate().map(ending).collect()
}

fn hand_over(
    app: &App,
    taking: Taking<'_>,
    form: &Form<'_>,
    endings: Vec<Command>,
) -> Result<arrw::Commit, Problem> {
    let incoming = taking.events(&form.events)?;
    let grant = taking.grant;
    if !form.acknowledge.is_empty() && !grant.has(KeyScope::Read) {
        return Err(Problem::new(Code::ScopeMissing, "the key may not acknowledge")
            .hint("use a key with the scopes `publish` and `read`"));
    }
    let mut positions: Vec<Position> = Vec::with_capacity(form.acknowledge.len());
    for ack in &form.acknowledge {
        check_consumer(app, grant, &ack.consumer)?;
        positions.push(parse_position(ack.position)?);
    }
    let mut jobs = Vec::with_capacity(form.jobs.len());
    for (at, job) in form.jobs.iter().enumerate() {
        let job = jobs::take(grant, job.get().as_bytes());
        jobs.push(job.map_err(|problem| problem.within(&jobs::nth(at)))?);
    }
    if incoming.is_empty() && positions.is_empty() && jobs.is_empty() && endings.is_empty() {
        let detail = "there is no event, acknowledgement, job or end of one";
        return Err(Problem::new(Code::EmptyBatch, detail));
    }
    let headers: Vec<_> = incoming.iter().map(Incoming::header_refs).collect();
    let mut batch = app.db.batch();
    for (event, headers) in incoming.iter().zip(&headers) {
        batch = batch.publish(event.new_event(headers));
    }
    for (ack, position) in form.acknowledge.iter().zip(positions) {
        batch = batch.acknowledge_as(&ack.consumer, ack.generation, position);
    }
    for job in &jobs {
        batch = batch.enqueue(&job.new_job(&job.tag_refs()));
    }
    batch = endings.into_iter().fold(batch, arrw::Batch::command);
    if let Some(last) = form.expect_last {
        batch = batch.expecting(parse_position(last)?);
    }
    batch.commit().map_err(|error| Problem::from(&error))
}
