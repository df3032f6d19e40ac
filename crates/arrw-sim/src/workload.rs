//! Random operations on a log on any storage, checked against the model after each; failures are shrunk.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arrw_log::{
    AppendError, Batch, Drive, Environment, FileStorage, Hold, Log, MemoryStorage, Options,
    ReadError, Reader, Seq, Start, Storage, UpkeepError, restore, verify,
};

use crate::maker::{MORE_KEY, Maker, More};
use crate::model::{Expected, Model, batch_of, order_of};
use crate::{ManualClock, Rng, SimDisk};

/// How often the decider adds a record of its own.
const MORE: More = More::Every(5);

/// Bytes of a batch from which on it may leave no room for that record in a frame of 12 KiB.
const LARGE_BYTES: usize = 8 * 1024;

/// Where a workload runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Memory.
    Memory,
    /// A folder of real files, removed at the end.
    Files,
    /// The simulated disk; its reopens are also kills of the process.
    Sim,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Files, Self::Sim];
}

/// One operation. Numbers are taken relative to what there is when it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Appends that many records, drawn from a seed, of at most that many bytes each.
    Append {
        /// How many.
        records: u64,
        /// Bytes of a payload, at most.
        bytes: u64,
        /// What they are drawn from.
        seed: u64,
    },
    /// Appends one record on condition of the last seq: the true one, or one that far before it.
    Conditional {
        /// How far.
        behind: u64,
        /// What they are drawn from.
        seed: u64,
    },
    /// Appends that many records, up to all of them left out, with some that are made for them.
    Ask {
        /// How many.
        records: u64,
        /// What they are drawn from.
        seed: u64,
    },
    /// Reads from a record at that share of the log, in thousandths.
    Read {
        /// Thousandths of the log.
        share: u64,
    },
    /// Starts a follower there.
    Follow {
        /// Thousandths of the log.
        share: u64,
    },
    /// Lets the followers read that many frames each.
    Advance {
        /// How many.
        frames: u64,
    },
    /// Holds history from there.
    Hold {
        /// Thousandths of the log.
        share: u64,
    },
    /// Lets go of all holds.
    Release,
    /// Trims before a record there.
    Trim {
        /// Thousandths of the log.
        share: u64,
    },
    /// Seals the segment.
    Roll,
    /// Proves the last frame.
    Mark,
    /// Closes, or kills where that can be, and opens again.
    Reopen {
        /// Whether it is killed.
        kill: bool,
    },
    /// Backs up, restores beside, and checks that copy.
    Backup,
}

impl Op {
    /// Draws an operation.
    pub fn draw(rng: &mut Rng) -> Self {
        let (share, seed) = (rng.below(1_001), rng.next_u64());
        match rng.below(46) {
            0..=17 => {
                let records = if rng.chance(1, 6) { rng.below(20) + 1 } else { rng.below(3) + 1 };
                let bytes = *rng.pick(&[0, 30, 300, 1_500]);
                Self::Append { records, bytes, seed }
            }
            18..=20 => Self::Conditional { behind: rng.below(2) * rng.below(5), seed },
            21..=23 => Self::Read { share },
            24 => Self::Follow { share },
            25..=28 => Self::Advance { frames: rng.below(20) + 1 },
            29 => Self::Hold { share },
            30 => Self::Release,
            31..=32 => Self::Trim { share },
            33..=34 => Self::Roll,
            35..=36 => Self::Mark,
            37..=38 => Self::Reopen { kill: rng.chance(1, 2) },
            39 => Self::Backup,
            _ => Self::Ask { records: rng.below(4), seed },
        }
    }
}

/// A workload that failed, as short as it could be made.
#[derive(Debug)]
pub struct Failure {
    /// Where.
    pub place: Place,
    /// From which seed.
    pub seed: u64,
    /// The operations that still fail.
    pub ops: Vec<Op>,
    /// What went wrong.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (on {:?}, seed {})", self.what, self.place, self.seed)?;
        self.ops.iter().try_for_each(|op| writeln!(f, "  {op:?}"))
    }
}

/// Runs one workload of `count` operations.
///
/// # Errors
/// The failure, shrunk.
pub fn run(place: Place, seed: u64, count: usize) -> Result<(), Box<Failure>> {
    let mut rng = Rng::new(seed);
    let mut ops: Vec<Op> = (0..count).map(|_| Op::draw(&mut rng)).collect();
    let Err(mut what) = attempt(place, seed, &ops) else { return Ok(()) };
    let mut size = ops.len() / 2;
    while size > 0 {
        let mut from = 0;
        while from < ops.len() {
            let mut fewer = ops.clone();
            fewer.drain(from..(from + size).min(ops.len()));
            match attempt(place, seed, &fewer) {
                Err(still) => (ops, what) = (fewer, still),
                Ok(()) => from += size,
            }
        }
        size /= 2;
    }
    Err(Box::new(Failure { place, seed, ops, what }))
}

fn attempt(place: Place, seed: u64, ops: &[Op]) -> Result<(), String> {
    let mut world = World::new(place, seed)?;
    let done = ops.iter().enumerate().try_for_each(|(at, op)| {
        world.step(*op).map_err(|what| format!("operation {at}, {op:?}: {what}"))
    });
    done.and_then(|()| world.check())
}

/// The smallest segments, driven by the caller.
#[must_use]
pub fn options() -> Options {
    Options {
        segment_bytes: 16 * 1024,
        spares: 2,
        ring_bytes: 6 * 1024,
        drive: Drive::Callers,
        ..Options::default()
    }
}

/// A log, what it must hold, and who reads it.
struct World {
    backing: Backing,
    clock: ManualClock,
    log: Log,
    model: Model,
    /// Records that the log's decider was told of since the log was opened.
    told: u64,
    followers: Vec<(Reader, Seq)>,
    holds: Vec<(Hold, Seq)>,
}

enum Backing {
    Memory(MemoryStorage),
    Files(PathBuf),
    Sim(SimDisk),
}

impl Backing {
    fn new(place: Place, seed: u64) -> Self {
        match place {
            Place::Memory => Self::Memory(MemoryStorage::new()),
            Place::Files => {
                let name = format!("arrw-sim-{}-{seed}", std::process::id());
                Self::Files(std::env::temp_dir().join(name))
            }
            Place::Sim => Self::Sim(SimDisk::new()),
        }
    }

    fn storage(&self) -> Result<Arc<dyn Storage>, String> {
        Ok(match self {
            Self::Memory(memory) => Arc::new(memory.clone()),
            Self::Files(folder) => Arc::new(FileStorage::new(folder).map_err(|e| e.to_string())?),
            Self::Sim(disk) => Arc::new(disk.clone()),
        })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Backing::Files(folder) = &self.backing {
            drop(self.log.close());
            drop(std::fs::remove_dir_all(folder));
        }
    }
}

impl World {
    fn new(place: Place, seed: u64) -> Result<Self, String> {
        let backing = Backing::new(place, seed);
        let clock = ManualClock::new(1_000_000);
        let log = open(&backing, &clock)?;
        let (followers, holds) = (Vec::new(), Vec::new());
        Ok(Self { backing, clock, log, model: Model::new(), told: 0, followers, holds })
    }

    fn step(&mut self, op: Op) -> Result<(), String> {
        self.clock.advance(std::time::Duration::from_micros(100));
        match op {
            Op::Append { records, bytes, seed } => {
                let mut rng = Rng::new(seed);
                let drawn: Vec<_> = (0..records).map(|_| Expected::draw(&mut rng, bytes)).collect();
                self.append(batch_of(&drawn), drawn, 0)
            }
            Op::Ask { records, seed } => self.ask(records, seed),
            Op::Conditional { behind, seed } => self.append_expecting(behind, seed),
            Op::Read { share } => self.model.check_from(&self.log, self.at(share)),
            Op::Follow { share } => self.follow(self.at(share)),
            Op::Advance { frames } => self.advance(frames),
            Op::Hold { share } => {
                let from = self.at(share).max(self.model.first());
                self.holds.push((self.log.hold(from).map_err(text)?, from));
                Ok(())
            }
            Op::Release => {
                self.holds.clear();
                Ok(())
            }
            Op::Trim { share } => self.trim(self.at(share)),
            Op::Roll => self.log.roll().map_err(text),
            Op::Mark => {
                self.log.mark();
                Ok(())
            }
            Op::Reopen { kill } => self.reopen(kill),
            Op::Backup => self.backup(),
        }
    }

    /// A seq at a share of the log, sometimes just outside of it.
    fn at(&self, share: u64) -> Seq {
        Seq::new(self.model.tail().next().get() * share / 1_000).max(Seq::FIRST)
    }

    /// Appends a batch of which `records` come; the decider is told of so many of them.
    fn append(&mut self, batch: Batch, records: Vec<Expected>, told: u64) -> Result<(), String> {
        let leaves_room = batch.stored_bytes() < LARGE_BYTES;
        let committed = match self.log.append(batch).wait() {
            Ok(committed) => committed,
            Err(AppendError::TooLarge { .. }) if records.len() > 5 => return Ok(()),
            Err(other) => return Err(text(other)),
        };
        let first = self.model.tail();
        let last_offset = self.model.append(records);
        let last = self.model.tail().previous();
        if (committed.first, committed.last, committed.last_offset) != (first, last, last_offset) {
            return Err(format!(
                "{committed:?} instead of {first} to {last}, offset {last_offset}"
            ));
        }
        self.after_turn(told, leaves_room);
        Ok(())
    }

    fn ask(&mut self, records: u64, seed: u64) -> Result<(), String> {
        let mut rng = Rng::new(seed);
        let own: Vec<_> = (0..records).map(|_| Expected::draw(&mut rng, 300)).collect();
        let (batch, outcome) = order_of(&own, &mut rng, self.told);
        let told = outcome.len() as u64;
        self.append(batch, outcome, told)
    }

    /// Takes in what the decider adds of its own at the end of a turn in which it was told of so many
    /// records.
    fn after_turn(&mut self, told: u64, leaves_room: bool) {
        let is_due = MORE.is_due(self.told);
        self.told += told;
        if is_due && (leaves_room || self.model.tail() < self.log.tail()) {
            self.model.append(vec![Expected::made(MORE_KEY, self.told)]);
            self.told += 1;
        }
    }

    fn append_expecting(&mut self, behind: u64, seed: u64) -> Result<(), String> {
        let last = self.model.tail().previous();
        let expected = Seq::new(last.get().saturating_sub(behind));
        let record = Expected::draw(&mut Rng::new(seed), 100);
        let batch = batch_of(std::slice::from_ref(&record)).expecting(expected);
        match self.log.append(batch).wait() {
            Ok(_) if expected == last => {
                self.model.append(vec![record]);
                self.after_turn(0, true);
                Ok(())
            }
            Err(AppendError::Conflict { actual, .. }) if expected != last && actual == last => {
                self.after_turn(0, true);
                Ok(())
            }
            other => Err(format!("expected {expected}, it is {last}: {other:?}")),
        }
    }

    fn follow(&mut self, from: Seq) -> Result<(), String> {
        if self.model.first() <= from && from <= self.model.tail() {
            self.followers.push((self.log.reader(Start::At(from)).map_err(text)?, from));
        }
        Ok(())
    }

    fn advance(&mut self, frames: u64) -> Result<(), String> {
        let model = &self.model;
        let mut kept = Vec::new();
        'followers: for (mut reader, mut next) in self.followers.drain(..) {
            for _ in 0..frames {
                match reader.try_next() {
                    Ok(Some(frame)) => next = model.check_frame(&frame, next)?,
                    Ok(None) if next == model.tail() => break,
                    Ok(None) => return Err(format!("a follower stopped at {next}")),
                    Err(ReadError::Trimmed { .. }) if next < model.first() => continue 'followers,
                    Err(other) => return Err(format!("a follower at {next}: {other}")),
                }
            }
            kept.push((reader, next));
        }
        self.followers = kept;
        Ok(())
    }

    fn trim(&mut self, before: Seq) -> Result<(), String> {
        let held = self.holds.iter().map(|(_, from)| *from).min().unwrap_or(before);
        let removed = self.log.trim(before).map_err(text)?;
        let first = self.log.first();
        let allowed = before.min(held).max(self.model.first());
        if allowed < first || first.get() - self.model.first().get() != removed {
            return Err(format!("trimmed {removed} up to {first}, allowed was {allowed}"));
        }
        self.model.trim(first);
        Ok(())
    }

    fn reopen(&mut self, kill: bool) -> Result<(), String> {
        self.followers.clear();
        self.holds.clear();
        match &mut self.backing {
            Backing::Sim(disk) if kill => *disk = disk.restart(),
            Backing::Sim(_) | Backing::Memory(_) | Backing::Files(_) => {
                self.log.close().map_err(text)?;
            }
        }
        self.log = open(&self.backing, &self.clock)?;
        self.told = 0;
        if !kill && !self.log.open_report().was_closed {
            return Err(format!("a closed log opened with {:?}", self.log.open_report()));
        }
        self.check()
    }

    fn backup(&self) -> Result<(), String> {
        let (target, restored) = (MemoryStorage::new(), MemoryStorage::new());
        self.log.backup(&target).map_err(|error: UpkeepError| text(error))?;
        let environment = Environment::with_storage(Arc::new(restored.clone()));
        restore(&target, &environment).map_err(text)?;
        let copy = Log::open_with(environment, options()).map_err(text)?;
        if copy.epoch() == self.log.epoch() {
            return Err("a restored log has its old epoch".to_owned());
        }
        self.model.check(&copy)?;
        copy.close().map_err(text)?;
        let found = verify(&restored).map_err(text)?;
        if found.damages.is_empty() { Ok(()) } else { Err(format!("{found:?}")) }
    }

    fn check(&self) -> Result<(), String> {
        self.model.check(&self.log)
    }
}

fn open(backing: &Backing, clock: &ManualClock) -> Result<Log, String> {
    let mut environment = Environment::with_storage(backing.storage()?);
    environment.clock = Arc::new(clock.clone());
    let log = Log::open_with(environment, options()).map_err(text)?;
    log.set_decider(Box::new(Maker::new(MORE)));
    Ok(log)
}

fn text(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
