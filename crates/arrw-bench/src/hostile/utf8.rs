//! Texts that are none: bytes that are not UTF-8, halves of surrogates, NUL.

use super::ground::Ground;
use super::ledger::Form;
use super::request::{JSON, NDJSON, event, get, head, post, publish};
use super::shot::{Draft, REFUSED, Shot, TAKEN};

pub(super) const DRAFTS: &[Draft] = &[
    in_data,
    overlong_in_data,
    surrogate_in_data,
    in_a_topic,
    in_a_name,
    in_a_key,
    in_a_batch,
    in_an_array,
    in_a_line,
    half_a_surrogate_in_data,
    half_a_surrogate_in_a_topic,
    half_a_surrogate_in_an_id,
    nul_in_a_topic,
    byte_order_mark,
    utf_16,
    in_a_query,
    escaped_in_a_query,
    overlong_in_a_filter,
    escaped_in_a_path,
    in_last_event_id,
    in_a_content_type,
    in_a_producer,
    in_an_expected_position,
    in_a_host,
    in_a_header_name,
    in_a_request_id,
    in_a_trace,
];

/// Is text in nothing: no UTF-8 has these bytes.
const BAD: &[u8] = b"\xff\xfe";
/// A slash of two bytes, which must not be read as one.
const OVERLONG: &[u8] = b"\xc0\xaf";
/// Half of a pair of UTF-16, as UTF-8 would have it.
const SURROGATE: &[u8] = b"\xed\xa0\x80";

/// `text` with what stands for `?` replaced.
fn with(text: &str, bytes: &[u8]) -> Vec<u8> {
    let (before, behind) = text.split_once('?').unwrap_or((text, ""));
    [before.as_bytes(), bytes, behind.as_bytes()].concat()
}

/// An event whose data has bytes that are no text.
fn data(ground: &Ground, what: &'static str, bytes: &[u8]) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = with(&format!(r#"{{"topic":"{topic}","data":{{"id":1,"x":"?"}}}}"#), bytes);
    Shot::new(what, publish(ground, JSON, body), REFUSED).writes(topic)
}

fn in_data(ground: &Ground) -> Shot {
    data(ground, "bad UTF-8 in data", BAD)
}

fn overlong_in_data(ground: &Ground) -> Shot {
    data(ground, "overlong UTF-8 in data", OVERLONG)
}

fn surrogate_in_data(ground: &Ground) -> Shot {
    data(ground, "a surrogate as UTF-8 in data", SURROGATE)
}

/// An event that is refused; `?` stands for the bytes.
fn refused(ground: &Ground, what: &'static str, event: &str, bytes: &[u8]) -> Shot {
    Shot::new(what, publish(ground, JSON, with(event, bytes)), REFUSED)
}

fn in_a_topic(ground: &Ground) -> Shot {
    refused(ground, "bad UTF-8 in a topic", r#"{"topic":"hostile.?","data":1}"#, BAD)
}

fn in_a_name(ground: &Ground) -> Shot {
    refused(ground, "bad UTF-8 in a name", r#"{"topic":"hostile.utf8","data":1,"?":1}"#, BAD)
}

fn in_a_key(ground: &Ground) -> Shot {
    refused(ground, "bad UTF-8 in a key", r#"{"topic":"hostile.utf8","data":1,"key":"?"}"#, BAD)
}

fn in_a_batch(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let first = event(&topic, 1);
    let body = format!(r#"{{"events":[{first},{{"topic":"{topic}","data":{{"id":2,"x":"?"}}}}]}}"#);
    let request = post(ground, "/v1/batch", JSON, with(&body, BAD));
    Shot::new("bad UTF-8 in the second event of a batch", request, REFUSED).writes(topic)
}

fn in_an_array(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = format!(r#"[{},{{"topic":"?","data":2}}]"#, event(&topic, 1));
    let request = publish(ground, JSON, with(&body, BAD));
    Shot::new("bad UTF-8 in the second event of an array", request, REFUSED).writes(topic)
}

fn in_a_line(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Lines, 1);
    let (first, third) = (event(&topic, 1), event(&topic, 2));
    let lines = format!("{first}\n{{\"topic\":\"{topic}\",\"data\":\"?\"}}\n{third}\n");
    let request = publish(ground, NDJSON, with(&lines, BAD));
    Shot::new("bad UTF-8 in the second line", request, REFUSED).writes(topic)
}

fn half_a_surrogate_in_data(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 1);
    let body = format!(r#"{{"topic":"{topic}","data":{{"id":1,"x":"\ud800"}}}}"#);
    // The grammar of JSON allows it, and data is kept byte for byte.
    Shot::new("half a surrogate in data", publish(ground, JSON, body), &[200, 400]).writes(topic)
}

fn half_a_surrogate_in_a_topic(ground: &Ground) -> Shot {
    let event = r#"{"topic":"hostile.\udc00","data":1}"#;
    refused(ground, "half a surrogate in a topic", event, b"")
}

fn half_a_surrogate_in_an_id(ground: &Ground) -> Shot {
    let event = r#"{"topic":"hostile.utf8","data":1,"id":"\ud83d\ud83d"}"#;
    refused(ground, "half a surrogate in an id", event, b"")
}

fn nul_in_a_topic(ground: &Ground) -> Shot {
    refused(ground, "NUL in a topic", r#"{"topic":"hostile.\u0000","data":1}"#, b"")
}

fn byte_order_mark(ground: &Ground) -> Shot {
    let event = r#"?{"topic":"hostile.utf8","data":1}"#;
    refused(ground, "a byte order mark", event, b"\xef\xbb\xbf")
}

fn utf_16(ground: &Ground) -> Shot {
    let text = r#"{"topic":"hostile.utf8","data":1}"#;
    let body: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    Shot::new("UTF-16", publish(ground, JSON, body), REFUSED)
}

fn in_a_query(ground: &Ground) -> Shot {
    let behind = format!(" HTTP/1.1\r\nhost: {}\r\n\r\n", ground.address);
    let request = [b"GET /v1/events?filter=", BAD, behind.as_bytes()].concat();
    Shot::new("bad UTF-8 in a query", request, REFUSED)
}

fn escaped_in_a_query(ground: &Ground) -> Shot {
    Shot::new("escaped bad UTF-8 in a query", get(ground, "/v1/events?filter=%ff%fe"), REFUSED)
}

fn overlong_in_a_filter(ground: &Ground) -> Shot {
    Shot::new("overlong UTF-8 in a filter", get(ground, "/v1/events?filter=%c0%af"), REFUSED)
}

fn escaped_in_a_path(ground: &Ground) -> Shot {
    let target = "/v1/topics/%ff%fe/events";
    Shot::new("escaped bad UTF-8 in a path", get(ground, target), &[400, 404])
}

/// A header whose value is no text.
fn header(ground: &Ground, (what, line): (&'static str, &str), header: &str) -> Shot {
    Shot::new(what, head(ground, line, with(header, BAD)), REFUSED)
}

fn in_last_event_id(ground: &Ground) -> Shot {
    let what = ("bad UTF-8 in Last-Event-ID", "GET /v1/events/stream");
    header(ground, what, "last-event-id: ?\r\n")
}

fn in_a_content_type(ground: &Ground) -> Shot {
    let headers = with("content-type: ?\r\ncontent-length: 2\r\n", BAD);
    let request = head(ground, "POST /v1/events", headers);
    Shot::new("bad UTF-8 in a content type", request, &[415]).then("{}")
}

/// A publish with a header whose value is no text, and which must be right.
fn publish_with(ground: &Ground, what: &'static str, content_type: &str, name: &str) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = event(&topic, 1);
    let length = body.len();
    let headers = format!("{content_type}{name}: ?\r\ncontent-length: {length}\r\n");
    let request = head(ground, "POST /v1/events", with(&headers, BAD));
    Shot::new(what, request, REFUSED).then(body).writes(topic)
}

fn in_a_producer(ground: &Ground) -> Shot {
    let numbered = format!("{NDJSON}arrw-producer-seq: 1\r\n");
    publish_with(ground, "bad UTF-8 in a producer", &numbered, "arrw-producer")
}

fn in_an_expected_position(ground: &Ground) -> Shot {
    publish_with(ground, "bad UTF-8 in an expected position", JSON, "arrw-expect-last")
}

fn in_a_host(_ground: &Ground) -> Shot {
    let request = with("GET /livez HTTP/1.1\r\nhost: ?\r\n\r\n", BAD);
    Shot::new("bad UTF-8 in the host", request, &[400, 421])
}

fn in_a_header_name(ground: &Ground) -> Shot {
    header(ground, ("bad UTF-8 in the name of a header", "GET /livez"), "x?: 1\r\n")
}

fn in_a_request_id(ground: &Ground) -> Shot {
    let request = head(ground, "GET /livez", with("x-request-id: ?\r\n", BAD));
    // Another one is drawn.
    Shot::new("bad UTF-8 in x-request-id", request, TAKEN)
}

fn in_a_trace(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 1);
    let body = event(&topic, 1);
    let headers = format!("{JSON}traceparent: ?\r\ncontent-length: {}\r\n", body.len());
    let request = head(ground, "POST /v1/events", with(&headers, BAD));
    // The standard wants a wrong one left out.
    Shot::new("bad UTF-8 in traceparent", request, TAKEN).then(body).writes(topic)
}
