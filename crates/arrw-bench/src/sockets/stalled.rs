//! `sockets.stalled`: subscribers that stop reading, what they cost others, and how they catch up.

use std::io::Write;

use super::order::{Group, Order, Pace, Published, Publishing};
use super::stand::{Cores, Stand, Subject, TIME_MAX_MS, channels};
use super::{Bench, SETTINGS, SYNCED, mib, row};
use crate::machine;
use crate::plan::Load;
use crate::row::{Row, Target};
use crate::runs::Spread;

const STALLED: u32 = 1_000;
/// Subscribers that go on reading.
const OTHERS: u32 = 100;
/// 100 KB/s.
const PER_S: u32 = 100;
const PAYLOAD_BYTES: u32 = 1_000;

const RSS_TARGET_MIB: f64 = 64.0;
/// To the p99 of the others while all read.
const OTHERS_TARGET: f64 = 1.2;
const CATCH_UP_TARGET_S: f64 = 30.0;

/// What one run came to.
struct Run {
    /// While some do not read, and at most, while they catch up.
    stalled_mib: f64,
    rss_mib: f64,
    ratio: f64,
    seconds: f64,
}

/// Seconds while all read, and while some do not.
fn seconds(load: Load) -> (u32, u32) {
    match load {
        Load::Full => (10, 60),
        Load::Quick | Load::Brief => (2, 4),
    }
}

pub(super) fn measure(bench: &Bench<'_>, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
    let mut runs = Vec::new();
    for number in 1..=bench.plan.load.runs() {
        let run = bench
            .with(Subject::Ours, SETTINGS, Cores::Any, |stand| run_on(stand, bench.plan.load))?;
        let Run { stalled_mib, rss_mib, ratio, seconds } = run;
        writeln!(
            out,
            "sockets.stalled run {number}: RSS + {stalled_mib:.1} MiB, + {rss_mib:.1} MiB at most, p99 of the others x {ratio:.2}, \
             caught up in {seconds:.1} s"
        )?;
        runs.push(run);
    }
    let of = |id, metric, unit, target, of: fn(&Run) -> f64| Row {
        target: Some(Target::AtMost(target)),
        durability: SYNCED,
        ..row(id, metric, unit, Spread::of(runs.iter().map(of)))
    };
    let rss = "1,000 subscribers do not read 100 KB/s for 60 s: RSS above before, at most";
    let others = "p99 of 100 others meanwhile, over that while all read";
    let caught_up = "until they have everything, once they read on";
    Ok(vec![
        of("sockets.stalled", rss, "MiB", RSS_TARGET_MIB, |run| run.rss_mib),
        of("sockets.stalled.others", others, "ratio", OTHERS_TARGET, |run| run.ratio),
        of("sockets.stalled.catch_up", caught_up, "s", CATCH_UP_TARGET_S, |run| run.seconds),
    ])
}

fn run_on(stand: &mut Stand, load: Load) -> anyhow::Result<Run> {
    let (reading, stalled) = seconds(load);
    let (channel, server) = (channels("dur", 1), stand.server.id());
    stand.subscribe(Group::Readers, OTHERS, &channel)?;
    stand.subscribe(Group::Stalled, STALLED, &channel)?;
    stand.open(Group::Publishers, 1)?;
    publish(stand, 1)?;
    let before = publish(stand, reading)?;
    let rss = machine::rss(Some(server))?;
    machine::forget_rss_peak(server)?;
    stand.generator.order(&Order::Stall)?;
    let meanwhile = publish(stand, stalled)?;
    let while_stalled = machine::rss(Some(server))?;
    let seconds = stand.generator.catch_up(TIME_MAX_MS)?;
    let peak = machine::rss_peak(server)?;
    Ok(Run {
        stalled_mib: mib(while_stalled.saturating_sub(rss)),
        rss_mib: mib(peak.saturating_sub(rss)),
        ratio: meanwhile.times.p99_us / before.times.p99_us,
        seconds,
    })
}

fn publish(stand: &mut Stand, seconds: u32) -> anyhow::Result<Published> {
    stand.generator.publish(Publishing {
        channels: channels("dur", 1),
        warm: 0,
        events: seconds * PER_S,
        pace: Pace::Every(1_000_000_000 / u64::from(PER_S)),
        receivers: OTHERS,
        payload_bytes: PAYLOAD_BYTES,
        time_max_ms: TIME_MAX_MS,
    })
}
