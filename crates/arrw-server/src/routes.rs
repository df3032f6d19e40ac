//! Which path is answered by whom.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use crate::app::App;
use crate::events;
use crate::guard;
use crate::nearest::nearest;
use crate::problem::{Code, Problem};

/// Every path there is.
const PATHS: &[&str] = &["/livez", "/v1/events", "/v1/events/stream"];

pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/v1/events", get(events::list).post(events::publish))
        .route("/v1/events/stream", get(events::stream))
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(&app), guard::check))
        .with_state(app)
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
    match nearest(uri.path(), PATHS) {
        Some(path) => problem.hint(format!("did you mean `{path}`?")),
        None => problem.hint(format!("there are {}", PATHS.join(", "))),
    }
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::new(Code::Method, format!("`{}` does not know {method}", uri.path()))
        .hint("the `allow` header names the methods that it knows")
}
