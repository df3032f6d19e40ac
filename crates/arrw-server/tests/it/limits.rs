//! Limits that were set to something else than their defaults.

use std::io::Read;
use std::time::{Duration, Instant};

use crate::asking::{Answer, PATIENCE, Running};

const LIVEZ: &[u8] = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n";
const STREAM: &[u8] = b"GET /v1/events/stream HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Asks until there is room again.
fn until_answered(server: &Running, request: &[u8]) {
    let begun = Instant::now();
    while Answer::read_head(&mut server.send(request)).status != 200 {
        assert!(begun.elapsed() < PATIENCE, "there is no room");
    }
}

#[test]
fn one_connection_more_is_turned_away() {
    let server = Running::with(|limits| limits.connections = 2);
    let mut both = [server.send(LIVEZ), server.send(LIVEZ)];
    both.iter_mut().for_each(|stream| drop(Answer::read(stream).fine()));
    let answer = Answer::read(&mut server.send(b""));
    answer.refused(503, "ARW0025", "as many connections as there may be: 2");
    assert_eq!(answer.header("connection"), Some("close"));
    drop(both);
    until_answered(&server, LIVEZ);
}

#[test]
fn one_connection_more_from_an_address_is_turned_away() {
    let server = Running::with(|limits| limits.connections_per_loopback = 1);
    let mut first = server.send(LIVEZ);
    Answer::read(&mut first).fine();
    let answer = Answer::read(&mut server.send(b""));
    answer.refused(503, "ARW0025", "as many connections from `127.0.0.1` as there may be: 1");
    drop(first);
    until_answered(&server, LIVEZ);
}

#[test]
fn one_stream_more_is_refused() {
    let server = Running::with(|limits| limits.streams = 1);
    let mut first = server.send(STREAM);
    Answer::read_head(&mut first).fine();
    let answer = server.get("/v1/events/stream");
    answer.refused(503, "ARW0019", "as many streams of events as there may be: 1");
    server.get("/livez").fine();
    drop(first);
    until_answered(&server, STREAM);
}

#[test]
fn a_head_that_takes_too_long_ends_the_connection() {
    let server = Running::with(|limits| limits.head = Duration::from_millis(100));
    let mut stream = server.send(b"GET /livez HTTP/1.1\r\n");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(!rest.starts_with("HTTP/1.1 200"), "{rest}");
}

#[test]
fn a_body_that_brings_nothing_is_refused() {
    let server = Running::with(|limits| limits.body_idle = Duration::from_millis(100));
    let head = b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                 content-length: 9\r\n\r\n{";
    Answer::read(&mut server.send(head)).refused(408, "ARW0026", "nothing came for 100 ms");
}

#[test]
fn bodies_and_lines_keep_to_their_bytes() {
    let server = Running::with(|limits| (limits.json_bytes, limits.line_bytes) = (100, 50));
    let event =
        |bytes: usize| format!("{{\"topic\":\"a\",\"data\":\"{}\"}}", "x".repeat(bytes - 23));
    assert_eq!(event(100).len(), 100);
    server.post_json(&event(100)).fine();
    server.post_json(&event(101)).refused(413, "ARW0008", "more than 100 bytes");
    let lines = format!("{}\n{}\n{}\n", event(50), event(51), event(50));
    let answer = server.post("application/x-ndjson", lines.as_bytes());
    let problem = answer.refused(413, "ARW0008", "line 2: it has more than 50 bytes");
    assert_eq!((&problem["line"], &problem["count"]), (&2.into(), &1.into()));
}

#[test]
fn pages_keep_to_their_events_and_their_wait() {
    let server = Running::with(|limits| {
        (limits.page_events, limits.page_wait) = (5, Duration::from_millis(100));
    });
    for _ in 0..7 {
        server.publish("a", b"1");
    }
    let count = |target: &str| server.get(target).fine().json()["events"].as_array().unwrap().len();
    assert_eq!(count("/v1/events"), 5);
    assert_eq!(count("/v1/events?limit=4&wait_ms=100"), 4);
    server.get("/v1/events?limit=6").refused(400, "ARW0004", "from 1 to 5");
    server.get("/v1/events?wait_ms=101").refused(400, "ARW0004", "from 0 to 100");
}
