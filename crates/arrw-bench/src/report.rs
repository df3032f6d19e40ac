//! The header of a report, its table and its JSON.

use std::fs;
use std::io::Write;

use anyhow::Context;

use crate::disk::{WorkFolder, sync_cost};
use crate::machine;
use crate::plan::Plan;
use crate::row::Row;

/// What is said before the figures: machine, kernel, commit, disk, F.
pub(crate) fn head(plan: &Plan, folder: &WorkFolder, out: &mut dyn Write) -> anyhow::Result<()> {
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
pub(crate) fn sync(
    plan: &Plan,
    folder: &WorkFolder,
    when: &str,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (p50, p99) = sync_cost(folder, plan.load)?;
    writeln!(out, "F {when:<6} fdatasync of a 4 KiB write: p50 {p50:.0} us, p99 {p99:.0} us")?;
    Ok(())
}

/// The table, and the file of JSON if one is wanted.
pub(crate) fn rows(plan: &Plan, rows: &[Row], out: &mut dyn Write) -> anyhow::Result<()> {
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
