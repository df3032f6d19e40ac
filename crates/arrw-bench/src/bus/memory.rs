//! `bus.memory`: what an idle subscription, the newest events and a long time cost in memory.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use super::weigh::Weighed;
use super::{IN_MEMORY, SYNCED};
use crate::disk::{self, WorkFolder};
use crate::plan::{Load, Plan};
use crate::row::{Row, Target};
use crate::runs::Spread;

pub(super) fn measure(
    plan: &Plan,
    folder: &WorkFolder,
    out: &mut dyn Write,
) -> anyhow::Result<Vec<Row>> {
    let (mut idle, mut volatile, mut durable) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..plan.load.runs() {
        idle.push(weigh_apart(plan, folder, Weighed::Idle)?);
        volatile.push(weigh_apart(plan, folder, Weighed::Volatile)?);
        durable.push(weigh_apart(plan, folder, Weighed::Durable)?);
        writeln!(
            out,
            "bus.memory run {}: {:.0} B an idle subscription, newest events {:.1} MiB volatile, {:.1} MiB durable",
            run + 1,
            idle[run],
            volatile[run],
            durable[run]
        )?;
    }
    let seconds = match plan.load {
        Load::Full => 600,
        Load::Quick | Load::Brief => 20,
    };
    let slope = weigh_apart(plan, folder, Weighed::Slope { seconds })?;
    writeln!(out, "bus.memory: {slope:.2} MiB a minute over {seconds} s")?;
    // In a short time the slope is that of the allocator's noise, which is some MiB.
    let slope_target = match plan.load {
        Load::Full => Some(1.0),
        Load::Quick | Load::Brief => None,
    };
    let row =
        |(id, metric): (_, _), unit, runs: Vec<f64>, (target, durability): (Option<f64>, _)| Row {
            target: target.map(Target::AtMost),
            durability,
            ..super::row(id, metric, unit, Spread::of(runs))
        };
    let idle_metric = "RSS of 100,000 idle subscriptions, divided; smaps_rollup of a new process";
    let volatile_metric = "RSS of the newest volatile events, when their ring is full";
    let durable_metric = "RSS of the newest durable events, when their ring is full";
    let slope_metric = "least squares of RSS at full rate, durable, retention of 1 GiB";
    Ok(vec![
        row(("bus.memory.idle", idle_metric), "B", idle, (Some(512.0), IN_MEMORY)),
        row(("bus.memory.ring", volatile_metric), "MiB", volatile, (Some(64.0), IN_MEMORY)),
        row(("bus.memory.ring.log", durable_metric), "MiB", durable, (Some(64.0), SYNCED)),
        row(("bus.memory.slope", slope_metric), "MiB/min", vec![slope], (slope_target, SYNCED)),
    ])
}

/// Weighs in a process of its own, whose memory nothing else has used before.
pub(crate) fn weigh_apart(plan: &Plan, folder: &WorkFolder, what: Weighed) -> anyhow::Result<f64> {
    let place = folder.fresh("weigh")?;
    let (program, arguments) = plan.child.split_first().context("no program to weigh")?;
    let output = Command::new(program)
        .args(arguments)
        .arg(&place)
        .args(what.arguments())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{}`", program.display()))?;
    ensure!(output.status.success(), "the process that weighs failed");
    disk::remove(&place)?;
    let text = String::from_utf8(output.stdout)?;
    text.trim().parse().with_context(|| format!("`{text}` is no weight"))
}
