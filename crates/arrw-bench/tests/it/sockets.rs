//! The generator of the group `sockets` against its floor, both in this process.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write, pipe};
use std::thread;

use arrw_bench::{SocketsPart, sockets_part};
use serde_json::{Value, json};

/// A floor and a generator that loads it.
struct Pair {
    server: String,
    orders: PipeWriter,
    told: BufReader<PipeReader>,
}

impl Pair {
    fn start() -> Self {
        // The floor reads nothing, and ends with this process.
        let (_orders, _thread, mut floor) = part(SocketsPart::Floor);
        let mut line = String::new();
        floor.read_line(&mut line).unwrap();
        let (_, server) = line.trim_end().split_once("http://").unwrap();
        let (orders, told) = generator();
        Self { server: server.to_owned(), orders, told }
    }

    fn tell(&mut self, order: &Value) -> Value {
        writeln!(self.orders, "{order}").unwrap();
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// An order that does not fail, and what was answered.
    fn ask(&mut self, order: &Value, name: &str) -> Value {
        let told = self.tell(order);
        told.get(name).unwrap_or_else(|| panic!("{order} was answered {told}")).clone()
    }

    fn open(&mut self, group: &str, connections: u32, channels: u32) -> Value {
        let mut opening = json!({
            "server": self.server, "group": group, "connections": connections,
            "in_progress": 16, "time_max_ms": 60_000,
        });
        if 0 < channels {
            opening["channels"] = json!({ "prefix": "vol:c", "count": channels });
            opening["secret"] = json!("a secret");
        }
        self.ask(&json!({ "open": opening }), "opened")
    }

    fn publish(&mut self, channels: u32, events: u32, receivers: u32, pace: &Value) -> Value {
        let publishing = json!({
            "channels": { "prefix": "vol:c", "count": channels }, "warm": 3, "events": events,
            "pace": pace, "receivers": receivers, "payload_bytes": 128, "time_max_ms": 60_000,
        });
        self.ask(&json!({ "publish": publishing }), "published")
    }
}

fn generator() -> (PipeWriter, BufReader<PipeReader>) {
    let (orders, _thread, told) = part(SocketsPart::Generator);
    (orders, told)
}

fn part(part: SocketsPart) -> (PipeWriter, thread::JoinHandle<()>, BufReader<PipeReader>) {
    let (input, orders) = pipe().unwrap();
    let (told, mut output) = pipe().unwrap();
    let thread = thread::spawn(move || sockets_part(part, input, &mut output).unwrap());
    (orders, thread, BufReader::new(told))
}

#[test]
fn every_subscriber_gets_every_publication_at_any_pace() {
    let mut pair = Pair::start();
    let opened = pair.open("readers", 60, 4);
    assert_eq!(opened["times"]["count"], 60);
    pair.open("publishers", 2, 0);
    for pace in [json!("burst"), json!("one_by_one"), json!({ "every": 200_000 })] {
        let published = pair.publish(4, 50, 15, &pace);
        assert_eq!(published["receipts"], 50 * 15, "{pace}");
        assert_eq!(published["times"]["count"], 50, "{pace}");
        assert!(0.0 < published["seconds"].as_f64().unwrap(), "{pace}");
    }
}

#[test]
fn calls_are_answered() {
    let mut pair = Pair::start();
    pair.open("readers", 1, 0);
    let echoed = pair.ask(&json!({ "echo": { "warm_ms": 0, "time_ms": 50 } }), "echoed");
    assert!(0 < echoed["count"].as_u64().unwrap(), "{echoed}");
    assert!(echoed["p50_us"].as_f64() <= echoed["p99_us"].as_f64(), "{echoed}");
}

#[test]
fn those_that_stopped_reading_catch_up() {
    let mut pair = Pair::start();
    pair.open("readers", 2, 1);
    pair.open("stalled", 5, 1);
    pair.open("publishers", 1, 0);
    assert_eq!(pair.tell(&json!("stall")), json!("done"));
    // More than the system holds for a connection.
    let published = pair.publish(1, 40_000, 2, &json!("burst"));
    assert_eq!(published["receipts"], 80_000);
    let caught_up = pair.ask(&json!({ "catch_up": { "time_max_ms": 60_000 } }), "caught_up");
    assert!(0.0 <= caught_up["seconds"].as_f64().unwrap());
}

#[test]
fn those_that_were_cut_off_get_nothing_more() {
    let mut pair = Pair::start();
    pair.open("readers", 5, 1);
    pair.open("publishers", 1, 0);
    assert_eq!(pair.tell(&json!("cut")), json!("done"));
    assert_eq!(pair.publish(1, 10, 0, &json!("burst"))["receipts"], 0);
    pair.open("readers", 3, 1);
    assert_eq!(pair.publish(1, 10, 3, &json!("burst"))["receipts"], 30);
}

#[test]
fn a_publication_that_does_not_come_is_told() {
    let mut pair = Pair::start();
    pair.open("readers", 2, 1);
    pair.open("publishers", 1, 0);
    let publishing = json!({
        "channels": { "prefix": "vol:c", "count": 1 }, "events": 5, "pace": "burst",
        "receivers": 3, "payload_bytes": 128, "time_max_ms": 300,
    });
    let told = pair.tell(&json!({ "publish": publishing }));
    let why = told["failed"].as_str().unwrap();
    assert!(why.contains("5 of 5 published, 5 lack receipts"), "{why}");
}

#[test]
fn a_server_that_is_none_is_told() {
    let (mut orders, mut told) = generator();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    let answering = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").unwrap();
    });
    let opening = json!({
        "server": server.to_string(), "group": "readers", "connections": 1, "in_progress": 1,
        "time_max_ms": 60_000,
    });
    writeln!(orders, "{}", json!({ "open": opening })).unwrap();
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    answering.join().unwrap();
    assert!(line.contains("no WebSocket: HTTP/1.1 503"), "{line}");
}
