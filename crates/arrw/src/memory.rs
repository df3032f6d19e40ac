//! Makes what the bus remembers from its last checkpoint and the log behind it, and saves the next one.
//!
//! The next checkpoint is made by reading on from the one before, never from the live state: so it says what
//! the log says, and a start that reads it does what a start that reads the log would do.
//!
//! Before it is saved, its digest is compared with that of the live state as of the same record. Where the two
//! differ one of them is wrong and nobody knows which: the last good checkpoint stays, what stands behind it is
//! not trimmed, and an [alarm](Alarm) is raised.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};

use arrw_bus::{Memory, OnDisk};
use arrw_log::{Checkpoint, Hold, Log, OpenError, ReadError, Reader, Record, Seq, Start};

use crate::jobs::limits::JOBS_SAVED_EVERY;
use crate::jobs::memory::Saver;
use crate::jobs::rules::Core;
use crate::retention::Keeper;

/// Name of the checkpoint's file.
const NAME: &str = "bus";

/// Something that an operator must know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Alarm {
    /// What the bus remembers is not what the log says, as of a record: it may answer an id or a consumer
    /// wrongly. Opening the database again makes it from the last good checkpoint and the log; please report it.
    Diverged {
        /// The record up to which the two were compared.
        at: Seq,
    },
}

impl std::fmt::Display for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Diverged { at } => write!(
                f,
                "what the bus remembers differs from what the log says as of record {at}: restart to make it \
                 again from the log, and report this"
            ),
        }
    }
}

/// The first alarm that was raised, if any.
pub(crate) type Alarms = Arc<OnceLock<Alarm>>;

/// The memory as of a record, which follows the log a little behind.
#[derive(Debug)]
pub(crate) struct Shadow {
    memory: Memory,
    reader: Reader,
    /// What is not in a checkpoint yet must not be trimmed.
    hold: Hold,
    /// The record that the last checkpoint was made of.
    saved: Option<Seq>,
    alarms: Alarms,
}

impl Shadow {
    /// Makes the memory of all that the log holds.
    pub(crate) fn open(log: &Log) -> Result<Self, OpenError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| OpenError::Io {
            action: "make what the bus remembers from the log".to_owned(),
            source: std::io::Error::other(source),
        };
        let loaded = log.load_checkpoint(NAME).map_err(|error| failed(error.into()))?;
        let decoded = loaded
            .and_then(|checkpoint| Some((Memory::decode(&checkpoint.bytes)?, checkpoint.seq)));
        let (memory, saved) = match decoded {
            Some((memory, seq)) => (memory, Some(seq)),
            None => (Memory::default(), None),
        };
        let from = first_behind(log, saved);
        let reader = log.reader(Start::At(from)).map_err(|error| failed(error.into()))?;
        let hold = log.hold(from).map_err(|error| failed(error.into()))?;
        let mut shadow = Self { memory, reader, hold, saved, alarms: Alarms::default() };
        shadow.read_to(log.tail()).map_err(|error| failed(error.into()))?;
        Ok(shadow)
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// About how many bytes of log a start now would read for what the bus remembers.
    fn behind(&self, log: &Log) -> u64 {
        bytes_behind(log, self.saved)
    }

    /// Where this raises its alarms.
    pub(crate) fn alarms(&self) -> Alarms {
        Arc::clone(&self.alarms)
    }

    /// Takes in all that was committed before `end`, where a frame ends.
    fn read_to(&mut self, end: Seq) -> Result<(), ReadError> {
        read_to(&mut self.reader, end, |record| self.memory.apply(record))
    }

    /// Reads on and saves what came of it. What fails is tried again with the next one; a disk that failed
    /// has stopped the log.
    fn save(&mut self, log: &Log, live: &OnDisk) {
        let (seq, digest) = log.between_commits(|position| (position.seq, live.digest()));
        if self.saved == Some(seq) || self.read_to(seq.next()).is_err() {
            return;
        }
        if self.memory.digest() != digest {
            let _raised_before = self.alarms.set(Alarm::Diverged { at: seq });
        }
        if self.alarms.get().is_some() {
            return;
        }
        self.memory.forget_floors(log.first());
        let checkpoint = Checkpoint { seq, bytes: self.memory.encode() };
        if log.save_checkpoint(NAME, &checkpoint).is_ok() {
            self.saved = Some(seq);
            self.hold.advance(seq.next());
        }
    }
}

/// Has a view take in all that was committed before `end`, where a frame ends.
pub(crate) fn read_to(
    reader: &mut Reader,
    end: Seq,
    mut apply: impl FnMut(&Record<'_>),
) -> Result<(), ReadError> {
    while reader.next_seq() < end {
        match reader.try_next() {
            Ok(None) => break,
            Ok(Some(frame)) => frame.records().for_each(|record| apply(&record)),
            // A repair gave them up: nobody knows more.
            Err(ReadError::Lost { .. }) => (),
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

/// The first record that is not in a checkpoint, of those that are kept.
pub(crate) fn first_behind(log: &Log, saved: Option<Seq>) -> Seq {
    saved.map_or(log.first(), |seq| seq.next().max(log.first()))
}

/// About how many bytes of log stand behind a checkpoint. What cannot be read now is found out later.
pub(crate) fn bytes_behind(log: &Log, saved: Option<Seq>) -> u64 {
    log.bytes_from(first_behind(log, saved)).unwrap_or_default()
}

/// What saves the checkpoints of all views.
#[derive(Debug)]
pub(crate) struct Savers {
    shadow: Shadow,
    jobs: Saver,
    core: Arc<Core>,
    /// Bytes of log for one checkpoint of the jobs.
    jobs_every_bytes: u64,
}

impl Savers {
    /// `every_bytes` of log are for one checkpoint of the bus.
    pub(crate) fn new(shadow: Shadow, jobs: Saver, core: Arc<Core>, every_bytes: u64) -> Self {
        Self { shadow, jobs, core, jobs_every_bytes: every_bytes.saturating_mul(JOBS_SAVED_EVERY) }
    }

    /// What to begin to count with: about how many bytes of log this start read. Else a database whose lives are all short
    /// would never save, and each start would read more than the one before.
    pub(crate) fn behind(&self, log: &Log) -> u64 {
        self.shadow.behind(log).max(self.jobs.behind(log) / JOBS_SAVED_EVERY)
    }

    /// Saves what is to be saved this time, and keeps topics to their retention; when closing, all of it.
    pub(crate) fn save(&mut self, keeper: &Keeper, closing: bool) {
        self.shadow.save(&keeper.log, &keeper.committed);
        if closing || self.jobs_every_bytes <= self.jobs.behind(&keeper.log) {
            self.jobs.save(&keeper.log, &self.core);
        }
        self.core.bell.ring();
        keeper.floors.forget(keeper.log.first());
        if !closing {
            // What fails now is tried again with the next one, and told to whoever calls it by hand.
            let _failed = keeper.enforce();
        }
    }
}

/// When to save the next checkpoint.
#[derive(Debug)]
pub(crate) struct Due {
    /// Bytes of log between two checkpoints. About what a start reads, and what retention is held up by.
    every_bytes: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: u64,
    closing: bool,
}

impl Due {
    /// A checkpoint is due after so many bytes of log.
    pub(crate) fn every(every_bytes: u64) -> Self {
        Self { every_bytes, state: Mutex::new(State::default()), changed: Condvar::new() }
    }

    /// So many bytes were committed, or are behind the last checkpoint at the start.
    pub(crate) fn add(&self, bytes: u64) {
        let mut state = self.lock();
        let before = state.bytes;
        state.bytes += bytes;
        if before < self.every_bytes && self.every_bytes <= state.bytes {
            self.changed.notify_one();
        }
    }

    /// True when one is due; the next one is due later then.
    pub(crate) fn take(&self) -> bool {
        let mut state = self.lock();
        let is_due = self.every_bytes <= state.bytes;
        if is_due {
            state.bytes = 0;
        }
        is_due
    }

    /// Has the last one saved.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_one();
    }

    /// Saves checkpoints and keeps topics to their retention, as a thread of its own, until it is closed.
    pub(crate) fn save_until_closed(&self, savers: &mut Savers, keeper: &Keeper) {
        loop {
            let mut state = self.lock();
            while state.bytes < self.every_bytes && !state.closing {
                state = self.changed.wait(state).expect("no holder of this lock panics");
            }
            state.bytes = 0;
            let closing = state.closing;
            drop(state);
            savers.save(keeper, closing);
            if closing {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

#[cfg(test)]
mod tests {
    use arrw_bus::{Ask, IdAsk, IdAsks, NewEvent, Rules};
    use arrw_log::{Batch, Environment, Epoch, Frame, MemoryStorage, Timestamp};

    use super::*;

    fn with_id(id: &str) -> Batch {
        let event = NewEvent { id: Some(id), ..NewEvent::new("orders", b"{}") };
        let mut batch = Batch::new();
        event.push_to(&mut batch).unwrap();
        let ask = Ask::Ids(IdAsks::new(
            batch.into_iter().filter_map(|record| IdAsk::of(&event, &record)),
        ));
        batch.asking(Arc::new(ask))
    }

    #[test]
    fn a_memory_that_differs_is_not_saved_and_raises_an_alarm() {
        let environment = Environment::with_storage(Arc::new(MemoryStorage::new()));
        let log = Log::open_with(environment, arrw_log::Options::default()).unwrap();
        let mut shadow = Shadow::open(&log).unwrap();
        let rules = Rules::new(log.epoch(), shadow.memory().clone());
        let live = rules.committed();
        log.set_decider(Box::new(rules));
        let saved = || log.load_checkpoint(NAME).unwrap().map(|checkpoint| checkpoint.seq);

        let first = log.append(with_id("a")).wait().unwrap().last;
        shadow.save(&log, &live);
        assert_eq!((saved(), shadow.alarms().get()), (Some(first), None));

        let frame = Frame::in_memory(
            with_id("b"),
            first.next(),
            Timestamp::from_micros(0),
            Epoch::from_random(1),
        );
        shadow.memory.apply(&frame.records().next().unwrap());
        let second = log.append(with_id("c")).wait().unwrap().last;
        shadow.save(&log, &live);
        let alarm = Alarm::Diverged { at: second };
        assert_eq!((saved(), shadow.alarms().get()), (Some(first), Some(&alarm)));
        log.append(with_id("d")).wait().unwrap();
        shadow.save(&log, &live);
        assert_eq!(saved(), Some(first));
        assert!(alarm.to_string().contains("as of record 2"), "{alarm}");
    }
}
