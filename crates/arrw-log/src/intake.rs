//! The bounded queue of batches that wait for the writer.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;
use std::time::Duration;

use crate::record::Batch;
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, lock};
use crate::ticket::Ticket;

/// A batch and where its answer goes.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) batch: Batch,
    pub(crate) ticket: Arc<Ticket>,
}

/// Who commits a batch that was just put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The writer thread: the caller goes on with other things.
    Writer,
    /// The caller, who is about to try.
    Nobody,
}

/// Why a batch was not let in. It is given back.
#[derive(Debug)]
pub(crate) enum Refused {
    /// No room now.
    Busy(Batch),
    /// The log is closed.
    Closed,
}

/// What the writer thread found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Batches are waiting.
    Work,
    /// Nothing came within the time.
    Quiet,
    /// The log is closed and no batch is left.
    Closed,
}

/// What the writer thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thread {
    /// Awake, or not there at all.
    Busy,
    /// Waiting for work, to be woken for it.
    Waiting,
    /// Waiting for work, with no time set.
    WaitingForEver,
}

#[derive(Debug)]
struct State {
    waiting: VecDeque<Pending>,
    bytes: usize,
    thread: Thread,
    /// One for each task that waits for room, by its number.
    room_wakers: BTreeMap<u64, Waker>,
    room_waiters: usize,
    closed: bool,
}

/// The queue. One lock, held for a few instructions; no lock is taken while it is held.
#[derive(Debug)]
pub(crate) struct Intake {
    state: Mutex<State>,
    work: Condvar,
    room: Condvar,
    batches_max: usize,
    bytes_max: usize,
}

impl Intake {
    pub(crate) fn new(batches_max: usize, bytes_max: usize) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            bytes: 0,
            thread: Thread::Busy,
            room_wakers: BTreeMap::new(),
            room_waiters: 0,
            closed: false,
        };
        let (work, room) = (Condvar::new(), Condvar::new());
        Self { state: Mutex::new(state), work, room, batches_max, bytes_max }
    }

    /// Puts a batch in if there is room.
    pub(crate) fn put(&self, batch: Batch, wake: Wake) -> Result<Arc<Ticket>, Refused> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(Refused::Closed);
        }
        if !self.has_room(&state, batch.stored_bytes()) {
            return Err(Refused::Busy(batch));
        }
        let ticket = Arc::new(Ticket::new());
        state.bytes += batch.stored_bytes();
        state.waiting.push_back(Pending { batch, ticket: Arc::clone(&ticket) });
        if wake == Wake::Writer {
            self.wake_thread(state);
        }
        Ok(ticket)
    }

    /// Waits on this thread until there is room for `bytes`, or the log is closed.
    pub(crate) fn wait_for_room(&self, bytes: usize) {
        let mut state = lock(&self.state);
        while !state.closed && !self.has_room(&state, bytes) {
            state.room_waiters += 1;
            state = self.room.wait(state).expect("no holder of this lock panics");
            state.room_waiters -= 1;
        }
    }

    /// Has a task woken when there may be room; false when there is room for `bytes` already.
    pub(crate) fn wake_on_room(&self, bytes: usize, task: u64, waker: &Waker) -> bool {
        let mut state = lock(&self.state);
        if state.closed || self.has_room(&state, bytes) {
            return false;
        }
        state.room_wakers.insert(task, waker.clone());
        true
    }

    /// Takes batches from the front until they have `bytes` or more.
    pub(crate) fn take(&self, bytes: usize, into: &mut VecDeque<Pending>) {
        let mut state = lock(&self.state);
        let mut taken = 0;
        while taken < bytes {
            let Some(pending) = state.waiting.pop_front() else { break };
            taken += pending.batch.stored_bytes();
            into.push_back(pending);
        }
        state.bytes -= taken;
        let wakers = std::mem::take(&mut state.room_wakers);
        if state.room_waiters > 0 {
            self.room.notify_all();
        }
        drop(state);
        for waker in wakers.into_values() {
            waker.wake();
        }
    }

    /// Puts batches that did not fit into the frame back to the front.
    pub(crate) fn put_back(&self, rest: &mut VecDeque<Pending>) {
        let mut state = lock(&self.state);
        while let Some(pending) = rest.pop_back() {
            state.bytes += pending.batch.stored_bytes();
            state.waiting.push_front(pending);
        }
    }

    /// True when batches are waiting.
    pub(crate) fn has_work(&self) -> bool {
        !lock(&self.state).waiting.is_empty()
    }

    /// Wakes the writer thread if batches are waiting, or if it sleeps for ever and must mind the time.
    pub(crate) fn hand_over(&self, mind_the_time: bool) {
        let state = lock(&self.state);
        if !state.waiting.is_empty() || (mind_the_time && state.thread == Thread::WaitingForEver) {
            self.wake_thread(state);
        }
    }

    /// Waits, as the writer thread, for work; for at most `quiet` if that is given.
    pub(crate) fn wait_for_work(&self, quiet: Option<Duration>) -> Found {
        let mut state = lock(&self.state);
        if state.waiting.is_empty() && !state.closed {
            state.thread = match quiet {
                Some(_) => Thread::Waiting,
                None => Thread::WaitingForEver,
            };
            state = match quiet {
                Some(quiet) => {
                    self.work.wait_timeout(state, quiet).expect("no holder of this lock panics").0
                }
                None => self.work.wait(state).expect("no holder of this lock panics"),
            };
            state.thread = Thread::Busy;
        }
        match (state.waiting.is_empty(), state.closed) {
            (false, _) => Found::Work,
            (true, true) => Found::Closed,
            (true, false) => Found::Quiet,
        }
    }

    /// Lets nothing more in, and wakes all who wait.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let wakers = std::mem::take(&mut state.room_wakers);
        self.room.notify_all();
        self.work.notify_all();
        drop(state);
        for waker in wakers.into_values() {
            waker.wake();
        }
    }

    /// Batches and bytes that wait.
    pub(crate) fn depth(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.waiting.len(), state.bytes)
    }

    fn has_room(&self, state: &State, bytes: usize) -> bool {
        state.waiting.is_empty()
            || (state.waiting.len() < self.batches_max && state.bytes + bytes <= self.bytes_max)
    }

    fn wake_thread(&self, mut state: MutexGuard<'_, State>) {
        if state.thread != Thread::Busy {
            state.thread = Thread::Busy;
            drop(state);
            self.work.notify_one();
        }
    }
}
