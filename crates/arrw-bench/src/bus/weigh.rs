//! The part of `bus.memory` that runs in a process of its own: does one thing and says what it weighs.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use arrw::{Bus, Db, Environment, FileStorage, NewEvent, Options, Publish, Start};

use super::{PAYLOAD_BYTES, VOLATILE};
use crate::machine;
use crate::pace;
use crate::runs::float;

const TOPIC: &str = "bench.memory";
const SUBSCRIPTIONS: usize = 100_000;
/// Bytes of payloads that are published to fill a ring: several times what it holds.
const FILL_BYTES: usize = 256 << 20;
const RETENTION_BYTES: u64 = 1 << 30;
/// Batches of durable events on their way at once, and events of one.
const IN_FLIGHT: usize = 64;
const BATCH_EVENTS: usize = 100;
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What is weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weighed {
    /// Bytes of an idle subscription.
    Idle,
    /// MiB of the newest volatile events.
    Volatile,
    /// MiB of the newest durable events.
    Durable,
    /// MiB by which the process grows in a minute at full rate.
    Slope {
        /// For how long.
        seconds: u64,
    },
}

impl Weighed {
    /// The arguments from which the command line makes it again.
    pub(super) fn arguments(self) -> Vec<String> {
        match self {
            Self::Idle => vec!["idle".to_owned()],
            Self::Volatile => vec!["volatile".to_owned()],
            Self::Durable => vec!["durable".to_owned()],
            Self::Slope { seconds } => vec!["slope".to_owned(), seconds.to_string()],
        }
    }
}

/// Does one thing in `folder` and answers what it weighs: for a process that does nothing else.
///
/// # Errors
/// When the database or the disk fails.
pub fn weigh(folder: &Path, what: Weighed) -> anyhow::Result<f64> {
    match what {
        Weighed::Idle => idle(),
        Weighed::Volatile => volatile(folder),
        Weighed::Durable => durable(folder),
        Weighed::Slope { seconds } => slope(folder, Duration::from_secs(seconds)),
    }
}

/// Half of them on volatile topics, half on durable ones: each with a filter of its own, and asleep.
fn idle() -> anyhow::Result<f64> {
    let db = Db::in_memory()?;
    let bus = db.bus();
    let mut subscriptions = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    let before = machine::rss(None)?;
    for number in 0..SUBSCRIPTIONS {
        let place = if number.is_multiple_of(2) { "~." } else { "" };
        let filter = format!("{place}bench.device-{number}.moved");
        let mut subscription = bus.subscribe(&filter, Start::Latest)?;
        ensure!(subscription.poll_next(&mut context).is_pending(), "it has something to read");
        subscriptions.push(subscription);
    }
    let after = machine::rss(None)?;
    ensure!(subscriptions.len() == SUBSCRIPTIONS, "a subscription is gone");
    Ok(float(after.saturating_sub(before)) / float(SUBSCRIPTIONS as u64))
}

/// Fills the memory of volatile events.
fn volatile(folder: &Path) -> anyhow::Result<f64> {
    let db = Db::open(folder)?;
    let bus = db.bus();
    let before = machine::rss(None)?;
    for _ in 0..FILL_BYTES / PAYLOAD_BYTES {
        bus.publish(NewEvent::new(VOLATILE, &[0x5A; PAYLOAD_BYTES]))?.wait()?;
    }
    Ok(mib(machine::rss(None)?.saturating_sub(before)))
}

/// Fills the memory of the log.
fn durable(folder: &Path) -> anyhow::Result<f64> {
    let db = Db::open(folder)?;
    let bus = db.bus();
    let before = machine::rss(None)?;
    let mut in_flight = VecDeque::new();
    for _ in 0..FILL_BYTES / PAYLOAD_BYTES / BATCH_EVENTS {
        step(&bus, &mut in_flight)?;
    }
    drain(in_flight)?;
    Ok(mib(machine::rss(None)?.saturating_sub(before)))
}

fn mib(bytes: u64) -> f64 {
    float(bytes) / float(1 << 20)
}

/// Publishes at full rate until as much is there as is kept, and then for `time`; answers MiB a minute.
fn slope(folder: &Path, time: Duration) -> anyhow::Result<f64> {
    let mut options = Options::default();
    options.log.retention.bytes_max = Some(RETENTION_BYTES);
    let storage = Arc::new(FileStorage::new(folder)?);
    let db = Db::open_with(Environment::with_storage(storage), options)?;
    let (bus, over) = (db.bus(), AtomicBool::new(false));
    thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let mut in_flight = VecDeque::new();
            while !over.load(Ordering::Relaxed) {
                step(&bus, &mut in_flight)?;
            }
            drain(in_flight)
        });
        let points = watch(&bus, time);
        over.store(true, Ordering::Relaxed);
        publisher.join().ok().context("the publisher panicked")??;
        least_squares(&points?).context("too few points for a slope")
    })
}

/// Minutes and MiB, from when the oldest events begin to go.
fn watch(bus: &Bus, time: Duration) -> anyhow::Result<Vec<(f64, f64)>> {
    let begun = Instant::now();
    while bus.stats()?.first.get() == 1 {
        ensure!(begun.elapsed() < Duration::from_secs(120), "nothing was trimmed in two minutes");
        pace::wait(LOOK_EVERY);
    }
    let start = Instant::now();
    let mut points = Vec::new();
    while start.elapsed() < time {
        points.push((start.elapsed().as_secs_f64() / 60.0, mib(machine::rss(None)?)));
        pace::wait(LOOK_EVERY);
    }
    Ok(points)
}

/// Keeps batches on their way.
fn step(bus: &Bus, in_flight: &mut VecDeque<Publish>) -> anyhow::Result<()> {
    let event = NewEvent::new(TOPIC, &[0x5A; PAYLOAD_BYTES]);
    in_flight.push_back(bus.publish_all(&[event; BATCH_EVENTS])?.start());
    if IN_FLIGHT <= in_flight.len()
        && let Some(oldest) = in_flight.pop_front()
    {
        oldest.wait()?;
    }
    Ok(())
}

fn drain(in_flight: VecDeque<Publish>) -> anyhow::Result<()> {
    for publish in in_flight {
        publish.wait()?;
    }
    Ok(())
}

/// The slope of the straight line with the least squares; `None` when there is none.
fn least_squares(points: &[(f64, f64)]) -> Option<f64> {
    let count = float(points.len() as u64);
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread = points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>();
    let common = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>();
    (spread > 0.0).then(|| common / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_line() {
        let slope = least_squares(&[(0.0, 1.0), (1.0, 3.5), (2.0, 5.0)]).unwrap();
        assert!((slope - 2.0).abs() < 1e-9, "{slope}");
        assert_eq!(least_squares(&[(1.0, 1.0)]), None);
    }
}
