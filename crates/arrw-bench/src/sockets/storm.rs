//! `sockets.storm`: all connections are cut and return, each of them having missed something.

use std::io::Write;

use anyhow::ensure;

use super::order::{Group, Opened, Opening, Order, Pace};
use super::stand::{Cores, Stand, Subject, channels};
use super::{Bench, MANY_CONNECTIONS, SETTINGS, SYNCED, mib, row};
use crate::machine;
use crate::row::{Row, Target};
use crate::runs::Spread;

const CONNECTIONS: u32 = 15_000;
/// Of 100 subscribers each.
const CHANNELS: u32 = 150;
/// Publications that each connection misses.
const MISSED: u32 = 100;
/// Within which all of them begin to return.
const SPREAD_MS: u64 = 5_000;
/// On their way at once: all that a returning crowd likes.
const IN_PROGRESS: u32 = CONNECTIONS;

const SECONDS_TARGET: f64 = 10.0;
const RSS_TARGET_MIB: f64 = 100.0;

pub(super) fn measure(bench: &Bench<'_>, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
    let settings = [MANY_CONNECTIONS, SETTINGS].concat();
    let (mut seconds, mut rss) = (Vec::new(), Vec::new());
    for run in 1..=bench.plan.load.runs() {
        let (opened, rss_mib) = bench.with(Subject::Ours, &settings, Cores::Any, run_on)?;
        writeln!(
            out,
            "sockets.storm run {run}: {} recovered within {:.2} s, one takes p50 {:.1} ms, p99 {:.1} ms; \
             RSS + {rss_mib:.1} MiB",
            opened.recovered,
            opened.seconds,
            opened.times.p50_us / 1_000.0,
            opened.times.p99_us / 1_000.0
        )?;
        seconds.push(opened.seconds);
        rss.push(rss_mib);
    }
    let metric = "15,000 cut, back within 5 s, each missing 100 publications: until all recovered";
    let rss_metric = "RSS of the server above that before, at most";
    let of = |id, metric, unit, values: Vec<f64>, target| Row {
        target: Some(Target::AtMost(target)),
        durability: SYNCED,
        ..row(id, metric, unit, Spread::of(values))
    };
    Ok(vec![
        of("sockets.storm", metric, "s", seconds, SECONDS_TARGET),
        of("sockets.storm.rss", rss_metric, "MiB", rss, RSS_TARGET_MIB),
    ])
}

fn run_on(stand: &mut Stand) -> anyhow::Result<(Opened, f64)> {
    let (channels, server) = (channels("dur", CHANNELS), stand.server.id());
    stand.subscribe(Group::Readers, CONNECTIONS, &channels)?;
    stand.open(Group::Publishers, CHANNELS)?;
    // Each channel has a position to go on from.
    let receivers = CONNECTIONS / CHANNELS;
    stand.publish(&channels, (0, CHANNELS), Pace::Burst, receivers)?;
    let before = machine::rss(Some(server))?;
    machine::forget_rss_peak(server)?;
    stand.generator.order(&Order::Cut)?;
    stand.publish(&channels, (0, CHANNELS * MISSED), Pace::Burst, 0)?;
    let opened = stand.generator.open(Opening {
        channels: Some(channels),
        in_progress: IN_PROGRESS,
        spread_ms: SPREAD_MS,
        missed: Some(MISSED),
        ..stand.opening(Group::Readers, CONNECTIONS)
    })?;
    let peak = machine::rss_peak(server)?;
    let expected = u64::from(CONNECTIONS) * u64::from(MISSED);
    ensure!(
        opened.recovered == u64::from(CONNECTIONS) && opened.publications == expected,
        "{} recovered {} publications of {expected}",
        opened.recovered,
        opened.publications
    );
    Ok((opened, mib(peak.saturating_sub(before))))
}
