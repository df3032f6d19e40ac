//! Who may ask what: the key of a request, its scope, its topics.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrw::{Clock, Filter, SystemClock, Timestamp};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::builtin;
use crate::counters::Limit;
use crate::json::shown;
use crate::keys::{Grant, KeyScope};
use crate::planted::{Bug, is_planted};
use crate::problem::{Code, Problem};
use crate::routes::{ROUTES, Scope};

/// Lets a request pass whose key is good for its route, with what else the key allows as an extension.
pub(crate) async fn check(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    // Paths and methods that are not there are answered as such: they are no secret.
    let Some(scope) = scope_of(&request) else { return next.run(request).await };
    match grant_of(&app, &request, scope) {
        Ok(grant) => {
            request.extensions_mut().insert(Arc::new(grant));
            next.run(request).await
        }
        Err(problem) => {
            let mut response = problem.into_response();
            if response.status() == 401 {
                let bearer = HeaderValue::from_static("Bearer realm=\"arrwdb\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
            }
            response
        }
    }
}

fn scope_of(request: &Request) -> Option<Scope> {
    let path = request.extensions().get::<MatchedPath>()?;
    let method = match request.method().as_str() {
        "HEAD" => "GET",
        method => method,
    };
    let mut routes = ROUTES.iter();
    let route = routes.find(|route| route.path == path.as_str() && route.method == method)?;
    Some(route.scope)
}

fn grant_of(app: &App, request: &Request, scope: Scope) -> Result<Grant, Problem> {
    let needed = match scope {
        Scope::Open => return Ok(Grant::all()),
        Scope::Read => KeyScope::Read,
        Scope::Publish => KeyScope::Publish,
        Scope::Work => KeyScope::Work,
        Scope::Admin => KeyScope::Admin,
    };
    if !app.keys.are_needed() {
        return Ok(Grant::all());
    }
    let key = key_of(request.headers()).ok_or_else(|| {
        Problem::new(Code::KeyMissing, "this server asks for a key")
            .hint("send `authorization: Bearer <key>`; `arrwdb key create` makes one")
    })?;
    let wrong = || {
        Problem::new(Code::KeyWrong, "the key is none of this server's, was revoked, or has ended")
            .hint("send `authorization: Bearer <key>`; `arrwdb key list` shows which there are")
    };
    let text = key.map_err(|_by_its_form| wrong())?;
    let grant = app.keys.grant(text, now()).ok_or_else(wrong)?;
    if !grant.has(needed) {
        let detail = format!("the key is not good for `{}`", scope.name());
        let hint = match needed {
            KeyScope::Admin => "use a key with the scope `admin`".to_owned(),
            KeyScope::Read | KeyScope::Publish | KeyScope::Work => {
                format!("use a key with the scope `{}`, or `admin`", scope.name())
            }
        };
        return Err(Problem::new(Code::ScopeMissing, detail).hint(hint));
    }
    app.keys.ask(&grant, &app.key_rate).map_err(|wait| {
        let max = app.key_rate.per_second();
        Problem::new(
            Code::TooManyRequests,
            format!("the key is used more often than {max} times a second"),
        )
        .at_limit(Limit::RequestsPerKey)
        .wait(wait)
        .hint("ask less often, or send many events at once (an array, or lines of NDJSON)")
    })?;
    Ok(grant)
}

/// The key of a request, if one is given: `authorization: Bearer <key>`, or as back ends of Centrifugo
/// send it, `x-api-key: <key>` or `authorization: apikey <key>`.
fn key_of(headers: &HeaderMap) -> Option<Result<&str, NoKey>> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let text = value.to_str().ok();
        return Some(text.and_then(|text| bearer(text).or_else(|| apikey(text))).ok_or(NoKey));
    }
    headers.get("x-api-key").map(|value| value.to_str().map_err(|_not_text| NoKey))
}

/// What stands where a key should is none by its form.
#[derive(Clone, Copy, Debug)]
struct NoKey;

fn apikey(text: &str) -> Option<&str> {
    let (scheme, key) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("apikey").then(|| key.trim())
}

pub(crate) fn bearer(text: &str) -> Option<&str> {
    let (scheme, key) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// The time by the clock on the wall, which is what ends a key.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

impl Grant {
    /// Refuses a topic that the key does not cover.
    pub(crate) fn check_topic(&self, topic: &str) -> Result<(), Problem> {
        if self.covers_topic(topic) || is_planted(Bug::AnyTopic) {
            return Ok(());
        }
        Err(Problem::new(Code::TopicForbidden, format!("the key may not touch `{topic}`"))
            .hint("use a key that names this topic, or none"))
    }

    /// Refuses what has all topics.
    pub(crate) fn check_all(&self) -> Result<(), Problem> {
        if self.covers_all() {
            return Ok(());
        }
        Err(Problem::new(Code::TopicForbidden, "the key names topics, and this has all of them")
            .hint("use a key that names none"))
    }

    /// Refuses a filter that wants more than the key covers.
    pub(crate) fn check_filter(&self, filter: &Filter) -> Result<(), Problem> {
        if self.covers(filter) {
            return Ok(());
        }
        Err(Problem::new(Code::TopicForbidden, format!("the key may not see all of `{filter}`"))
            .hint("ask for a filter that one of the key's topics covers"))
    }
}

impl Grant {
    /// Whether it may touch a queue: it must cover all topics that tell of the queue's jobs.
    pub(crate) fn covers_queue(&self, queue: &str) -> bool {
        let filter = Filter::parse(&format!("jobs.{queue}.>"));
        // What can be no queue is refused as such.
        filter.map_or(true, |filter| self.covers(&filter))
    }

    /// Refuses a queue that the key does not cover.
    pub(crate) fn check_queue(&self, queue: &str) -> Result<(), Problem> {
        if queue == builtin::QUEUE && !(self.has(KeyScope::Admin) && self.covers_all()) {
            let detail = format!("the queue `{queue}` is for the server's own work");
            return Err(Problem::new(Code::TopicForbidden, detail)
                .hint("use a key that may administer and names no topics, or another queue"));
        }
        if self.covers_queue(queue) || is_planted(Bug::AnyTopic) {
            return Ok(());
        }
        let detail = format!("the key may not touch the queue {}", shown(queue));
        Err(Problem::new(Code::TopicForbidden, detail)
            .hint("use a key that names `jobs.<queue>.>`, or no topics"))
    }
}
