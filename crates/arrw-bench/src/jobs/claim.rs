//! `jobs.claim`: whether a claim costs more among millions of jobs than among a thousand.

use std::io::Write;
use std::time::Instant;

use anyhow::ensure;
use arrw_jobs::{Claim, Command, Detail, Finish, Jobs, Outcome, Turn};
use arrw_log::{Batch, Place, Seq, Timestamp};
use hdrhistogram::Histogram;

use super::QUEUE;
use super::view::{self, NOW, Shape};
use crate::disk::nanos;
use crate::plan::Plan;
use crate::row::{Row, Target};
use crate::runs::{Spread, float};

const FEW: u64 = 1_000;
const MANY: u64 = 5_000_000;
/// Claims of a run; each job is given back in turn, so that as many stay.
const CLAIMS: u64 = 200_000;

pub(super) fn measure(plan: &Plan, out: &mut dyn Write) -> anyhow::Result<Row> {
    let (mut few, mut many) = (view::filled(FEW, Shape::Ready)?, view::filled(MANY, Shape::Ready)?);
    let (mut ratios, mut times) = (Vec::new(), Vec::new());
    let mut next = [FEW, MANY];
    for run in 0..plan.load.runs() {
        let of_few = claims(&mut few, &mut next[0])?;
        let of_many = claims(&mut many, &mut next[1])?;
        ratios.push(of_many.1 / of_few.1);
        times.push(of_many);
        writeln!(
            out,
            "jobs.claim run {}: {FEW} pending p50 {:.0} p99 {:.0} ns, {MANY} pending p50 {:.0} p99 {:.0} ns",
            run + 1,
            of_few.0,
            of_few.1,
            of_many.0,
            of_many.1
        )?;
    }
    let of = |of: fn(&(f64, f64)) -> f64| Spread::of(times.iter().map(of)).median / 1_000.0;
    let metric = "decide and apply a claim, no I/O: p99 among 5,000,000 over that among 1,000";
    Ok(Row {
        latency: Some((of(|it| it.0), of(|it| it.1))),
        target: Some(Target::AtMost(1.5)),
        durability: super::IN_MEMORY,
        ..super::row("jobs.claim", metric, "ratio", Spread::of(ratios))
    })
}

/// Nanoseconds of a claim, p50 and p99.
fn claims(jobs: &mut Jobs, last: &mut u64) -> anyhow::Result<(f64, f64)> {
    let claim = Claim::new("w", [QUEUE], 1)?;
    let mut sample = Histogram::<u64>::new(3)?;
    for number in 0..CLAIMS {
        let time = Timestamp::from_micros(NOW + 1_000_000 + number);
        let mut made = Batch::new();
        let place = Place { seq: Seq::new(*last + 1), time };
        let start = Instant::now();
        let leased = Turn::new(jobs, place, 0, &mut made).claim(&claim, 0, 1);
        sample.record(nanos(start.elapsed()))?;
        ensure!(leased.len() == 1, "a claim got {} jobs", leased.len());
        *last += 2;
        let (job, token) = (leased[0].job, leased[0].token);
        let outcome = Outcome::Release;
        let back = Command::Finish(Finish { job, token, outcome, detail: Detail::default() });
        let place = Place { seq: Seq::new(*last), time };
        Turn::new(jobs, place, 0, &mut Batch::new()).run(&back)?;
    }
    let quantile = |quantile| float(sample.value_at_quantile(quantile));
    Ok((quantile(0.5), quantile(0.99)))
}
