//! `sockets.echo`: a call and its answer, one after the other on one connection.

use std::io::Write;

use super::order::Group;
use super::stand::Cores;
use super::{Bench, SETTINGS, Sides};
use crate::row::{Row, Target};

/// Of the floor.
const TARGET: f64 = 1.5;

pub(super) fn measure(bench: &Bench<'_>, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
    let load = bench.plan.load;
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis());
    let (warm, time) = (millis(load.warm_up())?, millis(load.time())?);
    let (mut p50, mut p99) = (Sides::default(), Sides::default());
    for run in 1..=load.runs() {
        for subject in bench.subjects() {
            let times = bench.with(subject, SETTINGS, Cores::Any, |stand| {
                stand.open(Group::Readers, 1)?;
                stand.generator.echo(warm, time)
            })?;
            writeln!(
                out,
                "sockets.echo run {run}, {subject:?}: p50 {:.1} us, p99 {:.1} us of {} calls",
                times.p50_us, times.p99_us, times.count
            )?;
            p50.note(subject, times.p50_us);
            p99.note(subject, times.p99_us);
        }
    }
    let metric = "RPC that is answered with its payload, one at a time";
    let row = |sides: &Sides, id| {
        let target = sides.floor().map(|floor| Target::AtMost(TARGET * floor.median));
        Row { target, ..sides.row(id, metric, "us") }
    };
    let latency = Some((p50.ours().median, p99.ours().median));
    Ok(vec![
        Row { latency, ..row(&p50, "sockets.echo.p50") },
        Row { latency, ..row(&p99, "sockets.echo.p99") },
    ])
}
