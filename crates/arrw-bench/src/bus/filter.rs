//! `bus.filter`: what an event costs that a few of very many filters match.

use std::io::Write;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use anyhow::ensure;
use arrw::{Bus, Db, NewEvent, Start, Subscription};

use super::PAYLOAD_BYTES;
use crate::plan::{Load, Plan};
use crate::row::{Row, Target};
use crate::runs::{Spread, float};

/// Filters that match the same event.
const MATCHES: usize = 10;
const FEW: usize = 1_000;
const MANY: usize = 100_000;
/// Events between two looks at the clock.
const LOOK_EVERY: u64 = 256;

/// The subscriptions whose wakers were called since.
type Woken = Arc<Mutex<Vec<usize>>>;

/// Notes that a subscription has something to read, as an executor does.
#[derive(Debug)]
struct Task {
    number: usize,
    woken: Woken,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
    }
}

/// Sleeping subscriptions, in groups of those that the same event wakes.
struct Sleepers {
    bus: Bus,
    subscriptions: Vec<Subscription>,
    wakers: Vec<Waker>,
    woken: Woken,
    batch: Vec<usize>,
}

pub(super) fn measure(plan: &Plan, out: &mut dyn Write) -> anyhow::Result<Vec<Row>> {
    let (few_db, many_db) = (Db::in_memory()?, Db::in_memory()?);
    let mut few_sleepers = Sleepers::new(&few_db, FEW)?;
    let mut many_sleepers = Sleepers::new(&many_db, MANY)?;
    let (mut few, mut many, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..plan.load.runs() {
        few.push(few_sleepers.run(FEW / MATCHES, plan.load)?);
        many.push(many_sleepers.run(FEW / MATCHES, plan.load)?);
        all.push(many_sleepers.run(MANY / MATCHES, plan.load)?);
        writeln!(
            out,
            "bus.filter run {}: {:.2} us an event with {FEW}, {:.2} us with {MANY}, {:.2} us with {MANY} all of which get events",
            run + 1,
            few[run],
            many[run],
            all[run]
        )?;
    }
    let ratio = many.iter().zip(&few).map(|(many, few)| many / few).collect();
    let row = |id, metric, unit, runs: Vec<f64>, target| Row {
        target: Some(Target::AtMost(target)),
        ..super::row(id, metric, unit, Spread::of(runs))
    };
    let at_all = "100,000 filters, 10 match, events over all of them: publish, find, wake, hand over, sleep again";
    let at_few = "1,000 filters, the same";
    let at_many = "100,000 filters, events for the same 1,000 of them";
    Ok(vec![
        row("bus.filter", at_all, "us/event", all, 30.0),
        row("bus.filter.1000", at_few, "us/event", few, 30.0),
        row("bus.filter.bystanders", at_many, "us/event", many, 30.0),
        row("bus.filter.flat", "bystanders over 1,000", "ratio", ratio, 1.2),
    ])
}

impl Sleepers {
    fn new(db: &Db, count: usize) -> anyhow::Result<Self> {
        let (bus, woken) = (db.bus(), Woken::default());
        let mut sleepers = Self {
            bus,
            subscriptions: Vec::with_capacity(count),
            wakers: Vec::with_capacity(count),
            woken,
            batch: Vec::new(),
        };
        for group in 0..count / MATCHES {
            for filter in filters(group) {
                let number = sleepers.subscriptions.len();
                sleepers.subscriptions.push(sleepers.bus.subscribe(&filter, Start::Latest)?);
                let woken = Arc::clone(&sleepers.woken);
                sleepers.wakers.push(Waker::from(Arc::new(Task { number, woken })));
                ensure!(!sleepers.poll(number)?, "a new subscription has something to read");
            }
        }
        Ok(sleepers)
    }

    /// Publishes to `count` of the topics, far apart from each other, for the time of `load`; answers the
    /// microseconds of one event.
    fn run(&mut self, count: usize, load: Load) -> anyhow::Result<f64> {
        let groups = self.subscriptions.len() / MATCHES;
        let chosen = (0..groups).step_by(groups / count);
        let topics: Vec<(usize, String)> = chosen.map(|group| (group, topic(group))).collect();
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let mut events = 0_u64;
        let mut start = Instant::now();
        let mut is_warm = false;
        loop {
            for _ in 0..LOOK_EVERY {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let (group, topic) = &topics[usize::try_from(random >> 33)? % topics.len()];
                self.publish(topic, *group)?;
            }
            events += LOOK_EVERY;
            let time = start.elapsed();
            if !is_warm && load.warm_up() <= time {
                (is_warm, events, start) = (true, 0, Instant::now());
            } else if is_warm && load.time() <= time {
                return Ok(time.as_secs_f64() * 1e6 / float(events));
            }
        }
    }

    /// One event, and all that follows from it until everybody sleeps again.
    fn publish(&mut self, topic: &str, group: usize) -> anyhow::Result<()> {
        self.bus.publish(NewEvent::new(topic, &[0x5A; PAYLOAD_BYTES]))?.wait()?;
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut *woken, &mut self.batch);
        drop(woken);
        ensure!(self.batch.len() == MATCHES, "{} were woken by `{topic}`", self.batch.len());
        let batch = mem::take(&mut self.batch);
        for number in &batch {
            ensure!(number / MATCHES == group, "`{topic}` woke subscription {number}");
            ensure!(self.poll(*number)?, "subscription {number} was woken for nothing");
            ensure!(!self.poll(*number)?, "subscription {number} got an event twice");
        }
        self.batch = batch;
        self.batch.clear();
        Ok(())
    }

    /// Polls a subscription as its task would; answers whether an event came.
    fn poll(&mut self, number: usize) -> anyhow::Result<bool> {
        let mut context = Context::from_waker(&self.wakers[number]);
        match self.subscriptions[number].poll_next(&mut context)? {
            Poll::Pending => Ok(false),
            Poll::Ready(None) => Ok(false),
            Poll::Ready(Some(events)) => {
                ensure!(events.iter().count() == 1, "more than one event at once");
                Ok(true)
            }
        }
    }
}

/// The topic of a group.
fn topic(group: usize) -> String {
    format!("~.bench.g{group}.r{}.d{}", group % 100, group % 7)
}

/// Ten distinct filters that match the topic of a group and no other.
fn filters(group: usize) -> [String; MATCHES] {
    let (region, device) = (group % 100, group % 7);
    let of = |rest: &str| format!("~.bench.g{group}.{rest}");
    [
        topic(group),
        of(&format!("r{region}.*")),
        of(&format!("*.d{device}")),
        of("*.*"),
        of(&format!("r{region}.>")),
        of("*.>"),
        of(">"),
        format!("~.*.g{group}.r{region}.d{device}"),
        format!("~.*.g{group}.*.*"),
        format!("~.*.g{group}.>"),
    ]
}
