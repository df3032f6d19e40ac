//! What a worker asks its server: jobs, heartbeats, and how jobs ended.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use arrw_server::{Client, ClientError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::Shared;
use super::limits::{AGAIN_AFTER, CANCEL_TIME_MAX};
use crate::cli::remote::{Remote, escaped};

/// A job that is leased to this worker.
#[derive(Debug, Deserialize)]
pub(super) struct Claimed {
    pub(super) job: u64,
    pub(super) token: String,
    pub(super) queue: String,
    pub(super) kind: String,
    pub(super) attempt: u32,
    pub(super) timeout_ms: u64,
    pub(super) args: Option<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
struct Jobs {
    jobs: Vec<Claimed>,
}

/// Asks a server that may be away for a while.
#[derive(Debug)]
pub(super) struct Asker {
    client: Client,
    /// Whether it has answered once.
    was_there: bool,
    is_lost: bool,
    wait: Duration,
}

impl Asker {
    pub(super) fn new(remote: &Remote) -> anyhow::Result<Self> {
        let client = remote.client()?;
        Ok(Self { client, was_there: false, is_lost: false, wait: AGAIN_AFTER.0 })
    }

    /// Claims jobs of a queue; or says how long to wait before the next try.
    ///
    /// # Errors
    /// When trying again cannot help, or would hide that there never was a server.
    pub(super) async fn claim(
        &mut self,
        queue: &str,
        body: &Value,
    ) -> anyhow::Result<Result<Vec<Claimed>, Duration>> {
        let target = format!("/v1/queues/{}/claim", escaped(queue));
        let answer = self.client.call_text("POST", &target, Some(body.to_string())).await;
        match answer {
            Ok(text) => {
                self.was_there = true;
                self.wait = AGAIN_AFTER.0;
                if std::mem::take(&mut self.is_lost) {
                    note("the server is back")?;
                }
                Ok(Ok(serde_json::from_str::<Jobs>(&text)?.jobs))
            }
            Err(error) if self.was_there && may_pass(&error) => {
                if !std::mem::replace(&mut self.is_lost, true) {
                    note(&format!("waiting for the server: {error}"))?;
                }
                let wait = self.wait;
                self.wait = (wait * 2).min(AGAIN_AFTER.1);
                Ok(Err(wait))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether trying again may help.
fn may_pass(error: &ClientError) -> bool {
    match error {
        ClientError::Refused(refusal) => refusal.retry,
        ClientError::Connect { .. } | ClientError::Lost { .. } => true,
        ClientError::Address { .. }
        | ClientError::Authorities(_)
        | ClientError::Foreign { .. }
        | _ => false,
    }
}

/// Lets the server hear of the worker, and tells attempts that are to be cancelled, or whose lease is lost. Three times a lease it says which
/// jobs it has.
pub(super) async fn beat(shared: Arc<Shared>) {
    let Ok(mut client) = shared.work.remote.client() else { return };
    let target = format!("/v1/workers/{}/heartbeat", escaped(&shared.worker));
    let lease_ms = shared.work.lease_ms;
    let third = Duration::from_millis(lease_ms / 3);
    let mut naming = Instant::now() + third;
    loop {
        sleep(CANCEL_TIME_MAX.min(third)).await;
        let jobs: Vec<u64> = shared.cancels().keys().copied().collect();
        let mut body = json!({ "lease_ms": lease_ms });
        // Not sooner: the answer that brings a job may be on its way, and what is not named twice is lost.
        if naming <= Instant::now() {
            naming += third;
            body["jobs"] = json!(jobs);
        } else if jobs.is_empty() {
            continue;
        }
        let body = body.to_string();
        // One that is lost is made up for by the next.
        let Ok(answer) = client.call("POST", &target, Some(body)).await else { continue };
        let cancels = shared.cancels();
        // Nobody waits any more for what comes of a job that is lost.
        let named = [&answer["cancel"], &answer["lost"]].into_iter().filter_map(Value::as_array);
        for job in named.flatten().filter_map(Value::as_u64) {
            if let Some(cancel) = cancels.get(&job) {
                cancel.notify_one();
            }
        }
    }
}

/// Says how far a job is.
pub(super) async fn progress(client: &mut Client, job: u64, body: &impl Serialize) {
    let Ok(body) = serde_json::to_string(body) else { return };
    // One that is lost is made up for by the next, and no reason to end.
    let _told = client.call("POST", &format!("/v1/jobs/{job}/progress"), Some(body)).await;
}

/// Says how a job ended, again and again while the server is away, for as long as the lease may last. Answers its
/// state then, or why nobody knows.
pub(super) async fn end(
    shared: &Shared,
    job: &Claimed,
    ending: &str,
    body: &str,
) -> anyhow::Result<Result<String, String>> {
    let mut client = shared.work.remote.client()?;
    let target = format!("/v1/jobs/{}/{ending}", job.job);
    let (mut wait, longest) = AGAIN_AFTER;
    let mut left = Duration::from_millis(shared.work.lease_ms);
    loop {
        match client.call("POST", &target, Some(body.to_owned())).await {
            Ok(answer) => return Ok(Ok(answer["state"].as_str().unwrap_or("?").to_owned())),
            Err(error) if may_pass(&error) && !left.is_zero() => {
                sleep(wait).await;
                left = left.saturating_sub(wait);
                wait = (wait * 2).min(longest);
            }
            // Others have it, or it has ended without us: no reason to end.
            Err(error) => return Ok(Err(error.to_string())),
        }
    }
}

pub(super) fn note(text: &str) -> io::Result<()> {
    io::stderr().lock().write_all(format!("note: {text}\n").as_bytes())
}
