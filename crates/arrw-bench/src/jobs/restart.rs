//! `jobs.restart`: from the start after a kill to the first claim answered.

use std::io::{BufRead, BufReader, Write};
use std::time::Instant;

use anyhow::{Context, ensure};
use arrw::{Claim, Db};

use super::QUEUE;
use super::part::JobsPart;
use crate::disk::{self, WorkFolder};
use crate::plan::Plan;
use crate::row::{Row, Target};
use crate::runs::Spread;

/// Thousands of jobs by each of four callers: a million.
const CALLS: u64 = 250;

pub(super) fn measure(
    plan: &Plan,
    folder: &WorkFolder,
    out: &mut dyn Write,
) -> anyhow::Result<Row> {
    let mut ours = Vec::new();
    for run in 0..plan.load.runs() {
        let place = folder.fresh("restart")?;
        let mut child = JobsPart::Fill { calls: CALLS }.start(plan, &place)?;
        let output = child.stdout.take().context("the filling process has an output")?;
        let mut line = String::new();
        let said = BufReader::new(output).read_line(&mut line);
        child.kill()?;
        child.wait()?;
        said?;
        ensure!(line == "ready\n", "the filling process ended early");
        let start = Instant::now();
        let db = Db::open(&place)?;
        let got = db.jobs().claim_now(Claim::new("w", [QUEUE], 1)?).wait(None)?;
        ours.push(start.elapsed().as_secs_f64());
        let pending = db.jobs().queue(QUEUE).map_or(0, |queue| queue.pending());
        ensure!(
            got.len() == 1 && pending as u64 == CALLS * 4_000 - 1,
            "{} jobs were claimed and {pending} are pending",
            got.len()
        );
        ensure!(!db.open_report().was_closed, "the log was closed, not killed");
        drop(db);
        disk::remove(&place)?;
        writeln!(out, "jobs.restart run {}: {:.3} s", run + 1, ours[run])?;
    }
    let metric = "SIGKILL with 1,000,000 pending: open to the first claim answered";
    Ok(Row {
        target: Some(Target::AtMost(2.0)),
        ..super::row("jobs.restart", metric, "s", Spread::of(ours))
    })
}
