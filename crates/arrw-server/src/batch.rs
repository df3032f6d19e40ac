//! `POST /v1/batch`: writes of several kinds, all or nothing.

use std::sync::Arc;

use arrw::Position;
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::app::App;
use crate::consumers::{check_consumer, parse_position};
use crate::events::{Incoming, Taking, Tally};
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
    let form: Form<'_> =
        serde_json::from_slice(&body).map_err(|error| json::refusal(Code::Body, &error))?;
    let committed = hand_over(&app, Taking::of(&grant, &head.headers), &form)?.await;
    let published = committed.map_err(|error| app.refuse(&error))?;
    let mut tally = Tally::default();
    tally.add(&published.events);
    Ok(tally.into_response())
}

fn hand_over(app: &App, taking: Taking<'_>, form: &Form<'_>) -> Result<arrw::Commit, Problem> {
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
    if incoming.is_empty() && positions.is_empty() {
        return Err(Problem::new(
            Code::EmptyBatch,
            "there is neither an event nor an acknowledgement",
        ));
    }
    let headers: Vec<_> = incoming.iter().map(Incoming::header_refs).collect();
    let mut batch = app.db.batch();
    for (event, headers) in incoming.iter().zip(&headers) {
        batch = batch.publish(event.new_event(headers));
    }
    for (ack, position) in form.acknowledge.iter().zip(positions) {
        batch = batch.acknowledge_as(&ack.consumer, ack.generation, position);
    }
    if let Some(last) = form.expect_last {
        batch = batch.expecting(parse_position(last)?);
    }
    batch.commit().map_err(|error| Problem::from(&error))
}
