//! Events and batches go in; what is none is refused and changes nothing.

use arrw_server::limits::JSON_BYTES_MAX;
use serde_json::json;

use crate::asking::{Answer, Running};

#[test]
fn an_event_comes_back_as_it_was_given() {
    let server = Running::new();
    let event = r#"{"topic":"orders.created","key":"k","data":{"b": [1.0, "\u00e9"]},
        "headers":{"x":"1","a":"2"},"id":"one"}"#;
    let receipt = server.post_json(event).fine().json();
    let epoch = server.db.position().epoch.to_string();
    assert_eq!(receipt, json!({"epoch": epoch, "first": 1, "last": 1, "count": 1}));

    let page = server.get("/v1/events").fine();
    assert!(page.body.contains(r#""data":{"b": [1.0, "\u00e9"]}"#), "{page:?}");
    assert!(page.body.contains(r#""headers":{"x":"1","a":"2"}"#), "{page:?}");
    let found = &page.json()["events"][0];
    let time = found["time"].as_str().unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z') && time.len() == 27, "{time}");
    let expected = json!({
        "seq": 1, "epoch": epoch, "topic": "orders.created", "offset": 1, "time": time, "key": "k",
        "id": "one", "headers": {"x": "1", "a": "2"}, "data": {"b": [1.0, "é"]},
    });
    assert_eq!(found, &expected);
    // The same again is the same event.
    assert_eq!(server.post_json(event).fine().json(), receipt);
    server.post_json(r#"{"topic":"orders.created","data":2,"id":"one"}"#).refused(
        409,
        "ARW0029",
        "another id",
    );
    assert_eq!(server.db.position().seq.get(), 1);
}

#[test]
fn bytes_come_back_as_base64_and_json_on_one_line() {
    let server = Running::new();
    let bytes = r#"{"topic":"a","data_base64":"AP8=","content_type":"image/png"}"#;
    server.post_json(bytes).fine();
    server.post_json("{\"topic\":\"a\",\"data\":{\r\n\"x\":\n1}}").fine();
    // Nobody has to say the truth about a payload in Rust.
    server.publish("a", b"not json\n\ndata: forged");
    let lines = server.ask("GET /v1/events", &["accept: application/x-ndjson"], b"").fine();
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(lines.header("arrw-next"), Some(server.at(3).as_str()));
    let events: Vec<serde_json::Value> =
        lines.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 3);
    assert_eq!(
        (&events[0]["data_base64"], &events[0]["content_type"]),
        (&json!("AP8="), &json!("image/png"))
    );
    assert_eq!(events[1]["data"], json!({"x": 1}));
    assert_eq!(events[2]["content_type"], "application/json");
    assert!(events[2]["data_base64"].is_string());
}

#[test]
fn an_array_is_all_or_nothing() {
    let server = Running::new();
    let receipt = server.post_json(r#"[{"topic":"a","data":1},{"topic":"b","data":2}]"#).fine();
    assert_eq!(
        (receipt.json()["first"].as_u64(), receipt.json()["last"].as_u64()),
        (Some(1), Some(2))
    );
    let check = |body: &str, status, code, part| {
        server.post_json(body).refused(status, code, part);
        assert_eq!(server.db.position().seq.get(), 2, "{body}");
    };
    let good = r#"{"topic":"a","data":1}"#;
    check(
        &format!(r#"[{good},{{"topic":"a b","data":1}}]"#),
        400,
        "ARW0003",
        "event 2 of the array: ",
    );
    check(
        &format!(r#"[{good},{{"topik":"a","data":1}}]"#),
        400,
        "ARW0002",
        "event 2 of the array: ",
    );
    check(
        &format!(r#"[{good},{{"topic":"~.a","data":1}}]"#),
        400,
        "ARW0009",
        "event 2 of the array: ",
    );
    check(&format!("[{good},7]"), 400, "ARW0003", "event 2 of the array: ");
    check(&format!("[{good}"), 400, "ARW0001", "EOF");
    check(" [ ] ", 400, "ARW0006", "no event");
}

#[test]
fn what_is_no_event_is_refused() {
    let server = Running::new();
    let check = |answer: Answer, status, code, part: &str| {
        answer.refused(status, code, part);
        assert_eq!(server.db.position().seq.get(), 0);
    };
    check(server.post_json(""), 400, "ARW0001", "EOF");
    check(server.post_json("{"), 400, "ARW0001", "not JSON");
    check(server.post_json(r#"{"topic":"a"}"#), 400, "ARW0003", "`data` is missing");
    check(server.post_json(r#"{"topik":"a","data":1}"#), 400, "ARW0002", "did you mean `topic`?");
    check(server.post_json(r#"{"topic":"jobs.x","data":1}"#), 400, "ARW0003", "arrwDB alone");
    check(server.post_json(r#"{"topic":"a","data":1,"id":""}"#), 400, "ARW0003", "the id must");
    let key = "k".repeat(1025);
    let long = format!(r#"{{"topic":"a","data":1,"key":"{key}"}}"#);
    check(server.post_json(&long), 400, "ARW0003", "1025 bytes");
    check(server.post("text/plain", b"x"), 415, "ARW0007", "`text/plain`");
    check(server.ask("POST /v1/events", &[], b"{}"), 415, "ARW0007", "application/json");
    check(server.post("application/json", b"\xff"), 400, "ARW0001", "not JSON");
}

#[test]
fn a_body_over_the_limit_is_refused_and_the_answer_arrives() {
    let server = Running::new();
    let fits = |bytes: usize| {
        let frame = r#"{"topic":"a","data":""}"#.len();
        format!(r#"{{"topic":"a","data":"{}"}}"#, "x".repeat(bytes - frame))
    };
    server.post_json(&fits(JSON_BYTES_MAX)).fine();
    server.post_json(&fits(JSON_BYTES_MAX + 1)).refused(413, "ARW0008", "NDJSON");

    // A body of unknown length is measured as it comes.
    let head = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let body = fits(JSON_BYTES_MAX + 1);
    let request = format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    Answer::read(&mut server.send(request.as_bytes())).refused(413, "ARW0008", "more than");
}

#[test]
fn a_volatile_event_reaches_who_follows_and_nobody_else() {
    let server = Running::new();
    let mut client = server.client();
    server.runtime.block_on(async {
        let mut follow = server.client().follow("~.*", "latest").await.unwrap();
        follow.next().await.unwrap();
        let receipt = client.publish(r#"{"topic":"~.cursor","data":[1,2]}"#).await.unwrap();
        let message = follow.next().await.unwrap().unwrap();
        assert!(message.data.contains(r#""topic":"~.cursor""#), "{message:?}");
        assert_eq!(message.position, format!("{}:1", receipt.epoch.unwrap()));
    });
    assert_eq!(server.get("/v1/events").json()["events"], json!([]));
    server.get("/v1/events?filter=~.*").refused(400, "ARW0018", "after=latest");
}

#[test]
fn one_connection_serves_many_requests() {
    let server = Running::new();
    let body = r#"{"topic":"a","data":1}"#;
    let head = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json; charset=utf-8\r\n";
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    let mut stream = server.send(request.repeat(100).as_bytes());
    for seq in 1..=100 {
        assert_eq!(Answer::read(&mut stream).fine().json()["last"], seq);
    }
}

#[test]
fn the_trace_of_a_request_is_kept_with_its_events() {
    let server = Running::new();
    let post = |trace: &str, event: &str| {
        let trace = format!("traceparent: {trace}");
        let headers = ["content-type: application/json", trace.as_str()];
        server.ask("POST /v1/events", &headers, event.as_bytes()).fine().json()
    };
    let first = "00-11112222333344445555666677778888-1234567812345678-01";
    let second = "00-22223333444455556666777788889999-8765432187654321-01";
    let event = r#"{"topic":"a","id":"1","data":1}"#;
    let published = post(first, event);
    // Tried again within another trace it is still the same event.
    assert_eq!(post(second, event), published);
    post("none", r#"{"topic":"a","data":2}"#);
    let own = format!(r#"{{"topic":"a","data":3,"headers":{{"traceparent":"{second}"}}}}"#);
    post(first, &own);
    let page = server.get("/v1/events").fine().json();
    let traces: Vec<_> =
        (0..3).map(|at| page["events"][at]["headers"]["traceparent"].clone()).collect();
    assert_eq!(traces, [json!(first), serde_json::Value::Null, json!(second)]);
}
