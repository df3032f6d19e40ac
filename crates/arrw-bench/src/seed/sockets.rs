//! WebSockets: accepted, open at once, broadcast to. Real ones, from another process.

use std::io::Write;
use std::time::Duration;

use super::{IN_MEMORY, Place, Published, row};
use crate::plan::Load;
use crate::report::{Figures, Line, Plot, Scale};
use crate::row::Row;
use crate::runs::Spread;
use crate::sockets::runs;

const SOCKETS: &str = "WebSocket";

/// Subscribers, the figures' names, and what the prototype said: messages a second, and milliseconds.
type Broadcast = (u32, &'static str, &'static str, f64, f64);
const BROADCASTS: [Broadcast; 3] = [
    (100, "seed.sockets.broadcast.100", "seed.sockets.broadcast.100.latency", 50_000.0, 1.0),
    (250, "seed.sockets.broadcast.250", "seed.sockets.broadcast.250.latency", 45_000.0, 2.0),
    (500, "seed.sockets.broadcast.500", "seed.sockets.broadcast.500.latency", 40_000.0, 5.0),
];

/// Connections that are accepted, and that are open at once.
fn connections(load: Load) -> (u32, u32) {
    match load {
        Load::Full => (5_000, 19_000),
        Load::Quick | Load::Brief => (2_000, 5_000),
    }
}

pub(super) fn accept(
    Place { plan, folder }: Place<'_>,
    figures: &mut Figures,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (count, _) = connections(plan.load);
    let (mut rates, mut p50, mut p99) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=plan.load.runs() {
        let (rate, opened) = runs::accept((plan, folder), count)?;
        writeln!(out, "seed.sockets.accept run {number}: {rate:.0} connections/s")?;
        rates.push(rate);
        p50.push(opened.times.p50_us);
        p99.push(opened.times.p99_us);
    }
    let metric = "TCP connect to the reply to the connect command, 128 in progress";
    let value = (Spread::of(rates), "conn/s");
    let published = Published::rate(5_000.0, 500.0);
    let row = row("seed.sockets.accept", (SOCKETS, metric), value, published, IN_MEMORY);
    figures
        .rows
        .push(Row { latency: Some((Spread::of(p50).median, Spread::of(p99).median)), ..row });
    Ok(())
}

pub(super) fn concurrent(
    Place { plan, folder }: Place<'_>,
    figures: &mut Figures,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (_, count) = connections(plan.load);
    let reached = runs::concurrent((plan, folder), count)?;
    writeln!(out, "seed.sockets.concurrent: {reached} open at once")?;
    let metric = "open at once, each got one publication of a channel of its own";
    let value = (Spread::of([reached]), "connections");
    let published = Published::rate(500.0, 100.0);
    let row = row("seed.sockets.concurrent", (SOCKETS, metric), value, published, IN_MEMORY);
    figures.rows.push(row);
    Ok(())
}

pub(super) fn broadcast(
    Place { plan, folder }: Place<'_>,
    figures: &mut Figures,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let time = plan.load.time() / 5;
    let mut line = Line::new("bursts of 100");
    for (subscribers, id, latency_id, rate_then, ms_then) in BROADCASTS {
        let (mut rates, mut p50, mut p99) = (Vec::new(), Vec::new(), Vec::new());
        for number in 1..=plan.load.runs() {
            let (rate, single) = runs::broadcast((plan, folder), subscribers, time)?;
            let times = single.times;
            writeln!(
                out,
                "{id} run {number}: {rate:.0} msg/s; one publication to its last receipt p50 {:.0} us, p99 {:.0} us",
                times.p50_us, times.p99_us
            )?;
            rates.push(rate);
            p50.push(times.p50_us);
            p99.push(times.p99_us);
        }
        let (rate, p50, p99) = (Spread::of(rates), Spread::of(p50).median, p99);
        line.points.push((f64::from(subscribers), rate.median));
        let metric = "100 publications back to back, until the last receipt";
        let about = (SOCKETS, metric);
        let published = Published::only(rate_then);
        figures.rows.push(row(id, about, (rate, "msg/s"), published, IN_MEMORY));
        let about = (SOCKETS, "one publication, the next behind it: to the last receipt, p99");
        let ms = Spread::of(p99.iter().map(|us| us / 1_000.0));
        let latency = Some((p50, Spread::of(p99).median));
        let published = Published::only(ms_then);
        let row = row(latency_id, about, (ms, "ms"), published, IN_MEMORY);
        figures.rows.push(Row { latency, ..row });
    }
    if plan.load == Load::Full {
        for subscribers in [1_000, 2_000, 5_000] {
            let (rate, _) = runs::broadcast((plan, folder), subscribers, Duration::from_secs(2))?;
            line.points.push((f64::from(subscribers), rate));
        }
    }
    figures.plots.push(Plot {
        title: "Broadcast by connections".to_owned(),
        note: "100 publications back to back to all of them, until the last receipt.".to_owned(),
        x: ("connections", Scale::Log),
        y: ("messages/s", Scale::Linear),
        lines: vec![line],
    });
    Ok(())
}
