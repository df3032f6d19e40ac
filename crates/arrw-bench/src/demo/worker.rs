//! A worker over HTTP: claims a job, is busy with it for some milliseconds, and says what became of it with its next claim.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;

use super::asking::{Answered, Asker};
use super::board::{Board, QUEUES, Stage};
use super::limits::{CLAIM_WAIT_MS, LEASE_MS};
use super::texts::Payload;
use crate::connection::JSON;
use crate::random::Random;

/// One of so many first attempts fails, so that something is tried again.
const FAILS_EVERY: u64 = 24;
/// Milliseconds until it is tried again, at most.
const RETRY_MS_MAX: u64 = 2_000;
/// How the refusal of an end is known whose lease is over.
const LEASE_OVER: &str = "ARW0053";

/// Who works.
pub(super) struct Worker {
    board: Arc<Board>,
    /// Its bench.
    at: usize,
    asker: Asker,
    random: Random,
}

#[derive(Debug, Deserialize)]
struct Given {
    job: u64,
    token: String,
    queue: String,
    attempt: u32,
    args: Args,
}

#[derive(Debug, Deserialize)]
struct Args {
    event: Event,
}

#[derive(Debug, Deserialize)]
struct Event {
    data: Payload,
}

#[derive(Debug, Deserialize)]
struct Claimed {
    jobs: Vec<Given>,
}

#[derive(Debug, Deserialize)]
struct Finished {
    results: Vec<Ended>,
    jobs: Vec<Given>,
}

#[derive(Debug, Deserialize)]
struct Ended {
    error: Option<Problem>,
}

#[derive(Debug, Deserialize)]
struct Problem {
    code: String,
    detail: String,
}

#[derive(Debug, Deserialize)]
struct State {
    state: String,
}

impl Worker {
    pub(super) fn new(board: &Arc<Board>, at: usize) -> Self {
        let random = Random::new(1_000_000 + at as u64);
        Self { board: Arc::clone(board), at, asker: Asker::new(board), random }
    }

    /// Works until all is over.
    pub(super) async fn run(mut self) {
        let mut given = None;
        while self.board.stage() != Stage::Over {
            let step = match given.take() {
                None => self.claim().await,
                Some(job) => self.work(job).await,
            };
            match step {
                Ok(next) => given = next,
                Err(error) => {
                    let at = self.at;
                    return self.board.accuse(format!("worker {at}: {error:#}"));
                }
            }
        }
    }

    /// Waits for a job; `None` when none came.
    async fn claim(&mut self) -> anyhow::Result<Option<Given>> {
        let (first, others) = self.order();
        let wish = json!({
            "worker": self.name(), "count": 1, "wait_ms": CLAIM_WAIT_MS, "lease_ms": LEASE_MS, "queues": others,
        });
        let line = format!("POST /v1/queues/{first}/claim");
        let Some(answered) = self.asker.ask(&line, JSON, wish.to_string().as_bytes()).await else {
            return Ok(None);
        };
        let claimed: Claimed = serde_json::from_slice(answered.success()?)?;
        Ok(claimed.jobs.into_iter().next())
    }

    /// Does a job, and answers the next one if there is one.
    async fn work(&mut self, given: Given) -> anyhow::Result<Option<Given>> {
        let Given { job, token, queue, attempt, args } = given;
        let Some(of) = QUEUES.iter().position(|it| it.name == queue) else { return Ok(None) };
        self.board.bench(self.at).job = Some((of, job, args.event.data.word));
        let (least, most) = QUEUES[of].work_ms;
        let time = least + self.random.below(most - least);
        sleep(Duration::from_millis(time)).await;
        let fails = attempt == 1 && self.random.below(FAILS_EVERY) == 0;
        let end = if fails {
            let retry_in_ms = RETRY_MS_MAX / 4 + self.random.below(RETRY_MS_MAX * 3 / 4);
            json!({ "job": job, "token": token, "outcome": "fail", "error": "the demo fails some", "retry_in_ms": retry_in_ms })
        } else {
            json!({ "job": job, "token": token, "outcome": "complete", "result": { "took_ms": time } })
        };
        let (first, others) = self.order();
        let queues: Vec<&str> = std::iter::once(first).chain(others).collect();
        let claim =
            json!({ "worker": self.name(), "count": 1, "lease_ms": LEASE_MS, "queues": queues });
        let body = json!({ "finish": [end], "claim": claim }).to_string();
        let answered = self.asker.ask("POST /v1/jobs/finish", JSON, body.as_bytes()).await;
        self.board.bench(self.at).job = None;
        let Some(answered) = answered else { return Ok(None) };
        let finished: Finished = serde_json::from_slice(answered.success()?)?;
        let refused = finished.results.into_iter().find_map(|ended| ended.error);
        let is_done = match refused {
            None => true,
            Some(problem) if problem.code == LEASE_OVER => self.was_completed(job).await?,
            Some(problem) => anyhow::bail!("job {job} does not end: {}", problem.detail),
        };
        if is_done {
            self.count(of, fails);
        }
        Ok(finished.jobs.into_iter().next())
    }

    /// Whether a job is completed whose lease is over: then a kill came between the commit and its answer.
    async fn was_completed(&mut self, job: u64) -> anyhow::Result<bool> {
        let line = format!("GET /v1/jobs/{job}");
        let Some(Answered { status, body }) = self.asker.ask(&line, "", b"").await else {
            return Ok(false);
        };
        if status == 404 {
            // It was finished, and forgotten since.
            return Ok(true);
        }
        let known: State = serde_json::from_slice(&body)?;
        Ok(known.state == "completed")
    }

    fn count(&self, of: usize, fails: bool) {
        let (mut bench, counts) = (self.board.bench(self.at), &self.board.queue_counts[of]);
        if fails {
            bench.failed += 1;
            counts.failed.fetch_add(1, Ordering::Relaxed);
        } else {
            bench.done += 1;
            counts.done.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The queues, in an order of its own: each worker looks at another one first.
    fn order(&self) -> (&'static str, Vec<&'static str>) {
        let mut names: Vec<_> = QUEUES.iter().map(|queue| queue.name).collect();
        names.rotate_left(self.at % QUEUES.len());
        let first = names.remove(0);
        (first, names)
    }

    fn name(&self) -> String {
        format!("worker-{}", self.at + 1)
    }
}
