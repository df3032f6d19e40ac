//! Named consumers over HTTP: made, opened, read, acknowledged, fenced.

use serde_json::{Value, json};

use crate::asking::{Answer, Running};

impl Running {
    fn put_json(&self, target: &str, body: &str) -> Answer {
        self.ask(&format!("PUT {target}"), &["content-type: application/json"], body.as_bytes())
    }

    fn post_to(&self, target: &str, body: &str) -> Answer {
        self.ask(&format!("POST {target}"), &["content-type: application/json"], body.as_bytes())
    }

    fn delete(&self, target: &str) -> Answer {
        self.ask(&format!("DELETE {target}"), &[], b"")
    }
}

fn seqs(page: &Value) -> Vec<u64> {
    page["events"].as_array().unwrap().iter().map(|it| it["seq"].as_u64().unwrap()).collect()
}

#[test]
fn a_consumer_reads_acknowledges_and_goes_on() {
    let server = Running::new();
    for n in 1..=4 {
        server.publish("orders", n.to_string().as_bytes());
    }
    let made = server
        .put_json("/v1/consumers/billing", r#"{"filter":"orders","after":"earliest"}"#)
        .fine()
        .json();
    assert_eq!((&made["name"], &made["filter"]), (&json!("billing"), &json!("orders")));
    assert_eq!((&made["generation"], &made["cursor"]), (&json!(1), &json!(server.at(0))));
    let opened = server.post_to("/v1/consumers/billing/open", "").fine().json();
    assert_eq!(opened["generation"], 2);

    let events = "/v1/consumers/billing/events?generation=2&limit=2";
    let page = server.get(events).fine().json();
    assert_eq!(seqs(&page), [1, 2]);
    // Without an acknowledgement the same comes again; behind the page the next one.
    assert_eq!(seqs(&server.get(events).fine().json()), [1, 2]);
    let next = page["next"].as_str().unwrap();
    assert_eq!(seqs(&server.get(&format!("{events}&after={next}")).fine().json()), [3, 4]);

    let ack = format!(r#"{{"generation":2,"position":"{next}"}}"#);
    assert_eq!(server.post_to("/v1/consumers/billing/ack", &ack).status, 204);
    assert_eq!(seqs(&server.get(events).fine().json()), [3, 4]);
    let shown = server.get("/v1/consumers/billing").fine().json();
    assert_eq!(shown["cursor"], next);
    assert!(shown["pending"]["records"].as_u64().unwrap() >= 2, "{shown}");
    let all = server.get("/v1/consumers").fine().json();
    assert_eq!(all["consumers"].as_array().unwrap().len(), 1);

    // Another reader takes over.
    server.post_to("/v1/consumers/billing/open", "").fine();
    server.get(events).refused(409, "ARW0038", "billing");
    server.post_to("/v1/consumers/billing/ack", &ack).refused(409, "ARW0038", "open it again");
    let reset = server.post_to("/v1/consumers/billing/reset", r#"{"after":"earliest"}"#).fine();
    assert_eq!(
        (&reset.json()["generation"], &reset.json()["cursor"]),
        (&json!(4), &json!(server.at(0)))
    );
    assert_eq!(server.delete("/v1/consumers/billing").status, 204);
    server.delete("/v1/consumers/billing").refused(404, "ARW0036", "billing");
}

#[test]
fn what_cannot_be_a_consumer_is_refused() {
    let server = Running::new();
    let put = |body: &str| server.put_json("/v1/consumers/c", body);
    put(r#"{"filter":"~.a"}"#).refused(400, "ARW0035", "volatile");
    put(r#"{"filter":"a..b"}"#).refused(400, "ARW0005", "a..b");
    put(r#"{"filter":"a","after":"x"}"#).refused(400, "ARW0004", "position");
    put(r#"{"filtr":"a"}"#).refused(400, "ARW0034", "filtr");
    put(r#"{"filter":"a""#).refused(400, "ARW0001", "JSON");
    put("").refused(400, "ARW0034", "filter");
    put(r#"{"filter":"a"}"#).fine();
    put(r#"{"filter":"a"}"#).fine();
    put(r#"{"filter":"b"}"#).refused(409, "ARW0037", "`a`");
    server.get("/v1/consumers/d").refused(404, "ARW0036", "PUT /v1/consumers");
    server.get("/v1/consumers/c/events").refused(400, "ARW0004", "generation");
    server
        .get("/v1/consumers/c/events?generation=1&after=earliest")
        .refused(400, "ARW0004", "reset");
    let ack = |body: &str| server.post_to("/v1/consumers/c/ack", body);
    ack(r#"{"generation":1,"position":"7"}"#).refused(400, "ARW0004", "position");
    let beyond = format!(r#"{{"generation":1,"position":"{}"}}"#, server.at(99));
    ack(&beyond).refused(409, "ARW0017", "99");
    server.put_json("/v1/consumers/a%20b", r#"{"filter":"a"}"#).refused(400, "ARW0035", "a b");
}

#[test]
fn a_batch_of_events_and_acknowledgements_is_all_or_nothing() {
    let server = Running::new();
    server.publish("orders", b"1");
    server.put_json("/v1/consumers/c", r#"{"filter":"orders","after":"earliest"}"#).fine();
    let generation = server.post_to("/v1/consumers/c/open", "").fine().json()["generation"].clone();
    let position = server.at(1);
    let batch = |generation: &Value, more: &str| {
        let body = format!(
            r#"{{"events":[{{"topic":"invoices","data":1}}],"acknowledge":[{{"consumer":"c","generation":{generation},"position":"{position}"}}]{more}}}"#
        );
        server.post_to("/v1/batch", &body)
    };
    let before = server.db.position();
    batch(&json!(1), "").refused(409, "ARW0038", "`c`");
    let stale = format!(r#","expect_last":"{position}""#);
    batch(&generation, &stale).refused(409, "ARW0041", "decide anew");
    server.post_to("/v1/batch", "{}").refused(400, "ARW0006", "acknowledgement");
    server.post_to("/v1/batch", r#"{"job":[]}"#).refused(400, "ARW0034", "jobs");
    assert_eq!(server.db.position(), before);

    let now = format!(r#","expect_last":"{before}""#);
    let done = batch(&generation, &now).fine().json();
    assert_eq!((&done["count"], &done["first"]), (&json!(1), &json!(before.seq.get() + 1)));
    assert_eq!(server.get("/v1/consumers/c").fine().json()["cursor"], position.as_str());
}

#[test]
fn events_are_published_only_behind_the_last_record_that_is_expected() {
    let server = Running::new();
    let post = |last: &str, body: &str| {
        let last = format!("arrw-expect-last: {last}");
        let headers = ["content-type: application/json", last.as_str()];
        server.ask("POST /v1/events", &headers, body.as_bytes())
    };
    let event = r#"{"topic":"a","data":1}"#;
    assert_eq!(post(&server.at(0), event).fine().json()["last"], 1);
    post(&server.at(0), event).refused(409, "ARW0041", "read on");
    assert_eq!(post(&server.at(1), &format!("[{event},{event}]")).fine().json()["last"], 3);
    post(&server.at(9), event).refused(409, "ARW0017", "9");
    post("1", event).refused(400, "ARW0004", "arrw-expect-last");
    assert_eq!(server.db.position().seq.get(), 3);
}
