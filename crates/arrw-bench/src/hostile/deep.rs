//! JSON that is nested 100,000 levels deep, wherever JSON is read.

use super::ground::Ground;
use super::ledger::Form;
use super::limits::LEVELS;
use super::request::{JSON, NDJSON, event, event_with, post, publish};
use super::shot::{Draft, REFUSED, Shot, TAKEN};

pub(super) const DRAFTS: &[Draft] = &[
    arrays_in_data,
    objects_in_data,
    mixed_in_a_line,
    in_headers,
    in_a_topic,
    in_an_unknown_field,
    as_the_event,
    as_the_array,
    in_an_array,
    as_the_batch,
    in_a_batch,
    in_acknowledgements,
    in_a_consumer,
    never_closed,
    only_closed,
];

/// `[[[...1...]]]`.
fn arrays() -> String {
    "[".repeat(LEVELS) + "1" + &"]".repeat(LEVELS)
}

/// `{"a":{"a":...1...}}`.
fn objects() -> String {
    r#"{"a":"#.repeat(LEVELS) + "1" + &"}".repeat(LEVELS)
}

/// `[{"a":[{"a":...1...}]}]`.
fn mixed() -> String {
    r#"[{"a":"#.repeat(LEVELS / 2) + "1" + &"}]".repeat(LEVELS / 2)
}

/// Data is kept byte for byte, and nobody goes down into it.
fn taken(ground: &Ground, what: &'static str, content_type: &str, value: &str) -> Shot {
    let topic = ground.enter(Form::Whole, 1);
    let event = event_with(&topic, &format!("\"id\":1,\"deep\":{value}"));
    Shot::new(what, publish(ground, content_type, event), TAKEN).writes(topic)
}

fn arrays_in_data(ground: &Ground) -> Shot {
    taken(ground, "deep arrays as data", JSON, &arrays())
}

fn objects_in_data(ground: &Ground) -> Shot {
    taken(ground, "deep objects as data", JSON, &objects())
}

fn mixed_in_a_line(ground: &Ground) -> Shot {
    taken(ground, "deep arrays and objects in a line", NDJSON, &mixed())
}

/// A body that is refused, to `POST` of a path.
fn refused(ground: &Ground, what: &'static str, path: &str, body: &str) -> Shot {
    Shot::new(what, post(ground, path, JSON, body), REFUSED)
}

fn in_headers(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let deep = objects();
    let body = format!(r#"{{"topic":"{topic}","data":{{"id":1}},"headers":{deep}}}"#);
    refused(ground, "deep objects as headers", "/v1/events", &body).writes(topic)
}

fn in_a_topic(ground: &Ground) -> Shot {
    let body = format!(r#"{{"topic":{},"data":1}}"#, arrays());
    refused(ground, "deep arrays as a topic", "/v1/events", &body)
}

fn in_an_unknown_field(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = format!(r#"{{"topic":"{topic}","data":{{"id":1}},"x":{}}}"#, mixed());
    refused(ground, "a deep field that there is not", "/v1/events", &body).writes(topic)
}

fn as_the_event(ground: &Ground) -> Shot {
    refused(ground, "deep objects as an event", "/v1/events", &objects())
}

fn as_the_array(ground: &Ground) -> Shot {
    refused(ground, "deep arrays as an array", "/v1/events", &arrays())
}

fn in_an_array(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = format!("[{},{}]", event(&topic, 1), arrays());
    refused(ground, "an event and deep arrays in an array", "/v1/events", &body).writes(topic)
}

fn as_the_batch(ground: &Ground) -> Shot {
    refused(ground, "deep arrays as a batch", "/v1/batch", &arrays())
}

fn in_a_batch(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = format!(r#"{{"events":[{},{}]}}"#, event(&topic, 1), objects());
    refused(ground, "an event and deep objects in a batch", "/v1/batch", &body).writes(topic)
}

fn in_acknowledgements(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = format!(r#"{{"events":[{}],"acknowledge":{}}}"#, event(&topic, 1), arrays());
    refused(ground, "deep arrays as acknowledgements", "/v1/batch", &body).writes(topic)
}

fn in_a_consumer(ground: &Ground) -> Shot {
    // As deep as a body of a control route may be large.
    let body = format!(r#"{{"after":{0}{1}}}"#, "[".repeat(30_000), "]".repeat(30_000));
    // The consumer is not there either way.
    Shot::new(
        "deep arrays for a consumer",
        post(ground, "/v1/consumers/x/reset", JSON, body),
        &[400, 404],
    )
}

fn never_closed(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = format!(r#"{{"topic":"{topic}","data":{}"#, "[".repeat(10 * LEVELS));
    refused(ground, "arrays that are never closed", "/v1/events", &body).writes(topic)
}

fn only_closed(ground: &Ground) -> Shot {
    refused(ground, "arrays that were never opened", "/v1/events", &"]".repeat(LEVELS))
}
