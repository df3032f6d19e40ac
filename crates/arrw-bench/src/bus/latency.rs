//! `bus.latency`: from the publish of a volatile event to the first statement of its handler.

use std::io::Write;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use arrw::{Db, NewEvent, Start, Subscription};
use hdrhistogram::Histogram;

use super::{IN_MEMORY, Stopwatch};
use crate::disk::nanos;
use crate::machine;
use crate::pace;
use crate::plan::{Load, Plan};
use crate::row::{Row, Target};
use crate::runs::{Spread, micros};

const TOPIC: &str = "~.bench.latency";
const INTERVAL: Duration = Duration::from_millis(1);

/// What one run came to: microseconds, and per cent of a core.
#[derive(Clone, Copy, Debug)]
struct Run {
    p50: f64,
    p99: f64,
    cpu: f64,
}

/// One of the figures of a run.
type Of = fn(&Run) -> f64;

pub(super) fn measure(plan: &Plan, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
    let (mut one, mut five) = (Vec::new(), Vec::new());
    for run in 0..plan.load.runs() {
        one.push(run_with(1, plan.load)?);
        five.push(run_with(5, plan.load)?);
        for (count, Run { p50, p99, cpu }) in [(1, one[run]), (5, five[run])] {
            writeln!(
                out,
                "bus.latency run {}, {count} subscriber(s): p50 {p50:.1} us, p99 {p99:.1} us, CPU {cpu:.1} %",
                run + 1
            )?;
        }
    }
    let row = |(id, metric): (_, _), unit, (runs, of): (&[Run], Of), target| Row {
        id,
        component: "bus",
        metric,
        unit,
        value: Spread::of(runs.iter().map(of)),
        latency: None,
        floor: None,
        target: Some(Target::AtMost(target)),
        durability: IN_MEMORY,
    };
    let (p50, p99): (Of, Of) = (|run| run.p50, |run| run.p99);
    Ok(vec![
        row(("bus.latency.p50", "1 subscriber, p50"), "us", (&one, p50), 25.0),
        row(("bus.latency.p99", "1 subscriber, p99"), "us", (&one, p99), 60.0),
        row(("bus.latency.5.p50", "5 subscribers, worst, p50"), "us", (&five, p50), 30.0),
        row(("bus.latency.5.p99", "5 subscribers, worst, p99"), "us", (&five, p99), 120.0),
        row(
            ("bus.latency.cpu", "CPU of the process, 1 subscriber"),
            "% of a core",
            (&one, |run| run.cpu),
            5.0,
        ),
        row(
            ("bus.latency.5.cpu", "CPU of the process, 5 subscribers"),
            "% of a core",
            (&five, |run| run.cpu),
            5.0,
        ),
    ])
}

/// One event a millisecond; answers the latency of the worst subscriber.
fn run_with(subscribers: usize, load: Load) -> anyhow::Result<Run> {
    let db = Db::in_memory()?;
    let bus = db.bus();
    let watch = Stopwatch::start();
    let warm = nanos(load.warm_up());
    let end = warm + nanos(load.time());
    thread::scope(|scope| {
        let readers: Vec<_> = (0..subscribers)
            .map(|_| {
                let subscription = bus.subscribe(TOPIC, Start::Latest)?;
                Ok(scope.spawn(move || receive(subscription, watch, warm)))
            })
            .collect::<anyhow::Result<_>>()?;
        let (mut published, mut due, mut cpu_before) = (0_u64, 0, None);
        while due < end {
            if cpu_before.is_none() && warm <= due {
                cpu_before = Some((machine::cpu_nanos()?, watch.now()));
            }
            pace::wait(Duration::from_nanos(due.saturating_sub(watch.now())));
            let payload = Stopwatch::stamp(watch.now());
            bus.publish(NewEvent::new(TOPIC, &payload))?.wait()?;
            published += 1;
            due += nanos(INTERVAL);
        }
        let (busy, from) = cpu_before.context("the load is shorter than its warm-up")?;
        let (busy, time) = (machine::cpu_nanos()? - busy, watch.now() - from);
        db.close()?;
        let mut run = Run { p50: 0.0, p99: 0.0, cpu: micros(busy) / micros(time) * 100.0 };
        for reader in readers {
            let (seen, latencies) = reader.join().ok().context("a subscriber panicked")??;
            ensure!(seen == published, "a subscriber saw {seen} events of {published}");
            let quantile = |quantile| micros(latencies.value_at_quantile(quantile));
            run.p50 = run.p50.max(quantile(0.5));
            run.p99 = run.p99.max(quantile(0.99));
        }
        Ok(run)
    })
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
                // An event that was held up for longer stands for those that it held up.
                latencies.record_correct(now.saturating_sub(stamp), nanos(INTERVAL))?;
            }
            seen += 1;
            ensure!(event.seq().get() == seen, "expected event {seen}, found {}", event.seq());
        }
    }
    Ok((seen, latencies))
}
