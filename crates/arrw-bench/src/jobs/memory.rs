//! `jobs.memory`: what a job weighs in memory.

use std::io::Write;

use super::part::JobsPart;
use crate::disk::WorkFolder;
use crate::plan::Plan;
use crate::row::{Row, Target};
use crate::runs::Spread;

pub(super) fn measure(
    plan: &Plan,
    folder: &WorkFolder,
    out: &mut dyn Write,
) -> anyhow::Result<Vec<Row>> {
    let rows = [
        (JobsPart::Ready, "jobs.memory.ready", "1,000,000 ready jobs in the view", 105.0),
        (JobsPart::Scheduled, "jobs.memory.scheduled", "each at a time of its own", 135.0),
        (JobsPart::Unique, "jobs.memory.unique", "and with a unique key of its own", 170.0),
    ];
    let mut figures = Vec::new();
    for (part, id, metric, most) in rows {
        let mut ours = Vec::new();
        for run in 0..plan.load.runs() {
            ours.push(part.weigh(plan, folder)?);
            writeln!(out, "{id} run {}: {:.1} B", run + 1, ours[run])?;
        }
        figures.push(Row {
            target: Some(Target::AtMost(most)),
            durability: super::IN_MEMORY,
            ..super::row(id, metric, "B", Spread::of(ours))
        });
    }
    Ok(figures)
}
