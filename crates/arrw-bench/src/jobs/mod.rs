//! The group `jobs`: enqueue, claim, complete, from enqueue to handler, and the same over sockets.

mod claim;
pub(crate) mod enqueue;
pub(crate) mod http;
mod latency;
mod lateness;
pub(crate) mod lifecycle;
mod memory;
mod part;
mod restart;
pub(crate) mod scale;
mod view;

pub use part::{JobsPart, jobs_part};

use std::io::Write;

use crate::disk::WorkFolder;
use crate::plan::{Output, Plan, Standing};
use crate::report;
use crate::row::Row;
use crate::runs::Spread;

/// The queue of all jobs that are enqueued here.
const QUEUE: &str = "bench";
/// What all of them are to do.
const KIND: &str = "work";
/// 64 bytes of JSON.
const ARGS: &str = r#"{"to":"ada@example.org","subject":"welcome","body":"0123456789"}"#;
const IN_MEMORY: &str = "in memory";
const SYNCED: &str = "fdatasync before each answer";

/// Takes the figures of the group `jobs` and says what they are.
///
/// Blocks for minutes; writes several GiB into a folder of its own and removes it.
///
/// # Errors
/// When the folder is not on a real disk, when the database or the disk fails, or when a job is lost or runs twice.
pub fn jobs(plan: &Plan, output: &mut Output<'_>) -> anyhow::Result<Standing> {
    report::group(plan, output, |folder, progress| figures(plan, folder, progress))
}

/// The figures of the group.
pub(crate) fn figures(
    plan: &Plan,
    folder: &WorkFolder,
    progress: &mut dyn Write,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = vec![
        enqueue::single(plan, folder, progress)?,
        enqueue::bulk(plan, folder, progress)?,
        lifecycle::measure(plan, folder, lifecycle::Workers::Single, progress)?,
        lifecycle::measure(plan, folder, lifecycle::Workers::Batches, progress)?,
        http::measure(plan, folder, progress)?,
        scale::measure(plan, folder, progress)?,
        latency::measure(plan, folder, progress)?,
        lateness::measure(plan, folder, progress)?,
        restart::measure(plan, folder, progress)?,
    ];
    rows.extend(claim::measure(plan, progress)?);
    rows.extend(memory::measure(plan, folder, progress)?);
    Ok(rows)
}

/// A figure with neither floor nor target.
fn row(id: &'static str, metric: &'static str, unit: &'static str, value: Spread) -> Row {
    Row {
        id,
        component: "jobs",
        metric,
        unit,
        value,
        latency: None,
        floor: None,
        peer: None,
        seed: None,
        target: None,
        durability: SYNCED,
    }
}
