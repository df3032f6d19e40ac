//! The floor of `bus.latency`: threads that are parked, and one that wakes each of them every millisecond.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::Context;
use hdrhistogram::Histogram;

use super::Stopwatch;
use super::latency::{INTERVAL, Run, pace_events};
use crate::disk::nanos;
use crate::plan::Load;

/// What tells the threads that it is over.
const OVER: u64 = u64::MAX;

/// Wakes `count` threads; answers the latency of the worst.
pub(super) fn run(count: usize, load: Load) -> anyhow::Result<Run> {
    let watch = Stopwatch::start();
    let warm = nanos(load.warm_up());
    let stamp = AtomicU64::new(0);
    thread::scope(|scope| {
        let sleepers: Vec<_> =
            (0..count).map(|_| scope.spawn(|| sleep_until_woken(&stamp, watch, warm))).collect();
        let wake = |time| {
            stamp.store(time, Ordering::Release);
            sleepers.iter().for_each(|sleeper| sleeper.thread().unpark());
            Ok(())
        };
        let paced = pace_events(watch, (load, INTERVAL), wake);
        wake(OVER)?;
        let mut run = Run { cpu: paced?.cpu, ..Run::default() };
        for sleeper in sleepers {
            run.keep_worst(&sleeper.join().ok().context("a thread panicked")??);
        }
        Ok(run)
    })
}

fn sleep_until_woken(
    stamp: &AtomicU64,
    watch: Stopwatch,
    warm: u64,
) -> anyhow::Result<Histogram<u64>> {
    let (mut last, mut latencies) = (0, Histogram::new(3)?);
    loop {
        let time = stamp.load(Ordering::Acquire);
        if time == OVER {
            return Ok(latencies);
        }
        if time == last {
            thread::park();
            continue;
        }
        if warm <= time {
            latencies.record_correct(watch.now().saturating_sub(time), nanos(INTERVAL))?;
        }
        last = time;
    }
}
