//! Requests about jobs, their queues, schedules and triggers, put to the router.

use std::sync::Arc;

use arrw::{Claim, NewJob};
use serde_json::{Value, json};

use super::ask::{Answer, EPOCH, app, ask, block_on, outcome, whole};
use super::{Input, Outcome, Target, seeds, text_of};
use crate::app::App;

pub(super) const ROUTES: Target = Target {
    name: "server-job-routes",
    what: "bodies and paths of the routes of jobs: done and shown, what is shown can be put again, or refused with a reason",
    run: jobs,
    seeds: || {
        seeds(&[
            "\0\u{1}s{\"cron\":\"30 2 * * MON-FRI\",\"zone\":\"Europe/Berlin\",\"misfire\":\"run_once\",\"job\":{\"queue\":\"q\",\"kind\":\"k\",\"args\":{\"a\":1},\"tags\":[\"t\"],\"metadata\":{}}}",
            "\0\u{1}s{\"every\":\"90s\",\"job\":{\"queue\":\"q\",\"kind\":\"k\",\"unique\":{\"key\":\"u\"},\"backoff\":{\"type\":\"list\",\"ms\":[1,2]}}}",
            "\u{1}\u{1}t{\"filter\":\"a.>\",\"job\":{\"queue\":\"q\",\"kind\":\"k\",\"args\":{}}}",
            "\u{2}\u{1}q{\"concurrency_max\":3,\"rate\":{\"count\":5,\"per_ms\":9},\"keep_done\":{\"for_ms\":1,\"count\":2}}",
            "\u{3}\0[{\"queue\":\"q\",\"kind\":\"k\",\"id\":\"i\",\"run_at\":\"2030-01-01T00:00:00Z\"},{\"queue\":\"p\",\"kind\":\"k\",\"delay_ms\":5}]",
            "\u{4}\u{1}q{\"worker\":\"v\",\"count\":2,\"lease_ms\":1000,\"queues\":[\"p\"]}",
            "\u{5}\0{\"action\":\"discard\",\"queue\":\"q\",\"state\":\"ready\",\"kind\":\"k\",\"limit\":5}",
            "\u{6}\0{\"finish\":[{\"job\":4,\"token\":\"E:6\",\"outcome\":\"fail\",\"error\":\"e\",\"retry_in_ms\":1}],\"claim\":{\"queues\":[\"q\"]}}",
            "\u{7}\u{1}w{\"lease_ms\":1000,\"jobs\":[4,5]}",
        ])
    },
    words: &[
        "\"queue\":\"q\"",
        "\"job\":",
        "\"every\":\"1h\"",
        "\"cron\":\"@daily\"",
        "\"zone\":",
        "\"unique\":{}",
        "\"type\":\"fixed\"",
        "\"state\":\"dead\"",
        "\"token\":\"E:6\"",
        "null",
        "1e9",
        "-1",
        "[]",
    ],
};

/// A server's state with two jobs of the queue `q`, of which the worker `w` has one.
fn app_with_jobs() -> Arc<App> {
    let app = app();
    let jobs = app.db.jobs();
    for _ in 0..2 {
        let enqueuing = jobs.enqueue(&NewJob::new("q", "k", "null")).expect("it is a job");
        enqueuing.wait().expect("memory can be written");
    }
    let claim = Claim::new("w", ["q"], 1).expect("it is a claim");
    let claimed = jobs.claim_now(claim).wait(None).expect("memory can be written");
    assert_eq!(claimed.len(), 1);
    app
}

fn jobs(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let (route, name) = (input.byte() % 8, input.text());
    block_on(async {
        let app = app_with_jobs();
        let epoch = format!("{}:", app.db.position().epoch);
        // Nobody waits for a job that does not come.
        let body = text_of(input.rest()).replace(EPOCH, &epoch).replace("wait_ms", "wait");
        let (method, target) = match route {
            0 => ("PUT", format!("/v1/schedules/{name}")),
            1 => ("PUT", format!("/v1/triggers/{name}")),
            2 => ("PUT", format!("/v1/queues/{name}/limits")),
            3 => ("POST", "/v1/jobs".to_owned()),
            4 => ("POST", format!("/v1/queues/{name}/claim")),
            5 => ("POST", "/v1/jobs/bulk".to_owned()),
            6 => ("POST", "/v1/jobs/finish".to_owned()),
            _ => ("POST", format!("/v1/workers/{name}/heartbeat")),
        };
        let asked = ask(&app, (method, &target), "application/json", whole(body.as_bytes())).await;
        let Some(answer) = asked else { return Outcome::refused(&[usize::from(route)]) };
        // What the server passes on and this cannot hold (`1e400`) is not compared.
        if answer.status < 300 && !answer.json.is_null() {
            check_done(&app, route, &target, &answer.json).await;
        }
        outcome(&[&answer, &Answer { status: u16::from(route), json: answer.json.clone() }])
    })
}

/// What was done is shown.
async fn check_done(app: &Arc<App>, route: u8, target: &str, told: &Value) {
    match route {
        0 | 1 => check_order(app, target, told).await,
        2 => {
            let queue = target.trim_end_matches("/limits");
            let shown = get(app, queue).await;
            assert_eq!(shown["rate"], told["rate"]);
            assert_eq!(shown["keep_dead"], told["keep_dead"]);
        }
        3 => {
            let all = told["jobs"].as_array().map_or(std::slice::from_ref(told), Vec::as_slice);
            for enqueued in all {
                let shown = get(app, &format!("/v1/jobs/{}", enqueued["job"])).await;
                assert_eq!(shown["job"], enqueued["job"]);
            }
        }
        _ => (),
    }
}

/// A schedule or a trigger is shown, made again of what is shown, and removed.
async fn check_order(app: &Arc<App>, target: &str, told: &Value) {
    // The times that come next are told by the real clock.
    let lasting = |mut order: Value| {
        order["next_runs"] = Value::Null;
        order["cursor"] = Value::Null;
        order
    };
    let told = lasting(told.clone());
    assert_eq!(lasting(get(app, target).await), told);
    let mut again = json!({ "job": told["job"] });
    for name in ["cron", "zone", "every", "misfire", "filter"] {
        if told[name].is_string() {
            again[name] = told[name].clone();
        }
    }
    let body = again.to_string();
    let put = ask(app, ("PUT", target), "application/json", whole(body.as_bytes())).await;
    let put = put.expect("it is a request");
    if told["job"]["unique"] == true {
        assert_eq!(put.status, 400, "a key that is not known is not lost without a word");
    } else {
        assert_eq!((put.status, lasting(put.json)), (200, told), "{body}");
    }
    let removed = ask(app, ("DELETE", target), "", whole(b"")).await;
    assert_eq!(removed.map(|answer| answer.status), Some(204));
}

async fn get(app: &Arc<App>, target: &str) -> Value {
    let shown = ask(app, ("GET", target), "", whole(b"")).await.expect("it is a request");
    assert_eq!(shown.status, 200, "{target}: {}", shown.json);
    shown.json
}
