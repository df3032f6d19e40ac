//! The bounded queue of batches that wait for the writer, laid out as the frames they will be.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;
use std::time::Duration;

use crate::decide::Question;
use crate::frame::{FRAME_HEADER_BYTES, frame_len};
use crate::limits::FRAME_BYTES_TARGET;
use crate::position::Seq;
use crate::record::{Batch, Urgency};
use crate::sync::{self, Arc, Condvar, Mutex, MutexGuard, lock};
use crate::ticket::{Answers, Ticket};

/// What the writer must know of a batch besides its records.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Bytes of its records.
    pub(crate) bytes: usize,
    pub(crate) records: u32,
    /// Bytes that the decider may add.
    pub(crate) reserved: usize,
    pub(crate) expected_last: Option<Seq>,
    /// For the log's decider.
    pub(crate) question: Option<Question>,
    pub(crate) urgency: Urgency,
    /// The task to be woken when it is answered.
    pub(crate) waker: Option<Waker>,
}

/// Batches that will be one frame.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Room for the frame's header, then the records, their places still blank.
    pub(crate) frame: Vec<u8>,
    /// Bytes that the decider may add for them.
    reserved: usize,
    pub(crate) entries: Vec<Entry>,
    pub(crate) answers: Arc<Answers>,
}

impl Chunk {
    fn new(mut frame: Vec<u8>, batches: usize) -> Self {
        frame.clear();
        frame.resize(FRAME_HEADER_BYTES, 0);
        let (entries, answers) = (Vec::with_capacity(batches), Arc::new(Answers::new()));
        Self { frame, reserved: 0, entries, answers }
    }

    /// Bytes that its records may take, before any is decided.
    pub(crate) fn bytes(&self) -> usize {
        self.frame.len() - FRAME_HEADER_BYTES + self.reserved
    }

    /// Wakes the tasks whose answers were given.
    pub(crate) fn wake(&mut self) {
        for waker in self.entries.iter_mut().filter_map(|entry| entry.waker.take()) {
            sync::wake(waker);
        }
        self.answers.wake();
    }
}

/// Who commits a batch that is put in.
#[derive(Debug)]
pub(crate) enum Wake {
    /// The writer thread, if there is one: the caller goes on with other things. It may have a task to
    /// be woken.
    Writer(Option<Waker>),
    /// The caller, who is about to try.
    Nobody,
}

/// Why a batch was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No room now.
    Busy,
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
    chunks: VecDeque<Chunk>,
    batches: usize,
    bytes: usize,
    /// Memory of a frame that was written, for the next chunk.
    free: Vec<u8>,
    /// Batches of the last chunk: the next one will have about as many.
    last_batches: usize,
    thread: Thread,
    /// One for each task that waits for room, by its number.
    room_wakers: BTreeMap<u64, Waker>,
    room_waiters: usize,
    closed: bool,
}

/// The queue. One lock, held for a copy of the batch; no lock is taken while it is held.
#[derive(Debug)]
pub(crate) struct Intake {
    state: Mutex<State>,
    work: Condvar,
    room: Condvar,
    batches_max: usize,
    bytes_max: usize,
    frame_bytes_max: usize,
}

impl Intake {
    /// A queue for so many batches with so many bytes in all, in frames of at most that many bytes.
    pub(crate) fn new(batches_max: usize, bytes_max: usize, frame_bytes_max: usize) -> Self {
        let state = State {
            chunks: VecDeque::new(),
            batches: 0,
            bytes: 0,
            free: Vec::new(),
            last_batches: 0,
            thread: Thread::Busy,
            room_wakers: BTreeMap::new(),
            room_waiters: 0,
            closed: false,
        };
        let (work, room) = (Condvar::new(), Condvar::new());
        Self { state: Mutex::new(state), work, room, batches_max, bytes_max, frame_bytes_max }
    }

    /// Bytes that a batch may have, with those that it reserves.
    pub(crate) fn batch_bytes_max(&self) -> usize {
        self.frame_bytes_max - FRAME_HEADER_BYTES
    }

    /// Puts a batch in if there is room. It must fit into a frame.
    pub(crate) fn put(&self, batch: &Batch, wake: Wake) -> Result<Ticket, Refused> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(Refused::Closed);
        }
        let bytes = batch.stored_bytes_max();
        if !self.has_room(&state, bytes) {
            return Err(Refused::Busy);
        }
        let (waker, wakes) = match wake {
            Wake::Writer(waker) => (waker, true),
            Wake::Nobody => (None, false),
        };
        state.batches += 1;
        state.bytes += bytes;
        let chunk = self.chunk_for(&mut state, bytes);
        let ticket = Ticket::new(Arc::clone(&chunk.answers), chunk.entries.len());
        chunk.frame.extend_from_slice(batch.bytes());
        chunk.reserved += batch.reserved();
        chunk.entries.push(Entry {
            bytes: batch.stored_bytes(),
            records: batch.records(),
            reserved: batch.reserved(),
            expected_last: batch.expected_last(),
            question: batch.question().cloned(),
            urgency: batch.urgency(),
            waker,
        });
        if wakes {
            self.wake_thread(state);
        }
        Ok(ticket)
    }

    /// The last chunk if the batch fits into it, else a new one.
    fn chunk_for<'a>(&self, state: &'a mut State, bytes: usize) -> &'a mut Chunk {
        let target = FRAME_BYTES_TARGET.min(self.frame_bytes_max);
        let fits = |chunk: &Chunk| frame_len(chunk.bytes() + bytes) <= target;
        if !state.chunks.back().is_some_and(fits) {
            let memory = std::mem::take(&mut state.free);
            state.chunks.push_back(Chunk::new(memory, state.last_batches));
        }
        state.chunks.back_mut().expect("there is one now")
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

    /// Takes what will be the next frame. Tasks that wait for room are still to be woken.
    pub(crate) fn take(&self) -> Option<Chunk> {
        let mut state = lock(&self.state);
        let chunk = state.chunks.pop_front()?;
        state.batches -= chunk.entries.len();
        state.bytes -= chunk.bytes();
        state.last_batches = chunk.entries.len();
        if state.room_waiters > 0 {
            self.room.notify_all();
        }
        Some(chunk)
    }

    /// Wakes the tasks that wait for room; those for whom it is not enough wait again.
    pub(crate) fn wake(&self) {
        let wakers = std::mem::take(&mut lock(&self.state).room_wakers);
        for waker in wakers.into_values() {
            sync::wake(waker);
        }
    }

    /// Gives back the memory of a frame that was written.
    pub(crate) fn give_back(&self, memory: Vec<u8>) {
        let mut state = lock(&self.state);
        if state.free.capacity() < memory.capacity() && memory.capacity() <= 2 * FRAME_BYTES_TARGET
        {
            state.free = memory;
        }
    }

    /// True when batches are waiting.
    pub(crate) fn has_work(&self) -> bool {
        !lock(&self.state).chunks.is_empty()
    }

    /// Wakes the writer thread if batches are waiting, or if it sleeps for ever and must mind the time.
    pub(crate) fn hand_over(&self, mind_the_time: bool) {
        let state = lock(&self.state);
        if !state.chunks.is_empty() || (mind_the_time && state.thread == Thread::WaitingForEver) {
            self.wake_thread(state);
        }
    }

    /// Waits, as the writer thread, for work; for at most `quiet` if that is given.
    pub(crate) fn wait_for_work(&self, quiet: Option<Duration>) -> Found {
        let mut state = lock(&self.state);
        if state.chunks.is_empty() && !state.closed {
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
        match (state.chunks.is_empty(), state.closed) {
            (false, _) => Found::Work,
            (true, true) => Found::Closed,
            (true, false) => Found::Quiet,
        }
    }

    /// Lets nothing more in, and wakes the threads that wait. Tasks are still to be woken.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.room.notify_all();
        self.work.notify_all();
    }

    /// Batches and bytes that wait.
    pub(crate) fn depth(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.batches, state.bytes)
    }

    fn has_room(&self, state: &State, bytes: usize) -> bool {
        state.batches == 0
            || (state.batches < self.batches_max && state.bytes + bytes <= self.bytes_max)
    }

    fn wake_thread(&self, mut state: MutexGuard<'_, State>) {
        if state.thread != Thread::Busy {
            state.thread = Thread::Busy;
            drop(state);
            self.work.notify_one();
        }
    }
}
