//! Events, jobs and WebSockets at once, on one server: as the prototype mixed them, and a hundred times as much.

mod events;
mod jobs;
mod tally;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::runtime::Builder;

use super::{Place, Published, SYNCED, row};
use crate::machine;
use crate::pace;
use crate::plan::Load;
use crate::report::{Figures, Line, Plot, Scale};
use crate::row::{Row, Target};
use crate::runs::{Spread, float};
use crate::sockets::runs::Field;
use tally::{Tally, Told};

const MIXED: &str = "mixed";
/// How often the memory of the server is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What is put on at once.
#[derive(Clone, Copy, Debug)]
struct Mix {
    /// Events, and as many jobs.
    items: u64,
    /// How many of each go in one request.
    batch: u64,
    /// Time from request to request; zero for as fast as they are answered.
    every: Duration,
    connections: u32,
    /// Each to all connections.
    publications: u32,
    publish_every: Duration,
}

/// What the prototype put on.
const SEED: Mix = Mix {
    items: 500,
    batch: 10,
    every: Duration::ZERO,
    connections: 100,
    publications: 50,
    publish_every: Duration::ZERO,
};

/// It took 2 s for that, so that a hundred times as much is 25,000 events, 25,000 jobs and 250,000 messages a second.
fn a_hundred(seconds: u32) -> Mix {
    Mix {
        items: 25_000 * u64::from(seconds),
        batch: 250,
        every: Duration::from_millis(10),
        connections: 1_000,
        publications: 250 * seconds,
        publish_every: Duration::from_millis(4),
    }
}

/// What it came to.
#[derive(Debug)]
struct Outcome {
    /// From the begin to when all of it was complete.
    seconds: f64,
    events: Told,
    jobs: Told,
    messages: Told,
    /// Seconds, and MiB of the server.
    memory: Vec<(f64, f64)>,
}

/// What everybody who takes part must know.
#[derive(Clone, Copy, Debug)]
struct Ground {
    mix: Mix,
    address: SocketAddr,
    begun: Instant,
}

impl Ground {
    fn now(&self) -> u64 {
        crate::disk::nanos(self.begun.elapsed())
    }

    /// When a request is due, in nanoseconds since the begin.
    fn due(&self, request: u64) -> u64 {
        crate::disk::nanos(self.mix.every).saturating_mul(request)
    }
}

pub(super) fn as_the_seed(
    place: Place<'_>,
    figures: &mut Figures,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (mut seconds, mut complete) = (Vec::new(), Vec::new());
    for number in 1..=place.plan.load.runs() {
        let outcome = run(place, SEED)?;
        let least = outcome.each().map(Told::complete).into_iter().fold(100.0, f64::min);
        writeln!(
            out,
            "seed.mixed run {number}: {least:.1} % complete after {:.3} s",
            outcome.seconds
        )?;
        seconds.push(outcome.seconds);
        complete.push(least);
    }
    let metric =
        "500 events, 500 jobs, 50 broadcasts to 100 connections at once: until all is complete";
    let about = (MIXED, metric);
    let value = (Spread::of(seconds), "s");
    figures.rows.push(row("seed.mixed.time", about, value, Published::only(2.0), SYNCED));
    let about = (MIXED, "of the events received, jobs completed, messages delivered: the least");
    let published = Published { result: Some(90.0), target: Some(Target::AtLeast(100.0)) };
    let value = (Spread::of(complete), "%");
    figures.rows.push(row("seed.mixed.complete", about, value, published, SYNCED));
    Ok(())
}

pub(super) fn a_hundred_times(
    place: Place<'_>,
    figures: &mut Figures,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let seconds = match place.plan.load {
        Load::Full => 60,
        Load::Quick | Load::Brief => 4,
    };
    let outcome = run(place, a_hundred(seconds))?;
    let parts = [
        (
            "seed.mixed.100x.events",
            "events/s",
            "25,000 durable events/s, received: from when due",
            outcome.events,
        ),
        (
            "seed.mixed.100x.jobs",
            "jobs/s",
            "25,000 jobs/s and 8 workers: from when due to completed",
            outcome.jobs,
        ),
        (
            "seed.mixed.100x.messages",
            "msg/s",
            "250 publications/s to 1,000: from when due to the last receipt",
            outcome.messages,
        ),
    ];
    for (id, unit, metric, told) in parts {
        writeln!(
            out,
            "{id}: {:.0} {unit}, p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms; {} lost, {} stalls",
            told.per_s(outcome.seconds),
            told.times.p50_us / 1_000.0,
            told.times.p99_us / 1_000.0,
            told.times.max_us / 1_000.0,
            told.lost(),
            told.stalls
        )?;
        let value = (Spread::of([told.per_s(outcome.seconds)]), unit);
        let row = row(id, (MIXED, metric), value, Published::default(), SYNCED);
        figures.rows.push(Row { latency: Some((told.times.p50_us, told.times.p99_us)), ..row });
    }
    let each = outcome.each();
    let sum = |of: fn(&Told) -> u64| float(each.iter().map(|told| of(told)).sum());
    let none = Published { result: None, target: Some(Target::AtMost(0.0)) };
    let mut add = |id, metric, (value, unit), published| {
        let value = (Spread::of([value]), unit);
        figures.rows.push(row(id, (MIXED, metric), value, published, SYNCED));
    };
    let lost = "events, jobs and messages that were acknowledged and never came";
    add("seed.mixed.100x.lost", lost, (sum(Told::lost), "lost"), none);
    let stalls = "times in which nothing of a kind came for 250 ms, though it was due";
    let count = sum(|told| told.stalls);
    add("seed.mixed.100x.stalls", stalls, (count, "stalls"), Published::default());
    let longest = each.iter().map(|told| told.times.max_us).fold(0.0, f64::max) / 1_000.0;
    let metric = "the latest event, job or message of all";
    add("seed.mixed.100x.latest", metric, (longest, "ms"), Published::default());
    let mut line = Line::new("resident memory");
    line.points = outcome.memory;
    figures.plots.push(Plot {
        title: "Memory under the mixed load".to_owned(),
        note: "Of the server, at 25,000 events/s, 25,000 jobs/s and 250,000 messages/s.".to_owned(),
        x: ("s", Scale::Linear),
        y: ("MiB", Scale::Linear),
        lines: vec![line],
    });
    Ok(())
}

impl Outcome {
    fn each(&self) -> [&Told; 3] {
        [&self.events, &self.jobs, &self.messages]
    }
}

/// One server, everything at once.
fn run(Place { plan, folder }: Place<'_>, mix: Mix) -> anyhow::Result<Outcome> {
    Field::with((plan, folder), |field| {
        field.subscribe(mix.connections, 1)?;
        field.open_publisher()?;
        let (address, process) = (field.address(), field.process());
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let reader = runtime.block_on(events::Reader::open(address))?;
        let ground = Ground { mix, address, begun: Instant::now() };
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let counts = (0, mix.publications);
            let publishing = scope.spawn(move || {
                let published = field.publish(counts, mix.publish_every, mix.connections)?;
                anyhow::Ok((published, ground.now()))
            });
            let watch = scope.spawn(|| watch(process, ground, &is_over));
            let flowing = runtime.block_on(async {
                let publisher = tokio::spawn(events::publish(ground));
                let reader = tokio::spawn(reader.read(ground));
                let jobs = tokio::spawn(jobs::run(ground));
                publisher.await.context("the publisher panicked")??;
                let events = reader.await.context("the reader panicked")??;
                let jobs = jobs.await.context("a worker panicked")??;
                anyhow::Ok((events, jobs))
            });
            is_over.store(true, Ordering::Relaxed);
            let memory = watch.join().ok().context("the watch panicked")??;
            let (published, messages_end) =
                publishing.join().ok().context("the generator panicked")??;
            let (events, jobs): (Tally, Tally) = flowing?;
            let end = events.ended().max(jobs.ended()).max(messages_end);
            Ok(Outcome {
                seconds: float(end) / 1e9,
                events: events.told(),
                jobs: jobs.told(),
                messages: Told {
                    wanted: u64::from(mix.publications) * u64::from(mix.connections),
                    received: published.receipts,
                    times: published.times,
                    stalls: published.stalls.into(),
                },
                memory,
            })
        })
    })
}

/// The memory of the server, now and then.
fn watch(process: u32, ground: Ground, is_over: &AtomicBool) -> anyhow::Result<Vec<(f64, f64)>> {
    let mut seen = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let mib = float(machine::rss(Some(process))?) / float(1 << 20);
        seen.push((float(ground.now()) / 1e9, mib));
        pace::wait(LOOK_EVERY.min(ground.mix.every * 50 + Duration::from_millis(20)));
    }
    Ok(seen)
}
