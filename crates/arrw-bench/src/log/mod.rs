//! The group `log`: append, read, open.

mod append;
mod fill;
mod open;
mod read;
mod serial;

use std::io::Write;

use crate::disk::WorkFolder;
use crate::plan::{Output, Plan, Standing};
use crate::report;
use crate::row::Row;

pub use fill::fill_until_killed;

/// Topic of all records that are written here.
const TOPIC: &str = "bench.append";
/// What all of them carry.
const PAYLOAD: [u8; 128] = [0xA7; 128];
/// What the log did before it answered.
const SYNCED: &str = "fdatasync before each answer";

/// Takes the figures of the group `log` and says what they are.
///
/// Blocks for minutes; writes several GiB into a folder of its own and removes it.
///
/// # Errors
/// When the folder is not on a real disk, or the log or the disk fails.
pub fn log(plan: &Plan, output: &mut Output<'_>) -> anyhow::Result<Standing> {
    report::group(plan, output, |folder, progress| figures(plan, folder, progress))
}

/// The figures of the group.
pub(crate) fn figures(
    plan: &Plan,
    folder: &WorkFolder,
    progress: &mut dyn Write,
) -> anyhow::Result<Vec<Row>> {
    Ok(vec![
        serial::measure(plan, folder, progress)?,
        append::measure(plan, folder, append::Writers::Some64, progress)?,
        append::measure(plan, folder, append::Writers::Many1024, progress)?,
        read::measure(plan, folder, progress)?,
        open::measure(plan, folder, progress)?,
    ])
}

/// Appends a second that 64 callers with one record each in flight come to: what others are measured against.
pub(crate) fn inflight64(place: &std::path::Path, load: crate::plan::Load) -> anyhow::Result<f64> {
    append::inflight64(place, load)
}

/// Of which of two things the first half of a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Ours,
    Floor,
}

/// The order within a run: it changes from run to run, so that neither always comes second.
fn turns(run: usize) -> [Turn; 2] {
    if run.is_multiple_of(2) { [Turn::Floor, Turn::Ours] } else { [Turn::Ours, Turn::Floor] }
}
