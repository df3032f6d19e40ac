//! Topics: what is kept of them, their history, retention and purge; stats and metrics.

use serde_json::{Value, json};

use crate::asking::Running;

fn offsets(answer: &Value) -> Vec<u64> {
    answer["events"].as_array().unwrap().iter().map(|it| it["offset"].as_u64().unwrap()).collect()
}

fn three_topics() -> Running {
    let server = Running::new();
    for topic in ["a.1", "a.2", "b"] {
        for n in 1..=5 {
            server.publish(topic, format!("{{\"n\":{n}}}").as_bytes());
        }
    }
    server
}

#[test]
fn topics_are_listed_in_pages() {
    let server = three_topics();
    let names = |answer: &Value| {
        let all = answer["topics"].as_array().unwrap();
        all.iter().map(|it| it["topic"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let page = server.get("/v1/topics?limit=2").fine().json();
    assert_eq!((names(&page), &page["next"]), (vec!["a.1".into(), "a.2".into()], &json!("a.2")));
    let page = server.get("/v1/topics?limit=2&after_topic=a.2").fine().json();
    assert_eq!((names(&page), &page["next"]), (vec!["b".into()], &Value::Null));
    assert_eq!(page["topics"][0]["last_offset"], 5);
    let page = server.get("/v1/topics?filter=a.*").fine().json();
    assert_eq!(names(&page), ["a.1", "a.2"]);
    server.get("/v1/topics?order=newest").refused(400, "ARW0004", "order");
}

#[test]
fn a_topic_has_a_last_value_a_history_and_a_purge() {
    let server = three_topics();
    let topic = server.get("/v1/topics/a.2").fine().json();
    assert_eq!((&topic["events"], &topic["last_offset"]), (&json!(5), &json!(5)));
    assert_eq!((&topic["last"]["data"], &topic["last"]["seq"]), (&json!({"n": 5}), &json!(10)));
    let history = |query: &str| server.get(&format!("/v1/topics/a.2/events?{query}")).fine().json();
    assert_eq!(offsets(&history("limit=2")), [1, 2]);
    assert_eq!(offsets(&history("since_offset=3")), [4, 5]);
    assert_eq!(offsets(&history("order=newest&limit=3")), [5, 4, 3]);
    assert_eq!(offsets(&history("order=newest&since_offset=2")), [1]);
    server.get("/v1/topics/none").refused(404, "ARW0039", "none");
    server.get("/v1/topics/~.x").refused(400, "ARW0018", "volatile");
    server.get("/v1/topics/a..b").refused(400, "ARW0003", "a..b");
    assert_eq!(server.get("/v1/topics/none/events").fine().json()["events"], json!([]));

    let purged = server.ask("DELETE /v1/topics/a.2/events", &[], b"");
    assert_eq!(purged.status, 204);
    assert!(offsets(&history("")).is_empty());
    let topic = server.get("/v1/topics/a.2").fine().json();
    assert_eq!((&topic["events"], &topic["last"]), (&json!(0), &Value::Null));
    server.publish("a.2", b"6");
    assert_eq!(offsets(&history("")), [6]);
}

#[test]
fn retention_is_set_shown_and_taken_away() {
    let server = three_topics();
    let put = |pattern: &str, body: &str| {
        let json = ["content-type: application/json"];
        server.ask(&format!("PUT /v1/retention/{pattern}"), &json, body.as_bytes())
    };
    let policy = put("a.%3E", r#"{"count_max":2,"age_max_ms":60000}"#).fine().json();
    assert_eq!(policy, json!({"age_max_ms": 60_000, "count_max": 2}));
    put("a.%3E", "{}").refused(400, "ARW0034", "DELETE");
    put("a.%3E", r#"{"days":1}"#).refused(400, "ARW0034", "days");
    put("a.%3E", r#"{"count_max":18446744073709551615}"#).refused(400, "ARW0034", "leave it out");
    put("a..b", r#"{"count_max":2}"#).refused(400, "ARW0005", "a..b");
    put("~.a", r#"{"count_max":2}"#).refused(400, "ARW0018", "volatile");
    let all = server.get("/v1/retention").fine().json();
    assert_eq!(all["retention"], json!({"a.>": policy}));
    let topic = server.get("/v1/topics/a.1").fine().json();
    assert_eq!(topic["retention"], json!({"a.>": policy}));
    assert_eq!(server.get("/v1/topics/b").fine().json()["retention"], json!({}));
    server.db.bus().enforce_retention().unwrap();
    let kept = server.get("/v1/topics/a.1").fine().json();
    assert_eq!((&kept["events"], &kept["first_offset"]), (&json!(2), &json!(4)));
    let delete = || server.ask("DELETE /v1/retention/a.%3E", &[], b"");
    assert_eq!(delete().status, 204);
    delete().refused(404, "ARW0040", "a.>");
}

#[test]
fn stats_and_metrics_say_what_went_through() {
    let server = three_topics();
    // Events count right after their publisher is answered.
    while server.db.bus().stats().unwrap().durable.published < 15 {
        std::thread::yield_now();
    }
    server.get("/v1/events?limit=5").fine();
    let stats = server.get("/v1/stats").fine().json();
    assert_eq!((&stats["durable"]["published"], &stats["log"]["tail"]), (&json!(15), &json!(16)));
    assert!(stats["durable"]["delivered"].as_u64().unwrap() >= 5, "{stats}");
    assert!(stats["connections"].as_u64().unwrap() >= 1, "{stats}");
    let stats = server.get("/v1/stats?filter=a.*").fine().json();
    assert_eq!((&stats["topics"], &stats["published"]), (&json!(2), &json!(10)));
    assert_eq!(server.get("/v1/subscriptions").fine().json(), json!({"subscriptions": []}));
    let mut stream = server.db.bus().subscribe("a.1", arrw::Start::Earliest).unwrap();
    assert!(stream.try_next().unwrap().is_some());
    let subscriptions = server.get("/v1/subscriptions?filter=a.*").fine().json();
    let found = &subscriptions["subscriptions"][0];
    assert_eq!((&found["filter"], &found["next"]), (&json!("a.1"), &json!(2)));
    assert_eq!(found["pending"]["records"], 14);

    let metrics = server.get("/metrics").fine();
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    for line in [
        "# TYPE arrwdb_events_published_total counter",
        "arrwdb_events_published_total{class=\"durable\"} 15",
        "arrwdb_pending_records{class=\"durable\"} 14",
        "arrwdb_log_next_seq 16",
        "arrwdb_alarm 0",
        "arrwdb_http_requests_total{code=\"2xx\"} 5",
    ] {
        assert!(metrics.body.lines().any(|found| found == line), "{line}\n{}", metrics.body);
    }
    // Each sample has a name, a value that is a number, and help before it.
    for sample in metrics.body.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = sample.rsplit_once(' ').unwrap();
        let family = name.split('{').next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().fold(family, |name, part| {
            let of_histogram = name.strip_suffix(part);
            of_histogram
                .filter(|it| metrics.body.contains(&format!("# TYPE {it} histogram")))
                .unwrap_or(name)
        });
        assert!(metrics.body.contains(&format!("# HELP {family} ")), "{sample}");
        value.parse::<f64>().unwrap();
    }
    assert_eq!(server.get("/readyz").fine().body, "ready");
}

#[test]
fn a_name_in_a_path_is_text() {
    let server = Running::new();
    for target in ["/v1/topics/%ff", "/v1/topics/%ff/events", "/v1/consumers/a%c0%af"] {
        server.get(target).refused(400, "ARW0004", "is not UTF-8 behind its escapes");
    }
}
