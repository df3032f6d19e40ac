//! JSON bodies of the control routes, and JSON answers.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use crate::app::App;
use crate::body::Inflow;
use crate::limits::CONTROL_BYTES_MAX;
use crate::problem::{Code, Problem};

/// The value of a small body. One that is empty is read as `{}`.
pub(crate) async fn read<T: DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    check_type(headers)?;
    let mut inflow = app.inflow(body);
    let whole = inflow.whole(headers, CONTROL_BYTES_MAX).await;
    value(inflow, whole).await
}

/// The value of a body as large as one JSON value may be.
pub(crate) async fn read_large<T: DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    check_type(headers)?;
    let mut inflow = app.inflow(body);
    let whole = inflow.json(headers, &app.limits).await;
    value(inflow, whole).await
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).map_or("", |it| it.to_str().unwrap_or("?"));
    if !["", "application/json"].contains(&essence(given).as_str()) {
        return Err(Problem::new(Code::ContentType, format!("the content type is `{given}`"))
            .hint("send `content-type: application/json`"));
    }
    Ok(())
}

async fn value<T: DeserializeOwned>(
    inflow: Inflow,
    whole: Result<Bytes, Problem>,
) -> Result<T, Problem> {
    match whole {
        Ok(bytes) if bytes.trim_ascii().is_empty() => object(Code::Body, b"{}"),
        Ok(bytes) => object(Code::Body, &bytes),
        Err(problem) => {
            inflow.discard().await;
            Err(problem)
        }
    }
}

/// Reads an object; what is of another form has this code. (An array is none, though members can be read of one in order.)
pub(crate) fn object<'a, T: Deserialize<'a>>(code: Code, json: &'a [u8]) -> Result<T, Problem> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        serde_json::from_slice::<IgnoredAny>(json).map_err(|error| refusal(code, &error))?;
        return Err(Problem::new(code, "this is JSON, and no object").hint("write it as `{...}`"));
    }
    serde_json::from_slice(json).map_err(|error| refusal(code, &error))
}

/// A text of a client in the words of an error: quoted, and not all of it if it is long.
pub(crate) fn shown(text: &str) -> String {
    format!("`{}`", short(text))
}

/// A text of a client that others put quotes around: not all of it if it is long.
pub(crate) fn short(text: &str) -> String {
    let short: String = text.chars().take(64).collect();
    let more = if short.len() < text.len() { "..." } else { "" };
    format!("{}{more}", short.escape_debug())
}

/// A content type without its parameters, in small letters.
pub(crate) fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// What is wrong with a text: it is not JSON, or JSON of another form, which has its code.
pub(crate) fn refusal(code: Code, error: &serde_json::Error) -> Problem {
    match error.classify() {
        Category::Data => Problem::new(code, error.to_string()),
        Category::Syntax | Category::Eof | Category::Io => {
            Problem::new(Code::NotJson, format!("this is not JSON: {error}"))
        }
    }
}

/// An answer that nobody may keep: the next one may differ.
pub(crate) fn answer(value: &impl Serialize) -> Response {
    let json = serde_json::to_vec(value).expect("texts and numbers are always JSON");
    of_bytes(json)
}

/// An answer that is JSON already.
pub(crate) fn of_bytes(json: Vec<u8>) -> Response {
    let mut response = json.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
