//! `http.publish.ndjson` and `http.publish.single`: clients that publish and wait for each answer.

use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::ensure;
use tokio::runtime::Runtime;

use super::{event, row, runtime, serve, serve_floor};
use crate::connection::{Connection, JSON, NDJSON, number_behind, request};
use crate::disk::{self, WorkFolder};
use crate::inflight::{self, Caller, Run};
use crate::plan::Plan;
use crate::row::{Row, Target};
use crate::runs::{Spread, float};

/// Clients that publish lines.
const LINE_CLIENTS: usize = 4;
/// Lines of one body.
pub(super) const LINES: u64 = 10_000;
/// Clients that publish one event a request.
const SINGLE_CLIENTS: usize = 64;

const LINES_TARGET: f64 = 400_000.0;
const SINGLE_TARGET: f64 = 25_000.0;

/// A client with the one request that it sends again and again.
#[derive(Debug)]
pub(super) struct Publisher {
    connection: Connection,
    request: Arc<Vec<u8>>,
    /// Events of the request.
    count: u64,
}

impl Publisher {
    /// One that sends 10,000 lines at a time.
    pub(super) async fn of_lines(address: SocketAddr, number: usize) -> anyhow::Result<Self> {
        let mut lines = event(&format!("bench.{number}"));
        lines.push('\n');
        let body = lines.repeat(usize::try_from(LINES)?);
        let request = request(address, "POST /v1/events", NDJSON, body.as_bytes());
        let connection = Connection::open(address).await?;
        Ok(Self { connection, request: Arc::new(request), count: LINES })
    }

    async fn of_one(address: SocketAddr, number: usize) -> anyhow::Result<Self> {
        let body = event(&format!("bench.{number}"));
        let request = request(address, "POST /v1/events", JSON, body.as_bytes());
        let connection = Connection::open(address).await?;
        Ok(Self { connection, request: Arc::new(request), count: 1 })
    }
}

impl Caller for Publisher {
    async fn append(&mut self) -> anyhow::Result<()> {
        let body = self.connection.ask(&self.request).await?.success()?;
        let count = number_behind(body, "\"count\":")?;
        ensure!(count == self.count, "{count} events of {} were acknowledged", self.count);
        Ok(())
    }
}

/// A run as it is told.
pub(crate) struct Told(pub(crate) Run, pub(crate) &'static str);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Run { records_per_s, p50_us, p99_us }, what) = self;
        write!(f, "{records_per_s:.0} {what}, p50 {p50_us:.0} us, p99 {p99_us:.0} us")
    }
}

pub(super) fn measure_lines(
    plan: &Plan,
    folder: &WorkFolder,
    out: &mut dyn Write,
) -> anyhow::Result<Row> {
    let mut runs = Vec::new();
    for number in 1..=plan.load.runs() {
        let place = folder.fresh("http-lines")?;
        let server = serve(plan, &place)?;
        let runtime = runtime()?;
        let mut clients = Vec::new();
        for client in 0..LINE_CLIENTS {
            clients.push(runtime.block_on(Publisher::of_lines(server.address(), client))?);
        }
        let bodies = inflight::run_on(&runtime, plan.load, clients, || true)?;
        drop(server);
        disk::remove(&place)?;
        let run = Run { records_per_s: bodies.records_per_s * float(LINES), ..bodies };
        writeln!(out, "http.publish.ndjson run {number}: {}", Told(run, "events/s"))?;
        runs.push(run);
    }
    let metric = "4 clients, bodies of 10,000 lines: events acknowledged; latency of a body";
    Ok(Row {
        latency: Some(latency(&runs)),
        target: Some(Target::AtLeast(LINES_TARGET)),
        ..row("http.publish.ndjson", metric, "events/s", rate(&runs))
    })
}

pub(super) fn measure_single(
    plan: &Plan,
    folder: &WorkFolder,
    out: &mut dyn Write,
) -> anyhow::Result<Row> {
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for run in 0..plan.load.runs() {
        // It changes who comes first, so that neither is always second.
        for is_ours in [run.is_multiple_of(2), !run.is_multiple_of(2)] {
            if is_ours {
                ours.push(run_ours(plan, SINGLE_CLIENTS, folder)?);
            } else {
                let server = serve_floor(plan)?;
                floors.push(run_single(plan, SINGLE_CLIENTS, &runtime()?, server.address())?);
            }
        }
        let told = |run| Told(run, "requests/s");
        let (own, floor) = (told(ours[run]), told(floors[run]));
        writeln!(out, "http.publish.single run {}: {own}; floor {floor}", run + 1)?;
    }
    let metric = "64 clients, one event a request; floor: a raw server with prepared answers";
    Ok(Row {
        latency: Some(latency(&ours)),
        floor: Some(rate(&floors)),
        target: Some(Target::AtLeast(SINGLE_TARGET)),
        ..row("http.publish.single", metric, "requests/s", rate(&ours))
    })
}

/// Our server with so many clients, one event a request each.
pub(crate) fn run_ours(plan: &Plan, clients: usize, folder: &WorkFolder) -> anyhow::Result<Run> {
    let place = folder.fresh("http-single")?;
    let server = serve(plan, &place)?;
    let run = run_single(plan, clients, &runtime()?, server.address())?;
    drop(server);
    disk::remove(&place)?;
    Ok(run)
}

fn run_single(
    plan: &Plan,
    count: usize,
    runtime: &Runtime,
    address: SocketAddr,
) -> anyhow::Result<Run> {
    let mut clients = Vec::new();
    for client in 0..count {
        clients.push(runtime.block_on(Publisher::of_one(address, client))?);
    }
    inflight::run_on(runtime, plan.load, clients, || true)
}

fn rate(runs: &[Run]) -> Spread {
    Spread::of(runs.iter().map(|run| run.records_per_s))
}

/// Medians of p50 and p99.
pub(crate) fn latency(runs: &[Run]) -> (f64, f64) {
    let median = |of: fn(&Run) -> f64| Spread::of(runs.iter().map(of)).median;
    (median(|run| run.p50_us), median(|run| run.p99_us))
}
