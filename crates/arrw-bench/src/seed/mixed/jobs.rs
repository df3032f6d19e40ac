//! Jobs over HTTP: enqueued in batches, claimed and completed by eight workers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::Ground;
use super::events::wait_for;
use super::tally::Tally;
use crate::connection::{Connection, JSON, request};
use crate::jobs::http::{Ended, Enqueued};

const QUEUE: &str = "bench";
const WORKERS: usize = 8;
/// Jobs of a claim.
const CLAIMED_MAX: usize = 100;
/// How long a claim waits for a job, in milliseconds.
const WAIT_MS: u64 = 200;
/// How long nothing may come before the rest counts as lost.
const SILENCE_MAX: Duration = Duration::from_secs(20);

#[derive(Debug, Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    results: Vec<Ended<'a>>,
    #[serde(borrow)]
    jobs: Vec<Claimed<'a>>,
}

#[derive(Debug, Deserialize)]
struct Claimed<'a> {
    job: u64,
    token: &'a str,
    args: Args,
}

/// Which job it is, and when it was due.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Args {
    number: u64,
    due: u64,
}

/// Enqueues and completes all of them; answers what was completed.
pub(super) async fn run(ground: Ground) -> anyhow::Result<Tally> {
    let tally = Arc::new(Mutex::new(Tally::of(ground.mix.items)?));
    let enqueuer = tokio::spawn(enqueue(ground));
    let workers: Vec<_> =
        (0..WORKERS).map(|number| tokio::spawn(work(ground, number, Arc::clone(&tally)))).collect();
    enqueuer.await.context("the enqueuer panicked")??;
    for worker in workers {
        worker.await.context("a worker panicked")??;
    }
    let tally = Arc::into_inner(tally).context("a worker is still there")?;
    Ok(tally.into_inner().unwrap_or_else(PoisonError::into_inner))
}

async fn enqueue(ground: Ground) -> anyhow::Result<()> {
    let mut connection = Connection::open(ground.address).await?;
    let (items, batch) = (ground.mix.items, ground.mix.batch);
    let mut number = 0;
    for at in 0..items.div_ceil(batch) {
        let due = wait_for(ground, at).await;
        let count = batch.min(items - number);
        let job = |number| {
            format!(
                r#"{{"queue":"{QUEUE}","kind":"work","args":{{"number":{number},"due":{due}}}}}"#
            )
        };
        let jobs: Vec<_> = (number + 1..=number + count).map(job).collect();
        number += count;
        let body = format!("[{}]", jobs.join(","));
        let request = request(ground.address, "POST /v1/jobs", JSON, body.as_bytes());
        let answered = connection.ask(&request).await?.success()?;
        let Enqueued { jobs } = serde_json::from_slice(answered)?;
        ensure!(jobs.len() as u64 == count, "{} jobs of {count} were acknowledged", jobs.len());
    }
    Ok(())
}

/// A worker: claims up to 100, completes them and claims the next in one call, until all are completed.
async fn work(ground: Ground, number: usize, tally: Arc<Mutex<Tally>>) -> anyhow::Result<()> {
    let lock = || tally.lock().unwrap_or_else(PoisonError::into_inner);
    let mut connection = Connection::open(ground.address).await?;
    let mut held: Vec<(String, Args)> = Vec::new();
    let mut heard = Instant::now();
    while !lock().is_complete() && heard.elapsed() < SILENCE_MAX {
        let request = if held.is_empty() {
            let body = format!(
                r#"{{"worker":"mixed-{number}","count":{CLAIMED_MAX},"wait_ms":{WAIT_MS}}}"#
            );
            let line = format!("POST /v1/queues/{QUEUE}/claim");
            request(ground.address, &line, JSON, body.as_bytes())
        } else {
            let items: Vec<_> = held.iter().map(|(item, _)| item.as_str()).collect();
            let body = format!(
                r#"{{"finish":[{}],"claim":{{"worker":"mixed-{number}","count":{CLAIMED_MAX},"queues":["{QUEUE}"]}}}}"#,
                items.join(",")
            );
            request(ground.address, "POST /v1/jobs/finish", JSON, body.as_bytes())
        };
        let answered = timeout(SILENCE_MAX, connection.ask(&request)).await;
        let body = answered.context("a worker was not answered")??.success()?;
        let Answer { results, jobs } = serde_json::from_slice(body)?;
        let completed = Ended::completed(&results);
        ensure!(completed == held.len(), "{completed} jobs of {} were completed", held.len());
        let now = ground.now();
        for (_, args) in held.drain(..) {
            lock().take(args.number, (args.due, now))?;
        }
        for Claimed { job, token, args } in jobs {
            let item = format!(r#"{{"job":{job},"token":"{token}","outcome":"complete"}}"#);
            held.push((item, args));
            heard = Instant::now();
        }
    }
    Ok(())
}
