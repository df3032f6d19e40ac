//! Runs that are kept: a line of JSON each, to which the newest is added.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::SystemTime;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::machine;
use crate::plan::Plan;
use crate::row::{Row, rounded};

/// Runs of which the page shows the trend, at most: the newest.
const SHOWN_MAX: usize = 200;

/// A run as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Seconds since 1970.
    pub(super) time: u64,
    pub(super) commit: String,
    pub(super) machine: String,
    /// Runs of other commands are not to be compared.
    pub(super) command: String,
    pub(super) rows: Vec<KeptRow>,
}

/// A figure of it: median, smallest, largest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptRow {
    pub(super) id: String,
    pub(super) unit: String,
    pub(super) value: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

/// Adds a run to the file, which is made if need be; answers all runs of the same command, this one last.
pub(super) fn add(path: &Path, plan: &Plan, rows: &[Row]) -> anyhow::Result<Vec<Kept>> {
    let newest = Kept {
        time: SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs()),
        commit: machine::commit(),
        machine: machine::describe(),
        command: plan.command.clone(),
        rows: rows.iter().map(kept).collect(),
    };
    let mut runs = read(path)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| writeln!(file, "{}", serde_json::to_string(&newest)?));
    written.with_context(|| format!("cannot write `{}`", path.display()))?;
    runs.push(newest);
    runs.retain(|run| run.command == plan.command);
    Ok(runs.split_off(runs.len().saturating_sub(SHOWN_MAX)))
}

fn kept(row: &Row) -> KeptRow {
    KeptRow {
        id: row.id.to_owned(),
        unit: row.unit.to_owned(),
        value: rounded(row.value.median),
        min: rounded(row.value.min),
        max: rounded(row.value.max),
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<Kept>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        text => text.with_context(|| format!("cannot read `{}`", path.display()))?,
    };
    let parse = |(number, line)| {
        let run = serde_json::from_str::<Kept>(line);
        run.with_context(|| format!("line {number} of `{}` is no run", path.display()))
    };
    (1..).zip(text.lines()).map(parse).collect()
}
