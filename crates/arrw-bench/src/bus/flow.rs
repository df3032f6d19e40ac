//! `bus.publish` and `bus.deliver`: one publisher at full speed, one and five subscribers that check all.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use arrw::{Bus, Db, NewEvent, Start, Subscription};

use super::{PAYLOAD_BYTES, VOLATILE};
use crate::pace;
use crate::plan::{Load, Plan};
use crate::row::{Row, Target};
use crate::runs::{Spread, float};

/// Events that the slowest subscriber may be behind: what is published beyond that would be lost to it.
const WINDOW: u64 = 65_536;
/// Events between two looks at how far the subscribers are.
const LOOK_EVERY: u64 = 1_024;
/// How long the publisher waits for them when it is too far ahead.
const BREATH: Duration = Duration::from_micros(50);

/// How far a subscriber has read, on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Progress(AtomicU64);

/// The payload of all events, and the sum of its bytes.
#[derive(Clone, Copy, Debug)]
struct Payload {
    bytes: [u8; PAYLOAD_BYTES],
    sum: u64,
}

impl Payload {
    fn new() -> Self {
        let mut bytes = [0; PAYLOAD_BYTES];
        for (byte, value) in bytes.iter_mut().zip((3_u8..=255).cycle().step_by(7)) {
            *byte = value;
        }
        Self { bytes, sum: sum(&bytes) }
    }
}

/// The sum of all bytes of a payload of at most 4 KiB: what 16 lanes can hold.
fn sum(bytes: &[u8]) -> u64 {
    let (chunks, rest) = bytes.as_chunks::<16>();
    let mut lanes = [0_u16; 16];
    for chunk in chunks {
        for (lane, byte) in lanes.iter_mut().zip(chunk) {
            *lane = lane.wrapping_add(u16::from(*byte));
        }
    }
    lanes.iter().map(|lane| u64::from(*lane)).sum::<u64>()
        + rest.iter().map(|byte| u64::from(*byte)).sum::<u64>()
}

pub(super) fn measure(plan: &Plan, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
    let (mut publish, mut deliver) = (Vec::new(), Vec::new());
    for run in 0..plan.load.runs() {
        publish.push(run_with(1, plan.load)?);
        deliver.push(run_with(5, plan.load)?);
        let (one, five) = (publish[run], deliver[run]);
        writeln!(
            out,
            "bus.publish run {}: {one:.0} events/s; bus.deliver: {five:.0} deliveries/s",
            run + 1
        )?;
    }
    let row = |id, metric, unit, runs: Vec<f64>, target| Row {
        target: Some(Target::AtLeast(target)),
        ..super::row(id, metric, unit, Spread::of(runs))
    };
    Ok(vec![
        row(
            "bus.publish",
            "one call an event, received and checked by 1 subscriber",
            "events/s",
            publish,
            10e6,
        ),
        row(
            "bus.deliver",
            "one call an event, deliveries checked by 5 subscribers, sum of all",
            "deliveries/s",
            deliver,
            30e6,
        ),
    ])
}

/// Publishes for the time of `load`; answers how many events a second were received, by all together.
pub(crate) fn run_with(subscribers: usize, load: Load) -> anyhow::Result<f64> {
    let db = Db::in_memory()?;
    let bus = db.bus();
    let payload = Payload::new();
    let progress: Vec<Progress> = (0..subscribers).map(|_| Progress::default()).collect();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = progress
            .iter()
            .map(|progress| {
                let subscription = bus.subscribe(VOLATILE, Start::Latest)?;
                Ok(scope.spawn(|| receive(subscription, payload, progress)))
            })
            .collect::<anyhow::Result<_>>()?;
        let publisher = scope.spawn(|| publish(&bus, &payload, &progress, &over));
        pace::wait(load.warm_up());
        let (start, before) = (Instant::now(), received(&progress));
        pace::wait(load.time());
        let (time, after) = (start.elapsed(), received(&progress));
        over.store(true, Ordering::Relaxed);
        let published = publisher.join().ok().context("the publisher panicked")??;
        db.close()?;
        for reader in readers {
            let seen = reader.join().ok().context("a subscriber panicked")??;
            ensure!(seen == published, "a subscriber saw {seen} events of {published}");
        }
        Ok(float(after - before) / time.as_secs_f64())
    })
}

fn received(progress: &[Progress]) -> u64 {
    progress.iter().map(|progress| progress.0.load(Ordering::Relaxed)).sum()
}

/// Publishes until it is over; answers how many events that were.
fn publish(
    bus: &Bus,
    payload: &Payload,
    progress: &[Progress],
    over: &AtomicBool,
) -> anyhow::Result<u64> {
    let mut published = 0;
    while !over.load(Ordering::Relaxed) {
        for _ in 0..LOOK_EVERY {
            bus.publish(NewEvent::new(VOLATILE, &payload.bytes))?.wait()?;
        }
        published += LOOK_EVERY;
        let is_ahead = |reader: &Progress| WINDOW < published - reader.0.load(Ordering::Relaxed);
        while progress.iter().any(is_ahead) && !over.load(Ordering::Relaxed) {
            pace::wait(BREATH);
        }
    }
    Ok(published)
}

/// Checks each event's place and payload until the database is closed; answers how many there were.
fn receive(
    subscription: Subscription,
    payload: Payload,
    progress: &Progress,
) -> anyhow::Result<u64> {
    let mut seen = 0;
    for events in subscription {
        for event in &events? {
            let (seq, sum) = (event.seq().get(), sum(event.payload()));
            ensure!(seq == seen + 1, "expected event {}, found {seq}", seen + 1);
            ensure!(sum == payload.sum, "event {seq} sums up to {sum}, not to {}", payload.sum);
            seen = seq;
        }
        progress.0.store(seen, Ordering::Relaxed);
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_all_bytes() {
        let bytes: Vec<u8> = (0..=255).rev().collect();
        for len in 0..bytes.len() {
            let expected = bytes[..len].iter().map(|byte| u64::from(*byte)).sum::<u64>();
            assert_eq!(sum(&bytes[..len]), expected, "{len}");
        }
    }
}
