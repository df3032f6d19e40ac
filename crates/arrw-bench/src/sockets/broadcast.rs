//! `sockets.broadcast.*`: publications to many subscribers of one channel, in bursts and one by one.

use std::io::Write;
use std::time::{Duration, Instant};

use super::order::{Group, Pace};
use super::stand::{Cores, Stand, channels};
use super::{Bench, SETTINGS, Sides};
use crate::pace;
use crate::plan::Load;
use crate::row::{Row, Target};
use crate::runs::float;

/// Publications of a burst.
const BURST: u32 = 100;
const BURSTS: &[(&str, u32)] = &[
    ("sockets.broadcast.burst.100", 100),
    ("sockets.broadcast.burst.250", 250),
    ("sockets.broadcast.burst.500", 500),
    ("sockets.broadcast.burst.5000", 5_000),
];
/// Pause between two: a server may bound the commands of a client by the second.
const PAUSE: Duration = Duration::from_millis(10);
/// Subscribers, one publication after the other.
const SINGLE: u32 = 500;

/// Of the floor.
const BURST_TARGET: f64 = 0.7;
/// Of uWebSockets.
const SINGLE_TARGET: f64 = 0.9;

pub(super) fn measure_burst(bench: &Bench<'_>, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
    let metric = "100 publications back to back, until the last receipt; JSON";
    let mut rows = Vec::new();
    for &(id, subscribers) in BURSTS {
        let mut sides = Sides::default();
        for run in 1..=bench.plan.load.runs() {
            for subject in bench.subjects() {
                // Over all runs each is loaded for as long as others in one.
                let time = bench.plan.load.time() / 5;
                let rate = bench.with(subject, SETTINGS, Cores::Any, |stand| {
                    bursts(stand, subscribers, time)
                })?;
                writeln!(out, "{id} run {run}, {subject:?}: {rate:.0} msg/s")?;
                sides.note(subject, rate);
            }
        }
        let target = sides.floor().map(|floor| Target::AtLeast(BURST_TARGET * floor.median));
        rows.push(Row { target, ..sides.row(id, metric, "msg/s") });
    }
    Ok(rows)
}

/// Messages a second over bursts for this time, the pauses between them left out.
pub(super) fn bursts(stand: &mut Stand, subscribers: u32, time: Duration) -> anyhow::Result<f64> {
    let channel = channels("vol", 1);
    stand.subscribe(Group::Readers, subscribers, &channel)?;
    stand.open(Group::Publishers, 1)?;
    let mut burst = || stand.publish(&channel, (0, BURST), Pace::Burst, subscribers);
    burst()?;
    let begin = Instant::now();
    let (mut receipts, mut seconds) = (0, 0.0);
    while begin.elapsed() < time {
        pace::wait(PAUSE);
        let published = burst()?;
        receipts += published.receipts;
        seconds += published.seconds;
    }
    Ok(float(receipts) / seconds)
}

pub(super) fn measure_single(bench: &Bench<'_>, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
    let id = "sockets.broadcast.single";
    let (runs, events) = match bench.plan.load {
        Load::Full => (7, 1_000),
        Load::Quick | Load::Brief => (3, 300),
    };
    let mut sides = Sides::default();
    for run in 1..=runs {
        for subject in bench.subjects() {
            let published = bench.with(subject, SETTINGS, Cores::Apart, |stand| {
                let channel = channels("vol", 1);
                stand.subscribe(Group::Readers, SINGLE, &channel)?;
                stand.open(Group::Publishers, 1)?;
                stand.publish(&channel, (events / 10, events), Pace::OneByOne, SINGLE)
            })?;
            let rate = float(published.receipts) / published.seconds;
            let times = published.times;
            writeln!(
                out,
                "{id} run {run}, {subject:?}: {rate:.0} msg/s, to the last receipt p50 {:.0} us, p99 {:.0} us",
                times.p50_us, times.p99_us
            )?;
            sides.note(subject, rate);
        }
    }
    let metric = "next publication after the last receipt of 500, pinned; peer: uWebSockets";
    let target = sides.peer().map(|peer| Target::AtLeast(SINGLE_TARGET * peer.median));
    Ok(vec![Row { target, ..sides.row(id, metric, "msg/s") }])
}
