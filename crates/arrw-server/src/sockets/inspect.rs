//! `/v1/connections`: who is connected, what each follows and how far it is; and their end.

use std::sync::Arc;

use arrw_wire::code;
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;

use super::connection::Connection;
use super::connection::subscription::{Pace, Subscription, Wants};
use super::hub::Hub;
use crate::app::App;
use crate::json;
use crate::keys::Grant;
use crate::part::Part;
use crate::problem::{Code, Problem};
use crate::query::Given;

/// A connection as it is answered.
#[derive(Debug, Serialize)]
struct ConnectionOut {
    /// Its number, by which pages follow each other.
    number: u64,
    client: String,
    user: String,
    /// How it is told: `json`, `protobuf`, each maybe `+deflate`, or `sse`.
    protocol: &'static str,
    /// Seconds since it began.
    age_s: u32,
    subscriptions: usize,
    sent_messages: u64,
    sent_bytes: u64,
    /// Bytes that wait as it takes nothing.
    waiting_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<Vec<SubscriptionOut>>,
}

/// A subscription of it.
#[derive(Debug, Serialize)]
struct SubscriptionOut {
    channel: String,
    offset: u64,
    /// Entries of its channel that it has not got, of those that are in memory.
    lag: u64,
    /// `in_step`, or `behind` when it gets what it missed.
    pace: &'static str,
    by_server: bool,
}

impl ConnectionOut {
    fn of(hub: &Hub, connection: &Connection, with_channels: bool) -> Self {
        let (sent_messages, sent_bytes) = connection.sent();
        let state = connection.lock();
        let channels = with_channels
            .then(|| state.subscriptions.iter().flatten().map(SubscriptionOut::of).collect());
        Self {
            number: connection.number,
            client: state.session.id(),
            user: state.session.user().to_owned(),
            protocol: connection.form.name(),
            age_s: hub.now().ticks.saturating_sub(connection.since),
            subscriptions: state.count(),
            sent_messages,
            sent_bytes,
            waiting_bytes: state.outbox.bytes(),
            channels,
        }
    }
}

impl SubscriptionOut {
    fn of(subscription: &Subscription) -> Self {
        let head = subscription.channel.lock().ring.next();
        let (lag, pace) = match subscription.pace {
            Pace::InStep => (head.saturating_sub(subscription.next), "in_step"),
            Pace::Asked | Pace::Behind | Pace::Reading => {
                (head.saturating_sub(subscription.next.max(1)), "behind")
            }
        };
        Self {
            channel: subscription.channel.name.to_string(),
            offset: subscription.offset,
            lag,
            pace,
            by_server: subscription.wants.has(Wants::SERVER_SIDE),
        }
    }
}

/// A page of the connections, by number; those of one user when one is named. Looks at all there are.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    request: Request,
) -> Result<Response, Problem> {
    grant.check_all()?;
    let mut given = Given::parse(request.uri().query(), &["limit", "after", "user"])?;
    let limit = given.limit(&app.limits)?;
    let after = given.take("after").map_or(Ok(0), |text| text.parse::<u64>());
    let after = after.map_err(|_none| {
        Problem::new(Code::Query, "`after` is no number").hint("give the `next` of the page before")
    })?;
    let user = given.take("user");
    let mut found = app.hub.connections();
    found.retain(|it| {
        after < it.number && user.as_ref().is_none_or(|user| *it.lock().session.user() == **user)
    });
    found.sort_unstable_by_key(|it| it.number);
    let has_more = limit < found.len();
    found.truncate(limit);
    let next = has_more.then(|| found.last().map(|last| last.number)).flatten();
    let connections: Vec<ConnectionOut> =
        found.iter().map(|it| ConnectionOut::of(&app.hub, it, false)).collect();
    Ok(json::answer(&serde_json::json!({ "connections": connections, "next": next })))
}

/// One connection with its subscriptions.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(client): Part,
) -> Result<Response, Problem> {
    grant.check_all()?;
    let connection = find(&app, &client)?;
    Ok(json::answer(&ConnectionOut::of(&app.hub, &connection, true)))
}

/// Ends a connection; its client does not come back by itself.
pub(crate) async fn kick(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(client): Part,
) -> Result<Response, Problem> {
    grant.check_all()?;
    let connection = find(&app, &client)?;
    let now = app.hub.now();
    connection.end(&app.hub, &mut connection.lock(), Some(code::DISCONNECT_FORCED), now);
    Ok(json::answer(&serde_json::json!({})))
}

/// Looks at all connections.
fn find(app: &App, client: &str) -> Result<Arc<Connection>, Problem> {
    let mut all = app.hub.connections().into_iter();
    let found = all.find(|it| it.lock().session.id() == client);
    found.ok_or_else(|| {
        Problem::new(Code::NoSuchConnection, "there is no connection of this client")
            .hint("`GET /v1/connections` lists those that there are")
    })
}
