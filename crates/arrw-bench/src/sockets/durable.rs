//! `sockets.durable`: from the publish to the receipt of what is on the disk before anybody sees it.

use std::io::Write;

use super::order::{Group, Pace};
use super::stand::{Cores, Subject, channels};
use super::{Bench, SETTINGS, SYNCED, row};
use crate::disk::sync_cost;
use crate::plan::Load;
use crate::row::{Row, Target};
use crate::runs::Spread;

/// Channels, each with a publisher and a subscriber.
const CHANNELS: u32 = 100;
const PER_S: u32 = 10_000;
/// What may be added to the p99 of F, in milliseconds.
const ABOVE_F: f64 = 10.0;

pub(super) fn measure(bench: &Bench<'_>, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
    let seconds = match bench.plan.load {
        Load::Full => 10,
        Load::Quick | Load::Brief => 2,
    };
    let (mut p50, mut p99, mut syncs) = (Vec::new(), Vec::new(), Vec::new());
    for run in 1..=bench.plan.load.runs() {
        let (_, sync) = sync_cost(bench.folder, bench.plan.load)?;
        let published = bench.with(Subject::Ours, SETTINGS, Cores::Any, |stand| {
            let own = channels("dur", CHANNELS);
            stand.subscribe(Group::Readers, CHANNELS, &own)?;
            stand.open(Group::Publishers, CHANNELS)?;
            let pace = Pace::Every(1_000_000_000 / u64::from(PER_S));
            stand.publish(&own, (PER_S, seconds * PER_S), pace, 1)
        })?;
        let times = published.times;
        writeln!(
            out,
            "sockets.durable run {run}: p50 {:.2} ms, p99 {:.2} ms; F p99 {:.2} ms",
            times.p50_us / 1_000.0,
            times.p99_us / 1_000.0,
            sync / 1_000.0
        )?;
        p50.push(times.p50_us);
        p99.push(times.p99_us / 1_000.0);
        syncs.push(sync / 1_000.0);
    }
    let (value, floor) = (Spread::of(p99), Spread::of(syncs));
    let metric =
        "10,000 publications/s on 100 durable channels: publish to receipt, p99; floor: F p99";
    Ok(vec![Row {
        latency: Some((Spread::of(p50).median, value.median * 1_000.0)),
        floor: Some(floor),
        target: Some(Target::AtMost(floor.median + ABOVE_F)),
        durability: SYNCED,
        ..row("sockets.durable", metric, "ms", value)
    }])
}
