//! `/v1/schedules` and `/v1/triggers`: what has jobs enqueued by itself, at times or on events.

mod incoming;
mod outgoing;
mod put;

use std::sync::Arc;

use arrw::{Done, Enqueued, Filter, OrderChange, OrderKind, OrderRule, Refused, StandingOrder};
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

pub(crate) use put::{put_schedule, put_trigger};

use self::outgoing::{json_of, shown};
use super::enqueue::EnqueuedOut;
use crate::app::App;
use crate::json;
use crate::keys::Grant;
use crate::limits::PAGE_BYTES_MAX;
use crate::part::Part;
use crate::problem::{Code, Problem};
use crate::query::Given;

/// Which of both a path is about.
fn kind_of(path: &str) -> OrderKind {
    match path.starts_with("/v1/triggers") {
        true => OrderKind::Trigger,
        false => OrderKind::Schedule,
    }
}

/// Refuses an order whose jobs the key does not cover, or whose events.
fn check(grant: &Grant, order: &StandingOrder) -> Result<(), Problem> {
    grant.check_queue(order.queue())?;
    match order.rule() {
        OrderRule::Schedule { .. } => Ok(()),
        OrderRule::Trigger { filter } => {
            let filter = Filter::parse(filter);
            // One that is none any more wants nothing.
            filter.map_or(Ok(()), |filter| grant.check_filter(&filter))
        }
    }
}

/// An order that the key covers.
fn find(
    app: &App,
    grant: &Grant,
    kind: OrderKind,
    name: &str,
) -> Result<Arc<StandingOrder>, Problem> {
    // That there is none is said to everybody.
    let none = || Refused::NoOrder { kind: kind.name(), name: json::short(name) };
    let order = app.jobs.order(kind, name).ok_or_else(|| Problem::from(&none()))?;
    check(grant, &order)?;
    Ok(order)
}

/// Those that the key covers, by name, a page of them.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    request: Request,
) -> Result<Response, Problem> {
    let kind = kind_of(request.uri().path());
    let mut given = Given::parse(request.uri().query(), &["limit", "after"])?;
    let limit = given.limit(&app.limits)?;
    let after = given.take("after").unwrap_or_default();
    let found = app.jobs.orders(kind, &after, limit + 1);
    let (mut out, mut next) = (format!("{{\"{}s\":[", kind.name()), None);
    let mut behind: Option<&str> = None;
    for (at, (name, order)) in found.iter().enumerate() {
        if at == limit || PAGE_BYTES_MAX <= out.len() {
            next = behind;
            break;
        }
        behind = Some(name);
        if check(&grant, order).is_ok() {
            if !out.ends_with('[') {
                out.push(',');
            }
            out.push_str(&json_of(&app, name, order));
        }
    }
    let next = serde_json::to_string(&next).expect("a text is always JSON");
    out.push_str(&format!("],\"next\":{next}}}"));
    Ok(json::of_bytes(out.into_bytes()))
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(name): Part,
    request: Request,
) -> Result<Response, Problem> {
    let order = find(&app, &grant, kind_of(request.uri().path()), &name)?;
    Ok(shown(&app, &name, &order))
}

/// Pauses or resumes one, as the last part of the path says, and answers how it is then.
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(name): Part,
    request: Request,
) -> Result<Response, Problem> {
    let path = request.uri().path();
    let kind = kind_of(path);
    let change = match path.ends_with("/pause") {
        true => OrderChange::Pause,
        false => OrderChange::Resume,
    };
    changed(&app, &grant, (kind, &name), change).await?;
    let order = find(&app, &grant, kind, &name)?;
    Ok(shown(&app, &name, &order))
}

/// Has a schedule enqueue a job now, and answers its number.
pub(crate) async fn run(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(name): Part,
) -> Result<Response, Problem> {
    let of = (OrderKind::Schedule, name.as_str());
    match changed(&app, &grant, of, OrderChange::RunNow).await? {
        Done::Enqueued { job, is_new } => {
            Ok(json::answer(&EnqueuedOut::from(&Enqueued { job, is_new })))
        }
        Done::Job { .. } | Done::Queue | Done::Order => Err(nothing()),
    }
}

/// Removes one. Its jobs stay.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(name): Part,
    request: Request,
) -> Result<Response, Problem> {
    let kind = kind_of(request.uri().path());
    changed(&app, &grant, (kind, &name), OrderChange::Remove).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Changes one that the key covers.
async fn changed(
    app: &App,
    grant: &Grant,
    (kind, name): (OrderKind, &str),
    change: OrderChange,
) -> Result<Done, Problem> {
    find(app, grant, kind, name)?;
    let running = app.jobs.change_order(kind, name, change);
    let answers = running.map_err(|error| Problem::from(&error))?.await;
    let answers = answers.map_err(|error| app.refuse(&error))?;
    let answer = answers.into_iter().next().ok_or_else(nothing)?;
    answer.map_err(|refused| Problem::from(&refused))
}

fn nothing() -> Problem {
    Problem::new(Code::Internal, "nothing was done").hint("please report it")
}
