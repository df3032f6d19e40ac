//! `jobs.scale`: what a queue costs workers that wait for something else.

use std::io::Write;
use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use arrw::{Attempt, Db, JobArgs, JobState, NewJob};
use serde::{Deserialize, Serialize};

use super::QUEUE;
use crate::disk::{self, WorkFolder};
use crate::pace;
use crate::plan::{Load, Plan};
use crate::row::{Row, Target};
use crate::runs::Spread;

/// Attempts that run at once.
const WORKERS: [usize; 5] = [1, 2, 4, 8, 64];
/// For how long a job waits.
pub(crate) const NAP: Duration = Duration::from_millis(10);
/// Jobs that are enqueued in one call.
const A_CALL: usize = 1_000;
/// How much of the speed without a queue must be left.
const TARGET: f64 = 0.97;
/// How long the last completion may take to be on the disk, and the worker to end.
const END_TIME_MAX: Duration = Duration::from_secs(30);

/// Jobs for each that runs at once.
pub(crate) fn naps(load: Load) -> usize {
    match load {
        Load::Full => 300,
        Load::Quick => 60,
        Load::Brief => 30,
    }
}

/// A job that waits.
#[derive(Debug, Serialize, Deserialize)]
struct Nap {}

impl JobArgs for Nap {
    const KIND: &'static str = "nap";
}

/// When the first nap began and the last ended.
#[derive(Clone, Debug, Default)]
struct Naps(Arc<Mutex<Option<(Instant, Instant)>>>);

impl Naps {
    fn nap(&self) {
        let begun = Instant::now();
        pace::wait(NAP);
        let ended = Instant::now();
        let mut span = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, last) = span.unwrap_or((begun, ended));
        *span = Some((first.min(begun), last.max(ended)));
    }

    fn seconds(&self) -> anyhow::Result<f64> {
        let span = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, last) = span.context("nobody napped")?;
        Ok((last - first).as_secs_f64())
    }
}

pub(super) fn measure(
    plan: &Plan,
    folder: &WorkFolder,
    out: &mut dyn Write,
) -> anyhow::Result<Row> {
    let mut all = Vec::new();
    for workers in WORKERS {
        let mut ratios = Vec::new();
        for run in 0..plan.load.runs() {
            let (mut ours, mut floor) = (0.0, 0.0);
            // It changes who comes first, so that neither is always second.
            for is_ours in [run.is_multiple_of(2), !run.is_multiple_of(2)] {
                if is_ours {
                    let place = folder.fresh("scale")?;
                    ours = with_queue(&place, workers, naps(plan.load))?;
                    disk::remove(&place)?;
                } else {
                    floor = without(workers, naps(plan.load))?;
                }
            }
            ratios.push(floor / ours);
        }
        let ratio = Spread::of(ratios);
        writeln!(
            out,
            "jobs.scale, {workers} at once: {:.3} of the speed without a queue ({:.3} to {:.3})",
            ratio.median, ratio.min, ratio.max
        )?;
        all.push(ratio);
    }
    let lowest = all.into_iter().min_by(|a, b| a.median.total_cmp(&b.median));
    let metric =
        "jobs that wait 10 ms, 1/2/4/8/64 at once: speed over that without a queue, the lowest";
    Ok(Row {
        target: Some(Target::AtLeast(TARGET)),
        ..super::row("jobs.scale", metric, "ratio", lowest.context("nothing was measured")?)
    })
}

/// Seconds from the first nap to the end of the last, by a worker.
pub(crate) fn with_queue(place: &Path, workers: usize, naps: usize) -> anyhow::Result<f64> {
    let db = Db::open(place)?;
    let jobs = db.jobs();
    let nap = Nap {}.encode()?;
    let (mut left, count) = (workers * naps, workers * naps);
    while 0 < left {
        let batch: Vec<NewJob<'_>> = vec![nap.on(QUEUE); left.min(A_CALL)];
        jobs.enqueue_all(&batch)?.wait()?;
        left -= batch.len();
    }
    let (all, (ended, states)) = (Naps::default(), channel());
    let napping = all.clone();
    let worker = jobs
        .worker("bench")
        .queue(QUEUE)
        .concurrency(workers)
        .prefetch(workers)
        .on_blocking(move |_: Nap, _: Attempt| {
            napping.nap();
            Ok(())
        })
        .observe(move |attempt| {
            let _nobody_listens = ended.send(attempt.state);
        })
        .build()?;
    let running = worker.clone();
    let thread = thread::spawn(move || running.run_blocking());
    for _ in 0..count {
        let state = states.recv_timeout(NAP * u32::try_from(count)? + END_TIME_MAX)?;
        ensure!(state == Some(JobState::Completed), "a job is {state:?}");
    }
    worker.stop(END_TIME_MAX);
    let stats = thread.join().ok().context("the worker panicked")??;
    ensure!(stats.completed == count as u64, "{} jobs of {count} completed", stats.completed);
    db.close()?;
    all.seconds()
}

/// Seconds from the first nap to the end of the last, by threads that do nothing else.
fn without(workers: usize, naps: usize) -> anyhow::Result<f64> {
    let all = Naps::default();
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| (0..naps).for_each(|_| all.nap()));
        }
    });
    all.seconds()
}
