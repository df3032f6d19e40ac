//! Makes what the bus remembers from its last checkpoint and the log behind it, and saves the next one.
//!
//! The next checkpoint is made by reading on from the one before, never from the live state: so it says what
//! the log says, and a start that reads it does what a start that reads the log would do.

use std::sync::{Condvar, Mutex, MutexGuard};

use arrw_bus::Memory;
use arrw_log::{Checkpoint, Hold, Log, OpenError, ReadError, Reader, Seq, Start};

use crate::retention::Keeper;

/// Name of the checkpoint's file.
const NAME: &str = "bus";

/// The memory as of a record, which follows the log a little behind.
#[derive(Debug)]
pub(crate) struct Shadow {
    memory: Memory,
    reader: Reader,
    /// What was not read yet must not be trimmed.
    hold: Hold,
    /// The record that the last checkpoint was made of.
    saved: Option<Seq>,
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
        let from = saved.map_or(log.first(), |seq| seq.next().max(log.first()));
        let reader = log.reader(Start::At(from)).map_err(|error| failed(error.into()))?;
        let hold = log.hold(from).map_err(|error| failed(error.into()))?;
        let mut shadow = Self { memory, reader, hold, saved };
        shadow.read_on().map_err(|error| failed(error.into()))?;
        Ok(shadow)
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Takes in all that was committed since.
    fn read_on(&mut self) -> Result<(), ReadError> {
        loop {
            match self.reader.try_next() {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    for record in frame.records() {
                        self.memory.apply(&record);
                    }
                }
                // A repair gave them up: nobody knows more.
                Err(ReadError::Lost { .. }) => (),
                Err(other) => return Err(other),
            }
        }
        self.hold.advance(self.reader.next_seq());
        Ok(())
    }

    /// Reads on and saves what came of it. What fails is tried again with the next one; a disk that failed
    /// has stopped the log.
    fn save(&mut self, log: &Log) {
        if self.read_on().is_err() {
            return;
        }
        let seq = self.reader.next_seq().previous();
        if self.saved == Some(seq) {
            return;
        }
        self.memory.forget_floors(log.first());
        let checkpoint = Checkpoint { seq, bytes: self.memory.encode() };
        if log.save_checkpoint(NAME, &checkpoint).is_ok() {
            self.saved = Some(seq);
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

    /// So many bytes were committed.
    pub(crate) fn add(&self, bytes: u64) {
        let mut state = self.lock();
        let before = state.bytes;
        state.bytes += bytes;
        if before < self.every_bytes && self.every_bytes <= state.bytes {
            self.changed.notify_one();
        }
    }

    /// Has the last one saved.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_one();
    }

    /// Saves checkpoints and keeps topics to their retention, as a thread of its own, until it is closed.
    pub(crate) fn save_until_closed(&self, mut shadow: Shadow, keeper: &Keeper) {
        loop {
            let mut state = self.lock();
            while state.bytes < self.every_bytes && !state.closing {
                state = self.changed.wait(state).expect("no holder of this lock panics");
            }
            state.bytes = 0;
            let closing = state.closing;
            drop(state);
            shadow.save(&keeper.log);
            if closing {
                return;
            }
            // What fails now is tried again with the next one, and told to whoever calls it by hand.
            let _failed = keeper.enforce();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}
