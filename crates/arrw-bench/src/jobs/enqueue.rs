//! `jobs.enqueue.single` and `jobs.enqueue.bulk`: jobs that were acknowledged in a second.

use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::{Context, ensure};
use arrw::{Db, JobState, Jobs, NewJob};

use super::{ARGS, KIND, QUEUE};
use crate::disk::{self, WorkFolder};
use crate::inflight::{self, Caller, Run};
use crate::plan::{Load, Plan};
use crate::row::{Row, Target};
use crate::runs::{Spread, float};

const CALLERS: usize = 64;
/// Of the rate at which the log takes single records.
const OF_LOG: f64 = 0.75;
const BULK_CALLERS: u64 = 4;
const BULK: usize = 1_000;
const BULK_TARGET: f64 = 700_000.0;

/// One who enqueues a job and waits.
struct Enqueuer(Jobs);

impl Caller for Enqueuer {
    async fn append(&mut self) -> anyhow::Result<()> {
        self.0.enqueue(&NewJob::new(QUEUE, KIND, ARGS))?.await?;
        Ok(())
    }
}

pub(super) fn single(plan: &Plan, folder: &WorkFolder, out: &mut dyn Write) -> anyhow::Result<Row> {
    let (mut ours, mut logs, mut p50, mut p99) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for run in 0..plan.load.runs() {
        let place = folder.fresh("log")?;
        logs.push(crate::log::inflight64(&place, plan.load)?);
        disk::remove(&place)?;
        let found = run_single(plan.load, folder)?;
        writeln!(
            out,
            "jobs.enqueue.single run {}: {:.0} jobs/s, p50 {:.0} us, p99 {:.0} us; log {:.0} records/s",
            run + 1,
            found.records_per_s,
            found.p50_us,
            found.p99_us,
            logs[run]
        )?;
        ours.push(found.records_per_s);
        p50.push(found.p50_us);
        p99.push(found.p99_us);
    }
    let floor = Spread::of(logs);
    let metric = "64 callers, one job each in flight; floor: log.append.inflight64 by turns";
    Ok(Row {
        latency: Some((Spread::of(p50).median, Spread::of(p99).median)),
        floor: Some(floor),
        target: Some(Target::AtLeast(OF_LOG * floor.median)),
        ..super::row("jobs.enqueue.single", metric, "jobs/s", Spread::of(ours))
    })
}

/// 64 callers, one job each in flight.
pub(crate) fn run_single(load: Load, folder: &WorkFolder) -> anyhow::Result<Run> {
    let place = folder.fresh("jobs")?;
    let db = Db::open(&place)?;
    let callers = (0..CALLERS).map(|_| Enqueuer(db.jobs())).collect();
    let found = inflight::run(load, callers, || true)?;
    db.close()?;
    disk::remove(&place)?;
    Ok(found)
}

pub(super) fn bulk(plan: &Plan, folder: &WorkFolder, out: &mut dyn Write) -> anyhow::Result<Row> {
    let mut ours = Vec::new();
    for run in 0..plan.load.runs() {
        let place = folder.fresh("bulk")?;
        ours.push(run_bulk(&place, plan.load)?);
        disk::remove(&place)?;
        writeln!(out, "jobs.enqueue.bulk run {}: {:.0} jobs/s", run + 1, ours[run])?;
    }
    let metric = "4 callers, 1,000 jobs a call";
    Ok(Row {
        target: Some(Target::AtLeast(BULK_TARGET)),
        ..super::row("jobs.enqueue.bulk", metric, "jobs/s", Spread::of(ours))
    })
}

fn run_bulk(place: &Path, load: Load) -> anyhow::Result<f64> {
    let calls = match load {
        Load::Full => 1_000,
        Load::Quick | Load::Brief => 250,
    };
    let db = Db::open(place)?;
    let start = Instant::now();
    fill(&db.jobs(), calls)?;
    let time = start.elapsed();
    let wanted = BULK_CALLERS * calls * BULK as u64;
    let found = db.jobs().queue(QUEUE).map_or(0, |queue| queue.count(JobState::Ready));
    ensure!(found as u64 == wanted, "{found} jobs are ready of {wanted}");
    db.close()?;
    Ok(float(wanted) / time.as_secs_f64())
}

/// Enqueues so many thousands of jobs by each of four callers.
pub(super) fn fill(jobs: &Jobs, calls: u64) -> anyhow::Result<()> {
    let batch = vec![NewJob::new(QUEUE, KIND, ARGS); BULK];
    thread::scope(|scope| {
        let callers: Vec<_> = (0..BULK_CALLERS)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..calls {
                        jobs.enqueue_all(&batch)?.wait()?;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        for caller in callers {
            caller.join().ok().context("a caller panicked")??;
        }
        Ok(())
    })
}
