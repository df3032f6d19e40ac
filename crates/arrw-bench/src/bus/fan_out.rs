//! `bus.fan_out`: what one subscriber that sleeps for ever and one that panics cost the 98 others.

use std::io::Write;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use arrw::{Bus, Db, NewEvent, Start, Subscription};
use hdrhistogram::Histogram;

use super::latency::{pace_events, receive};
use super::{Stopwatch, row};
use crate::disk::nanos;
use crate::plan::{Load, Plan};
use crate::row::{Row, Target};
use crate::runs::{Spread, micros};

const TOPIC: &str = "~.bench.fan_out";
/// Those who behave.
const OTHERS: usize = 98;
/// Time from event to event: to wake all of them takes two cores about one.
const INTERVAL: Duration = Duration::from_millis(10);
/// Events after which the second one panics.
const PANICS_AFTER: u64 = 10;

pub(super) fn measure(plan: &Plan, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
    let (mut beside, mut without) = (Vec::new(), Vec::new());
    for run in 1..=plan.load.runs() {
        let (with, alone) = (p99(plan.load, true)?, p99(plan.load, false)?);
        writeln!(out, "bus.fan_out run {run}: p99 {with:.0} us, without the two {alone:.0} us")?;
        beside.push(with);
        without.push(alone);
    }
    let ratios = beside.iter().zip(&without).map(|(with, alone)| with / alone);
    let ratio = Row {
        target: Some(Target::AtMost(1.2)),
        ..row(
            "bus.fan_out.ratio",
            "98 subscribers beside one that sleeps and one that panics: p99, to that of 98 alone",
            "ratio",
            Spread::of(ratios),
        )
    };
    let p99 = Row {
        floor: Some(Spread::of(without)),
        ..row("bus.fan_out", "the same in us; floor: 98 alone", "us", Spread::of(beside))
    };
    Ok(vec![p99, ratio])
}

/// The p99 of all deliveries to those who behave.
fn p99(load: Load, is_disturbed: bool) -> anyhow::Result<f64> {
    let db = Db::in_memory()?;
    let bus = db.bus();
    let watch = Stopwatch::start();
    let warm = nanos(load.warm_up());
    let (release, asleep) = channel::<()>();
    let subscribe = |bus: &Bus| bus.subscribe(TOPIC, Start::Latest);
    thread::scope(|scope| {
        let sleeper = is_disturbed.then(|| subscribe(&bus)).transpose()?;
        let sleeper = scope.spawn(move || {
            // Until the run is over.
            asleep.recv().ok();
            drop(sleeper);
        });
        let panics = is_disturbed.then(|| subscribe(&bus)).transpose()?;
        let panics = scope.spawn(move || panics.map(panic_soon));
        let others: Vec<_> = (0..OTHERS)
            .map(|_| {
                let subscription = subscribe(&bus)?;
                Ok(scope.spawn(move || receive(subscription, watch, (warm, INTERVAL))))
            })
            .collect::<anyhow::Result<_>>()?;
        let paced = pace_events(watch, (load, INTERVAL), |time| {
            bus.publish(NewEvent::new(TOPIC, &Stopwatch::stamp(time)))?.wait()?;
            Ok(())
        });
        db.close()?;
        drop(release);
        let published = paced?.published;
        let mut all = Histogram::<u64>::new(3)?;
        for other in others {
            let (seen, latencies) = other.join().ok().context("a subscriber panicked")??;
            ensure!(seen == published, "a subscriber saw {seen} events of {published}");
            all.add(latencies)?;
        }
        ensure!(
            panics.join().is_err() == is_disturbed,
            "the second one must panic, if it is there"
        );
        ensure!(sleeper.join().is_ok(), "the sleeper panicked");
        Ok(micros(all.value_at_quantile(0.99)))
    })
}

/// Panics at its tenth event, without a message on the terminal.
fn panic_soon(subscription: Subscription) {
    let mut seen = 0;
    for events in subscription.flatten() {
        seen += events.iter().count() as u64;
        if PANICS_AFTER <= seen {
            std::panic::resume_unwind(Box::new("the subscriber that panics"));
        }
    }
}
