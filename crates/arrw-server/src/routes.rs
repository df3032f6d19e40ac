//! Which path is answered by whom.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post, put};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::decompression::RequestDecompressionLayer;

use crate::app::App;
use crate::jobs::{orders, queues, workers};
use crate::nearest::nearest;
use crate::problem::{Code, Problem};
use crate::{
    auth, backups, batch, consumers, events, guard, jobs, json, metrics, rates, sockets, stats,
    topics,
};

/// What a key must be good for to ask a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Nothing: probes need no key.
    Open,
    Read,
    Publish,
    Work,
    Admin,
}

impl Scope {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::Publish => "publish",
            Self::Work => "work",
            Self::Admin => "admin",
        }
    }
}

/// One method of one path.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) scope: Scope,
    answer: fn() -> MethodRouter<Arc<App>>,
}

const fn route(
    method: &'static str,
    path: &'static str,
    scope: Scope,
    answer: fn() -> MethodRouter<Arc<App>>,
) -> Route {
    Route { method, path, scope, answer }
}

/// Every route there is. `openapi.json` describes the same, and a test compares them.
pub(crate) const ROUTES: &[Route] = &[
    route("GET", "/livez", Scope::Open, || get(livez)),
    route("GET", "/readyz", Scope::Open, || get(stats::readyz)),
    route("GET", "/openapi.json", Scope::Open, || get(openapi)),
    route("GET", "/metrics", Scope::Read, || get(metrics::metrics)),
    route("GET", "/v1/events", Scope::Read, || get(events::list)),
    route("POST", "/v1/events", Scope::Publish, || post(events::publish)),
    route("GET", "/v1/events/stream", Scope::Read, || get(events::stream)),
    route("POST", "/v1/batch", Scope::Publish, || post(batch::commit)),
    route("GET", "/v1/topics", Scope::Read, || get(topics::list)),
    route("GET", "/v1/topics/{topic}", Scope::Read, || get(topics::show)),
    route("GET", "/v1/topics/{topic}/events", Scope::Read, || get(topics::history)),
    route("DELETE", "/v1/topics/{topic}/events", Scope::Admin, || delete(topics::purge)),
    route("GET", "/v1/retention", Scope::Read, || get(topics::retention)),
    route("PUT", "/v1/retention/{pattern}", Scope::Admin, || put(topics::set_retention)),
    route("DELETE", "/v1/retention/{pattern}", Scope::Admin, || delete(topics::delete_retention)),
    route("GET", "/v1/consumers", Scope::Read, || get(consumers::list)),
    route("GET", "/v1/consumers/{name}", Scope::Read, || get(consumers::show)),
    route("PUT", "/v1/consumers/{name}", Scope::Read, || put(consumers::create)),
    route("DELETE", "/v1/consumers/{name}", Scope::Read, || delete(consumers::delete)),
    route("POST", "/v1/consumers/{name}/open", Scope::Read, || post(consumers::open)),
    route("GET", "/v1/consumers/{name}/events", Scope::Read, || get(consumers::read)),
    route("POST", "/v1/consumers/{name}/ack", Scope::Read, || post(consumers::acknowledge)),
    route("POST", "/v1/consumers/{name}/reset", Scope::Read, || post(consumers::reset)),
    route("GET", "/v1/jobs", Scope::Read, || get(jobs::list)),
    route("POST", "/v1/jobs", Scope::Publish, || post(jobs::enqueue)),
    route("GET", "/v1/jobs/{job}", Scope::Read, || get(jobs::show)),
    route("POST", "/v1/jobs/{job}/complete", Scope::Work, || post(jobs::end)),
    route("POST", "/v1/jobs/{job}/fail", Scope::Work, || post(jobs::end)),
    route("POST", "/v1/jobs/{job}/snooze", Scope::Work, || post(jobs::end)),
    route("POST", "/v1/jobs/{job}/discard", Scope::Work, || post(jobs::end)),
    route("POST", "/v1/jobs/{job}/release", Scope::Work, || post(jobs::end)),
    route("POST", "/v1/jobs/{job}/extend", Scope::Work, || post(jobs::extend)),
    route("POST", "/v1/jobs/{job}/progress", Scope::Work, || post(jobs::progress)),
    route("POST", "/v1/jobs/finish", Scope::Work, || post(jobs::finish)),
    route("POST", "/v1/jobs/{job}/cancel", Scope::Admin, || post(jobs::cancel)),
    route("POST", "/v1/jobs/{job}/retry", Scope::Admin, || post(jobs::retry)),
    route("POST", "/v1/jobs/bulk", Scope::Admin, || post(jobs::bulk)),
    route("DELETE", "/v1/jobs/{job}", Scope::Admin, || delete(jobs::delete)),
    route("GET", "/v1/queues", Scope::Read, || get(queues::list)),
    route("GET", "/v1/queues/{queue}", Scope::Read, || get(queues::show)),
    route("POST", "/v1/queues/{queue}/pause", Scope::Admin, || post(queues::pause)),
    route("POST", "/v1/queues/{queue}/resume", Scope::Admin, || post(queues::resume)),
    route("PUT", "/v1/queues/{queue}/limits", Scope::Admin, || put(queues::set_limits)),
    route("GET", "/v1/workers", Scope::Read, || get(workers::list)),
    route("POST", "/v1/workers/{worker}/heartbeat", Scope::Work, || post(workers::heartbeat)),
    route("POST", "/v1/queues/{queue}/claim", Scope::Work, || post(jobs::claim)),
    route("GET", "/v1/schedules", Scope::Read, || get(orders::list)),
    route("GET", "/v1/schedules/{name}", Scope::Read, || get(orders::show)),
    route("PUT", "/v1/schedules/{name}", Scope::Admin, || put(orders::put_schedule)),
    route("DELETE", "/v1/schedules/{name}", Scope::Admin, || delete(orders::delete)),
    route("POST", "/v1/schedules/{name}/pause", Scope::Admin, || post(orders::change)),
    route("POST", "/v1/schedules/{name}/resume", Scope::Admin, || post(orders::change)),
    route("POST", "/v1/schedules/{name}/run", Scope::Admin, || post(orders::run)),
    route("GET", "/v1/triggers", Scope::Read, || get(orders::list)),
    route("GET", "/v1/triggers/{name}", Scope::Read, || get(orders::show)),
    route("PUT", "/v1/triggers/{name}", Scope::Admin, || put(orders::put_trigger)),
    route("DELETE", "/v1/triggers/{name}", Scope::Admin, || delete(orders::delete)),
    route("POST", "/v1/triggers/{name}/pause", Scope::Admin, || post(orders::change)),
    route("POST", "/v1/triggers/{name}/resume", Scope::Admin, || post(orders::change)),
    route("POST", "/v1/backups", Scope::Admin, || post(backups::make)),
    route("GET", "/v1/stats", Scope::Read, || get(stats::stats)),
    route("GET", "/v1/subscriptions", Scope::Read, || get(stats::subscriptions)),
    route("GET", "/v1/connections", Scope::Read, || get(sockets::inspect::list)),
    route("GET", "/v1/connections/{client}", Scope::Read, || get(sockets::inspect::show)),
    route("DELETE", "/v1/connections/{client}", Scope::Admin, || delete(sockets::inspect::kick)),
    route("GET", "/connection/uni_sse", Scope::Open, || get(sockets::listen::sse)),
    route("POST", "/api/publish", Scope::Publish, || post(sockets::api::call)),
    route("POST", "/api/broadcast", Scope::Publish, || post(sockets::api::call)),
    route("POST", "/api/subscribe", Scope::Admin, || post(sockets::api::call)),
    route("POST", "/api/unsubscribe", Scope::Admin, || post(sockets::api::call)),
    route("POST", "/api/disconnect", Scope::Admin, || post(sockets::api::call)),
    route("POST", "/api/refresh", Scope::Admin, || post(sockets::api::call)),
    route("POST", "/api/presence", Scope::Read, || post(sockets::api::call)),
    route("POST", "/api/presence_stats", Scope::Read, || post(sockets::api::call)),
    route("POST", "/api/history", Scope::Read, || post(sockets::api::call)),
    route("POST", "/api/channels", Scope::Read, || post(sockets::api::call)),
    route("POST", "/api/info", Scope::Read, || post(sockets::api::call)),
    route("POST", "/api/batch", Scope::Admin, || post(sockets::api::call)),
];

pub(crate) fn router(app: Arc<App>) -> Router {
    let routes = ROUTES
        .iter()
        .fold(Router::new(), |router, Route { path, answer, .. }| router.route(path, answer()));
    let routes = routes
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(&app), auth::check))
        .layer(RequestDecompressionLayer::new())
        .layer(from_fn(known_encoding))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(from_fn_with_state(Arc::clone(&app), guard::check))
        .layer(from_fn(rates::check));
    // Outside of what refuses, so that a page that may ask sees why it was refused.
    let routes = match app.sites.origins.layer() {
        Some(layer) => routes.layer(layer),
        None => routes,
    };
    routes.layer(from_fn_with_state(Arc::clone(&app), count)).with_state(app)
}

/// The description of this interface.
async fn openapi() -> Response {
    json::of_bytes(include_bytes!("openapi.json").to_vec())
}

/// Refuses a body in an encoding that is not known, and writes a known one as the next layer wants it.
async fn known_encoding(mut request: Request, next: Next) -> Result<Response, Problem> {
    let mut encodings = request.headers().get_all(header::CONTENT_ENCODING).iter();
    let (one, more) = (encodings.next().cloned(), encodings.next().is_some());
    let Some(encoding) = one else { return Ok(next.run(request).await) };
    let given = encoding.to_str().unwrap_or("?").to_ascii_lowercase();
    let known = match given.as_str() {
        "identity" if !more => None,
        "gzip" if !more => Some(HeaderValue::from_static("gzip")),
        "zstd" if !more => Some(HeaderValue::from_static("zstd")),
        _ => {
            return Err(Problem::new(
                Code::ContentType,
                format!("the content encoding is `{given}`"),
            )
            .hint("send it as gzip or zstd, or as it is"));
        }
    };
    request.headers_mut().remove(header::CONTENT_ENCODING);
    if let Some(known) = known {
        request.headers_mut().insert(header::CONTENT_ENCODING, known);
    }
    Ok(next.run(request).await)
}

/// Counts how requests are answered.
async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    app.counters.answered(response.status().as_u16());
    if let Some(refused) = response.extensions().get() {
        app.counters.refused(*refused);
    }
    response
}

/// Whether the process can do its work.
async fn livez(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    match app.db.poison() {
        None => Ok("ok"),
        Some(cause) => Err(Problem::new(Code::LogStopped, format!("a write failed: {cause}"))),
    }
}

async fn no_such_path(uri: Uri) -> Problem {
    let problem = Problem::new(Code::NoSuchPath, format!("there is nothing at `{}`", uri.path()));
    let paths: Vec<&str> = ROUTES.iter().map(|route| route.path).collect();
    match nearest(uri.path(), &paths) {
        Some(path) => problem.hint(format!("did you mean `{path}`?")),
        None => problem.hint("`/openapi.json` describes every path"),
    }
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::new(Code::Method, format!("`{}` does not know {method}", uri.path()))
        .hint("the `allow` header names the methods that it knows")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_description_has_every_route_and_no_other() {
        let document: Value = serde_json::from_slice(include_bytes!("openapi.json")).unwrap();
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let scope = operation["x-scope"].as_str().unwrap();
                described.insert(format!("{} {path} {scope}", method.to_uppercase()));
                assert!(operation["operationId"].is_string(), "{method} {path}");
            }
        }
        let line =
            |route: &Route| format!("{} {} {}", route.method, route.path, route.scope.name());
        assert_eq!(described, ROUTES.iter().map(line).collect());
    }

    #[test]
    fn every_reference_of_the_description_leads_somewhere() {
        fn check(value: &Value, document: &Value) {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(target)) = members.get("$ref") {
                        let pointer = target.strip_prefix('#').unwrap();
                        assert!(document.pointer(pointer).is_some(), "{target}");
                    }
                    members.values().for_each(|value| check(value, document));
                }
                Value::Array(values) => values.iter().for_each(|value| check(value, document)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
            }
        }
        let document: Value = serde_json::from_slice(include_bytes!("openapi.json")).unwrap();
        check(&document, &document);
    }
}
