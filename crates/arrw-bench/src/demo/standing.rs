//! What is set up at the server before anything happens: the triggers, and how long things are kept.

use anyhow::{bail, ensure};
use serde::Deserialize;
use serde_json::json;

use super::asking::Asker;
use super::board::{Board, QUEUES, QueueNow};
use super::limits::{KEEP_JOBS, KEEP_MS};
use crate::connection::JSON;

/// How often a job is tried.
const ATTEMPTS_MAX: u32 = 20;

#[derive(Debug, Deserialize)]
struct Queues {
    queues: Vec<Queue>,
}

#[derive(Debug, Deserialize)]
struct Queue {
    queue: String,
    jobs: Jobs,
}

#[derive(Debug, Deserialize)]
struct Jobs {
    ready: u64,
    leased: u64,
    retrying: u64,
}

#[derive(Debug, Deserialize)]
struct Triggers {
    triggers: Vec<Trigger>,
}

#[derive(Debug, Deserialize)]
struct Trigger {
    name: String,
    made: u64,
}

/// Sets it up.
pub(super) async fn set_up(asker: &mut Asker) -> anyhow::Result<()> {
    let age = json!({ "age_max_ms": KEEP_MS });
    put(asker, "PUT /v1/retention/%3E", &age).await?;
    let keep = json!({ "for_ms": KEEP_MS, "count": KEEP_JOBS });
    for queue in &QUEUES {
        let name = queue.name;
        let limits = json!({ "keep_done": keep, "keep_dead": keep });
        put(asker, &format!("PUT /v1/queues/{name}/limits"), &limits).await?;
        let job = json!({ "queue": name, "kind": name, "max_attempts": ATTEMPTS_MAX });
        let trigger = json!({ "filter": queue.filter, "job": job });
        put(asker, &format!("PUT /v1/triggers/{name}"), &trigger).await?;
    }
    Ok(())
}

async fn put(asker: &mut Asker, line: &str, body: &serde_json::Value) -> anyhow::Result<()> {
    let answered = asker.ask(line, JSON, body.to_string().as_bytes()).await;
    let Some(answered) = answered else { bail!("the server ended before it was asked `{line}`") };
    let is_done = (200..300).contains(&answered.status);
    let body = String::from_utf8_lossy(&answered.body);
    ensure!(is_done, "`{line}` was answered {}: {body}", answered.status);
    Ok(())
}

/// Asks how the queues are; false when no answer came.
pub(super) async fn look(board: &Board, asker: &mut Asker) -> anyhow::Result<bool> {
    let Some(answered) = asker.once("GET /v1/queues", "", b"").await else { return Ok(false) };
    let told: Queues = serde_json::from_slice(answered.success()?)?;
    let Some(answered) = asker.once("GET /v1/triggers", "", b"").await else { return Ok(false) };
    let standing: Triggers = serde_json::from_slice(answered.success()?)?;
    let mut queues = board.queues();
    for (now, queue) in queues.iter_mut().zip(&QUEUES) {
        let Some(Queue { jobs, .. }) = told.queues.iter().find(|it| it.queue == queue.name) else {
            continue;
        };
        let of = standing.triggers.iter().find(|it| it.name == queue.name);
        *now = QueueNow {
            ready: jobs.ready,
            running: jobs.leased,
            retrying: jobs.retrying,
            made: of.map_or(0, |it| it.made),
        };
    }
    Ok(true)
}
