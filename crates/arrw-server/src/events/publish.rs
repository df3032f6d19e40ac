//! `POST /v1/events`: one event, an atomic batch, or lines.

use std::sync::Arc;

use arrw::{
    Commit, Epoch, NewEvent, Position, PositionError, Publish, PublishError, Published, Seq,
};
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::value::RawValue;

use super::cloud;
use super::incoming::{HeaderRefs, Incoming, elements, whole_value};
use super::lines;
use super::taking::{Taking, nth};
use crate::app::App;
use crate::body::Inflow;
use crate::json;
use crate::keys::Grant;
use crate::ndjson::{self, OnError};
use crate::planted::{Bug, is_planted};
use crate::problem::{Code, Problem};
use crate::query::Query;

/// Where events were published, over one commit or several.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    place: Option<(Epoch, Seq, Seq)>,
    pub(super) count: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, published: &Published) {
        let Published { epoch, first, last, count, .. } = *published;
        if count == 0 {
            return;
        }
        self.count += count;
        // An event that was published before, by its id, may stand before those of this request.
        let (first, last) =
            self.place.map_or((first, last), |(_, from, to)| (from.min(first), to.max(last)));
        self.place = Some((epoch, first, last));
    }

    pub(crate) fn into_response(self) -> Response {
        self.into_response_with("")
    }

    /// With further members, each behind a comma.
    pub(crate) fn into_response_with(self, more: &str) -> Response {
        let (epoch, first, last) = match self.place {
            Some((epoch, first, last)) => {
                (format!("\"{epoch}\""), first.to_string(), last.to_string())
            }
            None => ("null".to_owned(), "null".to_owned(), "null".to_owned()),
        };
        let count = self.count;
        let json =
            format!(r#"{{"epoch":{epoch},"first":{first},"last":{last},"count":{count}{more}}}"#);
        ([(header::CONTENT_TYPE, "application/json")], json).into_response()
    }
}

/// The parameters of a publish.
const PARAMETERS: &[&str] = &["on_error"];

/// The position that must be the last one, or nothing is published.
const EXPECT_LAST: &str = "arrw-expect-last";

/// What a body is.
enum Form {
    Json,
    Lines,
    /// A CloudEvent, several of them, or one whose attributes are headers.
    Cloud,
    CloudBatch,
    CloudBinary,
}

pub(crate) async fn publish(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let query = Query::parse(head.uri.query(), PARAMETERS, &app.limits)?;
    let mut inflow = app.inflow(body);
    let taking = Taking::of(&grant, &head.headers);
    let answered = match form(&head.headers) {
        Ok(Form::Json) if lines::is_numbered(&head.headers) => {
            Err(Problem::new(Code::Producer, "only lines of NDJSON are numbered by a producer")
                .hint("give the event an `id`, or send it as a line"))
        }
        Ok(Form::Json) => {
            let tally = whole(&app, taking, &head.headers, &mut inflow).await;
            tally.map(Tally::into_response)
        }
        Ok(Form::Lines) => {
            let on_error = OnError::of(&query);
            lines::publish((&app, taking), on_error, &head.headers, &mut inflow).await
        }
        Ok(form @ (Form::Cloud | Form::CloudBatch | Form::CloudBinary)) => {
            let tally = cloud_events(&app, taking, (&form, &head.headers), &mut inflow).await;
            tally.map(Tally::into_response)
        }
        Err(problem) => Err(problem),
    };
    match answered {
        Ok(response) => Ok(response),
        Err(problem) => {
            inflow.discard().await;
            Err(problem)
        }
    }
}

fn form(headers: &HeaderMap) -> Result<Form, Problem> {
    let given = headers.get(header::CONTENT_TYPE).map_or("", |it| it.to_str().unwrap_or("?"));
    match json::essence(given).as_str() {
        _ if cloud::is_binary(headers) => Ok(Form::CloudBinary),
        "application/cloudevents+json" => Ok(Form::Cloud),
        "application/cloudevents-batch+json" => Ok(Form::CloudBatch),
        "application/json" => Ok(Form::Json),
        lines if ndjson::CONTENT_TYPES.contains(&lines) => Ok(Form::Lines),
        _ => Err(Problem::new(Code::ContentType, format!("the content type is `{given}`")).hint(
            "send `content-type: application/json` for an event or an array of them, \
             `application/x-ndjson` for one event a line",
        )),
    }
}

/// Publishes CloudEvents; several of them as one batch.
async fn cloud_events(
    app: &App,
    taking: Taking<'_>,
    (form, headers): (&Form, &HeaderMap),
    inflow: &mut Inflow,
) -> Result<Tally, Problem> {
    let body = inflow.json(headers, &app.limits).await?;
    let mut tally = Tally::default();
    let publish = if matches!(form, Form::CloudBatch) {
        let events = cloud::batched(&body)?.into_iter().enumerate();
        let events = events
            .map(|(at, event)| taking.admit(event).map_err(|problem| problem.within(&nth(at))));
        let events: Vec<Incoming<'_>> = events.collect::<Result<_, _>>()?;
        publish_all(app, &events).map_err(|(at, problem)| problem.within(&nth(at)))?
    } else {
        let event = match form {
            Form::CloudBinary => cloud::binary(headers, &body)?,
            Form::Json | Form::Lines | Form::Cloud | Form::CloudBatch => cloud::structured(&body)?,
        };
        let event = taking.admit(event)?;
        let headers = event.header_refs();
        app.bus.publish(event.new_event(&headers)).map_err(|error| Problem::from(&error))?
    };
    tally.add(&publish.await.map_err(|error| app.refuse(&error))?);
    Ok(tally)
}

/// Publishes a body that is one JSON value.
async fn whole(
    app: &App,
    taking: Taking<'_>,
    headers: &HeaderMap,
    inflow: &mut Inflow,
) -> Result<Tally, Problem> {
    let body = inflow.json(headers, &app.limits).await?;
    let is_array = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let mut tally = Tally::default();
    let committed = match headers.get(EXPECT_LAST) {
        Some(last) => {
            let last = last.to_str().unwrap_or_default().parse();
            let last = last.map_err(|error: PositionError| {
                Problem::new(Code::Query, format!("`{EXPECT_LAST}`: {error}"))
            })?;
            let elements = if is_array { elements(&body)? } else { vec![whole_value(&body)?] };
            publish_expecting(app, taking, last, &elements)?.await.map(|done| done.events)
        }
        None if is_array => publish_array(app, taking, &body)?.await,
        None => publish_one(app, taking, &body)?.await,
    };
    tally.add(&committed.map_err(|error| app.refuse(&error))?);
    Ok(tally)
}

fn publish_one(app: &App, taking: Taking<'_>, json: &[u8]) -> Result<Publish, Problem> {
    let incoming = taking.event(json)?;
    let headers = incoming.header_refs();
    app.bus.publish(incoming.new_event(&headers)).map_err(|error| Problem::from(&error))
}

/// Publishes events as one batch behind the last record, if that is still the last one.
fn publish_expecting(
    app: &App,
    taking: Taking<'_>,
    last: Position,
    elements: &[&RawValue],
) -> Result<Commit, Problem> {
    let incoming = taking.events(elements)?;
    let batch = with_events(&incoming, |events| {
        let batch = app.db.batch();
        let batch = if is_planted(Bug::NoCondition) { batch } else { batch.expecting(last) };
        let batch = events.iter().fold(batch, |batch, event| batch.publish(*event));
        batch.commit()
    });
    batch.map_err(|error| Problem::from(&error))
}

fn publish_array(app: &App, taking: Taking<'_>, json: &[u8]) -> Result<Publish, Problem> {
    let incoming = taking.events(&elements(json)?)?;
    match publish_all(app, &incoming) {
        Ok(publish) => Ok(publish),
        Err((at, problem)) => Err(problem.within(&nth(at))),
    }
}

/// Publishes events as one batch, or says which of them cannot be.
pub(super) fn publish_all(
    app: &App,
    incoming: &[Incoming<'_>],
) -> Result<Publish, (usize, Problem)> {
    with_events(incoming, |events| {
        app.bus.publish_all(events).map_err(|error| first_fault(app, events, &error))
    })
}

/// Lends events to a call in the form in which the engine takes them.
pub(super) fn with_events<T>(
    incoming: &[Incoming<'_>],
    call: impl FnOnce(&[NewEvent<'_>]) -> T,
) -> T {
    let headers: Vec<HeaderRefs<'_>> = incoming.iter().map(Incoming::header_refs).collect();
    let both = incoming.iter().zip(&headers);
    let events: Vec<_> = both.map(|(event, headers)| event.new_event(headers)).collect();
    call(&events)
}

/// The first event that cannot be, and why; `error` if each could be alone.
pub(super) fn first_fault(
    app: &App,
    events: &[NewEvent<'_>],
    error: &PublishError,
) -> (usize, Problem) {
    let mut faults = events.iter().enumerate().filter_map(|(at, event)| {
        let fault = if event.is_volatile() {
            PublishError::Volatile { topic: event.topic.to_owned() }
        } else {
            // A publish that is not waited for does nothing.
            app.bus.publish(*event).err()?
        };
        Some((at, Problem::from(&fault)))
    });
    faults.next().unwrap_or_else(|| (0, Problem::from(error)))
}
