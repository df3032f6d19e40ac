//! `jobs.claim` and `jobs.list`: what a claim and a page of a list cost among millions of jobs.

use std::io::Write;
use std::time::Instant;

use anyhow::ensure;
use arrw_jobs::{Claim, Command, Detail, Finish, JobId, Jobs, Outcome, State, Turn};
use arrw_log::{Batch, Place, Seq, Timestamp};
use hdrhistogram::Histogram;

use super::QUEUE;
use super::view::{self, NOW, Shape};
use crate::disk::nanos;
use crate::plan::Plan;
use crate::row::{Row, Target};
use crate::runs::{Spread, float, micros};

const FEW: u64 = 1_000;
const MANY: u64 = 5_000_000;
/// Claims of a run; each job is given back in turn, so that as many stay.
const CLAIMS: u64 = 200_000;

/// Pages of a run, from places all over the list, and jobs of each: as many as a page may have.
const PAGES: u64 = 1_000;
const PAGE: usize = 1_000;
const LIST_TARGET_MS: f64 = 50.0;

pub(super) fn measure(plan: &Plan, out: &mut dyn Write) -> anyhow::Result<[Row; 2]> {
    let (mut few, mut many) = (view::filled(FEW, Shape::Ready)?, view::filled(MANY, Shape::Ready)?);
    let (mut ratios, mut times) = (Vec::new(), Vec::new());
    let (mut list_p50, mut list_p99) = (Vec::new(), Vec::new());
    for run in 0..plan.load.runs() {
        let (p50, p99) = lists(&many)?;
        writeln!(out, "jobs.list run {}: p50 {p50:.0} us, p99 {p99:.0} us", run + 1)?;
        list_p50.push(p50);
        list_p99.push(p99);
    }
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
    let claim = Row {
        latency: Some((of(|it| it.0), of(|it| it.1))),
        target: Some(Target::AtMost(1.5)),
        durability: super::IN_MEMORY,
        ..super::row("jobs.claim", metric, "ratio", Spread::of(ratios))
    };
    let metric =
        "a page of 1,000 of 5,000,000 jobs of a queue in a state, from anywhere, no I/O: p99";
    let p99_ms = list_p99.iter().map(|us| us / 1_000.0);
    let list = Row {
        latency: Some((Spread::of(list_p50).median, Spread::of(list_p99.clone()).median)),
        target: Some(Target::AtMost(LIST_TARGET_MS)),
        durability: super::IN_MEMORY,
        ..super::row("jobs.list", metric, "ms", Spread::of(p99_ms))
    };
    Ok([claim, list])
}

/// Microseconds of a page, p50 and p99.
fn lists(jobs: &Jobs) -> anyhow::Result<(f64, f64)> {
    let mut sample = Histogram::<u64>::new(3)?;
    for page in 0..PAGES {
        // Strides that meet all parts of the list and are no round number.
        let behind = 1 + page * 2_654_435_761 % (MANY - PAGE as u64);
        let from = jobs.get(JobId::new(Seq::new(behind))).map(|status| status.cursor());
        let start = Instant::now();
        let found = jobs.list(QUEUE, State::Ready, from, PAGE);
        sample.record(nanos(start.elapsed()))?;
        let first = found.first().map(|status| status.job.get());
        ensure!(first == Some(behind + 1) && found.len() == PAGE, "behind {behind} is {first:?}");
    }
    let quantile = |quantile| micros(sample.value_at_quantile(quantile));
    Ok((quantile(0.5), quantile(0.99)))
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
