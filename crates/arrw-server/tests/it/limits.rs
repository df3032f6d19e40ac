//! Limits that were set to something else than their defaults.

use std::io::{BufRead, Read, Write};
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

/// Asks until the server has counted that a limit was reached.
pub(crate) fn until_counted(server: &Running, limit: &str) {
    let none = format!("arrwdb_limit_reached_total{{limit=\"{limit}\"}} 0");
    let begun = Instant::now();
    loop {
        let metrics = server.get("/metrics");
        assert!(metrics.status != 200 || metrics.body.contains(&format!("limit=\"{limit}\"}} ")));
        if metrics.status == 200 && !metrics.body.lines().any(|line| line == none) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "`{limit}` is not counted");
    }
}

#[test]
fn who_asks_too_often_is_told_how_long_to_wait() {
    let server = Running::with(|limits| limits.requests_per_loopback = 1);
    let mut stream = server.send(&LIVEZ.repeat(20));
    let answers: Vec<Answer> = (0..20).map(|_| Answer::read(&mut stream)).collect();
    let refused = answers.iter().find(|answer| answer.status != 200).unwrap();
    refused.refused(429, "ARW0046", "more often than 1 times a second");
    assert_eq!(refused.header("retry-after"), Some("1"));
    // Whoever comes back by another connection is the same.
    let begun = Instant::now();
    while Answer::read(&mut server.send(LIVEZ)).status != 429 {
        assert!(begun.elapsed() < PATIENCE);
    }
    until_answered(&server, LIVEZ);
    until_counted(&server, "requests_per_loopback");
}

#[test]
fn one_connection_more_is_turned_away() {
    let server = Running::with(|limits| limits.connections = 2);
    let mut both = [server.send(LIVEZ), server.send(LIVEZ)];
    both.iter_mut().for_each(|stream| drop(Answer::read(stream).fine()));
    let answer = Answer::read(&mut server.send(b""));
    answer.refused(503, "ARW0025", "as many connections as there may be: 2");
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    drop(both);
    until_answered(&server, LIVEZ);
    until_counted(&server, "connections");
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
    until_counted(&server, "connections_per_loopback");
}

#[test]
fn one_stream_more_is_refused() {
    let server = Running::with(|limits| limits.streams = 1);
    let mut first = server.send(STREAM);
    Answer::read_head(&mut first).fine();
    let answer = server.get("/v1/events/stream");
    answer.refused(503, "ARW0019", "as many streams of events as there may be: 1");
    server.get("/livez").fine();
    assert_eq!(answer.header("retry-after"), Some("1"));
    drop(first);
    until_answered(&server, STREAM);
    until_counted(&server, "streams");
}

#[test]
fn a_head_that_takes_too_long_ends_the_connection() {
    let server = Running::with(|limits| limits.head = Duration::from_millis(100));
    let mut stream = server.send(b"GET /livez HTTP/1.1\r\n");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(!rest.starts_with("HTTP/1.1 200"), "{rest}");
    until_counted(&server, "head_ms");
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let server = Running::with(|limits| limits.write_stall = Duration::from_millis(100));
    let payload = vec![b'7'; 1 << 20];
    for _ in 0..4 {
        server.publish("a", &payload);
    }
    let pages = b"GET /v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(20);
    let _unread = server.send(&pages);
    until_counted(&server, "write_stall_ms");
}

#[test]
fn a_body_that_brings_nothing_is_refused() {
    let server = Running::with(|limits| limits.body_idle = Duration::from_millis(100));
    let head = b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                 content-length: 9\r\n\r\n{";
    Answer::read(&mut server.send(head)).refused(408, "ARW0026", "nothing came for 100 ms");
    until_counted(&server, "body_idle_ms");
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
    for limit in ["json_bytes", "line_bytes"] {
        until_counted(&server, limit);
    }
}

#[test]
fn bodies_keep_to_their_bytes_together() {
    let server = Running::with(|limits| limits.bodies_bytes = 8 << 10);
    let begun = format!("{{\"topic\":\"a\",\"data\":\"{}", "x".repeat(5 << 10));
    let head = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let length = begun.len() + 2;
    let request = format!("{head}content-length: {length}\r\n\r\n{begun}");
    let mut both = [server.send(request.as_bytes()), server.send(request.as_bytes())];
    // Neither ends; the server answers the one for which there is no room, whichever that is.
    let since = Instant::now();
    let refused = 'refused: loop {
        for (at, stream) in both.iter_mut().enumerate() {
            stream.get_mut().set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            if stream.fill_buf().is_ok() {
                break 'refused at;
            }
        }
        assert!(since.elapsed() < PATIENCE, "nothing is refused");
    };
    let [first, second] = both;
    let (mut refused, mut taken) = if refused == 0 { (first, second) } else { (second, first) };
    let answer = Answer::read(&mut refused);
    answer.refused(503, "ARW0050", "8192 bytes already");
    assert_eq!(answer.header("retry-after"), Some("1"));
    taken.get_mut().set_read_timeout(Some(PATIENCE)).unwrap();
    taken.get_mut().write_all(b"\"}").unwrap();
    Answer::read(&mut taken).fine();
    drop(refused);
    while server.post_json(&format!("{begun}\"}}")).status != 200 {
        assert!(since.elapsed() < PATIENCE, "nothing was given back");
    }
    until_counted(&server, "bodies_bytes");
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
    for limit in ["page_events", "page_wait_ms"] {
        until_counted(&server, limit);
    }
    let metrics = server.get("/metrics").body;
    assert!(metrics.contains("arrwdb_refusals_total{code=\"ARW0004\"} 2"), "{metrics}");
}
