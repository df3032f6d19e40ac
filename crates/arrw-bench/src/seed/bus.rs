//! Publish, deliver, latency, with subscribers that check every event.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::{Context, ensure};
use arrw::{Bus, Db, NewEvent, Start, Subscription};

use super::{IN_MEMORY, Place, Published, SYNCED, row};
use crate::bus::{flow, latency as of_bus};
use crate::disk;
use crate::inflight::{self, Caller, Run};
use crate::plan::Load;
use crate::report::Figures;
use crate::row::{Row, Target};
use crate::runs::{Spread, micros};

const BUS: &str = "event bus";
const TOPIC: &str = "bench.seed";
/// Who publish durable events, one each in flight.
const PUBLISHERS: usize = 64;
/// 10 ms.
const LATENCY_TARGET: Target = Target::AtMost(10_000.0);

pub(super) fn publish(
    Place { plan, .. }: Place<'_>,
    figures: &mut Figures,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let rates = flows(1, plan.load, ("seed.bus.publish", "events/s"), out)?;
    let metric = "one call an event, received and checked by 1 subscriber (the prototype had none)";
    let published = Published::rate(470_103.0, 10_000.0);
    let value = (rates, "events/s");
    figures.rows.push(row("seed.bus.publish", (BUS, metric), value, published, IN_MEMORY));
    Ok(())
}

pub(super) fn deliver(
    Place { plan, .. }: Place<'_>,
    figures: &mut Figures,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let rates = flows(5, plan.load, ("seed.bus.deliver", "deliveries/s"), out)?;
    let metric = "one call an event, received and checked by 5 subscribers, sum of all";
    let published = Published::rate(18_716.0, 5_000.0);
    let value = (rates, "deliveries/s");
    figures.rows.push(row("seed.bus.deliver", (BUS, metric), value, published, IN_MEMORY));
    Ok(())
}

/// One publisher at full speed, so many subscribers.
fn flows(
    subscribers: usize,
    load: Load,
    (id, unit): (&str, &str),
    out: &mut dyn Write,
) -> anyhow::Result<Spread> {
    let mut rates = Vec::new();
    for run in 1..=load.runs() {
        let rate = flow::run_with(subscribers, load)?;
        writeln!(out, "{id} run {run}: {rate:.0} {unit}")?;
        rates.push(rate);
    }
    Ok(Spread::of(rates))
}

/// One who publishes an event and waits until it is on the disk; counts with all others what was.
struct Publisher(Bus, Arc<AtomicU64>);

impl Caller for Publisher {
    async fn append(&mut self) -> anyhow::Result<()> {
        let Self(bus, acknowledged) = self;
        bus.publish(NewEvent::new(TOPIC, &[0x5A; 128]))?.await?;
        acknowledged.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

pub(super) fn publish_durable(
    place: Place<'_>,
    figures: &mut Figures,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut runs = Vec::new();
    for number in 1..=place.plan.load.runs() {
        let run = run_durable(place)?;
        writeln!(
            out,
            "seed.bus.publish.durable run {number}: {:.0} events/s, p50 {:.0} us, p99 {:.0} us",
            run.records_per_s, run.p50_us, run.p99_us
        )?;
        runs.push(run);
    }
    let of = |of: fn(&Run) -> f64| Spread::of(runs.iter().map(of));
    let metric = "64 callers, one event each in flight, each on the disk before its answer; 1 subscriber checks all";
    let published = Published::rate(470_103.0, 10_000.0);
    let value = (of(|run| run.records_per_s), "events/s");
    let latency = Some((of(|run| run.p50_us).median, of(|run| run.p99_us).median));
    let row = row("seed.bus.publish.durable", (BUS, metric), value, published, SYNCED);
    figures.rows.push(Row { latency, ..row });
    Ok(())
}

fn run_durable(Place { plan, folder }: Place<'_>) -> anyhow::Result<Run> {
    let place = folder.fresh("seed-bus")?;
    let db = Db::open(&place)?;
    let bus = db.bus();
    let run = thread::scope(|scope| {
        let subscription = bus.subscribe(TOPIC, Start::Latest)?;
        let reader = scope.spawn(|| receive(subscription));
        let acknowledged = Arc::<AtomicU64>::default();
        let publisher = |_| Publisher(bus.clone(), Arc::clone(&acknowledged));
        let run = inflight::run(plan.load, (0..PUBLISHERS).map(publisher).collect(), || true);
        db.close()?;
        let seen = reader.join().ok().context("the subscriber panicked")??;
        let published = acknowledged.load(Ordering::Relaxed);
        ensure!(seen == published, "the subscriber saw {seen} events of {published}");
        run
    })?;
    disk::remove(&place)?;
    Ok(run)
}

/// Checks the place of each event until the database is closed; answers how many there were.
fn receive(subscription: Subscription) -> anyhow::Result<u64> {
    let mut seen = 0;
    for events in subscription {
        for event in &events? {
            seen += 1;
            ensure!(event.offset() == seen, "expected event {seen}, found {}", event.offset());
        }
    }
    Ok(seen)
}

pub(super) fn latency(
    Place { plan, .. }: Place<'_>,
    figures: &mut Figures,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut runs: Vec<[f64; 4]> = Vec::new();
    for number in 1..=plan.load.runs() {
        let (all, _cpu) = of_bus::latencies(1, plan.load)?;
        let latencies = all.first().context("nobody subscribed")?;
        let quantile = |quantile| micros(latencies.value_at_quantile(quantile));
        let run = [latencies.mean() / 1000.0, quantile(0.5), quantile(0.95), quantile(0.99)];
        let [mean, p50, p95, p99] = run;
        writeln!(
            out,
            "seed.bus.latency run {number}: average {mean:.1} us, p50 {p50:.1}, p95 {p95:.1}, p99 {p99:.1}"
        )?;
        runs.push(run);
    }
    let rows = [
        ("seed.bus.latency.average", "1 event a ms, publish to handler: average", 70.0),
        ("seed.bus.latency.p50", "the same: p50", 60.0),
        ("seed.bus.latency.p95", "the same: p95", 90.0),
        ("seed.bus.latency.p99", "the same: p99", 140.0),
    ];
    for (at, (id, metric, result)) in rows.into_iter().enumerate() {
        let value = (Spread::of(runs.iter().map(|run| run[at])), "us");
        let published = Published { result: Some(result), target: Some(LATENCY_TARGET) };
        figures.rows.push(row(id, (BUS, metric), value, published, IN_MEMORY));
    }
    Ok(())
}
