//! `sockets.concurrent`: as many connections as a process may have files, each with a channel of its own.

use std::io::Write;

use super::order::{Group, Pace};
use super::stand::{Cores, Subject, channels};
use super::{Bench, MANY_CONNECTIONS, SETTINGS, row};
use crate::row::{Row, Target};
use crate::runs::{Spread, float};

const CONNECTIONS: u32 = 19_000;
/// Each with 1,000 publications: a server may bound the commands of a client by the second.
const PUBLISHERS: u32 = 19;

pub(super) fn measure(bench: &Bench<'_>, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
    let settings = [MANY_CONNECTIONS, SETTINGS].concat();
    let mut delivered = Vec::new();
    for run in 1..=bench.plan.load.runs() {
        let (opened, published) = bench.with(Subject::Ours, &settings, Cores::Any, |stand| {
            let own = channels("vol", CONNECTIONS);
            let opened = stand.subscribe(Group::Readers, CONNECTIONS, &own)?;
            stand.open(Group::Publishers, PUBLISHERS)?;
            Ok((opened, stand.publish(&own, (0, CONNECTIONS), Pace::Burst, 1)?))
        })?;
        writeln!(
            out,
            "sockets.concurrent run {run}: {} open after {:.1} s, {} publications received within {:.2} s",
            opened.times.count, opened.seconds, published.receipts, published.seconds
        )?;
        delivered.push(float(published.receipts));
    }
    let metric = "open at once, each receives one publication of a channel of its own";
    let target = Some(Target::AtLeast(float(CONNECTIONS.into())));
    let row = row("sockets.concurrent", metric, "connections", Spread::of(delivered));
    Ok(vec![Row { target, ..row }])
}
