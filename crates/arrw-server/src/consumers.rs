//! `/v1/consumers`: named consumers, read and acknowledged by requests that hold nothing.
//!
//! Who wants to read opens the consumer and gets a generation; each read and acknowledgement names it, so
//! that who was taken over is told. A read says behind what; an answer that was lost is asked for again.

use std::sync::Arc;

use arrw::{ConsumerError, ConsumerStatus, Filter, Position, Start};
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::app::App;
use crate::events::page;
use crate::json;
use crate::keys::Grant;
use crate::part::Part;
use crate::planted::{Bug, is_planted};
use crate::problem::{Code, Problem};
use crate::query::{Query, start};
use crate::stats::PendingOut;

/// The parameters of a read.
const PARAMETERS: &[&str] = &["generation", "after", "limit", "wait_ms"];

#[derive(Debug, Serialize)]
pub(crate) struct ConsumerOut {
    name: String,
    filter: String,
    cursor: String,
    generation: u64,
    pending: PendingOut,
}

impl From<ConsumerStatus> for ConsumerOut {
    fn from(status: ConsumerStatus) -> Self {
        Self {
            name: status.name,
            filter: status.filter.to_string(),
            cursor: status.cursor.to_string(),
            generation: status.generation,
            pending: status.pending.into(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Creation {
    filter: String,
    after: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reset {
    after: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ack {
    generation: u64,
    position: String,
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
) -> Result<Response, Problem> {
    let all =
        blocking(app, |app| app.bus.consumers().map_err(|error| Problem::from(&error))).await?;
    let seen = all.into_iter().filter(|status| grant.covers(&status.filter));
    let all: Vec<ConsumerOut> = seen.map(ConsumerOut::from).collect();
    Ok(json::answer(&serde_json::json!({ "consumers": all })))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(name): Part,
) -> Result<Response, Problem> {
    check_consumer(&app, &grant, &name)?;
    let status = blocking(app, move |app| {
        let status = app.bus.consumer_status(&name).map_err(|error| Problem::from(&error))?;
        status.ok_or_else(|| Problem::from(&ConsumerError::Unknown { name }))
    });
    Ok(json::answer(&ConsumerOut::from(status.await?)))
}

/// Makes it; the same again changes nothing.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(name): Part,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let Creation { filter, after } = json::read(&app, &headers, request.into_body()).await?;
    let parsed = Filter::parse(&filter);
    let parsed = parsed.map_err(|error| Problem::new(Code::Filter, error.to_string()))?;
    grant.check_filter(&parsed)?;
    let start = after.as_deref().map_or(Ok(Start::Latest), start)?;
    changed(app, move |app| app.bus.create_consumer(&name, &filter, start)).await
}

pub(crate) async fn open(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(name): Part,
) -> Result<Response, Problem> {
    check_consumer(&app, &grant, &name)?;
    changed(app, move |app| app.bus.take_over_consumer(&name)).await
}

pub(crate) async fn reset(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(name): Part,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    check_consumer(&app, &grant, &name)?;
    let Reset { after } = json::read(&app, &headers, request.into_body()).await?;
    let start = start(&after)?;
    changed(app, move |app| app.bus.reset_consumer(&name, start)).await
}

pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(name): Part,
    request: Request,
) -> Result<Response, Problem> {
    check_consumer(&app, &grant, &name)?;
    let query = Query::parse(request.uri().query(), PARAMETERS, &app.limits)?;
    let generation = query.generation.ok_or_else(|| {
        Problem::new(Code::Query, "`generation` is missing")
            .hint("`POST /v1/consumers/{name}/open` answers it")
    })?;
    let after = match query.after {
        None => None,
        Some(Start::After(position)) => Some(position),
        Some(_) => {
            return Err(Problem::new(Code::Query, "`after` must be a position here")
                .hint("leave it out to read behind the cursor, or reset the consumer"));
        }
    };
    let subscription = app.bus.read_consumer(&name, generation, after);
    let subscription = subscription.map_err(|error| Problem::from(&error))?;
    page::answer(&app, request.headers(), subscription, (query.limit, query.wait)).await
}

pub(crate) async fn acknowledge(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(name): Part,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    check_consumer(&app, &grant, &name)?;
    let Ack { generation, position } = json::read(&app, &headers, request.into_body()).await?;
    let position = parse_position(&position)?;
    if is_planted(Bug::NoAcknowledgement) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let acknowledged = async { app.bus.acknowledge(&name, generation, position)?.await };
    acknowledged.await.map_err(|error: ConsumerError| app.refuse(&error))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(name): Part,
) -> Result<Response, Problem> {
    check_consumer(&app, &grant, &name)?;
    let deleted = blocking(app, move |app| match app.bus.delete_consumer(&name) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Problem::from(&ConsumerError::Unknown { name })),
        Err(error) => Err(app.refuse(&error)),
    });
    deleted.await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Refuses a consumer that reads more than the key covers.
pub(crate) fn check_consumer(app: &App, grant: &Grant, name: &str) -> Result<(), Problem> {
    arrw::check_consumer_name(name).map_err(|error| Problem::from(&error))?;
    match app.bus.consumer_filter(name) {
        Some(filter) => grant.check_filter(&filter),
        // That there is none is said to everybody.
        None => Ok(()),
    }
}

pub(crate) fn parse_position(text: &str) -> Result<Position, Problem> {
    text.parse().map_err(|error: arrw::PositionError| {
        Problem::new(Code::Query, error.to_string()).hint("take it from an answer of this server")
    })
}

/// Answers what a consumer is after a change, which waits for the disk.
async fn changed(
    app: Arc<App>,
    change: impl FnOnce(&App) -> Result<ConsumerStatus, ConsumerError> + Send + 'static,
) -> Result<Response, Problem> {
    let status = blocking(app, |app| change(app).map_err(|error| app.refuse(&error)));
    Ok(json::answer(&ConsumerOut::from(status.await?)))
}

/// Runs what may wait for the disk on a thread that may.
pub(crate) async fn blocking<T: Send + 'static>(
    app: Arc<App>,
    work: impl FnOnce(&App) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = spawn_blocking(move || work(&app)).await;
    done.unwrap_or_else(|error| Err(Problem::new(Code::Internal, error.to_string())))
}
