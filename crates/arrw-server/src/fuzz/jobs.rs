//! Jobs over HTTP: what is enqueued, how leases end, and where lists go on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::ask::{Answer, Pieces, app, ask, block_on, cut, outcome_of, whole};
use super::{Input, Outcome, Target, seeds, text_of};
use crate::app::App;

pub(super) const ENQUEUE: Target = Target {
    name: "server-jobs",
    what: "a job, an array or lines of them: what is refused changes nothing, what is taken is read as it was sent",
    run: enqueue,
    seeds: || {
        seeds(&[
            "\0\u{1}{\"queue\":\"q\",\"kind\":\"k\",\"args\":{\"a\": [1,2.50]},\"priority\":\"high\",\"max_attempts\":3,\"timeout_ms\":9,\"tags\":[\"a\"],\"metadata\":{\"m\":1},\"id\":\"i\"}",
            "\0\u{1}[{\"queue\":\"q\",\"kind\":\"k\",\"delay_ms\":5},{\"queue\":\"r\",\"kind\":\"k\",\"backoff\":{\"type\":\"list\",\"ms\":[1,2]}}]",
            "\0\u{1}[{\"queue\":\"q\",\"kind\":\"k\",\"unique\":{\"key\":\"u\",\"on_duplicate\":\"replace\"}},{\"queue\":\"q\",\"kind\":\"k\",\"args\":1,\"unique\":{\"key\":\"u\",\"on_duplicate\":\"replace\"}}]",
            "\u{1}\u{7}{\"queue\":\"q\",\"kind\":\"k\"}\n\n{\"queue\":\"q\",\"kind\":\"k\",\"id\":\"x\"}\r\n{\"queue\":\"q\",\"kind\":\"k\",\"id\":\"x\"}",
            "\u{2}\u{3}{\"queue\":\"q\",\"kind\":\"k\"}\nnot JSON\n{\"queue\":\"a.b\",\"kind\":\"k\"}\n{\"queue\":\"q\",\"kind\":\"k\"}\n",
        ])
    },
    words: &[
        "\n",
        "{\"queue\":\"q\",\"kind\":\"k\"}",
        "\"args\":",
        "\"delay_ms\":1",
        "\"run_at\":\"2026-01-31T23:59:59Z\"",
        "\"unique\":{}",
        "\"for_ms\":1",
        "\"states\":[\"ready\"]",
        "\"on_duplicate\":\"delay\"",
        "{\"type\":\"fixed\",\"ms\":1}",
        "\"id\":\"x\"",
        "1e400",
        "null",
        "[]",
    ],
};

pub(super) const FINISH: Target = Target {
    name: "server-finish",
    what: "ends of leases, one or many: what is refused changes nothing, what is done is told, and done once",
    run: finish,
    seeds: || {
        seeds(&[
            "\0{\"token\":\"T1\",\"result\":{\"a\": [1]}}",
            "\u{1}{\"token\":\"T1\",\"error\":\"no\",\"retry_in_ms\":5}",
            "\u{2}{\"token\":\"T1\",\"for_ms\":5}",
            "\u{3}{\"token\":\"T1\",\"error\":\"no\"}",
            "\u{4}{\"token\":\"T1\",\"claim\":{\"worker\":\"w\",\"queues\":[\"q\"]}}",
            "\u{5}{\"token\":\"T1\",\"lease_ms\":5000}",
            "\u{6}{\"finish\":[{\"job\":J1,\"token\":\"T1\",\"outcome\":\"complete\",\"result\":7},{\"job\":J2,\"token\":\"T1\",\"outcome\":\"fail\"},{\"job\":J2,\"token\":\"T2\",\"outcome\":\"snooze\",\"for_ms\":1}]}",
            "\u{6}{\"finish\":[{\"job\":J1,\"token\":\"T1\",\"outcome\":\"complete\"},{\"job\":J2,\"token\":\"T2\",\"outcome\":\"complete\",\"result\":[1]}]}",
            "\u{7}{\"token\":\"T1\",\"current\":3,\"total\":7,\"message\":\"half\"}",
            "\u{8}{\"finish\":[{\"job\":J1,\"token\":\"T1\",\"outcome\":\"complete\"}],\"jobs\":[{\"queue\":\"q\",\"kind\":\"k\"}]}",
        ])
    },
    words: &[
        "\"T1\"",
        "\"T2\"",
        "J1",
        "J2",
        "\"outcome\":\"release\"",
        "\"outcome\":\"discard\"",
        "\"result\":",
        "\"retry_in_ms\":",
        "\"for_ms\":",
        "\"claim\":{\"queues\":[\"q\"]}",
        "1e400",
        "null",
        "[]",
    ],
};

pub(super) const LIST: Target = Target {
    name: "server-jobs-list",
    what: "query of a list of jobs: the pages from any place come to an end, and tell no job twice",
    run: list,
    seeds: || {
        seeds(&[
            "queue=q&limit=1",
            "queue=q&state=ready&limit=2&include=args",
            "queue=q&after=ready.normal.1700000000000000.5",
            "queue=q&kind=k&tag=a&after=leased.low.0.0",
            "queue=arrwdb&after=dead.urgent.18446744073709551615.18446744073709551615",
        ])
    },
    words: &[
        "queue=q",
        "&state=",
        "scheduled",
        "ready",
        "leased",
        "retrying",
        "dead",
        "&after=",
        "&limit=1",
        ".normal.",
        ".urgent.0.0",
        "18446744073709551615",
        "&include=args",
        "&tag=a",
        "%2e",
    ],
};

/// Pages that a list of a few jobs has at most.
const PAGES_MAX: usize = 20;

async fn get(app: &Arc<App>, target: &str) -> Answer {
    ask(app, ("GET", target), "", whole(b"")).await.expect("it is a request")
}

async fn post(app: &Arc<App>, target: &str, body: &str) -> Answer {
    let body = whole(body.as_bytes());
    ask(app, ("POST", target), "application/json", body).await.expect("it is a request")
}

async fn job(app: &Arc<App>, job: u64) -> Value {
    get(app, &format!("/v1/jobs/{job}")).await.json
}

/// A job is told as it was sent, as far as both say.
fn check_shown(sent: &Value, shown: &Value) {
    let names = [
        "queue",
        "kind",
        "args",
        "priority",
        "max_attempts",
        "timeout_ms",
        "backoff",
        "tags",
        "metadata",
        "id",
    ];
    for name in names {
        if let Some(sent) = sent.get(name).filter(|sent| !sent.is_null()) {
            assert_eq!(shown.get(name), Some(sent), "`{name}` of {shown}");
        }
    }
}

fn enqueue(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let (form, size) = (input.byte() % 3, usize::from(input.byte()).max(1));
    let body = input.rest();
    block_on(async {
        match form {
            0 => enqueue_whole(body).await,
            1 => enqueue_lines("/v1/jobs", body, size).await,
            _ => enqueue_lines("/v1/jobs?on_error=continue", body, size).await,
        }
    })
}

async fn enqueue_whole(body: &[u8]) -> Outcome {
    let app = app();
    let before = app.db.position();
    let answer = ask(&app, ("POST", "/v1/jobs"), "application/json", whole(body)).await;
    let answer = answer.expect("it is a request");
    if !answer.is_fine() {
        assert_eq!(app.db.position(), before, "it was refused: {answer:?}");
        return outcome_of(&answer, 0);
    }
    // The plain reader bounds numbers, too.
    let Ok(sent) = serde_json::from_slice::<Value>(body) else { return outcome_of(&answer, 0) };
    let both: Vec<(Value, Value)> = match sent.as_array() {
        Some(sent) => {
            let told = answer.json["jobs"].as_array().cloned().unwrap_or_default();
            assert_eq!(told.len(), sent.len(), "{answer:?}");
            sent.iter().cloned().zip(told).collect()
        }
        None => vec![(sent, answer.json.clone())],
    };
    let number = |told: &Value| told["job"].as_u64().expect("each has a number");
    let mut count = BTreeMap::<u64, u32>::new();
    both.iter().for_each(|(_, told)| *count.entry(number(told)).or_default() += 1);
    for (sent, told) in &both {
        // Another of the same key may have replaced its args.
        if told["new"] == true && count[&number(told)] == 1 {
            check_shown(sent, &job(&app, number(told)).await);
        }
    }
    let members =
        both.iter().filter_map(|(sent, _)| sent.as_object()).map(serde_json::Map::len).max();
    outcome_of(
        &answer,
        50 * count.len().min(9)
            + 20 * (both.len() - count.len()).min(1)
            + members.unwrap_or(0).min(19),
    )
}

/// The same answer and the same jobs wherever the body is cut, and as many as are told of.
async fn enqueue_lines(target: &str, body: &[u8], size: usize) -> Outcome {
    let mut both = Vec::new();
    for pieces in [whole(body), cut(body, size)] {
        let (answer, jobs) = lines(target, pieces).await;
        both.push((answer, jobs));
    }
    assert_eq!(both[0], both[1], "in pieces of {size}");
    let (answer, jobs) = &both[0];
    outcome_of(answer, 500 + usize::try_from(*jobs).unwrap_or_default().min(100))
}

async fn lines(target: &str, pieces: Pieces) -> (Answer, u64) {
    let app = app();
    let answer = ask(&app, ("POST", target), "application/x-ndjson", pieces).await;
    let answer = answer.expect("it is a request");
    let stats = get(&app, "/v1/stats").await.json;
    let there =
        ["scheduled", "ready"].iter().filter_map(|name| stats["jobs"][*name].as_u64()).sum();
    if answer.is_fine() {
        assert_eq!(answer.json["new"].as_u64(), Some(there), "{answer:?}");
    }
    (answer, there)
}

/// A server with two jobs that a worker has, and one that is ready; answers the numbers and the tokens of those.
async fn leased() -> (Arc<App>, Vec<(u64, String)>) {
    let app = app();
    let job = r#"{"queue":"q","kind":"k","tags":["a"]}"#;
    post(&app, "/v1/jobs", &format!("[{job},{job},{job}]")).await;
    let claimed = post(&app, "/v1/queues/q/claim", r#"{"worker":"w","count":2}"#).await;
    let jobs = claimed.json["jobs"].as_array().cloned().unwrap_or_default();
    let lease = |job: &Value| Some((job["job"].as_u64()?, job["token"].as_str()?.to_owned()));
    let leases: Vec<_> = jobs.iter().filter_map(lease).collect();
    assert_eq!(leases.len(), 2, "{claimed:?}");
    (app, leases)
}

fn finish(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let route = usize::from(input.byte() % 9);
    block_on(async {
        let (app, leases) = leased().await;
        let mut body = text_of(input.rest()).to_owned();
        for (at, (job, token)) in (1..).zip(&leases) {
            body =
                body.replace(&format!("T{at}"), token).replace(&format!("J{at}"), &job.to_string());
        }
        let first = leases[0].0;
        let paths =
            ["complete", "fail", "snooze", "discard", "release", "extend", "", "progress", ""];
        let target = match route {
            6 => "/v1/jobs/finish".to_owned(),
            8 => "/v1/batch".to_owned(),
            _ => format!("/v1/jobs/{first}/{}", paths[route]),
        };
        let before = app.db.position();
        let answer = post(&app, &target, &body).await;
        if answer.is_fine() {
            check_finished(&app, &answer, &body).await;
        } else {
            assert_eq!(app.db.position(), before, "it was refused: {answer:?}");
        }
        let is_end = matches!(route, 0..5);
        if is_end && answer.is_fine() && answer.json.get("error").is_none() {
            let again = post(&app, &target, &body).await;
            let is_over = again.status == 409 || again.json["error"]["code"] == "ARW0053";
            assert!(is_over, "it ended twice: {again:?}");
        }
        outcome_of(&answer, route)
    })
}

/// What was said to have become of jobs is so, and their results are there.
async fn check_finished(app: &Arc<App>, answer: &Answer, body: &str) {
    let ended = match answer.json["results"].as_array() {
        Some(results) => results.clone(),
        None => vec![answer.json.clone()],
    };
    let claimed = answer.json["jobs"].as_array().cloned().unwrap_or_default();
    let claimed: BTreeSet<u64> = claimed.iter().filter_map(|it| it["job"].as_u64()).collect();
    let sent = serde_json::from_str::<Value>(body).unwrap_or_default();
    for (at, ended) in ended.iter().enumerate() {
        let (Some(number), Some(state)) = (ended["job"].as_u64(), ended["state"].as_str()) else {
            continue;
        };
        let shown = job(app, number).await;
        // It may have been handed out again in the same commit.
        if !claimed.contains(&number) {
            assert_eq!(shown["state"], state, "{shown}");
        }
        let of = sent["finish"].get(at).unwrap_or(&sent);
        if let (Some(result), "completed") = (of.get("result"), state) {
            let told = shown.get("result").cloned().unwrap_or_default();
            assert_eq!(told, *result, "{shown}");
        }
    }
}

fn list(input: &[u8]) -> Outcome {
    block_on(async {
        let (app, _) = leased().await;
        let more = r#"{"queue":"q","kind":"k","priority":"low","delay_ms":5}"#;
        post(&app, "/v1/jobs", more).await;
        let query = text_of(input);
        let line = format!("/v1/jobs?{query}");
        let Some(first) = ask(&app, ("GET", &line), "", whole(b"")).await else {
            return Outcome::refused(&[0]);
        };
        let (mut page, mut seen, mut pages) = (first, BTreeSet::new(), 1);
        let rest = |query: &str| {
            let parts = query.split('&').filter(|part| !part.starts_with("after="));
            parts.collect::<Vec<_>>().join("&")
        };
        while page.is_fine() {
            for job in page.json["jobs"].as_array().expect("a page has jobs") {
                let number = job["job"].as_u64().expect("each has a number");
                assert!(seen.insert(number), "{number} is told twice");
            }
            let Some(next) = page.json["next"].as_str() else { break };
            pages += 1;
            assert!(pages < PAGES_MAX, "the list does not end: {next}");
            let line = format!("/v1/jobs?{}&after={next}", rest(query));
            // A name that is written with escapes is there twice then.
            let Some(more) = ask(&app, ("GET", &line), "", whole(b"")).await else { break };
            page = more;
        }
        outcome_of(&page, 10 * seen.len() + pages)
    })
}
