//! A name for each request, and one line about it.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;

use crate::limits::REQUEST_ID_BYTES_MAX;

/// The header that brings the name of a request, and takes it back.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Draws names that no other process draws, by all odds.
#[derive(Debug, Default)]
pub(crate) struct RequestIds {
    /// Random from the start.
    keys: RandomState,
    count: AtomicU64,
}

impl RequestIds {
    fn draw(&self) -> HeaderValue {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let text = format!("{:016x}", self.keys.hash_one(number));
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("-"))
    }
}

/// Names a request, answers with the name, and tells of it. Of the request no more is told than what it was
/// asked of: no query, no header, no body.
pub(crate) async fn name(
    State(ids): State<Arc<RequestIds>>,
    request: Request,
    next: Next,
) -> Response {
    let id = given(request.headers()).unwrap_or_else(|| ids.draw());
    // What is not told of need not be kept.
    let told = tracing::enabled!(tracing::Level::DEBUG)
        .then(|| (request.method().clone(), request.uri().clone(), Instant::now()));
    let mut response = next.run(request).await;
    if let Some((method, uri, begun)) = told {
        tracing::debug!(
            %method,
            path = uri.path(),
            status = response.status().as_u16(),
            duration_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
            request_id = id.to_str().unwrap_or_default(),
            "request",
        );
    }
    response.headers_mut().insert(HEADER, id);
    response
}

/// The name that the request brings, if there is one and it is fit to be printed.
pub(crate) fn given(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(HEADER)?;
    let is_fit = id.as_bytes().iter().all(u8::is_ascii_graphic);
    (is_fit && (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())).then(|| id.clone())
}
