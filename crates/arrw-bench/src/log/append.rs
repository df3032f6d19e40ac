//! `log.append.inflight64` and `inflight1024`: many writers, one record each.

use std::fmt;
use std::io::Write;
use std::path::Path;

use arrw_log::{Batch, Log, NewRecord};

use super::{PAYLOAD, SYNCED, TOPIC, Turn, turns};
use crate::disk::{self, WorkFolder};
use crate::floor::{self, Floor, Wrote};
use crate::inflight::{self, Caller, Run};
use crate::plan::{Load, Plan};
use crate::row::Row;
use crate::runs::Spread;

/// Rolls that the runs together must have seen, so that making new segments is part of the figure.
const ROLLS_WANTED: u64 = 20;

/// How many append at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writers {
    Some64,
    Many1024,
}

impl Writers {
    fn id(self) -> &'static str {
        match self {
            Self::Some64 => "log.append.inflight64",
            Self::Many1024 => "log.append.inflight1024",
        }
    }

    fn count(self) -> usize {
        match self {
            Self::Some64 => 64,
            Self::Many1024 => 1024,
        }
    }

    /// Rolls that each run waits for.
    fn rolls(self, load: Load) -> u64 {
        match (self, load) {
            (Self::Many1024, Load::Full) => ROLLS_WANTED.div_ceil(load.runs() as u64),
            (Self::Some64, _) | (_, Load::Quick | Load::Brief) => 0,
        }
    }
}

/// A run, and what was written in it, warm-up included.
struct Measured {
    run: Run,
    wrote: Wrote,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Run { records_per_s, p50_us, p99_us } = self.run;
        let per_write = self.wrote.records / self.wrote.writes.max(1);
        write!(f, "{records_per_s:.0} records/s, {per_write} a write, ")?;
        write!(f, "p50 {p50_us:.0} us, p99 {p99_us:.0} us")
    }
}

/// A writer of the log.
struct Appender(Log);

impl Caller for Appender {
    async fn append(&mut self) -> anyhow::Result<()> {
        let record = NewRecord { topic: TOPIC, payload: &PAYLOAD, ..NewRecord::default() };
        self.0.append(Batch::of(record)?).await?;
        Ok(())
    }
}

impl Caller for floor::Caller {
    async fn append(&mut self) -> anyhow::Result<()> {
        floor::Caller::append(self, &PAYLOAD).await;
        Ok(())
    }
}

pub(super) fn inflight64(place: &Path, load: Load) -> anyhow::Result<f64> {
    Ok(run_log(place, Writers::Some64, load)?.run.records_per_s)
}

pub(super) fn measure(
    plan: &Plan,
    folder: &WorkFolder,
    writers: Writers,
    out: &mut dyn Write,
) -> anyhow::Result<Row> {
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for run in 0..plan.load.runs() {
        for turn in turns(run) {
            let place = folder.fresh("append")?;
            match turn {
                Turn::Ours => ours.push(run_log(&place, writers, plan.load)?),
                Turn::Floor => floors.push(run_floor(&place, writers, plan.load)?),
            }
            disk::remove(&place)?;
        }
        writeln!(out, "{} run {}: {}; floor {}", writers.id(), run + 1, ours[run], floors[run])?;
    }
    let rolls = |runs: &[Measured]| runs.iter().map(|run| run.wrote.rolls).sum::<u64>();
    let (own, floor) = (rolls(&ours), rolls(&floors));
    writeln!(out, "{}: {own} segment rolls, floor {floor}", writers.id())?;
    let of = |of: fn(&Run) -> f64| Spread::of(ours.iter().map(|run| of(&run.run)));
    Ok(Row {
        id: writers.id(),
        component: "log",
        metric: "appends acknowledged",
        unit: "records/s",
        value: of(|run| run.records_per_s),
        latency: Some((of(|run| run.p50_us).median, of(|run| run.p99_us).median)),
        floor: Some(Spread::of(floors.iter().map(|run| run.run.records_per_s))),
        peer: None,
        seed: None,
        target: None,
        durability: SYNCED,
    })
}

fn run_log(folder: &Path, writers: Writers, load: Load) -> anyhow::Result<Measured> {
    let log = Log::open(folder)?;
    let callers = (0..writers.count()).map(|_| Appender(log.clone())).collect();
    let rolls = || log.stats().segments as u64 - 1;
    let wanted = writers.rolls(load);
    let run = inflight::run(load, callers, || wanted == 0 || wanted <= rolls())?;
    let stats = log.stats();
    let wrote =
        Wrote { records: stats.tail.previous().get(), writes: stats.frames, rolls: rolls() };
    log.close()?;
    Ok(Measured { run, wrote })
}

/// For as long as a run of the log takes at least: its files hold the smaller records of the floor.
fn run_floor(folder: &Path, writers: Writers, load: Load) -> anyhow::Result<Measured> {
    let floor = Floor::start(folder)?;
    let callers = (0..writers.count()).map(|_| floor.caller()).collect();
    let run = inflight::run(load, callers, || true)?;
    Ok(Measured { run, wrote: floor.stop()? })
}
