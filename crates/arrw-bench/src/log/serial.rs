//! `log.append.serial`: one thread, one record, wait for the answer.

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use arrw_log::{Batch, Log, NewRecord};
use hdrhistogram::Histogram;

use super::{PAYLOAD, SYNCED, TOPIC, Turn, turns};
use crate::disk::{self, WorkFolder, nanos, zeroed};
use crate::plan::{Load, Plan};
use crate::row::Row;
use crate::runs::{Spread, micros};

/// Bytes of the frame that the log writes for one such record: frame header, record header, topic and
/// payload, the record padded to 8 bytes and the frame to 64.
const FRAME_BYTES: usize =
    (96 + (32 + TOPIC.len() + PAYLOAD.len()).next_multiple_of(8)).next_multiple_of(64);
const FILE_BYTES: u64 = 64 * 1024 * 1024;

pub(super) fn measure(
    plan: &Plan,
    folder: &WorkFolder,
    out: &mut dyn Write,
) -> anyhow::Result<Row> {
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for run in 0..plan.load.runs() {
        for turn in turns(run) {
            let place = folder.fresh("serial")?;
            match turn {
                Turn::Ours => ours.push(run_log(&place, plan.load)?),
                Turn::Floor => floors.push(run_floor(&place, plan.load)?),
            }
            disk::remove(&place)?;
        }
        let (own, floor) = (&ours[run], &floors[run]);
        writeln!(
            out,
            "log.append.serial run {}: {:.1} us, p99 {:.1}; floor {:.1} us, p99 {:.1}",
            run + 1,
            own.0,
            own.1,
            floor.0,
            floor.1
        )?;
    }
    let median = |of: fn(&(f64, f64)) -> f64| Spread::of(ours.iter().map(of));
    Ok(Row {
        id: "log.append.serial",
        component: "log",
        metric: "latency of one append by one thread, p50",
        unit: "us",
        value: median(|run| run.0),
        latency: Some((median(|run| run.0).median, median(|run| run.1).median)),
        floor: Some(Spread::of(floors.iter().map(|run| run.0))),
        peer: None,
        seed: None,
        target: None,
        durability: SYNCED,
    })
}

fn run_log(folder: &Path, load: Load) -> anyhow::Result<(f64, f64)> {
    let log = Log::open(folder)?;
    let measured = repeat(load, || {
        let record = NewRecord { topic: TOPIC, payload: &PAYLOAD, ..NewRecord::default() };
        log.append(Batch::of(record)?).wait()?;
        Ok(())
    });
    log.close()?;
    measured
}

/// One write of a frame as large as the log's, and its sync.
fn run_floor(folder: &Path, load: Load) -> anyhow::Result<(f64, f64)> {
    let file = zeroed(&folder.join("floor"), FILE_BYTES)?;
    let frame = [0x5A; FRAME_BYTES];
    let mut at = 0;
    repeat(load, || {
        file.write_all_at(&frame, at)?;
        file.sync_data()?;
        at += FRAME_BYTES as u64;
        if FILE_BYTES < at + FRAME_BYTES as u64 {
            at = 0;
        }
        Ok(())
    })
}

/// Does it again and again; answers p50 and p99 in microseconds.
fn repeat(load: Load, mut once: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<(f64, f64)> {
    let mut latencies = Histogram::<u64>::new(3)?;
    let until = |time: Duration| Instant::now() + time;
    let warm = until(load.warm_up());
    while Instant::now() < warm {
        once()?;
    }
    let end = until(load.time());
    let mut before = Instant::now();
    while before < end {
        once()?;
        let after = Instant::now();
        latencies.record(nanos(after - before))?;
        before = after;
    }
    Ok((micros(latencies.value_at_quantile(0.5)), micros(latencies.value_at_quantile(0.99))))
}
