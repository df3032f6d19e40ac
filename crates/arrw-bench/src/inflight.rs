//! Many callers, each with one append in flight: the load that is put on the log and on the floor alike.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use tokio::runtime::{Builder, Runtime};

use crate::disk::nanos;
use crate::pace;
use crate::plan::Load;
use crate::runs::{float, micros};

/// One caller in this many has its latencies recorded, so that reading the clock costs little.
const SAMPLED_EVERY: usize = 8;

const WARMING: u8 = 0;
const COUNTING: u8 = 1;
const OVER: u8 = 2;

/// One of those who append.
pub(crate) trait Caller: Send + 'static {
    /// Appends one record and waits for the answer.
    fn append(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// What one run came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) records_per_s: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// The executor of the callers, the same for the log and the floor.
///
/// The callers share one thread: on a machine of two cores that gave the floor its best figures. Workers
/// of a pool (one or two were tried) cost it 10 to 60 % with 64 callers, and up to half with 1,024.
fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread().build().context("cannot start the executor")
}

/// Lets `callers` append for the time of `load`, then until `is_enough`, but not for ever.
pub(crate) fn run<C: Caller>(
    load: Load,
    callers: Vec<C>,
    is_enough: impl Fn() -> bool + Send,
) -> anyhow::Result<Run> {
    run_on(&runtime()?, load, callers, is_enough)
}

/// The same on an executor that the callers need, such as one for sockets.
pub(crate) fn run_on<C: Caller>(
    runtime: &Runtime,
    load: Load,
    callers: Vec<C>,
    is_enough: impl Fn() -> bool + Send,
) -> anyhow::Result<Run> {
    let phase = Arc::new(AtomicU8::new(WARMING));
    let pacing = Arc::clone(&phase);
    thread::scope(|scope| {
        let counted = scope.spawn(move || pace(load, &pacing, is_enough));
        let tasks: Vec<_> = callers
            .into_iter()
            .enumerate()
            .map(|(at, caller)| {
                let sampled = at.is_multiple_of(SAMPLED_EVERY);
                runtime.spawn(repeat(caller, Arc::clone(&phase), sampled))
            })
            .collect();
        let done = runtime.block_on(async {
            let (mut count, mut latencies) = (0, Histogram::<u64>::new(3)?);
            for task in tasks {
                let (own, sample) = task.await.context("a caller panicked")??;
                count += own;
                latencies.add(sample)?;
            }
            anyhow::Ok((count, latencies))
        });
        // A caller that failed ends the run for all.
        phase.store(OVER, Ordering::Relaxed);
        let time = counted.join().expect("the pace does not panic");
        let (count, latencies) = done?;
        let quantile = |quantile| micros(latencies.value_at_quantile(quantile));
        Ok(Run {
            records_per_s: float(count) / time.as_secs_f64(),
            p50_us: quantile(0.5),
            p99_us: quantile(0.99),
        })
    })
}

/// Moves the run from phase to phase; answers for how long it counted.
fn pace(load: Load, phase: &AtomicU8, is_enough: impl Fn() -> bool) -> Duration {
    pace::wait(load.warm_up());
    phase.store(COUNTING, Ordering::Relaxed);
    let start = Instant::now();
    pace::wait(load.time());
    while !is_enough() && start.elapsed() < load.time() * 3 {
        pace::wait(Duration::from_millis(200));
    }
    phase.store(OVER, Ordering::Relaxed);
    start.elapsed()
}

/// One caller: append, wait, repeat. Answers how many it counted, and the latencies if it is sampled.
async fn repeat<C: Caller>(
    mut caller: C,
    phase: Arc<AtomicU8>,
    sampled: bool,
) -> anyhow::Result<(u64, Histogram<u64>)> {
    let mut latencies = Histogram::new(3)?;
    let mut count = 0;
    loop {
        let start = sampled.then(Instant::now);
        caller.append().await?;
        match phase.load(Ordering::Relaxed) {
            WARMING => (),
            COUNTING => {
                count += 1;
                if let Some(start) = start {
                    latencies.record(nanos(start.elapsed()))?;
                }
            }
            _ => return Ok((count, latencies)),
        }
    }
}
