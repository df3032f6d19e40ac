//! `jobs.latency`: from the call that enqueues a job to its handler, over the disk.

use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use arrw::{Claim, Db, Jobs, NewJob};
use hdrhistogram::Histogram;

use super::{KIND, QUEUE};
use crate::disk::{self, WorkFolder, nanos, sync_cost};
use crate::pace;
use crate::plan::{Load, Plan};
use crate::row::{Row, Target};
use crate::runs::{Spread, micros};

const WORKERS: usize = 4;
/// Time between two jobs: 1,000 a second.
const INTERVAL: Duration = Duration::from_millis(1);
/// What may be added to the p50 and the p99 of F, in microseconds.
const ABOVE_P50: f64 = 100.0;
const ABOVE_P99: f64 = 2_000.0;
/// What ends a worker.
const END: &str = "0";

pub(super) fn measure(
    plan: &Plan,
    folder: &WorkFolder,
    out: &mut dyn Write,
) -> anyhow::Result<Row> {
    let (mut ours, mut syncs) = (Vec::new(), Vec::new());
    for run in 0..plan.load.runs() {
        let sync = sync_cost(folder, plan.load)?;
        let place = folder.fresh("latency")?;
        let (p50, p99) = run_with(&place, plan.load)?;
        disk::remove(&place)?;
        writeln!(
            out,
            "jobs.latency run {}: p50 {p50:.0} us, p99 {p99:.0} us; F p50 {:.0} us, p99 {:.0} us (p99 may be {:.0})",
            run + 1,
            sync.0,
            sync.1,
            sync.1 + ABOVE_P99
        )?;
        ours.push((p50, p99));
        syncs.push(sync.0);
    }
    let floor = Spread::of(syncs);
    let of = |of: fn(&(f64, f64)) -> f64| Spread::of(ours.iter().map(of));
    let metric = "1,000 jobs/s, 4 idle workers: enqueue to handler, p50; floor: F p50";
    Ok(Row {
        latency: Some((of(|run| run.0).median, of(|run| run.1).median)),
        floor: Some(floor),
        target: Some(Target::AtMost(floor.median + ABOVE_P50)),
        ..super::row("jobs.latency", metric, "us", of(|run| run.0))
    })
}

fn run_with(place: &Path, load: Load) -> anyhow::Result<(f64, f64)> {
    let db = Db::open(place)?;
    let jobs = db.jobs();
    let start = Instant::now();
    let warm = nanos(load.warm_up());
    let latencies = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|number| {
                let jobs = jobs.clone();
                scope.spawn(move || handle(&jobs, number, start, warm))
            })
            .collect();
        let mut due = start;
        let mut enqueued = 0_u64;
        while start.elapsed() < load.warm_up() + load.time() {
            pace::wait(due.saturating_duration_since(Instant::now()));
            let stamp = nanos(start.elapsed()).to_string();
            // Who is slow is not waited for: the next is enqueued in its time.
            jobs.enqueue(&NewJob::new(QUEUE, KIND, &stamp))?.wait()?;
            enqueued += 1;
            due += INTERVAL;
        }
        for _ in 0..WORKERS {
            jobs.enqueue(&NewJob::new(QUEUE, KIND, END))?.wait()?;
        }
        let mut all = Histogram::<u64>::new(3)?;
        let mut handled = 0;
        for worker in workers {
            let (own, sample) = worker.join().ok().context("a worker panicked")??;
            handled += own;
            all.add(sample)?;
        }
        ensure!(handled == enqueued, "{handled} jobs were handled of {enqueued}");
        anyhow::Ok(all)
    })?;
    db.close()?;
    let quantile = |quantile| micros(latencies.value_at_quantile(quantile));
    Ok((quantile(0.5), quantile(0.99)))
}

/// Takes jobs one by one until it is told to end; answers how many, and how old they were.
fn handle(
    jobs: &Jobs,
    number: usize,
    start: Instant,
    warm: u64,
) -> anyhow::Result<(u64, Histogram<u64>)> {
    let name = format!("worker-{number}");
    let mut latencies = Histogram::new(3)?;
    let (mut handled, mut finished) = (0, Vec::new());
    loop {
        let claim = jobs.claim(Claim::new(&name, [QUEUE], 1)?).after(finished);
        let job = claim.wait(None)?.pop().context("a claim that waits gets a job")?;
        let now = nanos(start.elapsed());
        finished = vec![jobs.completion(&job, "null")?];
        if job.args() == END {
            jobs.run(finished, true)?.wait()?;
            return Ok((handled, latencies));
        }
        let stamp: u64 = job.args().parse()?;
        if warm <= stamp {
            latencies.record(now.saturating_sub(stamp))?;
        }
        handled += 1;
    }
}
