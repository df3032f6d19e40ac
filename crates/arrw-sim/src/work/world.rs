//! The disk, the clock, the process that runs now, and those who use it.

use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use std::{future::Future, pin::Pin};

use arrw::{
    Claim, ClaimError, Claiming, Command, ControlChange, Db, Entropy, Environment, Job, Keep,
    Options,
};

use super::WorkReport;
use super::ledger::{Asked, Ledger};
use crate::{ManualClock, Rng, SimDisk, workload};

pub(crate) const QUEUES: [&str; 2] = ["a", "b"];
pub(crate) const WORKERS: [&str; 4] = ["w0", "w1", "w2", "w3"];

/// Those who work in the end. A worker that came back under its name would keep what it forgot.
const WELL: [&str; 2] = ["w8", "w9"];

/// Milliseconds that a worker may be silent.
pub(crate) const LEASE_MS: u64 = 5_000;

/// Lives of a history.
const LIVES: u64 = 3;

/// Rounds in which all must have ended.
const ROUNDS_MAX: usize = 300;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A history.
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) clock: ManualClock,
    disk: SimDisk,
    pub(crate) db: Db,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    /// Jobs that workers hold.
    pub(crate) held: Vec<(&'static str, Job)>,
    /// Jobs that were let go of, whose workers may come back.
    pub(crate) late: Vec<Job>,
    /// Claims that wait.
    pub(crate) waiting: Vec<(&'static str, Claiming)>,
    pub(crate) enqueued: u64,
    /// A claim that waited was dropped in this life.
    pub(crate) has_dropped: bool,
    /// When those who wait were looked at last.
    looked: u64,
    watches: bool,
    seed: u64,
}

/// Why a life ends.
#[derive(Debug)]
pub(crate) enum End {
    /// The disk does nothing any more.
    Crash,
    /// A promise was broken.
    Broken(String),
}

impl From<String> for End {
    fn from(what: String) -> Self {
        Self::Broken(what)
    }
}

/// Random numbers of a seed.
#[derive(Debug)]
struct Seeded(Mutex<Rng>);

impl Entropy for Seeded {
    fn draw(&self) -> u64 {
        self.0.lock().expect("no holder of this lock panics").next_u64()
    }
}

fn open(disk: &SimDisk, clock: &ManualClock, seed: u64) -> Result<Db, String> {
    let mut environment = Environment::with_storage(Arc::new(disk.clone()));
    environment.clock = Arc::new(clock.clone());
    environment.entropy = Arc::new(Seeded(Mutex::new(Rng::new(seed))));
    let mut options = Options { log: workload::options(), ..Options::default() };
    // Little is kept, so that what jobs need is carried forward.
    options.log.retention.bytes_max = Some(4 * options.log.segment_bytes);
    Db::open_with(environment, options).map_err(|error| format!("it does not open: {error}"))
}

impl World {
    pub(crate) fn new(seed: u64, watches: bool) -> Result<Self, String> {
        let mut rng = Rng::new(seed);
        let clock = ManualClock::new(1_800_000_000_000_000);
        let disk = SimDisk::new();
        let db = open(&disk, &clock, rng.next_u64())?;
        let for_ever = Keep { for_ms: 1 << 38, count: 1_000_000 };
        let keep = ControlChange::Keep { done: for_ever, dead: for_ever };
        let command = |queue: &str| Command::Queue { name: queue.to_owned(), change: keep };
        let commands = QUEUES.iter().map(|queue| command(queue)).collect();
        let set = db.jobs().run(commands, false).and_then(arrw::Running::wait);
        set.map_err(|error| error.to_string())?;
        Ok(Self {
            rng,
            clock,
            disk,
            db,
            ledger: Arc::default(),
            held: Vec::new(),
            late: Vec::new(),
            waiting: Vec::new(),
            enqueued: 0,
            has_dropped: false,
            looked: 0,
            watches,
            seed,
        })
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("no holder of this lock panics")
    }

    pub(crate) fn report(&self) -> WorkReport {
        self.ledger().report
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now_micros()
    }

    /// Some lives, each ended by a crash, and then one in which all must end.
    pub(crate) fn live_and_crash(&mut self, steps: u64) -> Result<(), String> {
        for _ in 0..LIVES {
            self.watch();
            let stop = self.rng.below(steps * 6);
            self.disk.stop_at(self.disk.ops() + stop);
            match self.live(steps) {
                Ok(()) => {}
                Err(End::Crash) => self.ledger().report.crashes += 1,
                Err(End::Broken(what)) => return Err(what),
            }
            self.crash()?;
        }
        self.end()
    }

    fn live(&mut self, steps: u64) -> Result<(), End> {
        for _ in 0..steps {
            self.step()?;
            self.hear_those_who_wait()?;
            self.ledger().asked.clear();
            self.note_who_waits();
        }
        Ok(())
    }

    /// Claims that wait may get jobs in any call, and those that were dropped may have got some.
    fn note_who_waits(&self) {
        if !self.waiting.is_empty() || self.has_dropped {
            self.ledger().asked.push(Asked::Claim);
        }
    }

    /// Takes what those who wait got.
    pub(crate) fn hear_those_who_wait(&mut self) -> Result<(), End> {
        let mut still = Vec::new();
        for (worker, mut claiming) in std::mem::take(&mut self.waiting) {
            let mut context = Context::from_waker(Waker::noop());
            match Pin::new(&mut claiming).poll(&mut context) {
                Poll::Pending => still.push((worker, claiming)),
                // It may have been decided since the last look.
                Poll::Ready(Ok(jobs)) => self.got(worker, jobs, self.looked.min(self.now()))?,
                Poll::Ready(Err(error)) => return Err(self.end_of_claim(&error)),
            }
        }
        self.waiting = still;
        self.looked = self.now();
        Ok(())
    }

    /// A claim that failed: what it got cannot be read, or the disk let it down.
    pub(crate) fn end_of_claim(&self, error: &ClaimError) -> End {
        match error {
            ClaimError::Read(error) if !self.disk.is_stopped() => End::Broken(error.to_string()),
            ClaimError::Read(_) | ClaimError::Append(_) | _ => End::Crash,
        }
    }

    /// A worker got jobs, which were leased to it at a time between `at` and now.
    pub(crate) fn got(
        &mut self,
        worker: &'static str,
        jobs: Vec<Job>,
        at: u64,
    ) -> Result<(), String> {
        let now = self.now();
        let got_any = !jobs.is_empty();
        for job in jobs {
            self.ledger().leased(worker, &job, (at, now))?;
            self.held.push((worker, job));
        }
        if got_any {
            self.ledger().heard_of(worker, at, LEASE_MS);
        }
        Ok(())
    }

    /// Power is lost, and the next process finds what the disk kept.
    fn crash(&mut self) -> Result<(), String> {
        if let Some(alarm) = self.db.alarm() {
            return Err(format!("{alarm:?}"));
        }
        let disk = self.disk.crash_states().random(&mut self.rng).disk();
        self.disk.stop();
        self.waiting.clear();
        self.has_dropped = false;
        self.late.extend(self.held.drain(..).map(|(_, job)| job));
        if self.rng.chance(1, 3) {
            let away = self.rng.below(10 * 60 * 1_000_000);
            self.clock.advance(Duration::from_micros(away));
        }
        self.db = open(&disk, &self.clock, self.rng.next_u64())?;
        self.disk = disk;
        let now = self.now();
        let mut ledger = self.ledger();
        ledger.check(&self.db, now)?;
        ledger.learn(&self.db);
        ledger.started(now);
        Ok(())
    }

    /// Looks at what a crash would leave before each operation of the disk.
    fn watch(&self) {
        if !self.watches {
            return;
        }
        let (ledger, clock) = (Arc::clone(&self.ledger), self.clock.clone());
        let mut rng = Rng::new(self.seed);
        self.disk.before_each_op(move |moment| {
            let mut ledger = ledger.lock().expect("no holder of this lock panics");
            if ledger.failure.is_some() {
                return;
            }
            let disk = moment.crash_states().random(&mut rng).disk();
            let looked = open(&disk, &clock, 7).and_then(|db| {
                let now = clock.now_micros();
                ledger.check(&db, now)
            });
            ledger.report.images += 1;
            let op = moment.op();
            let what =
                |what| format!("before operation {} ({:?} {}): {what}", op.index, op.kind, op.file);
            ledger.failure = looked.map_err(what).err();
        });
    }

    /// All workers are well, and all ends.
    fn end(&mut self) -> Result<(), String> {
        for _ in 0..ROUNDS_MAX {
            self.clock.advance(DAY);
            self.db.upkeep();
            let mut got_any = false;
            for worker in WELL {
                let now = self.now();
                self.ledger().heard_of(worker, now, 60_000);
                let claim = Claim::new(worker, QUEUES, 100).map_err(|error| error.to_string())?;
                let jobs = self.db.jobs().claim_now(claim).wait(None);
                let jobs = jobs.map_err(|error| error.to_string())?;
                got_any |= !jobs.is_empty();
                self.got(worker, jobs, now)?;
                self.complete_all().map_err(|end| format!("{end:?}"))?;
            }
            let is_over = |queue: &str| {
                let status = self.db.jobs().queue(queue);
                status.is_none_or(|it| it.pending() == 0 && it.count(arrw::JobState::Leased) == 0)
            };
            if !got_any && QUEUES.into_iter().all(is_over) {
                break;
            }
        }
        let now = self.now();
        let mut ledger = self.ledger();
        if let Some(failure) = &ledger.failure {
            return Err(failure.clone());
        }
        ledger.check(&self.db, now)?;
        ledger.learn(&self.db);
        ledger.check_the_end(&self.db)?;
        self.check_histories(&ledger)
    }

    /// What happened to jobs that are not forgotten, and what they were enqueued with, is told.
    fn check_histories(&self, ledger: &Ledger) -> Result<(), String> {
        let jobs = self.db.jobs();
        for job in ledger.jobs() {
            let Some(status) = jobs.get(job).filter(|it| it.state == arrw::JobState::Dead) else {
                continue;
            };
            let history = jobs.history(&status, usize::MAX).map_err(|error| error.to_string())?;
            if !history.is_whole || history.transitions.is_empty() {
                return Err(format!("the history of job {job} has a hole: {history:?}"));
            }
            let payload = jobs.payload(&status).map_err(|error| error.to_string())?;
            let args = payload.map(|payload| payload.args().to_owned()).unwrap_or_default();
            if !ledger.has_args(job, &args) {
                return Err(format!("job {job} has the args {args}"));
            }
        }
        Ok(())
    }
}
