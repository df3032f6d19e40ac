//! Clients of `bench sockets`, many at once, of the real server.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::program::Kept;
use crate::server::Served;

/// A generator of load, and the server that it loads.
struct Loaded {
    orders: ChildStdin,
    told: BufReader<ChildStdout>,
    _generator: Kept,
    server: Served,
}

impl Loaded {
    fn new() -> Self {
        let server = Served::new();
        let mut command = server.folder.command(&["bench", "sockets-part", "generator"]);
        let mut generator = Kept::spawn(command.stdin(Stdio::piped()).stderr(Stdio::inherit()));
        let orders = generator.stdin.take().unwrap();
        let told = BufReader::new(generator.stdout.take().unwrap());
        Self { orders, told, _generator: generator, server }
    }

    fn tell(&mut self, order: &Value) -> Value {
        writeln!(self.orders, "{order}").unwrap();
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        assert!(told["failed"].is_null(), "{order} was answered {told}");
        told
    }

    fn open(&mut self, group: &str, connections: u32, missed: Option<u32>) -> Value {
        let url = self.server.url();
        let channels = json!({ "prefix": "storm", "count": 5 });
        let order = json!({ "open": {
            "server": url.trim_start_matches("http://"), "group": group, "connections": connections,
            "in_progress": 20, "channels": (group == "readers").then_some(channels),
            "missed": missed, "time_max_ms": 60_000,
        } });
        self.tell(&order)["opened"].clone()
    }

    fn publish(&mut self, events: u32, receivers: u32) -> Value {
        let order = json!({ "publish": {
            "channels": { "prefix": "storm", "count": 5 }, "events": events, "pace": "burst",
            "receivers": receivers, "payload_bytes": 128, "time_max_ms": 60_000,
        } });
        self.tell(&order)["published"].clone()
    }
}

#[test]
fn clients_that_were_cut_off_return_and_miss_nothing() {
    let mut loaded = Loaded::new();
    assert_eq!(loaded.open("readers", 100, None)["times"]["count"], 100);
    loaded.open("publishers", 5, None);
    assert_eq!(loaded.publish(50, 20)["receipts"], 50 * 20);
    loaded.tell(&json!("cut"));
    loaded.publish(500, 0);
    let returned = loaded.open("readers", 100, Some(100));
    assert_eq!((&returned["recovered"], &returned["publications"]), (&100.into(), &10_000.into()));
    assert_eq!(loaded.publish(50, 20)["receipts"], 50 * 20);
}

#[test]
fn calls_come_back_with_what_they_carried() {
    let mut loaded = Loaded::new();
    loaded.open("readers", 1, None);
    let echoed = loaded.tell(&json!({ "echo": { "warm_ms": 0, "time_ms": 50 } }));
    assert!(0 < echoed["echoed"]["count"].as_u64().unwrap(), "{echoed}");
}
