//! `bus.latency`: from the publish of a volatile event to the first statement of its handler.

use std::fmt;
use std::io::Write;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use arrw::{Db, NewEvent, Start, Subscription};
use hdrhistogram::Histogram;

use super::{Stopwatch, parked};
use crate::disk::nanos;
use crate::machine;
use crate::pace;
use crate::plan::{Load, Plan};
use crate::row::{Row, Target};
use crate::runs::{Spread, micros};

const TOPIC: &str = "~.bench.latency";
/// Time from event to event.
pub(super) const INTERVAL: Duration = Duration::from_millis(1);

/// What one run came to: microseconds, and per cent of a core.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Run {
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) cpu: f64,
}

impl Run {
    /// The latencies of the worst subscriber count.
    pub(super) fn keep_worst(&mut self, latencies: &Histogram<u64>) {
        let quantile = |quantile| micros(latencies.value_at_quantile(quantile));
        self.p50 = self.p50.max(quantile(0.5));
        self.p99 = self.p99.max(quantile(0.99));
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p99, cpu } = self;
        write!(f, "p50 {p50:.1} us, p99 {p99:.1} us, CPU {cpu:.1} %")
    }
}

/// What the publisher of a run did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paced {
    pub(super) published: u64,
    /// Per cent of a core that the process took.
    pub(super) cpu: f64,
}

/// Runs of ours and of the floor.
#[derive(Debug, Default)]
struct Runs(Vec<Run>, Vec<Run>);

impl Runs {
    fn add(&mut self, subscribers: usize, load: Load) -> anyhow::Result<String> {
        let (ours, floor) = (run_with(subscribers, load)?, parked::run(subscribers, load)?);
        self.0.push(ours);
        self.1.push(floor);
        Ok(format!("{subscribers} subscriber(s): {ours}; floor {floor}"))
    }

    fn row(
        &self,
        (id, metric): (&'static str, &'static str),
        of: fn(&Run) -> f64,
        most: f64,
    ) -> Row {
        let unit = if id.ends_with("cpu") { "% of a core" } else { "us" };
        Row {
            floor: Some(Spread::of(self.1.iter().map(of))),
            target: Some(Target::AtMost(most)),
            ..super::row(id, metric, unit, Spread::of(self.0.iter().map(of)))
        }
    }
}

pub(super) fn measure(plan: &Plan, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
    let (mut one, mut five) = (Runs::default(), Runs::default());
    for run in 1..=plan.load.runs() {
        writeln!(out, "bus.latency run {run}, {}", one.add(1, plan.load)?)?;
        writeln!(out, "bus.latency run {run}, {}", five.add(5, plan.load)?)?;
    }
    Ok(vec![
        one.row(("bus.latency.p50", "1 subscriber, p50; floor: bare unpark"), |run| run.p50, 25.0),
        one.row(("bus.latency.p99", "1 subscriber, p99; floor: bare unpark"), |run| run.p99, 60.0),
        one.row(("bus.latency.cpu", "1 subscriber, CPU of the process"), |run| run.cpu, 5.0),
        five.row(("bus.latency.5.p50", "worst of 5 subscribers, p50"), |run| run.p50, 30.0),
        five.row(("bus.latency.5.p99", "worst of 5 subscribers, p99"), |run| run.p99, 120.0),
        five.row(("bus.latency.5.cpu", "5 subscribers, CPU of the process"), |run| run.cpu, 5.0),
    ])
}

/// One event a millisecond; answers the latency of the worst subscriber.
fn run_with(subscribers: usize, load: Load) -> anyhow::Result<Run> {
    let (all, cpu) = latencies(subscribers, load)?;
    let mut run = Run { cpu, ..Run::default() };
    for of_one in &all {
        run.keep_worst(of_one);
    }
    Ok(run)
}

/// One event a millisecond; answers what each subscriber measured, in nanoseconds, and the CPU in per cent of a core.
pub(crate) fn latencies(
    subscribers: usize,
    load: Load,
) -> anyhow::Result<(Vec<Histogram<u64>>, f64)> {
    let db = Db::in_memory()?;
    let bus = db.bus();
    let watch = Stopwatch::start();
    let warm = nanos(load.warm_up());
    thread::scope(|scope| {
        let readers: Vec<_> = (0..subscribers)
            .map(|_| {
                let subscription = bus.subscribe(TOPIC, Start::Latest)?;
                Ok(scope.spawn(move || receive(subscription, watch, (warm, INTERVAL))))
            })
            .collect::<anyhow::Result<_>>()?;
        let paced = pace_events(watch, (load, INTERVAL), |time| {
            bus.publish(NewEvent::new(TOPIC, &Stopwatch::stamp(time)))?.wait()?;
            Ok(())
        });
        db.close()?;
        let Paced { published, cpu } = paced?;
        let mut all = Vec::new();
        for reader in readers {
            let (seen, latencies) = reader.join().ok().context("a subscriber panicked")??;
            ensure!(seen == published, "a subscriber saw {seen} events of {published}");
            all.push(latencies);
        }
        Ok((all, cpu))
    })
}

/// Publishes once an interval, with the time at which it does, for the time of `load`.
pub(super) fn pace_events(
    watch: Stopwatch,
    (load, interval): (Load, Duration),
    publish: impl Fn(u64) -> anyhow::Result<()>,
) -> anyhow::Result<Paced> {
    let warm = nanos(load.warm_up());
    let end = warm + nanos(load.time());
    let (mut published, mut due, mut before) = (0_u64, 0, None);
    while due < end {
        if before.is_none() && warm <= due {
            before = Some((machine::cpu_nanos(None)?, watch.now()));
        }
        pace::wait(Duration::from_nanos(due.saturating_sub(watch.now())));
        publish(watch.now())?;
        published += 1;
        due += nanos(interval);
    }
    let (busy, from) = before.context("the load is shorter than its warm-up")?;
    let (busy, time) = (machine::cpu_nanos(None)? - busy, watch.now() - from);
    Ok(Paced { published, cpu: micros(busy) / micros(time) * 100.0 })
}

/// Measures each event from `warm` on until the database is closed; answers how many came at all.
pub(super) fn receive(
    subscription: Subscription,
    watch: Stopwatch,
    (warm, interval): (u64, Duration),
) -> anyhow::Result<(u64, Histogram<u64>)> {
    let (mut seen, mut latencies) = (0, Histogram::new(3)?);
    for events in subscription {
        for event in &events? {
            let now = watch.now();
            let stamp = Stopwatch::read(event.payload())?;
            if warm <= stamp {
                // An event that was held up for longer stands for those that it held up.
                latencies.record_correct(now.saturating_sub(stamp), nanos(interval))?;
            }
            seen += 1;
            ensure!(event.seq().get() == seen, "expected event {seen}, found {}", event.seq());
        }
    }
    Ok((seen, latencies))
}
