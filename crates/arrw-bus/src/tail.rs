//! Volatile topics: the newest events in memory, which their subscribers share.
//!
//! A publisher adds to the open batch; a subscriber that comes for more closes it, and from then on it is
//! read without a lock by all. So an idle bus hands an event over alone, and a busy one thousands at once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;

use arrw_log::{Batch, Blocks, Epoch, Frame, Position, Seq, Timestamp};

use crate::event::{EventError, NewEvent};
use crate::limits::{
    LOCK_TRIES, SUBSCRIPTIONS_MAX, TAIL_BATCH_BYTES, TAIL_BATCH_MICROS, TAIL_FRAMES_MAX,
    TAIL_FRAMES_READ, TOPICS_COUNTED_MAX,
};
use crate::registry::{Listed, Registry, Rest, SubscriberId, Wakes, show_all};
use crate::subscriber::{Delivered, Subscriber};

/// The order of all volatile events since the start: its seqs are its own, and its epoch is of this start
/// alone, so that no position outlives it.
#[derive(Debug)]
pub struct Tail {
    epoch: Epoch,
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    registry: Registry,
    /// Closed batches, oldest first, each with the bytes of all before it since the start.
    frames: VecDeque<(u64, Frame)>,
    bytes: usize,
    /// Bytes of all closed batches since the start.
    closed: u64,
    counts: Counts,
    /// Memory of a batch that made room, and that of small batches.
    spare: Option<Vec<u8>>,
    blocks: Blocks,
    /// What was published since, its first event and its time.
    open: Batch,
    open_first: Seq,
    open_time: Timestamp,
}

/// A subscriber of volatile topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailId(SubscriberId);

/// What there is for a subscriber.
#[derive(Debug, PartialEq, Eq)]
pub enum Got {
    /// Frames were added to those that it has.
    Frames,
    /// What it wanted has made room for newer events; the oldest that is there.
    Gap(Seq),
    /// Nothing yet.
    Nothing,
}

impl Tail {
    /// An empty one. Keeps about `bytes_max` of newest events.
    #[must_use]
    pub fn new(epoch: Epoch, bytes_max: usize, seed: u64) -> Self {
        let state = State {
            registry: Registry::new(Seq::FIRST, seed),
            frames: VecDeque::new(),
            bytes: 0,
            closed: 0,
            counts: Counts::default(),
            spare: None,
            blocks: Blocks::default(),
            open: Batch::with_capacity(TAIL_BATCH_BYTES),
            open_first: Seq::FIRST,
            open_time: Timestamp::default(),
        };
        Self { epoch, bytes_max, state: Mutex::new(state) }
    }

    /// The position behind the last event.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch, seq: self.lock().registry.next().previous() }
    }

    /// Events that were published since the start.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.lock().registry.published()
    }

    /// The epoch of this start.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Adds an event, on the calling thread, and wakes who wants it. Never waits for a subscriber.
    ///
    /// # Errors
    /// When the event cannot be.
    pub fn publish(&self, event: &NewEvent<'_>, now: Timestamp) -> Result<Seq, EventError> {
        let mut wakes = Wakes::default();
        let mut state = self.lock();
        if state.is_due(event, now) {
            state.close_batch(self.epoch, self.bytes_max);
        }
        event.push_to(&mut state.open)?;
        let seq = state.registry.next();
        if state.open.records() == 1 {
            (state.open_first, state.open_time) = (seq, now);
        }
        state.counts.add(event.topic);
        state.registry.note(event.topic, seq, &mut wakes);
        state.registry.noted(seq.next());
        drop(state);
        wakes.wake();
        Ok(seq)
    }

    /// Adds a subscriber, who is awake, and the seq of the next event; `None` when there are too many.
    pub fn add(&self, subscriber: &Arc<Subscriber>) -> Option<(TailId, Seq)> {
        let mut state = self.lock();
        let id = state.registry.add(subscriber, SUBSCRIPTIONS_MAX)?;
        Some((TailId(id), state.registry.next()))
    }

    /// Takes a subscriber out.
    pub fn remove(&self, id: TailId) {
        self.lock().registry.remove(id.0);
    }

    /// Takes what there is from `from` on, some frames at most.
    pub fn read(&self, from: Seq, into: &mut VecDeque<Frame>) -> Got {
        let mut state = self.lock();
        if state.registry.next() <= from {
            return Got::Nothing;
        }
        // Who still has closed ones to read leaves the open one to grow.
        if !state.open.is_empty() && state.open_first <= from {
            state.close_batch(self.epoch, self.bytes_max);
        }
        let after = state.frames.partition_point(|(_, frame)| frame.first() <= from);
        let Some(at) = after.checked_sub(1) else {
            let oldest = state.frames.front().map_or(from, |(_, frame)| frame.first());
            return Got::Gap(oldest);
        };
        let frames = state.frames.range(at..).take(TAIL_FRAMES_READ);
        into.extend(frames.map(|(_, frame)| frame.clone()));
        Got::Frames
    }

    /// Lets a subscriber sleep that has read all before `from`, if it has.
    pub fn rest(&self, id: TailId, from: Seq, waker: &Waker) -> Rest {
        self.lock().registry.rest(id.0, from, waker)
    }

    /// A subscriber is about to read; answers the event that woke it, before which nothing concerns it.
    pub fn rise(&self, id: TailId) -> Option<Seq> {
        self.lock().registry.rise(id.0)
    }

    /// The event behind which a sleeping subscriber may say that it saw everything; `None` when it is awake
    /// or something has come for it.
    #[must_use]
    pub fn progress(&self, id: TailId) -> Option<Seq> {
        self.lock().registry.progress(id.0)
    }

    /// Shows all subscribers to `each`, some at a time, and answers what those were handed who are gone. Who
    /// comes or goes meanwhile may or may not be shown.
    pub fn list(&self, each: impl FnMut(Listed)) -> Delivered {
        show_all(|at, some| self.lock().registry.list(at, some), each);
        self.lock().registry.gone()
    }

    /// Bytes of the batches from the one with `from` on, or of all when that is gone, and the time of the
    /// first; `None` when there is nothing from there on.
    #[must_use]
    pub fn bytes_from(&self, from: Seq) -> Option<(u64, Timestamp)> {
        let state = self.lock();
        if state.registry.next() <= from {
            return None;
        }
        let open = state.open.stored_bytes() as u64;
        let after = state.frames.partition_point(|(_, frame)| frame.first() <= from);
        let is_open = !state.open.is_empty() && state.open_first <= from;
        match state.frames.get(after.saturating_sub(1)) {
            Some((before, frame)) if !is_open => Some((state.closed - before + open, frame.time())),
            _ => Some((open, state.open_time)),
        }
    }

    /// How many events of the first [`TOPICS_COUNTED_MAX`] topics were published since the start, by topic.
    /// Holds publishers up for some 50 ns a topic.
    #[must_use]
    pub fn published_by_topic(&self) -> Vec<(Arc<str>, u64)> {
        let mut state = self.lock();
        state.counts.settle();
        state.counts.by_topic.iter().map(|(topic, count)| (Arc::clone(topic), *count)).collect()
    }

    /// Nothing more will come: wakes all, and lets nobody sleep.
    pub fn close(&self) {
        let mut wakes = Wakes::default();
        let mut state = self.lock();
        state.registry.close(&mut wakes);
        drop(state);
        wakes.wake();
    }

    /// Locks; tries for a while before it has the system put this thread to sleep, which takes as long as
    /// hundreds of events and makes who holds the lock wake it.
    fn lock(&self) -> MutexGuard<'_, State> {
        for _ in 0..LOCK_TRIES {
            if let Ok(state) = self.state.try_lock() {
                return state;
            }
            std::hint::spin_loop();
        }
        self.state.lock().expect("no holder of this lock panics")
    }
}

/// How many events each topic had.
#[derive(Debug, Default)]
struct Counts {
    by_topic: BTreeMap<Arc<str>, u64>,
    /// The topic of the last event, and how many of it came since another had its place: the next event is
    /// often of the same one.
    recent: String,
    count: u64,
}

impl Counts {
    #[inline]
    fn add(&mut self, topic: &str) {
        if self.recent != topic {
            self.settle();
            self.recent.clear();
            self.recent.push_str(topic);
        }
        self.count += 1;
    }

    /// Brings the recent ones to those of their topic.
    fn settle(&mut self) {
        let count = std::mem::take(&mut self.count);
        let is_full = TOPICS_COUNTED_MAX <= self.by_topic.len();
        if let Some(sum) = self.by_topic.get_mut(self.recent.as_str()) {
            *sum += count;
        } else if 0 < count && !is_full {
            self.by_topic.insert(self.recent.as_str().into(), count);
        }
    }
}

impl State {
    /// True when the open batch must not take this event.
    fn is_due(&self, event: &NewEvent<'_>, now: Timestamp) -> bool {
        let age = now.micros().saturating_sub(self.open_time.micros());
        let bytes = self.open.stored_bytes().saturating_add(event.bytes());
        !self.open.is_empty() && (TAIL_BATCH_BYTES < bytes || TAIL_BATCH_MICROS <= age)
    }

    /// Makes the open batch a frame, for which the oldest make room.
    fn close_batch(&mut self, epoch: Epoch, bytes_max: usize) {
        let (first, time) = (self.open_first, self.open_time);
        let frame = if self.open.stored_bytes() <= TAIL_BATCH_BYTES / 4 {
            Frame::in_memory_copy((&mut self.open, &mut self.blocks), first, time, epoch)
        } else {
            let batch = self.open.take(TAIL_BATCH_BYTES, || {
                self.spare.take().unwrap_or_else(|| Vec::with_capacity(TAIL_BATCH_BYTES))
            });
            Frame::in_memory(batch, first, time, epoch)
        };
        self.bytes += frame.stored().len();
        let before = self.closed;
        self.closed += frame.stored().len() as u64;
        self.frames.push_back((before, frame));
        while bytes_max < self.bytes || TAIL_FRAMES_MAX < self.frames.len() {
            let Some((_, oldest)) = self.frames.pop_front() else { break };
            let len = oldest.stored().len();
            self.bytes -= len;
            if self.spare.is_none() && (TAIL_BATCH_BYTES / 2..=TAIL_BATCH_BYTES).contains(&len) {
                self.spare = oldest.into_memory();
            }
        }
    }
}
