//! How throughput and latency go with the load that is put on: no figures of the prototype, but what its figures leave out.

use std::io::Write;
use std::time::Duration;

use super::Place;
use crate::http::publish::run_ours;
use crate::plan::{Load, Plan};
use crate::report::{Figures, Line, Plot, Scale};
use crate::sockets::runs;

/// Subscribers of the steady load.
const SUBSCRIBERS: u32 = 500;

/// Clients, each with one request on its way.
pub(super) fn http(
    Place { plan, folder }: Place<'_>,
    figures: &mut Figures,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let clients: &[u32] = match plan.load {
        Load::Full => &[1, 4, 16, 64, 256],
        Load::Quick | Load::Brief => &[1, 64],
    };
    // A place each, not a figure: short runs will do.
    let load = if plan.load == Load::Full { Load::Quick } else { plan.load };
    let plan = &Plan { load, ..plan.clone() };
    let (mut rate, mut p50, mut p99) = (Line::new("events/s"), Line::new("p50"), Line::new("p99"));
    for &clients in clients {
        let run = run_ours(plan, usize::try_from(clients)?, folder)?;
        writeln!(
            out,
            "{clients} clients over HTTP: {:.0} events/s, p50 {:.0} us, p99 {:.0} us",
            run.records_per_s, run.p50_us, run.p99_us
        )?;
        rate.points.push((f64::from(clients), run.records_per_s));
        p50.points.push((f64::from(clients), run.p50_us / 1_000.0));
        p99.points.push((f64::from(clients), run.p99_us / 1_000.0));
    }
    let note = "Each has one event on its way, which is on the disk before its answer.";
    let plot = |title: &str, y, lines| Plot {
        title: title.to_owned(),
        note: note.to_owned(),
        x: ("clients over HTTP", Scale::Log),
        y,
        lines,
    };
    figures.plots.push(plot("Durable events by clients", ("events/s", Scale::Linear), vec![rate]));
    let latency = plot("Latency of a durable publish", ("ms", Scale::Log), vec![p50, p99]);
    figures.plots.push(latency);
    Ok(())
}

/// Publications at a steady rate.
pub(super) fn sockets(
    Place { plan, folder }: Place<'_>,
    figures: &mut Figures,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (rates, time): (&[u32], _) = match plan.load {
        Load::Full => (&[100, 500, 1_000, 2_000, 4_000, 8_000], Duration::from_secs(5)),
        Load::Quick | Load::Brief => (&[500, 2_000], Duration::from_millis(500)),
    };
    let (mut given, mut p50, mut p99) =
        (Line::new("deliveries/s"), Line::new("p50"), Line::new("p99"));
    for &per_s in rates {
        let published = runs::steady((plan, folder), SUBSCRIBERS, (per_s, time))?;
        let times = published.times;
        let rate = crate::runs::float(published.receipts) / published.seconds;
        writeln!(
            out,
            "{per_s} publications/s to {SUBSCRIBERS}: {rate:.0} deliveries/s, p50 {:.0} us, p99 {:.0} us",
            times.p50_us, times.p99_us
        )?;
        given.points.push((f64::from(per_s), rate));
        p50.points.push((f64::from(per_s), times.p50_us / 1_000.0));
        p99.points.push((f64::from(per_s), times.p99_us / 1_000.0));
    }
    let plot = |title: &str, y, lines| Plot {
        title: title.to_owned(),
        note: "To 500 WebSockets, all delivered; from when one was due to its last receipt."
            .to_owned(),
        x: ("publications/s", Scale::Log),
        y,
        lines,
    };
    let title = "Deliveries by publications";
    figures.plots.push(plot(title, ("deliveries/s", Scale::Linear), vec![given]));
    let latency = plot("Latency of a broadcast", ("ms", Scale::Log), vec![p50, p99]);
    figures.plots.push(latency);
    Ok(())
}
