//! Numbers that fit nowhere: in data, in queries, in lengths, as positions.

use super::ground::{ENDED, Ground};
use super::ledger::Form;
use super::request::{JSON, NDJSON, chunked, event, event_with, events, get, head, post, publish};
use super::shot::{Draft, REFUSED, REFUSED_OR_ENDED, Shot, TAKEN};

pub(super) const DRAFTS: &[Draft] = &[
    exponent,
    digits,
    no_number,
    as_a_topic,
    large_after,
    late_after,
    foreign_after,
    large_time,
    large_limit,
    negative_limit,
    large_wait,
    large_offset,
    last_offset,
    large_last_event_id,
    large_generation,
    last_producer_seq,
    last_producer_seq_of_wrong_lines,
    large_producer_seq,
    late_expected_position,
    large_acknowledgement,
    no_length,
    length_of_u64,
    length_above_u64,
    negative_length,
    signed_length,
    hexadecimal_length,
    two_lengths,
    length_and_chunks,
    chunk_of_u64,
    chunk_above_u64,
    negative_chunk,
];

/// Data is kept byte for byte, whatever its numbers are.
fn taken(ground: &Ground, what: &'static str, number: &str) -> Shot {
    let topic = ground.enter(Form::Whole, 1);
    let event = event_with(&topic, &format!("\"id\":1,\"x\":[{number},-{number}]"));
    Shot::new(what, publish(ground, JSON, event), TAKEN).writes(topic)
}

fn exponent(ground: &Ground) -> Shot {
    taken(ground, "1e999999 in data", "1e999999")
}

fn digits(ground: &Ground) -> Shot {
    taken(ground, "10,000 digits in data", &"9".repeat(10_000))
}

fn no_number(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let event = event_with(&topic, "\"id\":1,\"x\":01e+");
    Shot::new("01e+ in data", publish(ground, JSON, event), REFUSED).writes(topic)
}

fn as_a_topic(ground: &Ground) -> Shot {
    let event = r#"{"topic":1e999999,"data":1}"#;
    Shot::new("1e999999 as a topic", publish(ground, JSON, event), REFUSED)
}

/// A query that is refused.
fn query(ground: &Ground, what: &'static str, target: &str) -> Shot {
    Shot::new(what, get(ground, target), REFUSED)
}

fn large_after(ground: &Ground) -> Shot {
    query(ground, "after=99999999999999999999", "/v1/events?after=99999999999999999999")
}

fn late_after(ground: &Ground) -> Shot {
    let target = format!("/v1/events?after={}:{}", ground.epoch, u64::MAX);
    Shot::new("the last position there can be", get(ground, &target), &[400, 409])
}

fn foreign_after(ground: &Ground) -> Shot {
    let target = format!("/v1/events?after=ffffffffffffffff:{}", u64::MAX);
    Shot::new("the last position of the last epoch", get(ground, &target), &[400, 410])
}

fn large_time(ground: &Ground) -> Shot {
    query(ground, "a time that never comes", "/v1/events?after=999999999999-12-31T23:59:59Z")
}

fn large_limit(ground: &Ground) -> Shot {
    let target = format!("/v1/events?limit={}", "9".repeat(1_000));
    query(ground, "a limit of 1,000 digits", &target)
}

fn negative_limit(ground: &Ground) -> Shot {
    query(ground, "limit=-1", "/v1/events?limit=-1")
}

fn large_wait(ground: &Ground) -> Shot {
    let target = format!("/v1/events?wait_ms={}", u64::MAX);
    query(ground, "a wait of 584 million years", &target)
}

fn large_offset(ground: &Ground) -> Shot {
    let target = "/v1/topics/good.1/events?since_offset=18446744073709551616";
    query(ground, "an offset above 64 bits", target)
}

fn last_offset(ground: &Ground) -> Shot {
    let target = format!("/v1/topics/good.1/events?since_offset={}", u64::MAX);
    Shot::new("the last offset there can be", get(ground, &target), &[200, 400])
}

fn large_last_event_id(ground: &Ground) -> Shot {
    let header = format!("last-event-id: {}:{}\r\n", ground.epoch, u64::MAX);
    let request = head(ground, "GET /v1/events/stream", header);
    Shot::new("the last Last-Event-ID there can be", request, &[400, 409])
}

fn large_generation(ground: &Ground) -> Shot {
    let target = "/v1/consumers/x/events?generation=1e999999";
    Shot::new("1e999999 as a generation", get(ground, target), &[400, 404])
}

/// Lines of a producer whose first number is `seq`.
fn produced(ground: &Ground, path: &str, seq: u128, lines: &str) -> Vec<u8> {
    let producer = "arrw-producer: hostile-numbers\r\n";
    post(ground, path, &format!("{NDJSON}{producer}arrw-producer-seq: {seq}\r\n"), lines)
}

fn last_producer_seq(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Lines, 0);
    let lines = events(&topic, 2, "\n");
    let request = produced(ground, "/v1/events", u64::MAX.into(), &lines);
    Shot::new("the last number of a producer", request, REFUSED).writes(topic)
}

fn last_producer_seq_of_wrong_lines(ground: &Ground) -> Shot {
    let path = "/v1/events?on_error=continue";
    let request = produced(ground, path, u64::MAX.into(), "x\ny\n");
    Shot::new("the last number of a producer, for wrong lines", request, REFUSED)
}

fn large_producer_seq(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Lines, 0);
    let request = produced(ground, "/v1/events", u128::MAX, &event(&topic, 1));
    Shot::new("a number of a producer above 64 bits", request, REFUSED).writes(topic)
}

fn late_expected_position(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let headers = format!("{JSON}arrw-expect-last: {}:{}\r\n", ground.epoch, u64::MAX);
    let request = publish(ground, &headers, event(&topic, 1));
    Shot::new("the last position there can be, expected", request, &[400, 409]).writes(topic)
}

fn large_acknowledgement(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let (event, position) = (event(&topic, 1), format!("{}:{}", ground.epoch, u64::MAX));
    let ack = format!(r#"{{"consumer":"x","generation":1e999999,"position":"{position}"}}"#);
    let body = format!(r#"{{"events":[{event}],"acknowledge":[{ack}]}}"#);
    let request = post(ground, "/v1/batch", JSON, body);
    Shot::new("1e999999 as an acknowledged generation", request, REFUSED).writes(topic)
}

/// A publish of one event whose length is said otherwise; nothing may come of it.
fn length(ground: &Ground, what: &'static str, said: &str, answers: &'static [u16]) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let request = head(ground, "POST /v1/events", format!("{JSON}{said}\r\n"));
    Shot::new(what, request, answers).then(event(&topic, 1)).writes(topic)
}

fn no_length(ground: &Ground) -> Shot {
    length(ground, "an empty content-length", "content-length: ", REFUSED)
}

fn length_of_u64(ground: &Ground) -> Shot {
    let answers = &[400, 413, 431];
    length(ground, "a length of 2^64 - 1", "content-length: 18446744073709551615", answers)
}

fn length_above_u64(ground: &Ground) -> Shot {
    length(ground, "a length above 64 bits", "content-length: 99999999999999999999", REFUSED)
}

fn negative_length(ground: &Ground) -> Shot {
    length(ground, "a negative length", "content-length: -1", REFUSED)
}

fn signed_length(ground: &Ground) -> Shot {
    length(ground, "a length with a sign", "content-length: +5", REFUSED)
}

fn hexadecimal_length(ground: &Ground) -> Shot {
    length(ground, "a length in hexadecimal", "content-length: 0x10", REFUSED)
}

fn two_lengths(ground: &Ground) -> Shot {
    length(ground, "two lengths", "content-length: 5\r\ncontent-length: 6", REFUSED)
}

fn length_and_chunks(ground: &Ground) -> Shot {
    let topic = ground.enter(Form::Whole, 1);
    let headers = format!("{JSON}content-length: 5\r\ntransfer-encoding: chunked\r\n");
    let body = super::request::chunk(event(&topic, 1));
    // RFC 9112 allows either: chunks count, and then the connection is closed; or it is refused.
    Shot::new("a length and chunks", head(ground, "POST /v1/events", headers), &[200, 400])
        .then(body)
        .then(super::request::LAST_CHUNK)
        .writes(topic)
}

/// A body in chunks, the first of which says its size thus.
fn chunk(ground: &Ground, what: &'static str, size: &str, answers: &'static [u16]) -> Shot {
    let topic = ground.enter(Form::Whole, 0);
    let body = format!("{size}\r\n{}\r\n0\r\n\r\n", event(&topic, 1));
    Shot::new(what, chunked(ground, JSON), answers).then(body).writes(topic)
}

fn chunk_of_u64(ground: &Ground) -> Shot {
    chunk(ground, "a chunk of 2^64 - 1 bytes", "ffffffffffffffff", &[400, 408, 413, ENDED])
}

fn chunk_above_u64(ground: &Ground) -> Shot {
    chunk(ground, "a chunk above 64 bits", "1ffffffffffffffff", REFUSED_OR_ENDED)
}

fn negative_chunk(ground: &Ground) -> Shot {
    chunk(ground, "a chunk of -1 bytes", "-1", REFUSED_OR_ENDED)
}
