//! `bus.durable.latency`: from the publish of a durable event, over the disk, to its handler.

use std::io::Write;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use arrw::{Bus, Db, NewEvent, Start, Subscription};
use hdrhistogram::Histogram;

use super::{SYNCED, Stopwatch};
use crate::disk::{self, WorkFolder, nanos, sync_cost};
use crate::pace;
use crate::plan::{Load, Plan};
use crate::row::{Row, Target};
use crate::runs::{Spread, micros};

const TOPIC: &str = "bench.latency";
const PUBLISHERS: u64 = 16;
const EVENTS_PER_S: u64 = 10_000;
/// Time between two events of one publisher, in nanoseconds.
const INTERVAL: u64 = 1_000_000_000 * PUBLISHERS / EVENTS_PER_S;
/// What may be added to the p99 of F, in microseconds.
const ABOVE_F: f64 = 500.0;

pub(super) fn measure(
    plan: &Plan,
    folder: &WorkFolder,
    out: &mut dyn Write,
) -> anyhow::Result<Row> {
    let (mut ours, mut syncs) = (Vec::new(), Vec::new());
    for run in 0..plan.load.runs() {
        let (_, sync) = sync_cost(folder, plan.load)?;
        let place = folder.fresh("durable")?;
        let db = Db::open(&place)?;
        let (p50, p99) = run_with(&db, plan.load)?;
        drop(db);
        disk::remove(&place)?;
        writeln!(
            out,
            "bus.durable.latency run {}: p50 {p50:.0} us, p99 {p99:.0} us; F p99 {sync:.0} us",
            run + 1
        )?;
        ours.push((p50, p99));
        syncs.push(sync);
    }
    let floor = Spread::of(syncs);
    let of = |of: fn(&(f64, f64)) -> f64| Spread::of(ours.iter().map(of));
    let metric = "10,000 events/s of 16 publishers: publish to handler, p99; floor: F p99";
    Ok(Row {
        latency: Some((of(|run| run.0).median, of(|run| run.1).median)),
        floor: Some(floor),
        target: Some(Target::AtMost(floor.median + ABOVE_F)),
        durability: SYNCED,
        ..super::row("bus.durable.latency", metric, "us", of(|run| run.1))
    })
}

fn run_with(db: &Db, load: Load) -> anyhow::Result<(f64, f64)> {
    let bus = db.bus();
    let watch = Stopwatch::start();
    let warm = nanos(load.warm_up());
    let end = warm + nanos(load.time());
    thread::scope(|scope| {
        let subscription = bus.subscribe(TOPIC, Start::Latest)?;
        let reader = scope.spawn(move || receive(subscription, watch, warm));
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|number| {
                let (bus, first) = (bus.clone(), number * INTERVAL / PUBLISHERS);
                scope.spawn(move || publish(&bus, watch, (first, end)))
            })
            .collect();
        let mut published = 0;
        for publisher in publishers {
            published += publisher.join().ok().context("a publisher panicked")??;
        }
        db.close()?;
        let (seen, latencies) = reader.join().ok().context("the subscriber panicked")??;
        ensure!(seen == published, "the subscriber saw {seen} events of {published}");
        let quantile = |quantile| micros(latencies.value_at_quantile(quantile));
        Ok((quantile(0.5), quantile(0.99)))
    })
}

/// Publishes at its times and waits for each answer; answers how many events that were.
fn publish(bus: &Bus, watch: Stopwatch, (first, end): (u64, u64)) -> anyhow::Result<u64> {
    let (mut published, mut due) = (0, first);
    while due < end {
        let now = watch.now();
        // Who was held up by the answer before counts from when it should have published.
        let stamp = if now < due {
            pace::wait(Duration::from_nanos(due - now));
            watch.now()
        } else {
            due
        };
        let payload = Stopwatch::stamp(stamp);
        bus.publish(NewEvent::new(TOPIC, &payload))?.wait()?;
        published += 1;
        due += INTERVAL;
    }
    Ok(published)
}

/// Measures each event from `warm` on until the database is closed; answers how many came at all.
fn receive(
    subscription: Subscription,
    watch: Stopwatch,
    warm: u64,
) -> anyhow::Result<(u64, Histogram<u64>)> {
    let (mut seen, mut latencies) = (0, Histogram::new(3)?);
    for events in subscription {
        for event in &events? {
            let now = watch.now();
            let stamp = Stopwatch::read(event.payload())?;
            if warm <= stamp {
                latencies.record(now.saturating_sub(stamp))?;
            }
            seen += 1;
            ensure!(event.offset() == seen, "expected event {seen}, found {}", event.offset());
        }
    }
    Ok((seen, latencies))
}
