//! `jobs.lifecycle.http`: jobs that clients enqueued, claimed and completed over sockets in a second.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::ensure;
use serde::Deserialize;
use tokio::runtime::Runtime;

use super::{ARGS, KIND, QUEUE};
use crate::connection::{Connection, JSON, request};
use crate::disk::{self, WorkFolder};
use crate::http;
use crate::inflight::{self, Caller, Run};
use crate::plan::Plan;
use crate::row::{Row, Target};
use crate::runs::{Spread, float};

const CLIENTS: usize = 8;
/// Jobs of a call.
const BATCH: usize = 100;
/// Jobs a second.
const TARGET: f64 = 60_000.0;

/// A client that enqueues a batch, and then completes the batch that it has and claims the next in one call. It enqueues
/// as many as it claims, and before it: so there is always a whole batch for it.
#[derive(Debug)]
struct Client {
    connection: Connection,
    address: SocketAddr,
    worker: String,
    enqueue: Arc<Vec<u8>>,
    /// What it has, as items of the next call.
    held: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Finished<'a> {
    #[serde(borrow)]
    results: Vec<Ended<'a>>,
    #[serde(borrow)]
    jobs: Vec<Claimed<'a>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Ended<'a> {
    #[serde(borrow)]
    state: Option<&'a str>,
}

impl Ended<'_> {
    /// How many of the ends that were asked for completed a job.
    pub(crate) fn completed(all: &[Self]) -> usize {
        all.iter().filter(|ended| ended.state == Some("completed")).count()
    }
}

#[derive(Debug, Deserialize)]
struct Claimed<'a> {
    job: u64,
    token: &'a str,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Enqueued {
    pub(crate) jobs: Vec<serde::de::IgnoredAny>,
}

impl Client {
    async fn new(address: SocketAddr, number: usize) -> anyhow::Result<Self> {
        let job = format!(r#"{{"queue":"{QUEUE}","kind":"{KIND}","args":{ARGS}}}"#);
        let body = format!("[{}]", vec![job; BATCH].join(","));
        let enqueue = Arc::new(request(address, "POST /v1/jobs", JSON, body.as_bytes()));
        let connection = Connection::open(address).await?;
        let worker = format!("bench-{number}");
        Ok(Self { connection, address, worker, enqueue, held: Vec::new() })
    }
}

impl Caller for Client {
    /// Enqueues a batch, completes one, claims one.
    async fn append(&mut self) -> anyhow::Result<()> {
        let body = self.connection.ask(&self.enqueue).await?.success()?;
        let Enqueued { jobs } = serde_json::from_slice(body)?;
        ensure!(jobs.len() == BATCH, "{} jobs of {BATCH} were acknowledged", jobs.len());
        let (worker, held) = (&self.worker, self.held.join(","));
        let body = format!(
            r#"{{"finish":[{held}],"claim":{{"worker":"{worker}","count":{BATCH},"queues":["{QUEUE}"]}}}}"#
        );
        let request = request(self.address, "POST /v1/jobs/finish", JSON, body.as_bytes());
        let body = self.connection.ask(&request).await?.success()?;
        let Finished { results, jobs } = serde_json::from_slice(body)?;
        let completed = Ended::completed(&results);
        ensure!(
            completed == self.held.len() && jobs.len() == BATCH,
            "{completed} jobs of {} were completed, {} of {BATCH} claimed",
            self.held.len(),
            jobs.len()
        );
        let item = |Claimed { job, token }: Claimed<'_>| {
            format!(r#"{{"job":{job},"token":"{token}","outcome":"complete"}}"#)
        };
        self.held = jobs.into_iter().map(item).collect();
        Ok(())
    }
}

pub(super) fn measure(
    plan: &Plan,
    folder: &WorkFolder,
    out: &mut dyn Write,
) -> anyhow::Result<Row> {
    let mut runs = Vec::new();
    for number in 1..=plan.load.runs() {
        let place = folder.fresh("jobs-http")?;
        let server = http::serve(plan, &place)?;
        let run = run_with(plan, &http::runtime()?, server.address())?;
        drop(server);
        disk::remove(&place)?;
        writeln!(out, "jobs.lifecycle.http run {number}: {}", http::Told(run, "jobs/s"))?;
        runs.push(run);
    }
    let metric = "8 clients, 100 jobs a call: enqueue, complete and claim; latency of both calls";
    Ok(Row {
        latency: Some(http::latency(&runs)),
        target: Some(Target::AtLeast(TARGET)),
        ..super::row(
            "jobs.lifecycle.http",
            metric,
            "jobs/s",
            Spread::of(runs.iter().map(|run| run.records_per_s)),
        )
    })
}

fn run_with(plan: &Plan, runtime: &Runtime, address: SocketAddr) -> anyhow::Result<Run> {
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push(runtime.block_on(Client::new(address, number))?);
    }
    let run = inflight::run_on(runtime, plan.load, clients, || true)?;
    Ok(Run { records_per_s: run.records_per_s * float(BATCH as u64), ..run })
}
