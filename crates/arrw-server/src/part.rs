//! The part of a path that names something, such as `{topic}`.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::problem::{Code, Problem};

/// The one such part of a path, without its escapes.
#[derive(Debug)]
pub(crate) struct Part(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Part {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(part)) => Ok(Self(part)),
            Err(_not_text) => {
                let path = parts.uri.path();
                let detail = format!("`{path}` is not UTF-8 behind its escapes");
                Err(Problem::new(Code::Query, detail))
            }
        }
    }
}
