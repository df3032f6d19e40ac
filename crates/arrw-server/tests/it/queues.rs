//! Jobs and queues as people look after them: lists, changes, limits, figures.

use serde_json::{Value, json};

use crate::asking::{Answer, Running};

fn numbers(page: &Value) -> Vec<u64> {
    page["jobs"].as_array().unwrap().iter().map(|it| it["job"].as_u64().unwrap()).collect()
}

impl Running {
    fn put(&self, target: &str, body: &str) -> Answer {
        self.ask(&format!("PUT {target}"), &["content-type: application/json"], body.as_bytes())
    }

    fn state_of(&self, job: u64) -> Value {
        self.get(&format!("/v1/jobs/{job}")).fine().json()["state"].clone()
    }

    /// All jobs of a list, page by page, and how many pages there were.
    fn pages(&self, query: &str) -> (Vec<u64>, usize) {
        let (mut all, mut after, mut count) = (Vec::new(), String::new(), 0);
        loop {
            let page = self.get(&format!("/v1/jobs?{query}{after}")).fine().json();
            all.extend(numbers(&page));
            count += 1;
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return (all, count),
            }
        }
    }
}

#[test]
fn jobs_are_listed_in_pages() {
    let server = Running::new();
    let mut jobs = Vec::new();
    for (at, priority) in ["low", "normal", "urgent", "normal"].into_iter().enumerate() {
        let kind = if at == 1 { "b" } else { "a" };
        jobs.push(server.enqueue(&format!(
            r#"{{"queue":"q","kind":"{kind}","priority":"{priority}","tags":["t{at}"],"args":{at}}}"#
        )));
    }
    let later = server.enqueue(r#"{"queue":"q","kind":"a","delay_ms":60000}"#);
    server.enqueue(r#"{"queue":"other","kind":"a"}"#);
    let ready = [jobs[2], jobs[1], jobs[3], jobs[0]];

    assert_eq!(server.pages("queue=q&state=ready").0, ready);
    assert_eq!(server.pages("queue=q&state=ready&limit=1"), (ready.to_vec(), 5));
    let all = [&[later][..], &ready].concat();
    assert_eq!(server.pages("queue=q&limit=2").0, all);
    assert_eq!(server.pages("queue=q&kind=b").0, [jobs[1]]);
    assert_eq!(server.pages("queue=q&tag=t3").0, [jobs[3]]);
    assert_eq!(server.pages("queue=none").0, Vec::<u64>::new());

    let page = server.get("/v1/jobs?queue=q&state=ready&limit=1").fine().json();
    assert!(page["jobs"][0].get("args").is_none(), "{page}");
    let page = server.get("/v1/jobs?queue=q&state=ready&limit=1&include=args").fine().json();
    assert_eq!((&page["jobs"][0]["args"], &page["jobs"][0]["tags"]), (&json!(2), &json!(["t2"])));

    let wrong = |query: &str, part: &str| {
        server.get(&format!("/v1/jobs?{query}")).refused(400, "ARW0004", part);
    };
    wrong("state=ready", "`queue` is missing");
    wrong("queue=q&state=done", "`completed`");
    wrong("queue=q&after=7", "next");
    wrong("queue=q&include=all", "args");
    wrong("queue=q&limit=1001", "1000");
}

#[test]
fn a_list_looks_at_so_many_jobs_and_says_where_it_goes_on() {
    let server = Running::new();
    let line = |n: usize| {
        let kind = if n == 2_400 { "rare" } else { "often" };
        format!("{{\"queue\":\"q\",\"kind\":\"{kind}\"}}\n")
    };
    let lines: String = (0..2_500).map(line).collect();
    let lines_type = ["content-type: application/x-ndjson"];
    let done = server.ask("POST /v1/jobs", &lines_type, lines.as_bytes()).fine().json();
    let page = server.get("/v1/jobs?queue=q&kind=rare").fine().json();
    assert!(page["jobs"] == json!([]) && page["next"].is_string(), "{page}");
    let rare = done["first"].as_u64().unwrap() + 2_400;
    assert_eq!(server.pages("queue=q&kind=rare"), (vec![rare], 3));
}

#[test]
fn jobs_are_cancelled_retried_and_deleted() {
    let server = Running::new();
    let job = server.enqueue(r#"{"queue":"q","kind":"k","delay_ms":60000}"#);
    let post = |what: &str| server.post_job(&format!("/v1/jobs/{job}/{what}"), "");
    let delete = || server.ask(&format!("DELETE /v1/jobs/{job}"), &[], b"");
    assert_eq!(post("retry").fine().json(), json!({"job": job, "state": "ready"}));
    let claimed = server.claim_one("q");
    post("retry").refused(409, "ARW0054", "leased");
    delete().refused(409, "ARW0054", "cancel it first");
    assert_eq!(post("cancel").fine().json(), json!({"job": job, "state": "leased"}));
    let beat = |worker: &str| server.post_job(&format!("/v1/workers/{worker}/heartbeat"), "{}");
    assert_eq!(beat("w").fine().json(), json!({"cancel": [job]}));
    assert_eq!(beat("nobody").fine().json(), json!({"cancel": []}));
    let body = json!({"token": claimed["token"]}).to_string();
    server.post_job(&format!("/v1/jobs/{job}/fail"), &body).fine();
    assert_eq!(server.state_of(job), "cancelled");
    post("retry").refused(409, "ARW0054", "new job");
    assert_eq!(delete().status, 204);
    delete().refused(404, "ARW0052", "no job");
    post("cancel").refused(404, "ARW0052", "no job");
}

#[test]
fn a_job_that_waits_is_discarded_without_a_token() {
    let server = Running::new();
    let job = server.enqueue(r#"{"queue":"q","kind":"k"}"#);
    let discard = |body: &str| server.post_job(&format!("/v1/jobs/{job}/discard"), body);
    discard(r#"{"error":"why"}"#).refused(400, "ARW0051", "`token` is missing");
    server.post_job(&format!("/v1/jobs/{job}/release"), "").refused(400, "ARW0051", "claim");
    assert_eq!(discard("").fine().json(), json!({"job": job, "state": "dead"}));
    server.post_job(&format!("/v1/jobs/{job}/retry"), "").fine();
    server.claim_one("q");
    discard("{}").refused(409, "ARW0054", "cancel it instead");
}

#[test]
fn what_is_to_be_an_object_is_none_of_another_form() {
    let server = Running::new();
    let check = |request: &str, body: &str, code: &str, part: &str| {
        let answer = server.ask(request, &["content-type: application/json"], body.as_bytes());
        let problem = answer.refused(400, code, part);
        assert!(!problem["detail"].as_str().unwrap().contains("struct"), "{problem}");
    };
    // The members of each could be read of an array as well.
    check("PUT /v1/queues/q/limits", "[5]", "ARW0034", "no object");
    check("PUT /v1/queues/q/limits", r#"{"rate":7}"#, "ARW0034", "`per_ms`");
    let job = r#"{"queue":"q","kind":"k"}"#;
    let order = format!(r#"[null,null,"1h","skip",{job}]"#);
    check("PUT /v1/schedules/s", &order, "ARW0034", "`{...}`");
    check("POST /v1/jobs", "null", "ARW0051", "no object");
    check("POST /v1/jobs", r#"["q"]"#, "ARW0051", "job 1 of the array: this is JSON");
    check("POST /v1/jobs", r#"{"queue":"q","kind":"k","unique":true}"#, "ARW0051", "an object as");
    check("POST /v1/jobs", r#"{"queue":"q","kind":"k","backoff":1}"#, "ARW0051", "an object with");
    check("POST /v1/batch", &format!("[[],[],[{job}]]"), "ARW0034", "no object");
    check("POST /v1/jobs", "{", "ARW0001", "not JSON");
    check("PUT /v1/queues/q/limits", "limits", "ARW0001", "not JSON");
}

#[test]
fn many_jobs_are_changed_at_once() {
    let server = Running::new();
    let enqueue = |kind: &str| server.enqueue(&format!(r#"{{"queue":"q","kind":"{kind}"}}"#));
    let jobs: Vec<u64> = ["a", "a", "b", "a"].into_iter().map(enqueue).collect();
    let bulk = |body: Value| server.post_job("/v1/jobs/bulk", &body.to_string());
    let wish =
        json!({"action": "discard", "queue": "q", "state": "ready", "kind": "a", "limit": 2});
    let done = bulk(wish.clone()).fine().json();
    assert_eq!(
        (&done["matched"], &done["done"], &done["refused"]),
        (&json!(2), &json!(2), &json!(0))
    );
    let mut wish = wish;
    wish["after"] = done["next"].clone();
    let done = bulk(wish).fine().json();
    assert_eq!((&done["done"], &done["next"]), (&json!(1), &Value::Null));
    let states: Vec<Value> = jobs.iter().map(|job| server.state_of(*job)).collect();
    assert_eq!(states, ["dead", "dead", "ready", "dead"]);

    let done = bulk(json!({"action": "cancel", "queue": "q", "state": "dead"})).fine().json();
    assert_eq!((&done["matched"], &done["refused"]), (&json!(3), &json!(3)));
    let done = bulk(json!({"action": "retry", "queue": "q", "state": "dead"})).fine().json();
    assert_eq!(done["done"], 3);
    bulk(json!({"action": "burn", "queue": "q", "state": "dead"})).refused(400, "ARW0034", "burn");
    let limit = json!({"action": "retry", "queue": "q", "state": "dead", "limit": 1_001});
    bulk(limit).refused(400, "ARW0034", "1000");
}

#[test]
fn queues_are_paused_limited_and_counted() {
    let server = Running::new();
    for queue in ["a", "b", "c"] {
        server.enqueue(&format!(r#"{{"queue":"{queue}","kind":"k"}}"#));
    }
    let names = |answer: &Value| {
        let all = answer["queues"].as_array().unwrap();
        all.iter().map(|it| it["queue"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let page = server.get("/v1/queues?limit=2").fine().json();
    assert_eq!((names(&page), &page["next"]), (vec!["a".into(), "b".into()], &json!("b")));
    let page = server.get("/v1/queues?limit=2&after=b").fine().json();
    assert_eq!((names(&page), &page["next"]), (vec!["c".into()], &Value::Null));
    server.get("/v1/queues/d").refused(404, "ARW0057", "`d`");

    let paused = server.post_job("/v1/queues/a/pause", "").fine().json();
    assert_eq!((&paused["paused"], &paused["closed"]), (&json!(true), &json!(true)));
    let claim = || server.post_job("/v1/queues/a/claim", "").fine().json()["jobs"].clone();
    assert_eq!(claim(), json!([]));
    server.post_job("/v1/queues/a/resume", "").fine();

    let limits = r#"{"concurrency_max":1,"rate":{"count":5,"per_ms":1000}}"#;
    let limited = server.put("/v1/queues/a/limits", limits).fine().json();
    assert_eq!((&limited["concurrency_max"], &limited["rate"]["count"]), (&json!(1), &json!(5)));
    assert_eq!(limited["keep_done"], json!({"for_ms": 86_400_000, "count": 100_000}));
    server.enqueue(r#"{"queue":"a","kind":"k"}"#);
    assert_eq!(claim().as_array().unwrap().len(), 1);
    assert_eq!(claim(), json!([]), "one at once");
    let shown = server.get("/v1/queues/a").fine().json();
    assert_eq!((&shown["jobs"]["ready"], &shown["jobs"]["leased"]), (&json!(1), &json!(1)));
    assert!(shown["oldest_ready_ms"].is_u64() && shown["closed"] == true, "{shown}");
    let plain = server.put("/v1/queues/a/limits", "{}").fine().json();
    assert_eq!((&plain["concurrency_max"], &plain["rate"]), (&json!(0), &Value::Null));
    server.put("/v1/queues/a/limits", r#"{"rate":{"count":0,"per_ms":1}}"#).refused(
        400,
        "ARW0051",
        "at least 1",
    );
    server.put("/v1/queues/a/limits", r#"{"rates":1}"#).refused(400, "ARW0034", "rates");

    let stats = server.get("/v1/stats").fine().json();
    let jobs = &stats["jobs"];
    assert_eq!(
        (&jobs["queues"], &jobs["ready"], &jobs["leased"]),
        (&json!(3), &json!(3), &json!(1))
    );
    assert!(jobs["oldest_ready_ms"].is_u64(), "{stats}");
}

#[test]
fn what_happened_to_jobs_is_counted() {
    let server = Running::new();
    let lines = r#"[{"queue":"a","kind":"k","max_attempts":2},{"queue":"a","kind":"k"}]"#;
    server.post_job("/v1/jobs", lines).fine();
    let claim = || server.post_job("/v1/queues/a/claim", r#"{"worker":"w"}"#).fine().json();
    let finish = |job: &Value, how: &str, more: &str| {
        let (id, token) = (&job["job"], &job["token"]);
        let path = format!("/v1/jobs/{id}/{how}");
        server.post_job(&path, &format!("{{\"token\":{token}{more}}}"))
    };
    let (first, second) = (claim()["jobs"][0].clone(), claim()["jobs"][0].clone());
    finish(&first, "fail", r#","error":"e","retry_in_ms":0"#).fine();
    finish(&first, "complete", "").refused(409, "ARW0053", "");
    finish(&second, "complete", "").fine();
    let again = claim()["jobs"][0].clone();
    finish(&again, "fail", r#","error":"e""#).fine();

    let totals = json!({
        "enqueued": 2, "started": 3, "completed": 1, "failed": 2, "retried": 1, "dead": 1, "cancelled": 0,
    });
    assert_eq!(server.get("/v1/queues/a").fine().json()["totals"], totals);
    let jobs = server.get("/v1/stats").fine().json()["jobs"].clone();
    assert_eq!((&jobs["totals"], &jobs["leases_lost"]), (&totals, &json!(0)));
    assert_eq!((&jobs["stale_refused"], &jobs["utilisation"]), (&json!(1), &json!(0.0)));
    let metrics = server.get("/metrics").fine().body;
    for line in [
        r#"arrwdb_jobs_enqueued_total{queue="a"} 2"#,
        r#"arrwdb_jobs_failed_total{queue="a"} 2"#,
        "arrwdb_jobs_wait_seconds_count 3",
        r#"arrwdb_jobs_wait_seconds_bucket{le="+Inf"} 3"#,
        "arrwdb_leases_stale_refused_total 1",
        "arrwdb_leases_lost_total 0",
        "arrwdb_workers_utilisation 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
}

#[test]
fn metrics_name_a_hundred_queues_and_sum_up_the_rest() {
    let server = Running::new();
    let job = |n: usize| format!("{{\"queue\":\"q{n:03}\",\"kind\":\"k\"}}\n");
    let lines: String = (0..103).map(job).collect();
    let lines_type = ["content-type: application/x-ndjson"];
    server.ask("POST /v1/jobs", &lines_type, lines.as_bytes()).fine();
    let metrics = server.get("/metrics").fine().body;
    for line in [
        r#"arrwdb_jobs{queue="q000",state="ready"} 1"#,
        r#"arrwdb_jobs{queue="q099",state="ready"} 1"#,
        r#"arrwdb_jobs{queue="other queues",state="ready"} 3"#,
        r#"arrwdb_jobs{queue="q000",state="dead"} 0"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    assert!(!metrics.contains("q100"), "{metrics}");
    assert!(metrics.contains(r#"arrwdb_jobs_oldest_ready_seconds{queue="q000"} "#), "{metrics}");
}
