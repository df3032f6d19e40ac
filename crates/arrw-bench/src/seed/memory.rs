//! What is left in memory when all is done, and what a job, a subscription and a connection take.

use std::io::Write;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use arrw::{Db, NewEvent, Start, Subscription};

use super::{IN_MEMORY, Place, Published, SYNCED, row};
use crate::bus::Weighed;
use crate::bus::memory::weigh_apart;
use crate::disk;
use crate::jobs::JobsPart;
use crate::plan::Load;
use crate::report::{Figures, Line, Plot, Scale};
use crate::row::Target;
use crate::runs::{Spread, float};
use crate::sockets::runs;

/// Events after which the prototype looked whether its queue was empty.
const EVENTS: u64 = 10_000;
const TOPIC: &str = "bench.drained";

pub(super) fn drained(
    Place { folder, .. }: Place<'_>,
    figures: &mut Figures,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let place = folder.fresh("seed-drained")?;
    let db = Db::open(&place)?;
    let bus = db.bus();
    let subscription = bus.subscribe(TOPIC, Start::Latest)?;
    let pending = thread::scope(|scope| {
        let reader = scope.spawn(|| read(subscription));
        let publish = |_| Ok(bus.publish(NewEvent::new(TOPIC, &[0x5A; 128]))?.start());
        let publishes: Vec<_> = (0..EVENTS).map(publish).collect::<anyhow::Result<_>>()?;
        for publish in publishes {
            publish.wait()?;
        }
        // Whoever has seen the last one has seen all.
        let subscription = reader.join().ok().context("the subscriber panicked")??;
        anyhow::Ok(subscription.stats()?.pending.records)
    })?;
    db.close()?;
    disk::remove(&place)?;
    writeln!(out, "seed.memory.drained: {pending} pending after {EVENTS} events")?;
    let metric = "events that wait after 10,000 were published and a subscriber saw them";
    let published = Published { result: Some(0.0), target: Some(Target::AtMost(0.0)) };
    let value = (Spread::of([float(pending)]), "pending");
    figures.rows.push(row("seed.memory.drained", ("memory", metric), value, published, SYNCED));
    Ok(())
}

/// Reads all of them, and gives the subscription back.
fn read(mut subscription: Subscription) -> anyhow::Result<Subscription> {
    let mut seen = 0;
    while seen < EVENTS {
        let events = subscription.next().context("the database is closed")??;
        for event in &events {
            seen += 1;
            ensure!(event.offset() == seen, "expected event {seen}, found {}", event.offset());
        }
    }
    Ok(subscription)
}

pub(super) fn of_each(
    Place { plan, folder }: Place<'_>,
    figures: &mut Figures,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let job = JobsPart::Ready.weigh(&plan.with_part("jobs-part"), folder)?;
    let idle = weigh_apart(&plan.with_part("bus-weigh"), folder, Weighed::Idle)?;
    let (step, steps, time) = match plan.load {
        Load::Full => (2_500, 4, Duration::from_secs(60)),
        Load::Quick | Load::Brief => (1_000, 3, Duration::from_millis(500)),
    };
    let above = runs::memory((plan, folder), (step, steps), time)?;
    let mut line = Line::new("resident memory");
    line.points.push((0.0, 0.0));
    for (number, bytes) in (1..).zip(&above) {
        line.points.push((f64::from(number * step), float(*bytes) / float(1 << 20)));
    }
    let last = above.last().context("nothing was weighed")?;
    let connection = float(*last) / f64::from(step * steps);
    writeln!(
        out,
        "seed.memory: {job:.0} B a job, {idle:.0} B a subscription, {connection:.0} B a connection"
    )?;
    let mut add = |id, metric, bytes, published| {
        let value = (Spread::of([bytes]), "B");
        figures.rows.push(row(id, ("memory", metric), value, published, IN_MEMORY));
    };
    let ready = "RSS of 1,000,000 ready jobs in the queue, divided";
    add("seed.memory.job", ready, job, Published::only(200.0));
    let subscriptions = "RSS of 100,000 idle subscriptions of the bus, divided";
    add("seed.memory.subscription", subscriptions, idle, Published::default());
    let connections =
        "RSS of idle WebSockets, each with a subscription to a channel of its own, divided";
    add("seed.memory.connection", connections, connection, Published::default());
    figures.plots.push(Plot {
        title: "Memory by connections".to_owned(),
        note: "Of the server, above that before: each has a subscription to a channel of its own."
            .to_owned(),
        x: ("connections", Scale::Linear),
        y: ("MiB", Scale::Linear),
        lines: vec![line],
    });
    Ok(())
}
