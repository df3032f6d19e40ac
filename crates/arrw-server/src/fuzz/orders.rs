//! Bodies of schedules and triggers.

use std::sync::Arc;

use serde_json::{Value, json};

use super::ask::{Answer, app, ask, block_on, outcome_of, whole};
use super::{Input, Outcome, Target, seeds, text_of};
use crate::app::App;

pub(super) const ORDERS: Target = Target {
    name: "server-orders",
    what: "body of a schedule or a trigger: what is refused changes nothing, what is shown can be put again",
    run: orders,
    seeds: || {
        seeds(&[
            "\0\u{1}n{\"cron\":\"30 2 * * *\",\"zone\":\"Europe/Berlin\",\"misfire\":\"run_once\",\"job\":{\"queue\":\"q\",\"kind\":\"k\",\"args\":{\"a\": 1},\"tags\":[\"t\"],\"metadata\":{\"m\":1}}}",
            "\0\u{1}n{\"every\":\"90s\",\"job\":{\"queue\":\"q\",\"kind\":\"k\",\"priority\":\"low\",\"backoff\":{\"type\":\"fixed\",\"ms\":5}}}",
            "\0\u{1}n{\"cron\":\"@daily\",\"job\":{\"queue\":\"q\",\"kind\":\"k\",\"unique\":{\"key\":\"u\"}}}",
            "\u{1}\u{1}n{\"filter\":\"orders.*\",\"job\":{\"queue\":\"q\",\"kind\":\"k\"}}",
            "\u{1}\u{3}a%2{\"filter\":\"~.a\",\"job\":{\"queue\":\"q\",\"kind\":\"k\",\"args\":{}}}",
        ])
    },
    words: &[
        "\"cron\":\"* * * * *\"",
        "\"zone\":\"UTC\"",
        "\"every\":\"1s\"",
        "\"misfire\":\"skip\"",
        "\"filter\":\"a.>\"",
        "\"job\":{\"queue\":\"q\",\"kind\":\"k\"}",
        "\"args\":",
        "\"unique\":{}",
        "\"delay_ms\":1",
        "\"id\":\"x\"",
        "*/5",
        "MON-FRI",
        "8784h",
        "%2F",
        "null",
    ],
};

async fn put(app: &Arc<App>, target: &str, body: &str) -> Option<Answer> {
    ask(app, ("PUT", target), "application/json", whole(body.as_bytes())).await
}

/// The body that makes what is shown; `None` when that cannot be told, as it has a unique key.
fn body_of(shown: &Value) -> Option<String> {
    if shown["job"].get("unique").is_some() {
        return None;
    }
    let mut body = json!({ "job": shown["job"] });
    for name in ["cron", "zone", "every", "misfire", "filter"] {
        if let Some(member) = shown.get(name) {
            body[name] = member.clone();
        }
    }
    Some(body.to_string())
}

fn orders(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let (kind, name) = (["schedules", "triggers"][usize::from(input.byte() % 2)], input.text());
    let target = format!("/v1/{kind}/{name}");
    let body = text_of(input.rest());
    block_on(async {
        let app = app();
        let before = app.db.position();
        let Some(answer) = put(&app, &target, body).await else { return Outcome::refused(&[0]) };
        if !answer.is_fine() {
            assert_eq!(app.db.position(), before, "it was refused: {answer:?}");
            return outcome_of(&answer, kind.len());
        }
        let shown = ask(&app, ("GET", &target), "", whole(b"")).await;
        assert_eq!(shown.as_ref(), Some(&answer));
        let again = put(&app, &target, body).await;
        assert_eq!(again.as_ref(), Some(&answer), "the same again changes it");
        // What the plain reader cannot tell is no JSON here.
        if let Some(body) = body_of(&answer.json) {
            let again = put(&app, &target, &body).await;
            assert_eq!(again.as_ref(), Some(&answer), "what is shown makes another one: {body}");
        }
        let members = answer.json["job"].as_object().map_or(0, serde_json::Map::len);
        outcome_of(&answer, 20 * kind.len() + members)
    })
}
