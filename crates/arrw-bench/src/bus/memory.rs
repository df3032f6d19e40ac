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
    let (mut idle, mut ring) = (Vec::new(), Vec::new());
    for run in 0..plan.load.runs() {
        idle.push(weigh_apart(plan, folder, Weighed::Idle)?);
        ring.push(weigh_apart(plan, folder, Weighed::Ring)?);
        let (idle, ring) = (idle[run], ring[run]);
        writeln!(
            out,
            "bus.memory run {}: {idle:.0} B an idle subscription, {ring:.1} MiB of newest events",
            run + 1
        )?;
    }
    let seconds = match plan.load {
        Load::Full => 600,
        Load::Quick => 20,
    };
    let slope = weigh_apart(plan, folder, Weighed::Slope { seconds })?;
    writeln!(out, "bus.memory: {slope:.2} MiB a minute over {seconds} s")?;
    let row = |(id, metric): (_, _), unit, runs: Vec<f64>, (target, durability): (_, _)| Row {
        id,
        component: "bus",
        metric,
        unit,
        value: Spread::of(runs),
        latency: None,
        floor: None,
        target: Some(Target::AtMost(target)),
        durability,
    };
    let idle_metric = "RSS of 100,000 idle subscriptions, divided; smaps_rollup of a new process";
    let ring_metric = "RSS of the newest events, volatile and durable, when both rings are full";
    let slope_metric = "least squares of RSS at full rate, durable, retention of 1 GiB";
    Ok(vec![
        row(("bus.memory.idle", idle_metric), "B", idle, (512.0, IN_MEMORY)),
        row(("bus.memory.ring", ring_metric), "MiB", ring, (64.0, SYNCED)),
        row(("bus.memory.slope", slope_metric), "MiB/min", vec![slope], (1.0, SYNCED)),
    ])
}

/// Weighs in a process of its own, whose memory nothing else has used before.
fn weigh_apart(plan: &Plan, folder: &WorkFolder, what: Weighed) -> anyhow::Result<f64> {
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
