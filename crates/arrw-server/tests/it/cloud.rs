//! CloudEvents: what goes in comes out, in each mode.

use serde_json::{Value, json};

use crate::asking::{Answer, Running};

const ONE: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";

fn read(server: &Running) -> Vec<Value> {
    let accept = format!("accept: {BATCH}");
    let answer = server.ask("GET /v1/events", &[&accept], b"").fine();
    assert_eq!(answer.header("content-type"), Some(BATCH));
    assert_eq!(
        answer.header("arrw-next"),
        Some(server.at(server.db.position().seq.get()).as_str())
    );
    answer.json().as_array().unwrap().clone()
}

fn post(server: &Running, content_type: &str, body: &str) -> Answer {
    server.post(content_type, body.as_bytes())
}

#[test]
fn a_structured_event_comes_out_as_it_came_in() {
    let server = Running::new();
    let event = json!({
        "specversion": "1.0", "id": "A234-1234-1234", "source": "https://example.com/orders",
        "type": "com.example.order.created", "subject": "42", "time": "2018-04-05T17:31:00Z",
        "datacontenttype": "application/json", "dataschema": "https://example.com/s", "level": 3,
        "data": {"total": 7},
    });
    let first = post(&server, ONE, &event.to_string()).fine().json();
    // Again, and it is the same one.
    assert_eq!(post(&server, ONE, &event.to_string()).fine().json(), first);
    let out = read(&server);
    let mut expected = event;
    expected["level"] = json!("3");
    expected["sequence"] = json!("1");
    assert_eq!(out, [expected]);
    let plain = server.get("/v1/events?filter=com.example.%3E").fine().json();
    assert_eq!(plain["events"][0]["key"], "42");
    assert_eq!(plain["events"][0]["id"], "https://example.com/orders#A234-1234-1234");
}

#[test]
fn a_batch_is_all_or_nothing_and_binary_mode_has_headers() {
    let server = Running::new();
    let event = |id: u32, kind: &str| json!({"specversion": "1.0", "id": id.to_string(), "source": "s", "type": kind});
    let wrong = json!([event(1, "a"), event(2, "a..b")]).to_string();
    post(&server, BATCH, &wrong).refused(400, "ARW0003", "event 2 of the array");
    assert_eq!(server.db.position().seq.get(), 0);
    let right = json!([event(1, "a"), event(2, "b")]).to_string();
    assert_eq!(post(&server, BATCH, &right).fine().json()["count"], 2);

    let binary = |content_type: &str, body: &[u8]| {
        let content_type = format!("content-type: {content_type}");
        let headers = [
            "ce-specversion: 1.0",
            "ce-id: 3",
            "ce-source: s",
            "ce-type: c",
            "ce-subject: gr%C3%B6n",
            content_type.as_str(),
        ];
        server.ask("POST /v1/events", &headers, body)
    };
    assert_eq!(binary("text/plain", b"hello").fine().json()["last"], 3);
    binary("application/json", b"{").refused(400, "ARW0001", "JSON");
    let out = read(&server);
    assert_eq!((&out[0]["data"], &out[0]["type"]), (&Value::Null, &json!("a")));
    assert_eq!((&out[2]["data_base64"], &out[2]["subject"]), (&json!("aGVsbG8="), &json!("grön")));
    assert_eq!(out[2]["datacontenttype"], "text/plain");
}

#[test]
fn an_event_that_was_published_otherwise_is_one_too() {
    let server = Running::new();
    server.publish("orders", b"{\"n\": 1}");
    let out = read(&server);
    assert_eq!((&out[0]["id"], &out[0]["source"]), (&json!(server.at(1)), &json!("arrwdb")));
    assert_eq!((&out[0]["data"], &out[0]["type"]), (&json!({"n": 1}), &json!("orders")));
    assert!(out[0]["time"].is_string());
}

#[test]
fn headers_that_are_no_attributes_do_not_come_out() {
    let server = Running::new();
    let headers = json!({
        "ce-data": "x", "ce-data_base64": "x", "ce-Level": "x", "ce-": "x", "ce-id": "",
        "ce-source": "", "ce-time": "today", "ce-level": "3",
    });
    let event = json!({"topic": "a", "data": 1, "headers": headers});
    post(&server, "application/json", &event.to_string()).fine();
    let out = read(&server).remove(0);
    assert_eq!(
        (&out["data"], &out["source"], &out["level"]),
        (&json!(1), &json!("arrwdb"), &json!("3"))
    );
    assert_eq!(out["id"], json!(server.at(1)));
    let names: Vec<&String> = out.as_object().unwrap().keys().collect();
    let expected = [
        "data",
        "datacontenttype",
        "id",
        "level",
        "sequence",
        "source",
        "specversion",
        "time",
        "type",
    ];
    assert_eq!(names, expected);
    post(&server, ONE, &out.to_string()).fine();
    let binary = ["ce-specversion: 1.0", "ce-id: 1", "ce-source: s", "ce-type: a", "ce-data: x"];
    server.ask("POST /v1/events", &binary, b"1").refused(400, "ARW0003", "another than `data`");
}

#[test]
fn what_is_no_cloud_event_is_refused() {
    let server = Running::new();
    let check = |event: Value, part: &str| {
        post(&server, ONE, &event.to_string()).refused(400, "ARW0003", part);
    };
    let event = json!({"specversion": "1.0", "id": "1", "source": "s", "type": "t"});
    let with = |name: &str, value: Value| {
        let mut event = event.clone();
        event[name] = value;
        event
    };
    check(with("specversion", json!("0.3")), "must be `1.0`");
    check(with("id", json!("")), "`id` is missing");
    check(with("id", json!(1)), "`id` must be a text");
    check(with("time", json!("today")), "RFC 3339");
    check(with("Level", json!(1)), "lower-case");
    check(with("level", json!([1])), "a text, a number or a boolean");
    check(with("data_base64", json!("!")), "base64");
    post(&server, ONE, "[]").refused(400, "ARW0034", "map");
    assert_eq!(server.db.position().seq.get(), 0);
}
