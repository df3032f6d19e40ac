//! What is made of figures: a head, a table, JSON, a page with plots, and what they are held against.

mod bar;
mod compare;
mod page;
mod plot;
mod trend;

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

use crate::disk::{WorkFolder, sync_cost};
use crate::machine::{self, CpuTime};
use crate::plan::{Kept, Output, Plan, Standing};
use crate::row::Row;
pub(crate) use bar::Bar;
pub(crate) use plot::{Line, Plot, Scale};

/// What a group measured.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) rows: Vec<Row>,
    /// For the page.
    pub(crate) plots: Vec<Plot>,
}

impl From<Vec<Row>> for Figures {
    fn from(rows: Vec<Row>) -> Self {
        Self { rows, plots: Vec::new() }
    }
}

/// A row that was taken before.
#[derive(Clone, Debug, Deserialize)]
struct Earlier {
    id: String,
    value: f64,
    min: f64,
    max: f64,
    runs: usize,
}

/// What is said before and after the figures: names and texts.
#[derive(Debug, Default)]
struct Facts(Vec<(&'static str, String)>);

impl Facts {
    fn tell(
        &mut self,
        name: &'static str,
        text: String,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        writeln!(out, "{name:<9}{text}")?;
        self.0.push((name, text));
        Ok(())
    }
}

/// Takes the figures of a group in a folder of its own, between what is said before and after them.
pub(crate) fn group<F: Into<Figures>>(
    plan: &Plan,
    output: &mut Output<'_>,
    measure: impl FnOnce(&WorkFolder, &mut dyn Write) -> anyhow::Result<F>,
) -> anyhow::Result<Standing> {
    // What cannot be read is told before it takes an hour to know.
    let earlier = plan.kept.compare.as_deref().map(read).transpose()?;
    let folder = WorkFolder::make(&plan.folder)?;
    let before = CpuTime::now();
    let Output { report: out, progress, is_watched: _ } = output;
    let mut facts = Facts::default();
    head(plan, &folder, &mut facts, out)?;
    let figures: Figures = measure(&folder, progress)?.into();
    sync(plan, &folder, ("F after", &mut facts), out)?;
    company(before, &mut facts, out)?;
    table(&figures.rows, out)?;
    keep(plan, &facts, &figures)?;
    let mut standing = missed(&figures.rows, out)?;
    if let Some(earlier) = earlier
        && compare::compare(&figures.rows, &earlier, out)? == Standing::Bad
    {
        standing = Standing::Bad;
    }
    Ok(standing)
}

/// What is said before the figures: machine, kernel, commit, disk, F.
fn head(
    plan: &Plan,
    folder: &WorkFolder,
    facts: &mut Facts,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    facts.tell("command", plan.command.clone(), out)?;
    facts.tell("machine", machine::describe(), out)?;
    facts.tell("kernel", machine::kernel(), out)?;
    facts.tell("commit", machine::commit(), out)?;
    let disk = format!("{} on {}", plan.folder.display(), folder.file_system()?);
    facts.tell("disk", disk, out)?;
    let (runs, time) = (plan.load.runs(), plan.load.time().as_secs_f64());
    let load =
        format!("median of {runs} interleaved runs of {time} s after a warm-up, 128 B payloads");
    facts.tell("load", load, out)?;
    sync(plan, folder, ("F before", facts), out)
}

/// F: what the disk takes for a 4 KiB write and its sync, now.
fn sync(
    plan: &Plan,
    folder: &WorkFolder,
    (when, facts): (&'static str, &mut Facts),
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (p50, p99) = sync_cost(folder, plan.load)?;
    let text = format!("fdatasync of a 4 KiB write: p50 {p50:.0} us, p99 {p99:.0} us");
    facts.tell(when, text, out)
}

/// How much of the machine others had meanwhile: figures taken beside other work are not to be quoted.
fn company(before: CpuTime, facts: &mut Facts, out: &mut dyn Write) -> anyhow::Result<()> {
    let share = CpuTime::now().taken_by_others_since(before);
    facts.tell("others", format!("took {share:.0} % of the machine's CPU time meanwhile"), out)
}

fn table(rows: &[Row], out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "\n{}", Row::TABLE_HEAD)?;
    for row in rows {
        writeln!(out, "{}", row.to_line())?;
    }
    Ok(())
}

/// Puts the figures where they are wanted.
fn keep(plan: &Plan, facts: &Facts, figures: &Figures) -> anyhow::Result<()> {
    let Kept { json, report, history, compare: _ } = &plan.kept;
    if let Some(path) = json {
        let rows: Vec<_> = figures.rows.iter().map(|row| row.to_json(&plan.command)).collect();
        write(path, &(serde_json::to_string_pretty(&rows)? + "\n"))?;
    }
    let trend = match history {
        Some(path) => trend::add(path, plan, &figures.rows)?,
        None => Vec::new(),
    };
    if let Some(folder) = report {
        write(&folder.join("index.html"), &page::page(&facts.0, figures, &trend))?;
    }
    Ok(())
}

/// Says which figures of the prototype are not reached: those must be, on any machine.
fn missed(rows: &[Row], out: &mut dyn Write) -> anyhow::Result<Standing> {
    let mut standing = Standing::Good;
    for row in rows.iter().filter(|row| row.is_of_seed() && row.is_missed()) {
        let target = row.target.map_or(f64::NAN, crate::row::Target::bound);
        writeln!(out, "\n{} is {} {}, and must be {target}", row.id, row.value.median, row.unit)?;
        standing = Standing::Bad;
    }
    Ok(standing)
}

/// The rows of a file that `--json` wrote.
fn read(path: &Path) -> anyhow::Result<Vec<Earlier>> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read `{}`", path.display()))?;
    let rows = serde_json::from_str(&text);
    rows.with_context(|| format!("`{}` has no rows as `--json` writes them", path.display()))
}

/// Writes a file, with the folders that it is to be in.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let parent = path.parent().unwrap_or(Path::new(""));
    let written = fs::create_dir_all(parent).and_then(|()| fs::write(path, text));
    written.with_context(|| format!("cannot write `{}`", path.display()))
}
