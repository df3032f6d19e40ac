//! The parts of the group `jobs` that need a process of their own.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use arrw::Db;

use super::enqueue;
use super::view::{self, Shape};
use crate::disk::{self, WorkFolder};
use crate::machine;
use crate::plan::Plan;
use crate::runs::float;

/// Jobs that are weighed.
pub(super) const WEIGHED: u64 = 1_000_000;

/// What the process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobsPart {
    /// Says what a ready job weighs.
    Ready,
    /// Says what a scheduled job weighs.
    Scheduled,
    /// Says what a scheduled job with a unique key weighs.
    Unique,
    /// Enqueues so many thousands of jobs by each of four callers, says `ready`, and waits to be killed.
    Fill {
        /// How many.
        calls: u64,
    },
}

impl JobsPart {
    fn arguments(self) -> Vec<String> {
        match self {
            Self::Ready => vec!["ready".to_owned()],
            Self::Scheduled => vec!["scheduled".to_owned()],
            Self::Unique => vec!["unique".to_owned()],
            Self::Fill { calls } => vec!["fill".to_owned(), calls.to_string()],
        }
    }

    /// Has another process do it.
    pub(super) fn start(self, plan: &Plan, folder: &Path) -> anyhow::Result<Child> {
        let (program, arguments) = plan.child.split_first().context("no program for the part")?;
        Command::new(program)
            .args(arguments)
            .arg(folder)
            .args(self.arguments())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{}`", program.display()))
    }

    /// Has another process weigh it.
    pub(crate) fn weigh(self, plan: &Plan, folder: &WorkFolder) -> anyhow::Result<f64> {
        let place = folder.fresh("weigh")?;
        let output = self.start(plan, &place)?.wait_with_output()?;
        ensure!(output.status.success(), "the process that weighs failed");
        disk::remove(&place)?;
        let text = String::from_utf8(output.stdout)?;
        text.trim().parse().with_context(|| format!("`{text}` is no weight"))
    }
}

/// Does one part in `folder`, and says on `out` what came of it: for a process that does nothing else.
///
/// # Errors
/// When the database or the disk fails.
pub fn jobs_part(folder: &Path, part: JobsPart, out: &mut dyn Write) -> anyhow::Result<()> {
    let shape = match part {
        JobsPart::Ready => Shape::Ready,
        JobsPart::Scheduled => Shape::Scheduled,
        JobsPart::Unique => Shape::Unique,
        JobsPart::Fill { calls } => return fill(folder, calls, out),
    };
    // What the first few need, and all share, is there.
    drop(view::filled(1_000, shape)?);
    let before = machine::rss(None)?;
    let jobs = view::filled(WEIGHED, shape)?;
    let after = machine::rss(None)?;
    writeln!(out, "{}", float(after.saturating_sub(before)) / float(jobs.len() as u64))?;
    Ok(())
}

fn fill(folder: &Path, calls: u64, out: &mut dyn Write) -> anyhow::Result<()> {
    let db = Db::open(folder)?;
    enqueue::fill(&db.jobs(), calls)?;
    writeln!(out, "ready")?;
    out.flush()?;
    loop {
        std::thread::park();
    }
}
