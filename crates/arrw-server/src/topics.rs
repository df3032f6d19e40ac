//! `/v1/topics` and `/v1/retention`: what is kept of each topic, and for how long.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrw::{Encoder, Filter, History, HistoryQuery, Order, Position, Topic, TopicRetention};
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::consumers::blocking;

use crate::json;
use crate::keys::Grant;
use crate::limits::PAGE_BYTES_MAX;
use crate::part::Part;
use crate::problem::{Code, Problem};
use crate::query::Query;

#[derive(Debug, Serialize)]
struct TopicOut<'a> {
    topic: &'a str,
    born: u64,
    last_seq: u64,
    last_offset: u64,
}

/// Topics by name, a page of them.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    request: Request,
) -> Result<Response, Problem> {
    let query =
        Query::parse(request.uri().query(), &["filter", "after_topic", "limit"], &app.limits)?;
    grant.check_filter(&query.filter)?;
    let found = blocking(app, move |app| {
        let after = query.after_topic.as_deref();
        Ok((app.bus.topics(&query.filter, after, query.limit + 1), query.limit))
    });
    let (mut all, limit) = found.await?;
    let has_more = limit < all.len();
    all.truncate(limit);
    let out: Vec<TopicOut<'_>> = all.iter().map(out_of).collect();
    let next = has_more.then(|| all.last().map(|last| &*last.name)).flatten();
    Ok(json::answer(&serde_json::json!({ "topics": out, "next": next })))
}

fn out_of(topic: &Topic) -> TopicOut<'_> {
    TopicOut {
        topic: &topic.name,
        born: topic.born.get(),
        last_seq: topic.last.get(),
        last_offset: topic.last_offset,
    }
}

/// One topic: how much there is of it, for how long, and its last event.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(topic): Part,
) -> Result<Response, Problem> {
    grant.check_topic(&topic)?;
    let found = blocking(app, move |app| {
        let history = |order| {
            let query = HistoryQuery { limit: 1, order, since: None };
            app.bus.history(&topic, query).map_err(|error| Problem::from(&error))
        };
        let (last, first) = (history(Order::NewestFirst)?, history(Order::OldestFirst)?);
        if last.last_offset == 0 {
            return Err(Problem::new(Code::NoSuchTopic, format!("`{topic}` has no events")));
        }
        let first = first.iter().next().map(|event| event.offset());
        let kept = first.map_or(0, |first| last.last_offset + 1 - first);
        let retention = app.bus.retention_of(&topic);
        let head = serde_json::json!({
            "topic": topic,
            "born": Position { epoch: last.epoch, seq: last.born }.to_string(),
            "last_offset": last.last_offset,
            "first_offset": first,
            "events": kept,
            "retention": RetentionsOut::of(retention),
        });
        Ok(with_events(&head, "last", &last, true))
    });
    Ok(json::of_bytes(found.await?))
}

/// Events of one topic.
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(topic): Part,
    request: Request,
) -> Result<Response, Problem> {
    grant.check_topic(&topic)?;
    let query =
        Query::parse(request.uri().query(), &["since_offset", "limit", "order"], &app.limits)?;
    let found = blocking(app, move |app| {
        let (order, limit) = (query.order, query.limit);
        let asked = HistoryQuery { limit, order, since: query.since_offset };
        let found = app.bus.history(&topic, asked);
        let found = found.map_err(|error| Problem::from(&error))?;
        let head = serde_json::json!({ "topic": topic, "last_offset": found.last_offset });
        Ok(with_events(&head, "events", &found, false))
    });
    Ok(json::of_bytes(found.await?))
}

/// An object with the events as one more member: the first of them or `null`, or an array of as many as a page
/// has room for.
fn with_events(head: &serde_json::Value, name: &str, history: &History, is_one: bool) -> Vec<u8> {
    let encoder = Encoder::new(history.epoch);
    let mut out = head.to_string().into_bytes();
    out.pop();
    out.extend_from_slice(format!(",\"{name}\":").as_bytes());
    let mut events = history.iter();
    if is_one {
        match events.next() {
            Some(event) => encoder.event(&event, &mut out),
            None => out.extend_from_slice(b"null"),
        }
    } else {
        out.push(b'[');
        for (at, event) in events.enumerate() {
            if 0 < at {
                if PAGE_BYTES_MAX <= out.len() {
                    break;
                }
                out.push(b',');
            }
            encoder.event(&event, &mut out);
        }
        out.push(b']');
    }
    out.push(b'}');
    out
}

/// Removes all events that a topic has.
pub(crate) async fn purge(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(topic): Part,
) -> Result<Response, Problem> {
    grant.check_topic(&topic)?;
    let purged =
        blocking(app, move |app| app.bus.purge(&topic).map_err(|error| app.refuse(&error)));
    purged.await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The largest bound of a policy: numbers above it are not exact in every client's JSON.
const RETENTION_MAX: u64 = (1 << 53) - 1;

/// How long the topics of a pattern are kept, as it is asked for and answered.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetentionForm {
    #[serde(skip_serializing_if = "Option::is_none")]
    age_max_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count_max: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_max: Option<u64>,
}

impl From<TopicRetention> for RetentionForm {
    fn from(policy: TopicRetention) -> Self {
        Self {
            age_max_ms: policy
                .age_max
                .map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            count_max: policy.count_max,
            bytes_max: policy.bytes_max,
        }
    }
}

/// Policies by pattern.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct RetentionsOut(BTreeMap<String, RetentionForm>);

impl RetentionsOut {
    fn of(policies: impl IntoIterator<Item = (String, TopicRetention)>) -> Self {
        Self(policies.into_iter().map(|(pattern, policy)| (pattern, policy.into())).collect())
    }
}

pub(crate) async fn retention(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
) -> Response {
    let mut policies = app.bus.retention();
    policies.retain(|pattern, _| check_pattern(&grant, pattern).is_ok());
    let policies = RetentionsOut::of(policies);
    json::answer(&serde_json::json!({ "retention": policies }))
}

pub(crate) async fn set_retention(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(pattern): Part,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    check_pattern(&grant, &pattern)?;
    let form: RetentionForm = json::read(&app, &headers, request.into_body()).await?;
    let RetentionForm { age_max_ms, count_max, bytes_max } = form;
    if (age_max_ms, count_max, bytes_max) == (None, None, None) {
        return Err(Problem::new(Code::Body, "the policy allows everything")
            .hint("give `age_max_ms`, `count_max` or `bytes_max`; DELETE takes the policy away"));
    }
    let bounds = [("age_max_ms", age_max_ms), ("count_max", count_max), ("bytes_max", bytes_max)];
    for (name, bound) in bounds {
        if bound.is_some_and(|bound| RETENTION_MAX < bound) {
            let detail = format!("`{name}` is more than {RETENTION_MAX}");
            return Err(Problem::new(Code::Body, detail).hint("leave it out to keep without it"));
        }
    }
    let policy =
        TopicRetention { age_max: age_max_ms.map(Duration::from_millis), count_max, bytes_max };
    store_retention(app, pattern, Some(policy)).await?;
    Ok(json::answer(&RetentionForm::from(policy)))
}

pub(crate) async fn delete_retention(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(pattern): Part,
) -> Result<Response, Problem> {
    check_pattern(&grant, &pattern)?;
    if !app.bus.retention().contains_key(&pattern) {
        return Err(Problem::new(Code::NoSuchPolicy, format!("`{pattern}` has no retention")));
    }
    store_retention(app, pattern, None).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn check_pattern(grant: &Grant, pattern: &str) -> Result<(), Problem> {
    let filter = Filter::parse(pattern);
    grant.check_filter(&filter.map_err(|error| Problem::new(Code::Filter, error.to_string()))?)
}

async fn store_retention(
    app: Arc<App>,
    pattern: String,
    policy: Option<TopicRetention>,
) -> Result<(), Problem> {
    let stored = blocking(app, move |app| {
        app.bus.set_retention(&pattern, policy).map_err(|error| app.refuse(&error))
    });
    stored.await
}
