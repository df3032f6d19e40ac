//! Pages of events, and where the next one starts.

use serde_json::json;

use crate::asking::Running;

#[test]
fn pages_follow_each_other_without_a_gap() {
    let server = Running::new();
    for n in 1..=7 {
        server.publish(if n % 2 == 0 { "even" } else { "odd" }, n.to_string().as_bytes());
    }
    let mut after = "earliest".to_owned();
    let mut found = Vec::new();
    for expected in [2, 2, 0] {
        let page =
            server.get(&format!("/v1/events?filter=odd&limit=2&after={after}")).fine().json();
        let events = page["events"].as_array().unwrap();
        assert_eq!(events.len(), expected);
        found.extend(events.iter().map(|event| event["seq"].as_u64().unwrap()));
        page["next"].as_str().unwrap().clone_into(&mut after);
    }
    assert_eq!(found, [1, 3, 5, 7]);
    assert_eq!(after, server.at(7));
}

#[test]
fn a_page_may_end_in_the_middle_of_a_batch() {
    let server = Running::new();
    let one = r#"{"topic":"a","data":1}"#;
    server.post_json(&format!("[{one},{one},{one}]")).fine();
    let page = server.get("/v1/events?limit=2").json();
    assert_eq!(
        (page["events"].as_array().unwrap().len(), &page["next"]),
        (2, &json!(server.at(2)))
    );
    let page = server.get(&format!("/v1/events?after={}", server.at(2))).json();
    assert_eq!((&page["events"][0]["seq"], &page["next"]), (&json!(3), &json!(server.at(3))));
}

#[test]
fn the_position_moves_on_when_nothing_matched() {
    let server = Running::new();
    server.publish("a", b"1");
    let page = server.get("/v1/events?filter=b").fine().json();
    assert_eq!(page, json!({"events": [], "next": server.at(1)}));
    let page = server.get("/v1/events?after=latest").fine().json();
    assert_eq!(page, json!({"events": [], "next": server.at(1)}));
}

#[test]
fn a_page_waits_for_an_event() {
    let server = Running::new();
    let waited = std::thread::scope(|scope| {
        let asked =
            scope.spawn(|| server.get("/v1/events?after=latest&wait_ms=8000").fine().json());
        while server.db.bus().stats().unwrap().durable.subscriptions == 0 {
            std::thread::yield_now();
        }
        server.publish("a", b"1");
        asked.join().unwrap()
    });
    // It may have asked before or behind the event; then the position says so.
    assert_eq!(waited["next"], server.at(1));
    let nothing = server.get("/v1/events?after=latest&wait_ms=1").fine().json();
    assert_eq!(nothing["events"], json!([]));
}

#[test]
fn a_position_that_cannot_be_read_from_is_refused() {
    let server = Running::new();
    server.publish("a", b"1");
    for path in ["/v1/events", "/v1/events/stream"] {
        let get = |after: &str| server.get(&format!("{path}?after={after}"));
        let other = get("00c0ffee00c0ffee:1").refused(410, "ARW0015", "earliest");
        let epoch = server.db.position().epoch.to_string();
        assert!(other["hint"].as_str().unwrap().contains(&epoch), "{other}");
        get(&server.at(9)).refused(409, "ARW0017", "latest");
        get("42").refused(400, "ARW0004", "`42` is not a position");
        server.get(&format!("{path}?filter=a..b")).refused(400, "ARW0005", "a..b");
        server.get(&format!("{path}?filer=a")).refused(400, "ARW0004", "did you mean `filter`?");
    }
    server.get("/v1/events?limit=1001").refused(400, "ARW0004", "from 1 to 1000");
    server.get("/v1/events/stream?limit=1").refused(400, "ARW0004", "no parameter `limit`");
}

#[test]
fn a_page_starts_at_a_time() {
    let server = Running::new();
    for n in 1..=3 {
        server.publish("a", n.to_string().as_bytes());
    }
    let page = server.get("/v1/events").fine().json();
    let second = page["events"][1]["time"].as_str().unwrap();
    let from_second = server.get(&format!("/v1/events?after={second}")).fine().json();
    assert_eq!(from_second["events"][0]["seq"], json!(2));
    let future = server.get("/v1/events?after=2999-01-01T00:00:00%2B01:00").fine().json();
    assert_eq!(future["events"], json!([]));
    server.get("/v1/events?after=2999-01-01").refused(400, "ARW0004", "2026-01-31T23:59:59Z");
}
