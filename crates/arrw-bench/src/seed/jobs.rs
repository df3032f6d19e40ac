//! Jobs: submitted, executed, and how their rate grows with workers.

use std::io::Write;

use super::{Place, Published, SYNCED, row};
use crate::disk;
use crate::inflight::Run;
use crate::jobs::{enqueue, lifecycle, scale as of_jobs};
use crate::report::{Figures, Line, Plot, Scale};
use crate::row::{Row, Target};
use crate::runs::{Spread, float};

const JOBS: &str = "job queue";

/// Workers, and what the prototype said.
const SCALE: [(&str, u32, f64); 4] = [
    ("seed.jobs.scale.1", 1, 100.0),
    ("seed.jobs.scale.2", 2, 200.0),
    ("seed.jobs.scale.4", 4, 400.0),
    ("seed.jobs.scale.8", 8, 800.0),
];

pub(super) fn submit(
    Place { plan, folder }: Place<'_>,
    figures: &mut Figures,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut runs = Vec::new();
    for number in 1..=plan.load.runs() {
        let run = enqueue::run_single(plan.load, folder)?;
        writeln!(out, "seed.jobs.submit run {number}: {:.0} jobs/s", run.records_per_s)?;
        runs.push(run);
    }
    let of = |of: fn(&Run) -> f64| Spread::of(runs.iter().map(of));
    let metric = "64 callers, one job each in flight, each on the disk before its answer";
    let value = (of(|run| run.records_per_s), "jobs/s");
    let published = Published::rate(50_000.0, 1_000.0);
    let latency = Some((of(|run| run.p50_us).median, of(|run| run.p99_us).median));
    let row = row("seed.jobs.submit", (JOBS, metric), value, published, SYNCED);
    figures.rows.push(Row { latency, ..row });
    Ok(())
}

pub(super) fn execute(
    Place { plan, folder }: Place<'_>,
    figures: &mut Figures,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut rates = Vec::new();
    for number in 1..=plan.load.runs() {
        let place = folder.fresh("seed-jobs")?;
        let rate = lifecycle::run_with(&place, lifecycle::Workers::Single, plan.load)?;
        disk::remove(&place)?;
        writeln!(out, "seed.jobs.execute run {number}: {rate:.0} jobs/s")?;
        rates.push(rate);
    }
    let metric =
        "8 workers, one job at a time, no-op: each completion on the disk, all of them counted";
    let value = (Spread::of(rates), "jobs/s");
    let published = Published::rate(1_000.0, 500.0);
    figures.rows.push(row("seed.jobs.execute", (JOBS, metric), value, published, SYNCED));
    Ok(())
}

pub(super) fn scale(
    Place { plan, folder }: Place<'_>,
    figures: &mut Figures,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let naps = of_jobs::naps(plan.load);
    let (mut ours, mut most) = (Line::new("measured"), Line::new("all that 10 ms allow"));
    let mut before = None;
    for (id, workers, result) in SCALE {
        let mut rates = Vec::new();
        let count = usize::try_from(workers)?;
        for _ in 0..plan.load.runs() {
            let place = folder.fresh("seed-scale")?;
            let seconds = of_jobs::with_queue(&place, count, naps)?;
            disk::remove(&place)?;
            rates.push(float(u64::try_from(count * naps)?) / seconds);
        }
        let rate = Spread::of(rates);
        writeln!(out, "{id}: {:.0} jobs/s", rate.median)?;
        // "Grows with workers."
        let target = before.map(Target::AtLeast);
        before = Some(rate.median);
        let metric = "jobs of 10 ms; at most 100/s a worker; must be more than with half as many";
        let published = Published { result: Some(result), target };
        figures.rows.push(row(id, (JOBS, metric), (rate, "jobs/s"), published, SYNCED));
        let ideal = f64::from(workers) / of_jobs::NAP.as_secs_f64();
        ours.points.push((f64::from(workers), rate.median));
        most.points.push((f64::from(workers), ideal));
    }
    figures.plots.push(Plot {
        title: "Jobs of 10 ms by workers".to_owned(),
        note: "Each completion is on the disk before the next job is claimed.".to_owned(),
        x: ("workers", Scale::Linear),
        y: ("jobs/s", Scale::Linear),
        lines: vec![ours, most],
    });
    Ok(())
}
