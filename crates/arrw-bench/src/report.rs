//! The header of a report, its table and its JSON.

use std::fs;
use std::io::Write;

use anyhow::Context;

use crate::disk::{WorkFolder, sync_cost};
use crate::machine::{self, CpuTime};
use crate::plan::{Output, Plan};
use crate::row::Row;

/// Takes the figures of a group in a folder of its own, between what is said before and after them.
pub(crate) fn group(
    plan: &Plan,
    output: &mut Output<'_>,
    measure: impl FnOnce(&WorkFolder, &mut dyn Write) -> anyhow::Result<Vec<Row>>,
) -> anyhow::Result<()> {
    let folder = WorkFolder::make(&plan.folder)?;
    let before = CpuTime::now();
    let Output { report: out, progress } = output;
    head(plan, &folder, out)?;
    let figures = measure(&folder, progress)?;
    sync(plan, &folder, "after", out)?;
    company(before, out)?;
    rows(plan, &figures, out)
}

/// What is said before the figures: machine, kernel, commit, disk, F.
fn head(plan: &Plan, folder: &WorkFolder, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "command  {}", plan.command)?;
    writeln!(out, "machine  {}", machine::describe())?;
    writeln!(out, "kernel   {}", machine::kernel())?;
    writeln!(out, "commit   {}", machine::commit())?;
    writeln!(out, "disk     {} on {}", plan.folder.display(), folder.file_system()?)?;
    let (runs, time) = (plan.load.runs(), plan.load.time().as_secs());
    writeln!(
        out,
        "load     median of {runs} interleaved runs of {time} s after a warm-up, 128 B payloads"
    )?;
    sync(plan, folder, "before", out)
}

/// F: what the disk takes for a 4 KiB write and its sync, now.
fn sync(plan: &Plan, folder: &WorkFolder, when: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let (p50, p99) = sync_cost(folder, plan.load)?;
    writeln!(out, "F {when:<6} fdatasync of a 4 KiB write: p50 {p50:.0} us, p99 {p99:.0} us")?;
    Ok(())
}

/// How much of the machine others had meanwhile: figures taken beside other work are not to be quoted.
fn company(before: CpuTime, out: &mut dyn Write) -> anyhow::Result<()> {
    let share = CpuTime::now().taken_by_others_since(before);
    writeln!(out, "others   took {share:.0} % of the machine's CPU time meanwhile")?;
    Ok(())
}

/// The table, and the file of JSON if one is wanted.
fn rows(plan: &Plan, rows: &[Row], out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "\n{}", Row::TABLE_HEAD)?;
    for row in rows {
        writeln!(out, "{}", row.to_line())?;
    }
    if let Some(path) = &plan.json {
        let json: Vec<_> = rows.iter().map(|row| row.to_json(&plan.command)).collect();
        fs::write(path, serde_json::to_string_pretty(&json)? + "\n")
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}
