//! `jobs.lifecycle` and `jobs.lifecycle.batch`: jobs that workers completed in a second.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, ensure};
use arrw::{Claim, Db, JobState, Jobs};

use super::{QUEUE, enqueue};
use crate::disk::{self, WorkFolder};
use crate::plan::{Load, Plan};
use crate::row::{Row, Target};
use crate::runs::{Spread, float};

const WORKERS: u64 = 8;

/// How many jobs a worker takes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workers {
    /// One.
    Single,
    /// Up to 500.
    Batches,
}

impl Workers {
    fn id(self) -> &'static str {
        match self {
            Self::Single => "jobs.lifecycle",
            Self::Batches => "jobs.lifecycle.batch",
        }
    }

    fn metric(self) -> &'static str {
        match self {
            Self::Single => "8 workers, one job at a time, no-op: complete and claim the next",
            Self::Batches => "8 workers, up to 500 jobs at a time, no-op",
        }
    }

    fn count(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Batches => 500,
        }
    }

    /// Thousands of jobs for each of four who enqueue them.
    fn calls(self, load: Load) -> u64 {
        match (self, load) {
            (Self::Single, Load::Full) => 100,
            (Self::Single, Load::Quick) => 25,
            (Self::Single, Load::Brief) => 5,
            (Self::Batches, Load::Full) => 500,
            (Self::Batches, Load::Quick | Load::Brief) => 125,
        }
    }

    fn target(self) -> f64 {
        match self {
            Self::Single => 25_000.0,
            Self::Batches => 150_000.0,
        }
    }
}

pub(super) fn measure(
    plan: &Plan,
    folder: &WorkFolder,
    workers: Workers,
    out: &mut dyn Write,
) -> anyhow::Result<Row> {
    let mut ours = Vec::new();
    for run in 0..plan.load.runs() {
        let place = folder.fresh("lifecycle")?;
        ours.push(run_with(&place, workers, plan.load)?);
        disk::remove(&place)?;
        writeln!(out, "{} run {}: {:.0} jobs/s", workers.id(), run + 1, ours[run])?;
    }
    Ok(Row {
        target: Some(Target::AtLeast(workers.target())),
        ..super::row(workers.id(), workers.metric(), "jobs/s", Spread::of(ours))
    })
}

pub(crate) fn run_with(place: &Path, workers: Workers, load: Load) -> anyhow::Result<f64> {
    let db = Db::open(place)?;
    let jobs = db.jobs();
    enqueue::fill(&jobs, workers.calls(load))?;
    let wanted = jobs.queue(QUEUE).map_or(0, |queue| queue.count(JobState::Ready)) as u64;
    let completed = AtomicU64::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        let (jobs, completed) = (&jobs, &completed);
        let workers: Vec<_> = (0..WORKERS)
            .map(|number| scope.spawn(move || work(jobs, number, workers.count(), completed)))
            .collect();
        for worker in workers {
            worker.join().ok().context("a worker panicked")??;
        }
        anyhow::Ok(())
    })?;
    let time = start.elapsed();
    let queue = jobs.queue(QUEUE).context("the queue is gone")?;
    let (pending, leased) = (queue.pending(), queue.count(JobState::Leased));
    let done = completed.load(Ordering::Relaxed);
    ensure!(
        (done, pending, leased) == (wanted, 0, 0),
        "{done} jobs were completed of {wanted}, {pending} are pending and {leased} leased"
    );
    db.close()?;
    Ok(float(wanted) / time.as_secs_f64())
}

/// Completes jobs until there are none left.
fn work(jobs: &Jobs, number: u64, count: usize, completed: &AtomicU64) -> anyhow::Result<()> {
    let name = format!("worker-{number}");
    let mut finished = Vec::new();
    loop {
        let claim = jobs.claim_now(Claim::new(&name, [QUEUE], count)?);
        let (answers, next) = claim.after(finished).wait_with_answers(None)?;
        for answer in answers {
            answer?;
            completed.fetch_add(1, Ordering::Relaxed);
        }
        if next.is_empty() {
            return Ok(());
        }
        let done = next.iter().map(|job| jobs.completion(job, "null"));
        finished = done.collect::<Result<_, _>>()?;
    }
}
