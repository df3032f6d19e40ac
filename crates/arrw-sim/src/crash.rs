//! Every crash at every operation of random workloads: nothing acknowledged is lost, nothing else appears.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use arrw_log::{Append, Batch, Environment, Log, Seq, Start};

use crate::disk::{CrashState, CrashStates};
use crate::maker::{Maker, More};
use crate::model::{Expected, Model, batch_of, order_of};
use crate::workload::options;
use crate::{ManualClock, Rng, SimDisk};

/// How much to explore.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// First seed; each workload takes the next.
    pub seed: u64,
    /// Distinct images to check.
    pub images: usize,
    /// Operations of a workload.
    pub ops: u64,
    /// States of one crash, at most.
    pub states_max: u64,
}

/// What was explored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Workloads run.
    pub workloads: u64,
    /// Operations of the disk at which it crashed.
    pub crashes: u64,
    /// States that a crash may leave, counted with those that are the same image.
    pub states: u64,
    /// Distinct images, each opened, read and appended to.
    pub images: usize,
    /// Crashes at which every state was checked, and not only a sample.
    pub exhaustive: u64,
    /// Acknowledged records that were looked for in all images together.
    pub looked_for: u64,
    /// Images in which a batch was kept of which nobody had been told yet.
    pub unknown_kept: u64,
    /// Images in which the start cut a torn tail.
    pub cut: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} workloads, {} crash points ({} with every state), {} states, {} distinct images, \
             {} torn tails cut, {} unanswered batches kept, {} acknowledged records looked for: \
             0 lost, 0 phantom, 0 reordered",
            self.workloads,
            self.crashes,
            self.exhaustive,
            self.states,
            self.images,
            self.cut,
            self.unknown_kept,
            self.looked_for
        )
    }
}

/// What the world was told before the crash.
#[derive(Debug)]
struct Told {
    /// All acknowledged records.
    model: Model,
    /// The batches that are being appended, in order.
    in_flight: VecDeque<Vec<Expected>>,
    /// The log, for looking at what it shows in the middle of a commit.
    log: Option<Log>,
    /// The first of the batches in flight, if its answer may come in the middle of a call.
    append: Option<Pin<Box<Append>>>,
    /// The oldest record that a trim under way may leave.
    first_at_most: Seq,
    /// The last record that a reader was shown.
    shown: Seq,
    seen: BTreeSet<u64>,
    report: Report,
    failure: Option<String>,
    images_wanted: usize,
    states_max: u64,
    seed: u64,
}

/// Explores until the plan is fulfilled.
///
/// # Errors
/// The first image that breaks a promise: seed, operation, what was kept, and what is wrong with it.
pub fn run(plan: Plan) -> Result<Report, String> {
    let told = Arc::new(Mutex::new(Told {
        model: Model::new(),
        in_flight: VecDeque::new(),
        log: None,
        append: None,
        first_at_most: Seq::FIRST,
        shown: Seq::ZERO,
        seen: BTreeSet::new(),
        report: Report::default(),
        failure: None,
        images_wanted: plan.images,
        states_max: plan.states_max,
        seed: plan.seed,
    }));
    for seed in plan.seed.. {
        workload(&told, seed, plan.ops)?;
        let mut told = lock(&told);
        told.report.workloads += 1;
        if plan.images <= told.report.images {
            break;
        }
    }
    let report = lock(&told).report;
    Ok(report)
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().expect("no holder of this lock panics")
}

/// One life of a log after another, each ended by a crash at a random state.
fn workload(told: &Arc<Mutex<Told>>, seed: u64, ops: u64) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    {
        let mut told = lock(told);
        (told.seed, told.model, told.shown) = (seed, Model::new(), Seq::ZERO);
        told.first_at_most = Seq::FIRST;
        told.in_flight.clear();
    }
    let mut disk = SimDisk::new();
    for _ in 0..3 {
        watch(&disk, told);
        let lived = live(&disk, told, &mut rng, ops);
        let mut now = lock(told);
        if let Some(failure) = now.failure.take() {
            return Err(failure);
        }
        lived.map_err(|what| format!("seed {seed}: {what}"))?;
        if now.images_wanted <= now.report.images {
            return Ok(());
        }
        // The next life begins on what a crash between two calls left.
        let state = disk.crash_states().random(&mut rng);
        (now.shown, now.append) = (Seq::ZERO, None);
        disk = state.disk();
    }
    Ok(())
}

/// Checks the crashes at every operation of `disk` from now on.
fn watch(disk: &SimDisk, told: &Arc<Mutex<Told>>) {
    let told = Arc::clone(told);
    disk.before_each_op(move |moment| {
        let mut told = lock(&told);
        if told.failure.is_some() || told.images_wanted <= told.report.images {
            return;
        }
        if let Err(what) = told.listen() {
            told.failure = Some(what);
            return;
        }
        let states = moment.crash_states();
        let op = moment.op();
        let where_at = format!("before operation {} ({:?} {})", op.index, op.kind, op.file);
        told.failure = crash(&mut told, states, &where_at).err();
    });
}

/// Checks the states of one crash that were not seen before.
fn crash(told: &mut Told, states: CrashStates, where_at: &str) -> Result<(), String> {
    told.report.crashes += 1;
    let states = states.limit(told.states_max).seed(told.seed);
    told.report.exhaustive += u64::from(states.is_exhaustive());
    for state in states.clone() {
        told.report.states += 1;
        if !told.seen.insert(state.fingerprint()) {
            continue;
        }
        told.report.images += 1;
        check(told, &state).map_err(|what| {
            let (seed, kept) = (told.seed, states.describe(&state));
            format!("seed {seed}, {where_at}, with {kept}: {what}")
        })?;
    }
    Ok(())
}

/// Opens what a crash left and compares it with what the world was told.
fn check(told: &mut Told, state: &CrashState) -> Result<(), String> {
    let log = open(&state.disk(), &ManualClock::new(1))?;
    let mut model = told.model.clone();
    let (first, tail) = (log.first(), log.tail());
    if first < model.first() || told.first_at_most.max(model.first()) < first {
        return Err(format!("it starts at {first}, not at {}", model.first()));
    }
    // Nobody was told of these batches: each is there as a whole, or not at all.
    for batch in &told.in_flight {
        if model.tail() < tail {
            model.append(batch.clone());
            told.report.unknown_kept += 1;
        }
    }
    if tail <= told.shown {
        return Err(format!("a reader was shown record {}, and it is gone", told.shown));
    }
    model.trim(first);
    model.check(&log)?;
    told.report.looked_for += tail.get() - first.get();
    told.report.cut += u64::from(log.open_report().cut.is_some());
    let committed = log.append(batch_of(&[Expected::draw(&mut Rng::new(1), 50)])).wait();
    match committed {
        Ok(committed) if committed.first == tail => Ok(()),
        other => Err(format!("the next append answered {other:?} at {tail}")),
    }
}

/// Runs a log on `disk` and keeps `told` up to date.
fn live(disk: &SimDisk, told: &Mutex<Told>, rng: &mut Rng, ops: u64) -> Result<(), String> {
    let clock = ManualClock::new(1_000_000);
    let mut log = open(disk, &clock)?;
    // A batch of which nobody was told may have been kept by the crash before.
    {
        let mut told = lock(told);
        for batch in std::mem::take(&mut told.in_flight) {
            if told.model.tail() < log.tail() {
                told.model.append(batch);
            }
        }
        told.model.trim(log.first());
        told.log = Some(log.clone());
    }
    let mut reader = log.reader(Start::Latest).map_err(|error| error.to_string())?;
    let mut maker_told = 0;
    for _ in 0..ops {
        match rng.below(30) {
            0..=20 => append(&log, told, rng, &mut maker_told)?,
            21..=22 => log.roll().map_err(|error| error.to_string())?,
            23..=24 => log.mark(),
            25..=26 => trim(&log, told, rng)?,
            27 => {
                lock(told).log = None;
                log.close().map_err(|error| error.to_string())?;
                log = open(disk, &clock)?;
                maker_told = 0;
                lock(told).log = Some(log.clone());
                reader = log.reader(Start::Latest).map_err(|error| error.to_string())?;
            }
            _ => (),
        }
        while let Some(frame) = reader.try_next().map_err(|error| error.to_string())? {
            lock(told).shown = frame.last();
        }
        if lock(told).failure.is_some() {
            break;
        }
    }
    if rng.chance(1, 2) {
        // Dropping the log would close it: this life ends without.
        disk.stop();
    }
    lock(told).log = None;
    Ok(())
}

/// Appends one batch and waits; sometimes with another one before it, whose answer is looked for in the
/// middle of the commit.
fn append(
    log: &Log,
    told: &Mutex<Told>,
    rng: &mut Rng,
    maker_told: &mut u64,
) -> Result<(), String> {
    let bytes = *rng.pick(&[20, 200, 900, 3_000]);
    if rng.chance(1, 3) {
        let (batch, records) = draw(rng, 1, bytes, maker_told);
        let append = log.append(batch).start();
        let mut told = lock(told);
        told.in_flight.push_back(records);
        told.append = Some(Box::pin(append));
    }
    let count = rng.below(3) + 1;
    let (batch, records) = draw(rng, count, bytes, maker_told);
    lock(told).in_flight.push_back(records.clone());
    log.append(batch).wait().map_err(|error| error.to_string())?;
    let mut told = lock(told);
    told.listen()?;
    if told.append.is_some() {
        return Err("a batch was answered before the one in front of it".to_owned());
    }
    told.in_flight.clear();
    told.model.append(records);
    Ok(())
}

/// A batch of so many records, or one that asks, and what comes of it. `told` counts what the maker is told of.
fn draw(rng: &mut Rng, count: u64, bytes: u64, told: &mut u64) -> (Batch, Vec<Expected>) {
    let own: Vec<_> = (0..count).map(|_| Expected::draw(rng, bytes)).collect();
    if rng.chance(2, 3) {
        return (batch_of(&own), own);
    }
    let (batch, outcome) = order_of(&own, rng, *told);
    *told += outcome.len() as u64;
    (batch, outcome)
}

impl Told {
    /// Takes in what the log has shown and answered up to now.
    fn listen(&mut self) -> Result<(), String> {
        if let Some(log) = &self.log {
            self.shown = self.shown.max(log.tail().previous());
        }
        let mut context = Context::from_waker(Waker::noop());
        let Some(append) = &mut self.append else { return Ok(()) };
        if let Poll::Ready(answer) = append.as_mut().poll(&mut context) {
            answer.map_err(|error| error.to_string())?;
            self.append = None;
            if let Some(records) = self.in_flight.pop_front() {
                self.model.append(records);
            }
        }
        Ok(())
    }
}

fn trim(log: &Log, told: &Mutex<Told>, rng: &mut Rng) -> Result<(), String> {
    let before = Seq::new(rng.below(log.tail().get()) + 1);
    lock(told).first_at_most = before;
    log.trim(before).map_err(|error| error.to_string())?;
    lock(told).model.trim(log.first());
    Ok(())
}

fn open(disk: &SimDisk, clock: &ManualClock) -> Result<Log, String> {
    let mut environment = Environment::with_storage(Arc::new(disk.clone()));
    environment.clock = Arc::new(clock.clone());
    let log = Log::open_with(environment, options()).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        format!("it does not open: {error}{}", cause.unwrap_or_default())
    })?;
    log.set_decider(Box::new(Maker::new(More::Never)));
    Ok(log)
}
