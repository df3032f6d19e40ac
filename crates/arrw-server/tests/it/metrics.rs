//! What `/metrics` says of the log, of consumers and of the process.

#![expect(clippy::float_cmp, reason = "the numbers are whole")]

use crate::asking::Running;

const JSON: [&str; 1] = ["content-type: application/json"];

/// The value of a sample, named with its labels.
fn value_of(metrics: &str, sample: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample}\n{metrics}")).parse().unwrap()
}

#[test]
fn consumers_are_named_with_what_they_have_not_acknowledged() {
    let server = Running::new();
    let made =
        server.ask("PUT /v1/consumers/billing", &JSON, br#"{"filter":"a.>","after":"earliest"}"#);
    made.fine();
    let lag = || {
        let metrics = server.get("/metrics").fine().body;
        value_of(&metrics, r#"arrwdb_consumer_pending_records{consumer="billing"}"#)
    };
    let before = lag();
    let events = br#"[{"topic":"a.b","data":1},{"topic":"c","data":2}]"#;
    server.ask("POST /v1/events", &JSON, events).fine();
    assert_eq!(lag() - before, 2.0);
}

#[test]
fn names_with_quotes_stay_one_value_of_a_label() {
    let server = Running::new();
    server.ask("PUT /v1/consumers/a%22b", &JSON, br#"{"filter":">"}"#).fine();
    let metrics = server.get("/metrics").fine().body;
    value_of(&metrics, r#"arrwdb_consumer_pending_records{consumer="a\"b"}"#);
}

#[test]
fn consumers_beyond_a_hundred_are_the_one_furthest_behind() {
    let server = Running::new();
    for at in 0..102 {
        let target = format!("PUT /v1/consumers/c{at:03}");
        server.ask(&target, &JSON, br#"{"filter":">","after":"earliest"}"#).fine();
    }
    let metrics = server.get("/metrics").fine().body;
    value_of(&metrics, r#"arrwdb_consumer_pending_records{consumer="c099"}"#);
    assert!(!metrics.contains("c100"), "{metrics}");
    let others = r#"arrwdb_consumer_pending_records{consumer="other consumers"}"#;
    assert_eq!(value_of(&metrics, others), value_of(&metrics, "arrwdb_log_next_seq") - 1.0);
}

#[test]
fn each_commit_is_counted_with_its_bytes_and_its_sync() {
    let server = Running::new();
    let figures = || {
        let metrics = server.get("/metrics").fine().body;
        let of = |name| value_of(&metrics, name);
        assert_eq!(
            of("arrwdb_fsync_seconds_count"),
            of(r#"arrwdb_fsync_seconds_bucket{le="+Inf"}"#)
        );
        (
            of("arrwdb_commits_total"),
            of("arrwdb_log_written_bytes_total"),
            of("arrwdb_fsync_seconds_count"),
        )
    };
    let before = figures();
    server.ask("POST /v1/events", &JSON, br#"{"topic":"a","data":"0123456789"}"#).fine();
    let after = figures();
    // A mark may have come as well.
    assert!(before.0 + 1.0 <= after.0, "{before:?} {after:?}");
    assert!(before.1 + 50.0 < after.1, "{before:?} {after:?}");
    assert_eq!(after.2, after.0);
}

#[test]
fn the_process_has_its_usual_names() {
    let metrics = Running::new().get("/metrics").fine().body;
    assert!(0.0 < value_of(&metrics, "process_cpu_seconds_total"));
    for name in ["process_resident_memory_bytes", "process_open_fds", "process_max_fds"] {
        assert!(!cfg!(target_os = "linux") || 1.0 < value_of(&metrics, name), "{name}");
    }
}

#[test]
fn workers_are_busy_whatever_the_server_waits_for_itself() {
    let server = Running::new();
    server.enqueue(r#"{"queue":"mail","kind":"k"}"#);
    server.claim_one("mail");
    let metrics = server.get("/metrics").fine().body;
    assert_eq!(value_of(&metrics, "arrwdb_workers_utilisation"), 1.0);
    assert_eq!(value_of(&metrics, "arrwdb_jobs_wanted"), 0.0);
}
