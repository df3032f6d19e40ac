//! `log.open`: from the start after a kill to the first append acknowledged.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use arrw_log::{Batch, Log, NewRecord};

use super::{PAYLOAD, SYNCED, TOPIC};
use crate::disk::{self, WorkFolder};
use crate::pace;
use crate::plan::{Load, Plan};
use crate::row::Row;
use crate::runs::Spread;

/// How long the process goes on appending before it is killed: a little more from run to run, so that the
/// kill meets it at different places of a segment.
const BEFORE_KILL: Duration = Duration::from_millis(150);

pub(super) fn measure(
    plan: &Plan,
    folder: &WorkFolder,
    out: &mut dyn Write,
) -> anyhow::Result<Row> {
    let bytes: u64 = match plan.load {
        Load::Full => 4 << 30,
        Load::Quick | Load::Brief => 1 << 30,
    };
    let place = folder.fresh("open")?;
    let mut runs = Vec::new();
    for (run, factor) in (0..plan.load.runs()).zip(1_u32..) {
        fill_and_kill(plan, &place, bytes, BEFORE_KILL * factor)?;
        let start = Instant::now();
        let log = Log::open(&place)?;
        let record = NewRecord { topic: TOPIC, payload: &PAYLOAD, ..NewRecord::default() };
        log.append(Batch::of(record)?).wait()?;
        runs.push(start.elapsed().as_secs_f64());
        let report = log.open_report();
        ensure!(!report.was_closed, "the log was closed, not killed");
        writeln!(
            out,
            "log.open run {}: {:.3} s; {} records, {} segments read in full, {} records written again",
            run + 1,
            runs[run],
            log.tail().previous(),
            report.scanned_segments,
            report.rewritten_records,
        )?;
        log.close()?;
    }
    disk::remove(&place)?;
    Ok(Row {
        id: "log.open",
        component: "log",
        metric: "after SIGKILL in mid-append: open to first acknowledged append",
        unit: "s",
        value: Spread::of(runs),
        latency: None,
        floor: None,
        peer: None,
        seed: None,
        target: None,
        durability: SYNCED,
    })
}

/// Has another process fill the log, and kills it while it goes on.
fn fill_and_kill(
    plan: &Plan,
    folder: &Path,
    bytes: u64,
    before_kill: Duration,
) -> anyhow::Result<()> {
    let (program, arguments) = plan.child.split_first().context("no program to fill the log")?;
    let mut child = Command::new(program)
        .args(arguments)
        .arg(folder)
        .args(["--bytes", &bytes.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", program.display()))?;
    let output = child.stdout.take().context("the filling process has an output")?;
    let mut line = String::new();
    let said = BufReader::new(output).read_line(&mut line);
    if line == "ready\n" {
        pace::wait(before_kill);
    }
    child.kill()?;
    child.wait()?;
    said?;
    ensure!(line == "ready\n", "the filling process ended early");
    Ok(())
}
