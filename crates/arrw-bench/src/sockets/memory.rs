//! `sockets.memory`: resident memory of an idle connection with a subscription.

use std::io::Write;

use super::order::{Group, Order};
use super::stand::{Cores, Subject, TIME_MAX_MS, channels};
use super::{Bench, MANY_CONNECTIONS, SETTINGS, row};
use crate::machine;
use crate::plan::Load;
use crate::row::{Row, Target};
use crate::runs::{Spread, float};

const CONNECTIONS: u32 = 10_000;
/// Connections that are there before, so that what all share is there too.
const WARM: u32 = 500;
const TARGET: f64 = 3_000.0;

/// For how long they are idle, in milliseconds, and how often each is pinged meanwhile.
fn idle(load: Load) -> (u64, u32) {
    match load {
        Load::Full => (60_000, 2),
        Load::Quick | Load::Brief => (2_000, 0),
    }
}

pub(super) fn measure(bench: &Bench<'_>, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
    let settings = [MANY_CONNECTIONS, SETTINGS].concat();
    let (time_ms, pings) = idle(bench.plan.load);
    let mut bytes = Vec::new();
    for run in 1..=bench.plan.load.runs() {
        let (before, after) = bench.with(Subject::Ours, &settings, Cores::Any, |stand| {
            let server = Some(stand.server.id());
            stand.subscribe(Group::Stalled, WARM, &channels("vol", WARM))?;
            let before = machine::rss(server)?;
            stand.subscribe(Group::Readers, CONNECTIONS, &channels("dur", CONNECTIONS))?;
            stand.generator.order(&Order::Idle { time_ms, pings, time_max_ms: TIME_MAX_MS })?;
            Ok((before, machine::rss(server)?))
        })?;
        let each = float(after.saturating_sub(before)) / float(CONNECTIONS.into());
        writeln!(out, "sockets.memory run {run}: {each:.0} B a connection")?;
        bytes.push(each);
    }
    let metric =
        "RSS an idle connection with one subscription, each to a channel of its own, of 10,000";
    let target = Some(Target::AtMost(TARGET));
    Ok(vec![Row { target, ..row("sockets.memory", metric, "B", Spread::of(bytes)) }])
}
