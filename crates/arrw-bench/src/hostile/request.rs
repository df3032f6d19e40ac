//! Requests of attacks as bytes.

use super::ground::Ground;
use crate::connection;

pub(super) use crate::connection::{JSON, NDJSON};

/// An event of a topic, with an id in its data.
pub(super) fn event(topic: &str, id: u64) -> String {
    event_with(topic, &format!("\"id\":{id}"))
}

/// An event of a topic, with these members of its data, of which the first is an id.
pub(super) fn event_with(topic: &str, members: &str) -> String {
    format!(r#"{{"topic":"{topic}","data":{{{members}}}}}"#)
}

/// Events with the ids 1, 2, ..., and something between two of them.
pub(super) fn events(topic: &str, count: u64, between: &str) -> String {
    let events: Vec<String> = (1..=count).map(|id| event(topic, id)).collect();
    events.join(between)
}

/// `POST /v1/events` with a body. Each of `headers` ends with a line break.
pub(super) fn publish(ground: &Ground, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    post(ground, "/v1/events", headers, body)
}

/// A request with a body.
pub(super) fn post(ground: &Ground, path: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    connection::request(ground.address, &format!("POST {path}"), headers, body.as_ref())
}

/// The head of `POST /v1/events` with a body in chunks.
pub(super) fn chunked(ground: &Ground, content_type: &str) -> Vec<u8> {
    head(ground, "POST /v1/events", format!("{content_type}transfer-encoding: chunked\r\n"))
}

/// The head of `POST /v1/events` with a body of so many bytes.
pub(super) fn promised(ground: &Ground, headers: &str, bytes: u64) -> Vec<u8> {
    head(ground, "POST /v1/events", format!("{headers}content-length: {bytes}\r\n"))
}

/// A head with our host.
pub(super) fn head(ground: &Ground, line: &str, headers: impl AsRef<[u8]>) -> Vec<u8> {
    let begin = format!("{line} HTTP/1.1\r\nhost: {}\r\n", ground.address);
    [begin.as_bytes(), headers.as_ref(), b"\r\n"].concat()
}

/// `GET` of a target.
pub(super) fn get(ground: &Ground, target: &str) -> Vec<u8> {
    head(ground, &format!("GET {target}"), "")
}

/// A chunk of a body.
pub(super) fn chunk(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// The chunk that ends a body.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
