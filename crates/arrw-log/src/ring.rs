//! The newest frames in memory, shared by all readers, and the tail that they wait at.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;
use std::time::Duration;

use crate::frame::Frame;
use crate::limits::RING_FRAMES_MAX;
use crate::position::Seq;
use crate::sync::{self, AtomicU64, Condvar, Mutex, Ordering, lock};

/// What the ring has for a reader.
#[derive(Debug)]
pub(crate) enum FromRing {
    /// The frame with the record.
    Frame(Frame),
    /// The record is older than what is kept in memory: read the disk.
    Older,
    /// The record does not exist yet.
    Tail,
}

#[derive(Debug)]
struct State {
    /// Each with the bytes of all before it since the start.
    frames: VecDeque<(u64, Frame)>,
    bytes: usize,
    /// Bytes of all frames since the start.
    pushed: u64,
    tail: Seq,
    /// One for each waiting reader, by its number.
    wakers: BTreeMap<u64, Waker>,
    sleepers: usize,
    closed: bool,
}

impl State {
    /// The frame with a record, which is there.
    fn holding(&self, seq: Seq) -> Option<&(u64, Frame)> {
        let after = self.frames.partition_point(|(_, frame)| frame.first() <= seq);
        after.checked_sub(1).map(|at| &self.frames[at])
    }
}

/// The ring. Bounded in bytes and in frames: the oldest make room, and readers that still need them go
/// to the disk. Readers are woken once for a frame, however many records it has, and by
/// [`wake`](Self::wake) alone: a waker may run anything, so nobody may hold a lock of the log then.
#[derive(Debug)]
pub(crate) struct Ring {
    state: Mutex<State>,
    /// The tail again, so that a reader that is up to date need not take the lock.
    tail: AtomicU64,
    changed: Condvar,
    bytes_max: usize,
}

impl Ring {
    /// An empty ring of a log that ends before `tail`.
    pub(crate) fn new(tail: Seq, bytes_max: usize) -> Self {
        let state = State {
            frames: VecDeque::new(),
            bytes: 0,
            pushed: 0,
            tail,
            wakers: BTreeMap::new(),
            sleepers: 0,
            closed: false,
        };
        let tail = AtomicU64::new(tail.get());
        Self { state: Mutex::new(state), tail, changed: Condvar::new(), bytes_max }
    }

    /// The seq that the next record will get.
    pub(crate) fn tail(&self) -> Seq {
        Seq::new(self.tail.load(Ordering::Acquire))
    }

    /// Adds a frame of records behind the others. Who waits for it is still to be woken.
    pub(crate) fn push(&self, frame: Frame) {
        let mut state = lock(&self.state);
        state.tail = frame.header().end_seq();
        let before = state.pushed;
        state.bytes += frame.stored().len();
        state.pushed += frame.stored().len() as u64;
        state.frames.push_back((before, frame));
        while self.bytes_max < state.bytes || RING_FRAMES_MAX < state.frames.len() {
            let Some((_, oldest)) = state.frames.pop_front() else { break };
            state.bytes -= oldest.stored().len();
        }
        self.tail.store(state.tail.get(), Ordering::Release);
    }

    /// Nothing more will come. Who waits is still to be woken.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
    }

    /// Wakes all who wait; those whose record is not there yet wait again.
    pub(crate) fn wake(&self) {
        let mut state = lock(&self.state);
        let wakers = std::mem::take(&mut state.wakers);
        if state.sleepers > 0 {
            self.changed.notify_all();
        }
        drop(state);
        for waker in wakers.into_values() {
            sync::wake(waker);
        }
    }

    /// The frame with `seq`, or where else to look.
    pub(crate) fn get(&self, seq: Seq) -> FromRing {
        if self.tail() <= seq {
            return FromRing::Tail;
        }
        let state = lock(&self.state);
        match state.holding(seq) {
            Some((_, frame)) => FromRing::Frame(frame.clone()),
            None => FromRing::Older,
        }
    }

    /// Bytes of the frames from the one with `seq` on; `None` when that is not in memory.
    pub(crate) fn bytes_from(&self, seq: Seq) -> Option<u64> {
        let state = lock(&self.state);
        if state.tail <= seq {
            return Some(0);
        }
        state.holding(seq).map(|(before, _)| state.pushed - before)
    }

    /// Waits on this thread until `seq` exists; false when the time is over or the log was closed.
    pub(crate) fn wait(&self, seq: Seq, timeout: Option<Duration>) -> bool {
        let mut state = lock(&self.state);
        while state.tail <= seq && !state.closed {
            state.sleepers += 1;
            let timed_out;
            (state, timed_out) = match timeout {
                None => (self.changed.wait(state).expect("no holder of this lock panics"), false),
                Some(time) => {
                    let (state, result) = self
                        .changed
                        .wait_timeout(state, time)
                        .expect("no holder of this lock panics");
                    (state, result.timed_out())
                }
            };
            state.sleepers -= 1;
            if timed_out {
                break;
            }
        }
        seq < state.tail
    }

    /// Has a task woken when `seq` exists; false when it exists already or the log was closed.
    pub(crate) fn wake_at(&self, seq: Seq, reader: u64, waker: &Waker) -> bool {
        let mut state = lock(&self.state);
        if seq < state.tail || state.closed {
            return false;
        }
        state.wakers.insert(reader, waker.clone());
        true
    }

    /// Forgets a reader that waited.
    pub(crate) fn forget(&self, reader: u64) {
        lock(&self.state).wakers.remove(&reader);
    }

    /// True when nothing more will come.
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }
}
