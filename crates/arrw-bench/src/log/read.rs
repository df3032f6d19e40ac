//! `log.read.catchup`: one reader from the first record to the last.

use std::io::Write;
use std::time::Instant;

use anyhow::ensure;
use arrw_log::{Log, Start};

use super::{PAYLOAD, fill};
use crate::disk::{self, WorkFolder};
use crate::plan::{Load, Plan};
use crate::row::Row;
use crate::runs::{Spread, float};

pub(super) fn measure(
    plan: &Plan,
    folder: &WorkFolder,
    out: &mut dyn Write,
) -> anyhow::Result<Row> {
    let bytes = match plan.load {
        Load::Full => 2 << 30,
        Load::Quick | Load::Brief => 512 << 20,
    };
    let place = folder.fresh("read")?;
    let log = Log::open(&place)?;
    fill::fill(&log, bytes)?;
    // The first pass brings all of it into the page cache.
    read_all(&log)?;
    let mut runs = Vec::new();
    for run in 0..plan.load.runs() {
        runs.push(read_all(&log)?);
        writeln!(out, "log.read.catchup run {}: {:.3} GB/s", run + 1, runs[run])?;
    }
    log.close()?;
    drop(log);
    disk::remove(&place)?;
    Ok(Row {
        id: "log.read.catchup",
        component: "log",
        metric: "frames read, checked and decoded by one reader, page cache warm",
        unit: "GB/s",
        value: Spread::of(runs),
        latency: None,
        floor: None,
        peer: None,
        seed: None,
        target: None,
        durability: "does not apply",
    })
}

/// Reads and checks every record; answers GB of frames a second.
fn read_all(log: &Log) -> anyhow::Result<f64> {
    let (bytes, tail) = (log.stats().bytes, log.tail());
    let start = Instant::now();
    let mut reader = log.reader(Start::Earliest)?;
    let (mut next, mut sum) = (log.first(), 0_u64);
    while let Some(frame) = reader.try_next()? {
        for record in frame.records() {
            ensure!(record.seq() == next, "expected record {next}, found {}", record.seq());
            next = next.next();
            sum += record.payload().iter().map(|byte| u64::from(*byte)).sum::<u64>();
        }
    }
    let time = start.elapsed();
    ensure!(next == tail, "the reader ended before {tail}, at {next}");
    let expected = u64::from(PAYLOAD[0]) * PAYLOAD.len() as u64 * (tail.get() - log.first().get());
    ensure!(sum == expected, "the payloads sum up to {sum}, not to {expected}");
    Ok(float(bytes) / 1e9 / time.as_secs_f64())
}
