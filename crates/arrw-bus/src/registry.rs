//! Who waits for which topics, and from which record on each of them has something to read.
//!
//! Subscribers read the one shared tail themselves; nothing is queued for them. A subscriber that has read
//! to the end goes to sleep here. The first event that it wants makes it due and has it woken, once,
//! however many follow; it goes on reading at that event, so what does not concern it costs it nothing.
//!
//! ```text
//!          sleep (nothing left to read)
//!  Awake --------------------------------> Asleep { from }
//!    ^                                        |  an event that it wants, at or behind `from`
//!    |          rise                          v
//!    +------------------------------------- Due(seq), its waker taken to be woken
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;

use arrw_log::Seq;

use crate::index::FilterIndex;
use crate::limits::LISTED_AT_ONCE;
use crate::planted::{Bug, is_planted};
use crate::subscriber::{Delivered, Subscriber};

/// A subscriber's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SubscriberId(u32);

/// What a subscriber is doing. See the drawing above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Awake,
    Asleep { from: Seq },
    Due(Seq),
}

#[derive(Debug)]
struct Slot {
    /// `None` when the number is free.
    subscriber: Option<Arc<Subscriber>>,
    state: State,
    waker: Option<Waker>,
}

/// What became of a subscriber that wanted to sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// It sleeps, and will be woken.
    Asleep,
    /// There may be more to read.
    More,
    /// Nothing is left and nothing will come.
    Ended,
}

/// Tasks and threads to be woken once no lock is held.
#[derive(Debug, Default)]
#[must_use = "who is not woken waits for ever"]
pub struct Wakes(Vec<Waker>);

impl Wakes {
    /// Wakes them. A waker that panics has itself to blame: the others are woken all the same.
    pub fn wake(self) {
        for waker in self.0 {
            // The panic was reported by the hook; the waker is gone with it.
            let _panicked = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }
}

/// All subscribers of one order of events.
#[derive(Debug)]
pub(crate) struct Registry {
    index: FilterIndex<SubscriberId>,
    slots: Vec<Slot>,
    free: Vec<SubscriberId>,
    /// The topic that was looked up last and who wants it: the next event is often of the same one.
    recent_topic: String,
    recent: Vec<SubscriberId>,
    /// All events before it were noted.
    next: Seq,
    /// Events that were noted since the start.
    published: u64,
    /// What those were handed who are gone.
    gone: Delivered,
    is_closed: bool,
}

/// A subscriber and the record that it waits for or will read next.
pub type Listed = (Arc<Subscriber>, Seq);

/// Shows all subscribers to `each`, some at a time: `list` locks their registry and lists from a number on.
pub(crate) fn show_all(
    mut list: impl FnMut(usize, &mut Vec<Listed>) -> Option<usize>,
    mut each: impl FnMut(Listed),
) {
    let (mut from, mut some) = (Some(0), Vec::new());
    while let Some(at) = from {
        from = list(at, &mut some);
        some.drain(..).for_each(&mut each);
    }
}

impl Registry {
    /// Without subscribers, for an order that ends before `next`.
    pub(crate) fn new(next: Seq, seed: u64) -> Self {
        Self {
            index: FilterIndex::with_seed(seed),
            slots: Vec::new(),
            free: Vec::new(),
            recent_topic: String::new(),
            recent: Vec::new(),
            next,
            published: 0,
            gone: Delivered::default(),
            is_closed: false,
        }
    }

    /// Adds a subscriber, who is awake; `None` when there are too many.
    pub(crate) fn add(&mut self, subscriber: &Arc<Subscriber>, max: usize) -> Option<SubscriberId> {
        if max <= self.index.len() {
            return None;
        }
        let slot =
            Slot { subscriber: Some(Arc::clone(subscriber)), state: State::Awake, waker: None };
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id.at()] = slot;
                id
            }
            None => {
                self.slots.push(slot);
                SubscriberId(u32::try_from(self.slots.len() - 1).ok()?)
            }
        };
        self.index.insert(subscriber.filter(), id);
        self.forget_recent();
        Some(id)
    }

    /// Takes a subscriber out.
    pub(crate) fn remove(&mut self, id: SubscriberId) {
        let slot = &mut self.slots[id.at()];
        slot.waker = None;
        slot.state = State::Awake;
        if let Some(subscriber) = slot.subscriber.take() {
            self.index.remove(subscriber.filter(), id);
            self.gone.add(subscriber.delivered());
            self.free.push(id);
            self.forget_recent();
        }
    }

    /// Events that were noted since the start.
    pub(crate) fn published(&self) -> u64 {
        self.published
    }

    /// What those were handed who are gone.
    pub(crate) fn gone(&self) -> Delivered {
        self.gone
    }

    /// Lists [`LISTED_AT_ONCE`] numbers from `from` on into `out`, the free ones left out; answers where to go on.
    pub(crate) fn list(&self, from: usize, out: &mut Vec<Listed>) -> Option<usize> {
        let end = self.slots.len().min(from.saturating_add(LISTED_AT_ONCE));
        for slot in self.slots.get(from..end).unwrap_or_default() {
            let Some(subscriber) = &slot.subscriber else { continue };
            let next = match slot.state {
                State::Awake => subscriber.next(),
                State::Asleep { .. } => self.next.max(subscriber.next()),
                State::Due(seq) => seq.max(subscriber.next()),
            };
            out.push((Arc::clone(subscriber), next));
        }
        (end < self.slots.len()).then_some(end)
    }

    /// Lets a subscriber sleep that has read all before `from`, if there is no more for it.
    pub(crate) fn rest(&mut self, id: SubscriberId, from: Seq, waker: &Waker) -> Rest {
        if from < self.next {
            return Rest::More;
        }
        if self.is_closed {
            return Rest::Ended;
        }
        self.sleep(id, from, waker);
        Rest::Asleep
    }

    fn sleep(&mut self, id: SubscriberId, from: Seq, waker: &Waker) {
        let slot = &mut self.slots[id.at()];
        slot.state = State::Asleep { from };
        if !slot.waker.as_ref().is_some_and(|old| old.will_wake(waker)) {
            slot.waker = Some(waker.clone());
        }
    }

    /// A subscriber is about to read; answers the event that made it due.
    pub(crate) fn rise(&mut self, id: SubscriberId) -> Option<Seq> {
        let slot = &mut self.slots[id.at()];
        let due = match slot.state {
            State::Due(seq) if is_planted(Bug::SkipTheFirst) => Some(seq.next()),
            State::Due(seq) => Some(seq),
            State::Awake | State::Asleep { .. } => None,
        };
        slot.state = State::Awake;
        due
    }

    /// The seq behind which a sleeping subscriber may say that it saw everything; `None` when it is awake or
    /// something has come for it.
    pub(crate) fn progress(&self, id: SubscriberId) -> Option<Seq> {
        let is_asleep = matches!(self.slots[id.at()].state, State::Asleep { .. });
        is_asleep.then(|| self.next.previous())
    }

    /// An event came: those who want it and sleep become due.
    pub(crate) fn note(&mut self, topic: &str, seq: Seq, wakes: &mut Wakes) {
        self.published += 1;
        if self.recent_topic != topic {
            self.recent.clear();
            let recent = &mut self.recent;
            self.index.for_each_match(topic, |id| recent.push(id));
            self.recent_topic.clear();
            self.recent_topic.push_str(topic);
        }
        for id in &self.recent {
            let slot = &mut self.slots[id.at()];
            if let State::Asleep { from } = slot.state
                && from <= seq
            {
                slot.state = State::Due(seq);
                wakes.0.extend(slot.waker.take());
            }
        }
    }

    /// The seq of the next event.
    pub(crate) fn next(&self) -> Seq {
        self.next
    }

    /// All events before `next` were noted.
    pub(crate) fn noted(&mut self, next: Seq) {
        self.next = self.next.max(next);
    }

    /// Nothing more will come: all wake up, and nobody sleeps again.
    pub(crate) fn close(&mut self, wakes: &mut Wakes) {
        self.is_closed = true;
        self.note_all(wakes);
    }

    /// All who sleep become due from where they are: the order ends, or what came cannot be told.
    pub(crate) fn note_all(&mut self, wakes: &mut Wakes) {
        for slot in &mut self.slots {
            if let State::Asleep { from } = slot.state {
                slot.state = State::Due(from);
                wakes.0.extend(slot.waker.take());
            }
        }
    }

    fn forget_recent(&mut self) {
        self.recent_topic.clear();
        self.recent.clear();
    }
}

impl SubscriberId {
    fn at(self) -> usize {
        self.0 as usize
    }
}
