//! `jobs.lateness`: how late jobs that are due at a time begin.

use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use arrw::{Claim, Db, JobState, Jobs, NewJob, Timestamp};
use hdrhistogram::Histogram;

use super::{KIND, QUEUE};
use crate::disk::{self, WorkFolder};
use crate::plan::{Load, Plan};
use crate::row::{Row, Target};
use crate::runs::{Spread, micros};

const WORKERS: usize = 64;
/// Jobs that are enqueued in one call.
const A_CALL: u64 = 1_000;
/// Milliseconds that may be between when a job is due and its handler.
const LATE_MS_MAX: f64 = 50.0;

/// Jobs, the time over which they are due, and how long that is away when the first is enqueued.
fn sizes(load: Load) -> (u64, Duration, Duration) {
    match load {
        Load::Full => (1_000_000, Duration::from_secs(60), Duration::from_secs(10)),
        Load::Quick | Load::Brief => (100_000, Duration::from_secs(6), Duration::from_secs(2)),
    }
}

/// One run: it is long, and a million jobs are in it.
pub(super) fn measure(
    plan: &Plan,
    folder: &WorkFolder,
    out: &mut dyn Write,
) -> anyhow::Result<Row> {
    let place = folder.fresh("lateness")?;
    let (p50, p99) = run_with(&place, plan.load)?;
    disk::remove(&place)?;
    writeln!(out, "jobs.lateness: p50 {:.1} ms, p99 {:.1} ms", p50 / 1_000.0, p99 / 1_000.0)?;
    let metric = match plan.load {
        Load::Full => "1,000,000 jobs due over 60 s, 64 workers: past due, p99",
        Load::Quick | Load::Brief => "100,000 jobs due over 6 s, 64 workers: past due, p99",
    };
    Ok(Row {
        latency: Some((p50, p99)),
        target: Some(Target::AtMost(LATE_MS_MAX)),
        ..super::row("jobs.lateness", metric, "ms", Spread::of([p99 / 1_000.0]))
    })
}

fn run_with(place: &Path, load: Load) -> anyhow::Result<(f64, f64)> {
    let (count, span, away) = sizes(load);
    let db = Db::open(place)?;
    let jobs = db.jobs();
    let first = db.now().micros() + micros_of(away);
    let step = |number: u64| micros_of(span) * number / count;
    let mut number = 0;
    while number < count {
        let texts: Vec<String> =
            (number..number + A_CALL).map(|number| (first + step(number)).to_string()).collect();
        let due = |number| Some(Timestamp::from_micros(first + step(number)));
        let batch: Vec<NewJob<'_>> = texts
            .iter()
            .zip(number..)
            .map(|(args, number)| NewJob { run_at: due(number), ..NewJob::new(QUEUE, KIND, args) })
            .collect();
        jobs.enqueue_all(&batch)?.wait()?;
        number += A_CALL;
    }
    ensure!(db.now().micros() < first, "the jobs were due before all were enqueued");
    let late = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let (db, jobs) = (db.clone(), jobs.clone());
                scope.spawn(move || work(&db, &jobs, worker, first + micros_of(span)))
            })
            .collect();
        let mut all = Histogram::<u64>::new(3)?;
        for worker in workers {
            all.add(worker.join().ok().context("a worker panicked")??)?;
        }
        anyhow::Ok(all)
    })?;
    let queue = jobs.queue(QUEUE).context("the queue is gone")?;
    let left = queue.pending() + queue.count(JobState::Leased);
    ensure!(
        late.len() == count && left == 0,
        "{} jobs were handled of {count}, and {left} are left",
        late.len()
    );
    db.close()?;
    let quantile = |quantile| micros(late.value_at_quantile(quantile) * 1_000);
    Ok((quantile(0.5), quantile(0.99)))
}

/// Handles jobs until the last was due a while ago and there are none; answers how late each was, in microseconds.
fn work(db: &Db, jobs: &Jobs, number: usize, last: u64) -> anyhow::Result<Histogram<u64>> {
    const WAIT: Duration = Duration::from_millis(500);
    let name = format!("worker-{number}");
    let mut late = Histogram::new(3)?;
    let mut finished = Vec::new();
    loop {
        let claim = jobs.claim(Claim::new(&name, [QUEUE], 1)?).after(std::mem::take(&mut finished));
        let got = claim.wait(Some(WAIT))?;
        let now = db.now().micros();
        let Some(job) = got.first() else {
            if last < now {
                return Ok(late);
            }
            continue;
        };
        let due: u64 = job.args().parse()?;
        late.record(now.saturating_sub(due))?;
        finished.push(jobs.completion(job, "null")?);
    }
}

fn micros_of(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
