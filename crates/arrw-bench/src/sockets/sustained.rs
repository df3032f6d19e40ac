//! `sockets.sustained` and `sockets.sustained.cpu`: publications at a steady rate to 500 subscribers.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::order::{Group, Pace, Published};
use super::stand::{Cores, Stand, Subject, channels};
use super::{Bench, SETTINGS, Sides};
use crate::machine;
use crate::plan::Load;
use crate::row::{Row, Target};
use crate::runs::{Spread, float};

const SUBSCRIBERS: u32 = 500;
/// Publications a second, of the one and of the other.
const PER_S: u32 = 4_000;
const CPU_PER_S: u32 = 100;

/// Of the floor.
const P99_TARGET: f64 = 1.5;
/// Of a core.
const CPU_TARGET: f64 = 0.3;

/// What one run came to.
struct Run {
    published: Published,
    /// Of a core, over the whole of it.
    cpu: f64,
}

fn run_at(stand: &mut Stand, per_s: u32, load: Load) -> anyhow::Result<Run> {
    let channel = channels("vol", 1);
    stand.subscribe(Group::Readers, SUBSCRIBERS, &channel)?;
    stand.open(Group::Publishers, 1)?;
    let server = Some(stand.server.id());
    let events = |time: Duration| u32::try_from(u128::from(per_s) * time.as_millis() / 1_000);
    let counts = (events(load.warm_up())?, events(load.time())?);
    let pace = Pace::Every(1_000_000_000 / u64::from(per_s));
    let (begin, cpu) = (Instant::now(), machine::cpu_nanos(server)?);
    let published = stand.publish(&channel, counts, pace, SUBSCRIBERS)?;
    let cpu = float(machine::cpu_nanos(server)? - cpu) / 1e9 / begin.elapsed().as_secs_f64();
    let expected = u64::from(counts.1) * u64::from(SUBSCRIBERS);
    ensure!(published.receipts == expected, "{} of {expected} were delivered", published.receipts);
    Ok(Run { published, cpu })
}

pub(super) fn measure(bench: &Bench<'_>, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
    let (mut sides, mut p50) = (Sides::default(), Vec::new());
    for run in 1..=bench.plan.load.runs() {
        for subject in bench.subjects() {
            let Run { published, cpu } = bench.with(subject, SETTINGS, Cores::Any, |stand| {
                run_at(stand, PER_S, bench.plan.load)
            })?;
            let times = published.times;
            writeln!(
                out,
                "sockets.sustained run {run}, {subject:?}: {} delivered, p50 {:.1} ms, p99 {:.1} ms, {cpu:.2} cores",
                published.receipts,
                times.p50_us / 1_000.0,
                times.p99_us / 1_000.0,
            )?;
            sides.note(subject, times.p99_us / 1_000.0);
            if subject == Subject::Ours {
                p50.push(times.p50_us);
            }
        }
    }
    let metric = "4,000 publications/s to 500, all delivered: due time to last receipt, p99";
    let target = sides.floor().map(|floor| Target::AtMost(P99_TARGET * floor.median));
    let latency = Some((Spread::of(p50).median, sides.ours().median * 1_000.0));
    Ok(vec![Row { target, latency, ..sides.row("sockets.sustained", metric, "ms") }])
}

pub(super) fn measure_cpu(bench: &Bench<'_>, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
    let mut sides = Sides::default();
    for run in 1..=bench.plan.load.runs() {
        for subject in bench.subjects() {
            let Run { published, cpu } = bench.with(subject, SETTINGS, Cores::Any, |stand| {
                run_at(stand, CPU_PER_S, bench.plan.load)
            })?;
            let p99_ms = published.times.p99_us / 1_000.0;
            writeln!(
                out,
                "sockets.sustained.cpu run {run}, {subject:?}: {cpu:.3} of a core, p99 {p99_ms:.1} ms"
            )?;
            sides.note(subject, cpu);
        }
    }
    let metric = "CPU of the server at 100 publications/s to 500";
    let target = Some(Target::AtMost(CPU_TARGET));
    Ok(vec![Row { target, ..sides.row("sockets.sustained.cpu", metric, "cores") }])
}
