//! Lines are committed as they come.

use std::io::Write;

use arrw::Start;
use arrw_server::limits::{CHUNK_LINES_MAX, LINE_BYTES_MAX};
use serde_json::{Value, json};

use crate::asking::{Answer, PATIENCE, Running};

const NDJSON: &str = "application/x-ndjson";

fn numbers(from: u64, to: u64) -> String {
    (from..=to).map(|n| format!("{{\"topic\":\"n\",\"data\":{n}}}\n")).collect()
}

/// The data of all events, in order.
fn data(server: &Running) -> Vec<Value> {
    let mut found = Vec::new();
    let mut after = "earliest".to_owned();
    loop {
        let page = server.get(&format!("/v1/events?limit=1000&after={after}")).fine().json();
        let events = page["events"].as_array().unwrap();
        found.extend(events.iter().map(|event| event["data"].clone()));
        if events.is_empty() {
            return found;
        }
        page["next"].as_str().unwrap().clone_into(&mut after);
    }
}

#[test]
fn lines_come_back_in_order() {
    let server = Running::new();
    let count = 2 * CHUNK_LINES_MAX as u64 + 500;
    let receipt = server.post(NDJSON, numbers(1, count).as_bytes()).fine().json();
    assert_eq!((&receipt["first"], &receipt["last"]), (&json!(1), &json!(count)));
    assert_eq!(receipt["count"], count);
    assert_eq!(data(&server), (1..=count).map(Value::from).collect::<Vec<_>>());
}

#[test]
fn blank_lines_and_a_last_line_without_an_end_are_fine() {
    let server = Running::new();
    let body = "\n{\"topic\":\"n\",\"data\":1}\r\n  \n{\"topic\":\"n\",\"data\":2}";
    assert_eq!(server.post("application/jsonl", body.as_bytes()).fine().json()["count"], 2);
    let empty = server.post(NDJSON, b"\n").fine().json();
    assert_eq!(empty, json!({"epoch": null, "first": null, "last": null, "count": 0}));
}

#[test]
fn a_wrong_line_is_named_and_those_before_it_stay() {
    let check = |wrong: &str, code: &str, part: &str| {
        let server = Running::new();
        let before = CHUNK_LINES_MAX as u64 + 7;
        let body = format!("{}\n{wrong}\n{}", numbers(1, before), numbers(1, 5));
        let problem = server.post(NDJSON, body.as_bytes()).refused(400, code, part);
        assert_eq!((&problem["line"], &problem["count"]), (&json!(before + 2), &json!(before)));
        assert_eq!(server.db.position().seq.get(), before, "{wrong}");
    };
    check("{\"topic\":\"n\"", "ARW0001", "line 1009: this is not JSON");
    check("{\"topic\":\"n\"}", "ARW0003", "line 1009: `data` is missing");
    check("{\"topic\":\"a b\",\"data\":1}", "ARW0003", "line 1009: `a b` is not a topic");
    check("{\"topic\":\"~.n\",\"data\":1}", "ARW0009", "line 1009: ");
    check("{\"topic\":\"n\",\"data\":1,\"x\":1}", "ARW0002", "line 1009: ");
}

#[test]
fn a_line_is_committed_before_the_next_one_comes() {
    let server = Running::new();
    let mut events = server.db.bus().subscribe("n", Start::Latest).unwrap();
    let head = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/jsonl\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let mut stream = server.send(head.as_bytes());
    for n in 1..=3 {
        let line = numbers(n, n);
        let (start, end) = line.split_at(9);
        for part in [start, end] {
            let chunk = format!("{:x}\r\n{part}\r\n", part.len());
            stream.get_mut().write_all(chunk.as_bytes()).unwrap();
        }
        let found = events.next_within(Some(PATIENCE)).unwrap().unwrap();
        assert_eq!(found.position().seq.get(), n);
    }
    stream.get_mut().write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(Answer::read(&mut stream).fine().json()["count"], 3);
}

#[test]
fn a_line_that_is_too_long_is_refused() {
    let server = Running::new();
    let long = format!("{}{}", numbers(1, 1), "x".repeat(LINE_BYTES_MAX + (128 << 10)));
    let problem = server.post(NDJSON, long.as_bytes()).refused(413, "ARW0008", "line 2");
    assert_eq!((&problem["line"], &problem["count"]), (&json!(2), &json!(1)));
}

#[test]
fn lines_that_were_published_before_by_their_id_change_nothing() {
    let server = Running::new();
    let lines = |ids: std::ops::RangeInclusive<u64>| -> String {
        ids.map(|n| format!("{{\"topic\":\"n\",\"data\":{n},\"id\":\"{n}\"}}\n")).collect()
    };
    server.post(NDJSON, lines(1..=3).as_bytes()).fine();
    // Cut at other places than before.
    assert_eq!(server.post(NDJSON, lines(2..=5).as_bytes()).fine().json()["last"], 5);
    assert_eq!(data(&server), (1..=5).map(Value::from).collect::<Vec<_>>());
    let other = format!("{}{{\"topic\":\"n\",\"data\":9,\"id\":\"3\"}}\n", lines(6..=6));
    let problem = server.post(NDJSON, other.as_bytes()).refused(409, "ARW0029", "line 2: ");
    assert_eq!(problem["count"], 1);
}

#[test]
fn a_producers_lines_are_published_once() {
    let server = Running::new();
    let send = |first: &str, body: &str| {
        let headers = [
            "content-type: application/x-ndjson",
            "arrw-producer: file-1",
            &format!("arrw-producer-seq: {first}"),
        ];
        server.ask("POST /v1/events", &headers, body.as_bytes())
    };
    let all = numbers(1, 2500);
    assert_eq!(send("1", &numbers(1, 1200)).fine().json()["count"], 1200);
    assert_eq!(send("1", &all).fine().json()["count"], 1300);
    let nothing = send("1", &all).fine().json();
    assert_eq!(nothing, json!({"epoch": null, "first": null, "last": null, "count": 0}));
    assert_eq!(send("2501", &numbers(2501, 2502)).fine().json()["count"], 2);
    assert_eq!(data(&server), (1..=2502).map(Value::from).collect::<Vec<_>>());

    send("0", &all).refused(400, "ARW0028", "from 1");
    send(&u64::MAX.to_string(), &all).refused(400, "ARW0028", "to 9007199254740991");
    let last = send("9007199254740991", &numbers(1, 2));
    last.refused(400, "ARW0028", "9007199254740992");
    let alone = ["content-type: application/x-ndjson", "arrw-producer: file-1"];
    server.ask("POST /v1/events", &alone, b"").refused(400, "ARW0028", "both");
    let unnamed =
        ["content-type: application/x-ndjson", "arrw-producer: a b", "arrw-producer-seq: 1"];
    server
        .ask("POST /v1/events", &unnamed, numbers(1, 1).as_bytes())
        .refused(400, "ARW0028", "a b");
}

#[test]
fn a_body_that_is_cut_off_keeps_its_whole_lines() {
    let server = Running::new();
    let mut events = server.db.bus().subscribe("n", Start::Latest).unwrap();
    let head = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/jsonl\r\n\
                content-length: 1000\r\n\r\n";
    let stream = server.send(format!("{head}{}{{\"topic\":", numbers(1, 2)).as_bytes());
    drop(stream);
    let found = events.next_within(Some(PATIENCE)).unwrap().unwrap();
    assert_eq!(found.position().seq.get(), 2);
}

#[test]
fn a_line_that_comes_again_in_the_same_body_is_the_first_one() {
    let server = Running::new();
    let line = "{\"topic\":\"n\",\"id\":\"1\",\"data\":1}\n";
    let receipt = server.post(NDJSON, line.repeat(2).as_bytes()).fine().json();
    assert_eq!((&receipt["first"], &receipt["last"]), (&json!(1), &json!(1)));
    assert_eq!(data(&server), [json!(1)]);
    let array = format!("[{},{}]", line.trim(), line.trim());
    server.post("application/json", array.as_bytes()).refused(400, "ARW0033", "leave one out");
}

#[test]
fn wrong_lines_are_left_out_and_named_when_that_is_asked_for() {
    let server = Running::new();
    let body = "{\"topic\":\"n\",\"data\":1}\nno\n\n{\"topic\":\"n..\",\"data\":2}\n{\"topic\":\"~.n\",\"data\":3}\n{\"topic\":\"n\",\"data\":4}\n";
    let post = |headers: &[&str]| {
        let headers = [&["content-type: application/x-ndjson"], headers].concat();
        server.ask("POST /v1/events?on_error=continue", &headers, body.as_bytes()).fine().json()
    };
    let answer = post(&[]);
    assert_eq!((&answer["count"], &answer["failed"]), (&json!(2), &json!(3)));
    let named: Vec<_> = answer["errors"].as_array().unwrap().iter().collect();
    let codes: Vec<_> = named.iter().map(|it| (&it["line"], &it["code"])).collect();
    let expected = [(2, "ARW0001"), (4, "ARW0003"), (5, "ARW0009")];
    let expected = expected.map(|(line, code)| (json!(line), json!(code)));
    assert_eq!(codes, expected.each_ref().map(|(line, code)| (line, code)));
    assert_eq!(data(&server), [json!(1), json!(4)]);

    // A line that is left out has its number all the same: again, and there is nothing new.
    let numbered = ["arrw-producer: file", "arrw-producer-seq: 1"];
    assert_eq!(post(&numbered)["count"], 2);
    assert_eq!(post(&numbered)["count"], 0);
    let next =
        ["content-type: application/x-ndjson", "arrw-producer: file", "arrw-producer-seq: 6"];
    let line = b"{\"topic\":\"n\",\"data\":6}\n";
    assert_eq!(server.ask("POST /v1/events", &next, line).fine().json()["count"], 1);
    server.ask("POST /v1/events?on_error=never", &next, line).refused(
        400,
        "ARW0004",
        "`stop` or `continue`",
    );
}

#[test]
fn numbers_of_a_producer_do_not_overflow() {
    let server = Running::new();
    let post = |path: &str, seq: u64, body: &str| {
        let seq = format!("arrw-producer-seq: {seq}");
        let headers = ["content-type: application/x-ndjson", "arrw-producer: p", seq.as_str()];
        server.ask(&format!("POST {path}"), &headers, body.as_bytes())
    };
    for body in [numbers(1, 2), "x\ny\n".to_owned()] {
        for path in ["/v1/events", "/v1/events?on_error=continue"] {
            post(path, u64::MAX, &body).refused(400, "ARW0028", "from 1 to 9007199254740991");
        }
    }
    assert_eq!(server.db.position().seq.get(), 0);
    assert_eq!(post("/v1/events", (1 << 53) - 3, &numbers(1, 3)).fine().json()["count"], 3);
}

#[test]
fn what_is_told_of_wrong_lines_is_short() {
    let server = Running::new();
    let line = format!("{{\"{}\":1}}\n", "n".repeat(1 << 20));
    let headers = ["content-type: application/x-ndjson"];
    let answer =
        server.ask("POST /v1/events?on_error=continue", &headers, line.repeat(8).as_bytes());
    let answer = answer.fine();
    assert_eq!(answer.json()["failed"], 8);
    assert!(answer.body.len() < 16 << 10, "{} bytes", answer.body.len());
}
