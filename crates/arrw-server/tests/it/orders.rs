//! Schedules, triggers and workers over HTTP.

use std::time::Instant;

use serde_json::{Value, json};

use crate::asking::{Answer, PATIENCE, Running};

impl Running {
    fn put_order(&self, target: &str, body: &Value) -> Answer {
        let headers = ["content-type: application/json"];
        self.ask(&format!("PUT {target}"), &headers, body.to_string().as_bytes())
    }

    fn remove(&self, target: &str) -> Answer {
        self.ask(&format!("DELETE {target}"), &[], b"")
    }

    /// Waits until what a path answers has a member of this value.
    #[track_caller]
    fn wait_for(&self, target: &str, member: &str, value: &Value) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let shown = self.get(target).fine().json();
            if shown[member] == *value {
                return shown;
            }
            assert!(Instant::now() < until, "{shown}");
        }
    }
}

fn names(page: &Value, member: &str) -> Vec<String> {
    let all = page[member].as_array().unwrap();
    all.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_schedule_is_put_shown_and_run() {
    let server = Running::new();
    let target = "/v1/schedules/nightly";
    let job = json!({"queue": "reports", "kind": "nightly", "args": {"pages": 2}, "max_attempts": 3,
        "priority": "low", "tags": ["night"], "metadata": {"m": 1},
        "backoff": {"type": "fixed", "ms": 9}});
    let body =
        json!({"cron": "30 2 * * *", "zone": "europe/berlin", "misfire": "run_once", "job": job});
    let put = server.put_order(target, &body).fine().json();
    assert_eq!((&put["cron"], &put["zone"]), (&json!("30 2 * * *"), &json!("Europe/Berlin")));
    assert_eq!((&put["misfire"], &put["queue"]), (&json!("run_once"), &json!("reports")));
    assert_eq!(put["next_runs"].as_array().unwrap().len(), 5, "{put}");
    assert!(put.get("last_slot").is_none() && put.get("every").is_none(), "{put}");
    for (name, value) in job.as_object().unwrap() {
        assert_eq!(put["job"][name], *value, "{name}");
    }
    // What is told of its job makes the same one.
    let again =
        json!({"cron": put["cron"], "zone": put["zone"], "misfire": "run_once", "job": put["job"]});
    assert_eq!(server.put_order(target, &again).fine().json(), put);

    let run = server.post_job(&format!("{target}/run"), "").fine().json();
    assert_eq!(run["new"], true);
    let shown = server.get(target).fine().json();
    assert_eq!((&shown["made"], &shown["last_job"]), (&json!(1), &run["job"]));
    let made = server.get(&format!("/v1/jobs/{}", run["job"])).fine().json();
    assert_eq!((&made["args"], &made["backoff"]), (&job["args"], &job["backoff"]));

    let paused = server.post_job(&format!("{target}/pause"), "").fine().json();
    assert_eq!((&paused["paused"], &paused["next_runs"]), (&json!(true), &json!([])));
    let resumed = server.post_job(&format!("{target}/resume"), "").fine().json();
    assert_eq!(resumed["paused"], false);
    assert_eq!(server.remove(target).status, 204);
    server.get(target).refused(404, "ARW0059", "no schedule `nightly`");
    server.remove(target).refused(404, "ARW0059", "nightly");
    server.post_job(&format!("{target}/run"), "").refused(404, "ARW0059", "nightly");
}

#[test]
fn a_schedule_has_its_jobs_enqueued() {
    let server = Running::new();
    let job = json!({"queue": "q", "kind": "k", "unique": {"key": "one"}});
    let put = server.put_order("/v1/schedules/often", &json!({"every": "1000ms", "job": job}));
    let put = put.fine().json();
    assert_eq!((&put["every"], &put["misfire"]), (&json!("1s"), &json!("skip")));
    assert!(put.get("cron").is_none() && put.get("zone").is_none(), "{put}");
    assert_eq!(put["job"]["unique"], true);
    let shown = server.wait_for("/v1/schedules/often", "made", &json!(1));
    assert!(shown["last_slot"].is_string() && shown["last_job"].is_u64(), "{shown}");
    // Its key is not known any more, so it is not lost without a word.
    let again = json!({"every": "1s", "job": put["job"]});
    server.put_order("/v1/schedules/often", &again).refused(400, "ARW0051", "`job`");
}

#[test]
fn a_trigger_is_put_tripped_and_removed() {
    let server = Running::new();
    let target = "/v1/triggers/receipts";
    let body = json!({"filter": "orders.*", "job": {"queue": "mail", "kind": "receipt", "args": {"a": 1}}});
    let put = server.put_order(target, &body).fine().json();
    assert_eq!((&put["filter"], &put["made"]), (&json!("orders.*"), &json!(0)));
    assert!(put["cursor"].as_str().unwrap().contains(':'), "{put}");
    assert!(put.get("next_runs").is_none() && put.get("missed").is_none(), "{put}");
    server.post_json(r#"{"topic":"orders.created","data":7}"#).fine();
    let shown = server.wait_for(target, "made", &json!(1));
    let made = server.get(&format!("/v1/jobs/{}", shown["last_job"])).fine().json();
    assert_eq!((&made["args"]["a"], &made["args"]["event"]["data"]), (&json!(1), &json!(7)));

    let paused = server.post_job(&format!("{target}/pause"), "").fine().json();
    assert_eq!(paused["paused"], true);
    server.post_job(&format!("{target}/resume"), "").fine();
    server.post_job(&format!("{target}/run"), "").refused(404, "ARW0021", "triggers");
    assert_eq!(server.remove(target).status, 204);
    server.get(target).refused(404, "ARW0059", "no trigger `receipts`");
}

#[test]
fn what_is_wrong_with_an_order_is_named() {
    let server = Running::new();
    let job = json!({"queue": "q", "kind": "k"});
    let schedule = |mut body: Value| {
        if body.get("job").is_none() {
            body["job"] = job.clone();
        }
        server.put_order("/v1/schedules/s", &body)
    };
    schedule(json!({"cron": "61 * * * *"})).refused(400, "ARW0058", "minute");
    let zone = json!({"cron": "0 * * * *", "zone": "Berlin"});
    schedule(zone).refused(400, "ARW0058", "did you mean `Europe/Berlin`?");
    schedule(json!({"every": "10m"})).refused(400, "ARW0058", "write `min`");
    schedule(json!({"every": "1h", "zone": "UTC"})).refused(400, "ARW0058", "zone");
    schedule(json!({"every": "1h", "cron": "0 * * * *"})).refused(400, "ARW0058", "both");
    schedule(json!({})).refused(400, "ARW0058", "missing");
    schedule(json!({"every": "1h", "misfire": "all"})).refused(400, "ARW0034", "run_once");
    let of_job = |member: &str, value: Value, part: &str| {
        let mut job = job.clone();
        job[member] = value;
        schedule(json!({"every": "1h", "job": job})).refused(400, "ARW0051", part);
    };
    of_job("id", json!("a"), "`id`");
    of_job("delay_ms", json!(1), "`delay_ms`");
    of_job("run_at", json!("2026-01-31T23:59:59Z"), "`run_at`");
    of_job("unique", json!({"for_ms": 1}), "unique key");
    of_job("kin", json!(1), "`job`: unknown field `kin`");
    let name = "a".repeat(129);
    let put =
        server.put_order(&format!("/v1/schedules/{name}"), &json!({"every": "1h", "job": job}));
    put.refused(400, "ARW0051", "128");

    let trigger = |filter: &str, args: Value| {
        let job = json!({"queue": "q", "kind": "k", "args": args});
        server.put_order("/v1/triggers/t", &json!({"filter": filter, "job": job}))
    };
    trigger("a.>.b", json!(null)).refused(400, "ARW0005", "a.>.b");
    trigger("~.a", json!(null)).refused(400, "ARW0018", "history");
    trigger("a", json!([1])).refused(400, "ARW0051", "object");
    server.get("/v1/triggers").fine();
    assert_eq!(server.get("/v1/triggers").fine().json(), json!({"triggers": [], "next": null}));
}

#[test]
fn orders_are_listed_in_pages_and_counted() {
    let server = Running::new();
    for name in ["a", "b", "c"] {
        let body = json!({"every": "1h", "job": {"queue": "q", "kind": "k"}});
        server.put_order(&format!("/v1/schedules/{name}"), &body).fine();
    }
    let body = json!({"filter": "x", "job": {"queue": "q", "kind": "k"}});
    server.put_order("/v1/triggers/d", &body).fine();
    server.post_job("/v1/schedules/a/run", "").fine();
    let page = server.get("/v1/schedules?limit=2").fine().json();
    assert_eq!(
        (names(&page, "schedules"), &page["next"]),
        (vec!["a".into(), "b".into()], &json!("b"))
    );
    let page = server.get("/v1/schedules?limit=2&after=b").fine().json();
    assert_eq!((names(&page, "schedules"), &page["next"]), (vec!["c".into()], &Value::Null));
    let page = server.get("/v1/triggers").fine().json();
    assert_eq!(names(&page, "triggers"), ["d"]);
    server.get("/v1/triggers?limit=0").refused(400, "ARW0004", "limit");

    let jobs = server.get("/v1/stats").fine().json()["jobs"].clone();
    assert_eq!((&jobs["schedules"], &jobs["triggers"]), (&json!(3), &json!(1)));
    let metrics = server.get("/metrics").fine().body;
    for line in ["arrwdb_schedules 3", "arrwdb_triggers 1", "arrwdb_schedules_jobs_made 1"] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
}

#[test]
fn workers_are_listed_and_say_which_jobs_they_have() {
    let server = Running::new();
    assert_eq!(server.get("/v1/workers").fine().json(), json!({"workers": [], "next": null}));
    let jobs = [
        server.enqueue(r#"{"queue":"q","kind":"k"}"#),
        server.enqueue(r#"{"queue":"q","kind":"k"}"#),
    ];
    let claim = |worker: &str| {
        let body = json!({"worker": worker}).to_string();
        server.post_job("/v1/queues/q/claim", &body).fine();
    };
    claim("w");
    claim("v");
    let page = server.get("/v1/workers?limit=1").fine().json();
    assert_eq!((names(&page, "workers"), &page["next"]), (vec!["v".into()], &json!("v")));
    let page = server.get("/v1/workers?after=v").fine().json();
    assert_eq!(
        (names(&page, "workers"), &page["workers"][0]["leases"]),
        (vec!["w".into()], &json!(1))
    );
    assert!(page["workers"][0]["silent_until"].is_string(), "{page}");

    // What a worker does not name twice it has lost.
    let beat = |body: Value| server.post_job("/v1/workers/w/heartbeat", &body.to_string()).fine();
    let told = beat(json!({"jobs": [jobs[0], 9_999]})).json();
    assert_eq!(told, json!({"cancel": [], "lost": [9_999]}));
    assert_eq!(beat(json!({"jobs": []})).json(), json!({"cancel": [], "lost": []}));
    let shown = server.get(&format!("/v1/jobs/{}", jobs[0])).fine().json();
    assert_eq!(shown["state"], "leased", "once is no proof");
    beat(json!({"jobs": []}));
    let shown = server.wait_for(&format!("/v1/jobs/{}", jobs[0]), "state", &json!("ready"));
    assert_eq!(shown["attempt"], 1);
}

#[test]
fn a_batch_has_events_jobs_and_ends_of_leases() {
    let server = Running::new();
    let job = server.enqueue(r#"{"queue":"q","kind":"k"}"#);
    let token = server.claim_one("q")["token"].clone();
    let end = json!({"job": job, "token": token, "outcome": "complete", "result": {"sent": 1}});
    let body = json!({"events": [{"topic": "a", "data": 1}], "finish": [end],
        "jobs": [{"queue": "next", "kind": "k", "args": 7}]});
    let batch = |body: &Value| server.post_job("/v1/batch", &body.to_string());
    let done = batch(&body).fine().json();
    assert_eq!((&done["count"], &done["jobs"][0]["new"]), (&json!(1), &json!(true)));
    let shown = server.get(&format!("/v1/jobs/{job}")).fine().json();
    assert_eq!((&shown["state"], &shown["result"]), (&json!("completed"), &json!({"sent": 1})));
    let next = server.claim_one("next");
    assert_eq!((&next["job"], &next["args"]), (&done["jobs"][0]["job"], &json!(7)));

    // A lease that is over has nothing of it done.
    batch(&body).refused(409, "ARW0053", "lease");
    let topic = server.get("/v1/topics/a/events").fine().json();
    assert_eq!(topic["events"].as_array().unwrap().len(), 1, "{topic}");
    let wrong = json!({"jobs": [{"queue": "q", "kind": "k"}, {"queue": "q.q", "kind": "k"}]});
    batch(&wrong).refused(400, "ARW0051", "q.q");
    batch(&json!({"jobs": [{"queue": "q"}]})).refused(400, "ARW0051", "job 1 of the array");
    let none = json!({"finish": [{"job": 9_999, "token": token, "outcome": "release"}]});
    batch(&none).refused(404, "ARW0052", "end 1 of the array");
    batch(&json!({"jobs": []})).refused(400, "ARW0006", "job");
    let alone = batch(&json!({"jobs": [{"queue": "q", "kind": "k"}]})).fine().json();
    assert_eq!((&alone["count"], &alone["first"]), (&json!(0), &Value::Null));
}
