//! Jobs over HTTP: enqueued, claimed, finished, refused.

use serde_json::{Value, json};

use crate::asking::{Answer, PATIENCE, Running};

impl Running {
    pub(crate) fn post_job(&self, target: &str, body: &str) -> Answer {
        self.ask(&format!("POST {target}"), &["content-type: application/json"], body.as_bytes())
    }

    /// Enqueues a job and answers its number.
    pub(crate) fn enqueue(&self, body: &str) -> u64 {
        let enqueued = self.post_job("/v1/jobs", body).fine().json();
        assert_eq!(enqueued["new"], true, "{enqueued}");
        enqueued["job"].as_u64().unwrap()
    }

    /// Claims one job of a queue.
    pub(crate) fn claim_one(&self, queue: &str) -> Value {
        let claimed = self.post_job(&format!("/v1/queues/{queue}/claim"), r#"{"worker":"w"}"#);
        let mut claimed = claimed.fine().json();
        assert_eq!(claimed["jobs"].as_array().unwrap().len(), 1, "{claimed}");
        claimed["jobs"][0].take()
    }

    fn end(&self, job: u64, ending: &str, body: &Value) -> Answer {
        self.post_job(&format!("/v1/jobs/{job}/{ending}"), &body.to_string())
    }
}

#[test]
fn a_job_goes_from_enqueue_to_completed() {
    let server = Running::new();
    let body = r#"{"queue":"mail","kind":"welcome","args":{"to":  "ada"},"tags":["a"],
        "metadata":{"m":1},"id":"one","max_attempts":3}"#;
    let job = server.enqueue(body);
    // The same again is the same.
    let again = server.post_job("/v1/jobs", body).fine().json();
    assert_eq!(again, json!({"job": job, "new": false}));

    let shown = server.get(&format!("/v1/jobs/{job}")).fine();
    assert!(shown.body.contains(r#""args":{"to":  "ada"}"#), "byte for byte: {shown:?}");
    let shown = shown.json();
    assert_eq!((&shown["state"], &shown["attempt"]), (&json!("ready"), &json!(0)));
    assert_eq!((&shown["tags"], &shown["metadata"]), (&json!(["a"]), &json!({"m": 1})));
    assert_eq!((&shown["id"], &shown["max_attempts"]), (&json!("one"), &json!(3)));
    assert!(shown["ready_at"].is_string() && shown.get("run_at").is_none(), "{shown}");

    let claimed = server.claim_one("mail");
    assert_eq!((&claimed["job"], &claimed["attempt"]), (&json!(job), &json!(1)));
    assert_eq!((&claimed["kind"], &claimed["args"]), (&json!("welcome"), &json!({"to": "ada"})));
    let shown = server.get(&format!("/v1/jobs/{job}")).fine().json();
    assert_eq!((&shown["state"], &shown["worker"]), (&json!("leased"), &json!("w")));

    let end = json!({"token": claimed["token"], "result": {"sent": true}});
    let ended = server.end(job, "complete", &end).fine().json();
    assert_eq!(ended, json!({"job": job, "state": "completed"}));
    let shown = server.get(&format!("/v1/jobs/{job}")).fine().json();
    assert!(shown["finished_at"].is_string(), "{shown}");
    server.end(job, "complete", &end).refused(409, "ARW0053", "completed");
}

#[test]
fn a_lease_ends_in_each_way() {
    let server = Running::new();
    let check = |ending: &str, more: Value, state: &str, attempt: u64| {
        let job = server.enqueue(r#"{"queue":"q","kind":"k"}"#);
        let claimed = server.claim_one("q");
        let mut body = more;
        body["token"] = claimed["token"].clone();
        let ended = server.end(job, ending, &body).fine().json();
        assert_eq!(ended, json!({"job": job, "state": state}));
        let shown = server.get(&format!("/v1/jobs/{job}")).fine().json();
        assert_eq!((&shown["state"], &shown["attempt"]), (&json!(state), &json!(attempt)));
        if state == "ready" {
            let token = server.claim_one("q")["token"].clone();
            server.end(job, "complete", &json!({"token": token})).fine();
        }
    };
    check("complete", json!({}), "completed", 1);
    check("fail", json!({"error": "no route", "retry_in_ms": 3_600_000}), "retrying", 1);
    check("snooze", json!({"for_ms": 3_600_000}), "scheduled", 0);
    check("discard", json!({"error": "gone"}), "dead", 1);
    check("release", json!({}), "ready", 0);
}

#[test]
fn an_array_of_jobs_is_all_or_nothing() {
    let server = Running::new();
    let before = server.db.position();
    let wrong = r#"[{"queue":"q","kind":"k"},{"queue":"a.b","kind":"k"}]"#;
    server.post_job("/v1/jobs", wrong).refused(400, "ARW0051", "job 2 of the array");
    let conflict = r#"[{"queue":"q","kind":"k","id":"a"},{"queue":"q","kind":"l","id":"a"}]"#;
    server.post_job("/v1/jobs", conflict).refused(409, "ARW0055", "job 2 of the array");
    server.post_job("/v1/jobs", "[]").refused(400, "ARW0006", "no job");
    assert_eq!(server.db.position(), before);
    let two = r#"[{"queue":"q","kind":"k"},{"queue":"p","kind":"k","delay_ms":60000}]"#;
    let enqueued = server.post_job("/v1/jobs", two).fine().json();
    let first = enqueued["jobs"][0]["job"].as_u64().unwrap();
    let expected = json!({"jobs": [{"job": first, "new": true}, {"job": first + 1, "new": true}]});
    assert_eq!(enqueued, expected);
    let second = server.get(&format!("/v1/jobs/{}", first + 1)).fine().json();
    assert!(second["state"] == "scheduled" && second["run_at"].is_string(), "{second}");
}

#[test]
fn lines_of_jobs_are_committed_up_to_a_wrong_one() {
    let server = Running::new();
    let line = |n: usize| format!("{{\"queue\":\"q\",\"kind\":\"k\",\"args\":{n}}}\n");
    let post = |query: &str, body: &str| {
        let target = format!("POST /v1/jobs{query}");
        server.ask(&target, &["content-type: application/x-ndjson"], body.as_bytes())
    };
    let many: String = (0..2_500).map(line).collect();
    let done = post("", &many).fine().json();
    assert_eq!((&done["count"], &done["new"]), (&json!(2_500), &json!(2_500)));
    let counts = server.db.jobs().queue("q").unwrap();
    assert_eq!(counts.count(arrw::JobState::Ready), 2_500);

    let conflict = |kind: &str| format!("{{\"queue\":\"p\",\"kind\":\"{kind}\",\"id\":\"a\"}}\n");
    let lines =
        [line(0), conflict("k"), line(1), conflict("l"), line(2), "x\n".to_owned(), line(3)];
    let problem = post("", &lines.concat()).refused(409, "ARW0055", "line 4");
    assert_eq!((&problem["line"], &problem["count"]), (&json!(4), &json!(3)));
    let done = post("?on_error=continue", &lines.concat()).fine().json();
    assert_eq!((&done["count"], &done["new"], &done["failed"]), (&json!(5), &json!(4), &json!(2)));
    let codes = [("ARW0055", 4), ("ARW0001", 6)];
    for (at, (code, line)) in codes.into_iter().enumerate() {
        let error = &done["errors"][at];
        assert_eq!((&error["code"], &error["line"]), (&json!(code), &json!(line)), "{done}");
    }
    let none = post("", "\n\n").fine().json();
    assert_eq!((&none["count"], &none["first"]), (&json!(0), &Value::Null));
}

#[test]
fn what_cannot_be_is_refused() {
    let server = Running::new();
    let job = server.enqueue(r#"{"queue":"q","kind":"k"}"#);
    let post = |body: &str| server.post_job("/v1/jobs", body);
    post(r#"{"queue":"q"}"#).refused(400, "ARW0051", "kind");
    post(r#"{"queue":"q","kind":"k","prio":1}"#).refused(400, "ARW0051", "prio");
    post(r#"{"queue":"q","kind":"k""#).refused(400, "ARW0001", "JSON");
    post(r#"{"queue":"q","kind":"k","max_attempts":0}"#).refused(400, "ARW0051", "1 to 1,000");
    let large = format!(r#"{{"queue":"q","kind":"k","args":"{}"}}"#, "x".repeat(1 << 20));
    post(&large).refused(413, "ARW0008", "args");
    server.ask("POST /v1/jobs", &[], b"{}").refused(415, "ARW0007", "x-ndjson");

    let claim = |body: &str| server.post_job("/v1/queues/q/claim", body);
    claim(r#"{"count":0}"#).refused(400, "ARW0051", "at least 1");
    claim(r#"{"count":101}"#).refused(400, "ARW0051", "100");
    claim(r#"{"wait_ms":60001}"#).refused(400, "ARW0051", "60000");
    claim(r#"{"worker":"a b"}"#).refused(400, "ARW0051", "worker");
    claim(r#"{"wait":1}"#).refused(400, "ARW0034", "wait");
    server.post_job("/v1/queues/a.b/claim", "").refused(400, "ARW0051", "a.b");

    server.get("/v1/jobs/99").refused(404, "ARW0052", "99");
    server.get("/v1/jobs/one").refused(400, "ARW0051", "`one`");
    let end = |ending: &str, body: Value| server.end(job, ending, &body);
    let token = server.at(1);
    end("complete", json!({"token": "x"})).refused(400, "ARW0051", "not a token");
    end("complete", json!({"token": token})).refused(409, "ARW0053", "ready");
    end("complete", json!({"token": token, "error": "x"})).refused(400, "ARW0051", "`result`");
    end("release", json!({"token": token, "result": 1})).refused(400, "ARW0051", "leave it out");
    end("snooze", json!({"token": token})).refused(400, "ARW0051", "`for_ms` is missing");
    let long = json!({"token": token, "for_ms": 999_999_999_999_999_u64});
    end("snooze", long).refused(400, "ARW0051", "ten years");
    server.end(99, "complete", &json!({"token": token})).refused(404, "ARW0052", "99");
    // A token of another life of the log, with the number of this lease.
    let claimed = server.claim_one("q");
    let seq = claimed["token"].as_str().unwrap().split_once(':').unwrap().1.to_owned();
    let other = json!({"token": format!("00c0ffee00c0ffee:{seq}")});
    end("complete", other).refused(409, "ARW0053", "leased");
    end("complete", json!({"token": claimed["token"]})).fine();
}

#[test]
fn many_leases_end_at_once_and_the_next_jobs_come_with_the_answer() {
    let server = Running::new();
    for n in 0..4 {
        server.enqueue(&format!(r#"{{"queue":"q","kind":"k","args":{n}}}"#));
    }
    let claimed = server.post_job("/v1/queues/q/claim", r#"{"count":2,"worker":"w"}"#).fine();
    let claimed = claimed.json()["jobs"].clone();
    let item = |at: usize, outcome: &str| json!({"job": claimed[at]["job"], "token": claimed[at]["token"], "outcome": outcome});
    let body = json!({
        "finish": [item(0, "complete"), {"job": 99, "token": server.at(1), "outcome": "complete"},
            {"job": claimed[1]["job"], "token": server.at(1), "outcome": "complete"},
            item(1, "snooze")],
        "claim": {"worker": "w", "queues": ["q"], "count": 5},
    });
    let done = server.post_job("/v1/jobs/finish", &body.to_string()).fine().json();
    let code = |at: usize| done["results"][at]["error"]["code"].clone();
    assert_eq!(done["results"][0], json!({"job": claimed[0]["job"], "state": "completed"}));
    assert_eq!((code(1), code(2), code(3)), (json!("ARW0052"), json!("ARW0053"), json!("ARW0051")));
    assert_eq!(done["jobs"].as_array().unwrap().len(), 2, "{done}");

    // With a claim an end that is refused is a part of the answer, as jobs may come with it.
    server.enqueue(r#"{"queue":"q","kind":"k"}"#);
    let job = claimed[0]["job"].as_u64().unwrap();
    let body = json!({"token": claimed[0]["token"], "claim": {"queues": ["q"]}});
    let done = server.end(job, "complete", &body).fine().json();
    assert_eq!((&done["error"]["code"], &done["job"]), (&json!("ARW0053"), &json!(job)));
    assert_eq!(done["jobs"].as_array().unwrap().len(), 1, "{done}");
    let worker = done["worker"].as_str().unwrap();
    assert!(worker.starts_with("http-"), "{worker}");
}

#[test]
fn a_claim_waits_until_a_job_comes() {
    let server = Running::new();
    let body = r#"{"wait_ms":60000,"worker":"w","queues":["p"]}"#;
    let head = format!(
        "POST /v1/queues/q/claim HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut waiting = server.send(head.as_bytes());
    server.enqueue(r#"{"queue":"p","kind":"k"}"#);
    let claimed = Answer::read(&mut waiting).fine().json();
    assert_eq!(claimed["jobs"][0]["queue"], "p");
    // One that finds nothing in time says so.
    let nothing = server.post_job("/v1/queues/q/claim", r#"{"wait_ms":1}"#).fine().json();
    assert_eq!(nothing["jobs"], json!([]));
}

#[test]
fn a_client_that_goes_while_it_waits_gets_no_job() {
    let server = Running::new();
    let body = r#"{"wait_ms":60000,"worker":"gone"}"#;
    let head = format!(
        "POST /v1/queues/q/claim HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let waiting = server.send(head.as_bytes());
    drop(waiting);
    // Its connection is closed when the server has seen it.
    let until = std::time::Instant::now() + PATIENCE;
    while server.get("/v1/stats").fine().json()["connections"] != 1 {
        assert!(std::time::Instant::now() < until, "the server saw that the client is gone");
    }
    let job = server.enqueue(r#"{"queue":"q","kind":"k"}"#);
    let shown = server.get(&format!("/v1/jobs/{job}")).fine().json();
    assert_eq!((&shown["state"], &shown["attempt"]), (&json!("ready"), &json!(0)));
    assert_eq!(server.claim_one("q")["job"], job);
}

#[test]
fn a_worker_extends_its_lease_and_learns_of_a_wish_to_cancel() {
    let server = Running::new();
    let job = server.enqueue(r#"{"queue":"q","kind":"k"}"#);
    let claimed = server.claim_one("q");
    let body = json!({"token": claimed["token"]});
    let extended = server.end(job, "extend", &body).fine().json();
    assert_eq!(extended, json!({"job": job, "cancelling": false}));
    let cancel = arrw::Command::Cancel(arrw::JobId::from_number(job));
    server.db.jobs().run(vec![cancel], false).unwrap().wait().unwrap();
    let extended = server.end(job, "extend", &body).fine().json();
    assert_eq!(extended, json!({"job": job, "cancelling": true}));
    let ended = server.end(job, "fail", &json!({"token": claimed["token"]})).fine().json();
    assert_eq!(ended["state"], "cancelled");
    server.end(job, "extend", &body).refused(409, "ARW0053", "cancelled");
}

#[test]
fn what_happened_to_a_job_is_shown() {
    let server = Running::new();
    let job = server.enqueue(r#"{"queue":"q","kind":"k"}"#);
    let target = format!("/v1/jobs/{job}");
    let claimed = server.claim_one("q");
    let said = json!({"token": claimed["token"], "current": 3, "total": 7, "message": "halfway"});
    assert_eq!(server.end(job, "progress", &said).status, 204);
    let shown = server.get(&target).fine().json();
    assert_eq!(shown["progress"], json!({"current": 3, "total": 7, "message": "halfway"}));
    let failed = json!({"token": claimed["token"], "error": "no route", "retry_in_ms": 0});
    server.end(job, "fail", &failed).fine();
    server.end(job, "progress", &said).refused(409, "ARW0053", "lease");
    server.post_job(&format!("{target}/retry"), "").fine();
    let claimed = server.claim_one("q");
    server.end(job, "complete", &json!({"token": claimed["token"], "result": [1]})).fine();

    let shown = server.get(&target).fine().json();
    assert_eq!((&shown["result"], &shown["history_is_whole"]), (&json!([1]), &json!(true)));
    let history = shown["history"].as_array().unwrap();
    let states: Vec<&Value> = history.iter().map(|it| &it["state"]).collect();
    assert!(states.first() == Some(&&json!("completed")), "{shown}");
    assert!(states.last() == Some(&&json!("ready")), "{shown}");
    let retrying = history.iter().find(|it| it["state"] == "retrying").unwrap();
    assert_eq!((&retrying["error"], &retrying["attempt"]), (&json!("no route"), &json!(1)));
    assert_eq!(retrying["progress"]["current"], 3);
    let position = retrying["position"].as_str().unwrap();
    let events = server.get("/v1/events?filter=jobs.q.retrying&limit=1").fine().json();
    assert_eq!(events["next"], position, "it is the place of its event");
}
