//! Queues: which jobs are in which state, in the order in which they come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrw_log::{Timestamp, crc64};

use crate::control::{Control, Keep};
use crate::job::{Priority, State};
use crate::mix::mix_all;
use crate::planted::{Bug, is_planted};
use crate::totals::Totals;

/// Jobs in the order in which they come: by when they became or become ready (of finished ones: by when they
/// finished), and of the same time by number.
pub(crate) type Order = BTreeSet<(u64, u64)>;

/// One queue.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub(crate) name: Arc<str>,
    pub(crate) weight: u64,
    pub(crate) control: Control,
    /// When the next job may be handed out, in microseconds, as its rate reckons.
    pub(crate) next: u64,
    pub(crate) totals: Totals,
    ready: [Order; 4],
    /// By state; that of `Ready` stays empty.
    others: [Order; 7],
}

/// All queues. Each has a number, which it keeps until the view is made again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queues {
    numbers: BTreeMap<Arc<str>, u32>,
    all: Vec<Queue>,
    /// Those that have ready jobs.
    ready: BTreeSet<u32>,
    /// When something of a queue's state is due next, for all for which time alone does something.
    heads: BTreeSet<(u64, u32, u8)>,
}

impl Queue {
    /// How long jobs of a final state are kept.
    pub(crate) fn keep(&self, state: State) -> Keep {
        if state == State::Dead { self.control.keep_dead } else { self.control.keep_done }
    }

    /// The jobs of a state, in the order in which they come.
    pub(crate) fn jobs(&self, state: State) -> impl Iterator<Item = (u64, u64)> {
        let ready = (state == State::Ready).then_some(&self.ready);
        let other = &self.others[usize::from(state.byte())];
        ready.into_iter().flatten().flatten().chain(other).copied()
    }

    /// The order of one state; of ready jobs, that of one priority.
    pub(crate) fn order(&self, state: State, priority: Priority) -> &Order {
        if state == State::Ready {
            return &self.ready[usize::from(priority.byte())];
        }
        &self.others[usize::from(state.byte())]
    }

    fn order_mut(&mut self, state: State, priority: Priority) -> &mut Order {
        if state == State::Ready {
            return &mut self.ready[usize::from(priority.byte())];
        }
        &mut self.others[usize::from(state.byte())]
    }

    pub(crate) fn count(&self, state: State) -> usize {
        if state == State::Ready {
            return self.ready.iter().map(Order::len).sum();
        }
        self.others[usize::from(state.byte())].len()
    }

    /// The ready job that comes first.
    pub(crate) fn first_ready(&self) -> Option<(u64, u64)> {
        self.ready.iter().find_map(BTreeSet::first).copied()
    }

    /// True when a job may be handed out now.
    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        let Control { is_paused, concurrency_max, rate, .. } = self.control;
        let leased = self.others[usize::from(State::Leased.byte())].len();
        !is_paused
            && (concurrency_max == 0
                || leased < concurrency_max as usize
                || is_planted(Bug::NoConcurrency))
            && rate.is_none_or(|rate| rate.allows_at(self.next) <= now)
    }

    /// When the first of a state is due by time alone.
    fn head(&self, state: State) -> Option<u64> {
        let (due, _) = *self.others[usize::from(state.byte())].first()?;
        if state.is_timed() {
            return Some(due);
        }
        state.is_final().then(|| self.keep(state).until(due))
    }

    /// A number for what is not in its jobs; 0 when all of it is as in a queue that nobody touched.
    pub(crate) fn weigh(&self) -> u64 {
        if self.control == Control::default() && self.next == 0 {
            return 0;
        }
        mix_all([self.weight, self.control.weigh(), self.next])
    }
}

impl Queues {
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    pub(crate) fn get(&self, number: u32) -> &Queue {
        &self.all[number as usize]
    }

    /// Those that have ready jobs.
    pub(crate) fn ready(&self) -> &BTreeSet<u32> {
        &self.ready
    }

    /// All of them, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Queue> {
        self.numbers.values().map(|number| self.get(*number))
    }

    /// The number of a queue, which is made if it is not there.
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.find(name) {
            return number;
        }
        let number = u32::try_from(self.all.len()).expect("there are fewer than the limit");
        let name: Arc<str> = Arc::from(name);
        let weight = crc64(name.as_bytes());
        self.numbers.insert(Arc::clone(&name), number);
        let (ready, others) = Default::default();
        let (control, totals) = (Control::default(), Totals::default());
        self.all.push(Queue { name, weight, control, next: 0, totals, ready, others });
        number
    }

    pub(crate) fn insert(&mut self, number: u32, state: State, priority: Priority, at: (u64, u64)) {
        self.change(number, state, |queue| {
            queue.order_mut(state, priority).insert(at);
        });
    }

    pub(crate) fn remove(&mut self, number: u32, state: State, priority: Priority, at: (u64, u64)) {
        self.change(number, state, |queue| {
            queue.order_mut(state, priority).remove(&at);
        });
    }

    /// A job came from one state into another, which is counted, or taken back (`by` is -1).
    pub(crate) fn count(&mut self, number: u32, from: Option<State>, to: Option<State>, by: i64) {
        self.all[number as usize].totals.count(from, to, by);
    }

    fn change(&mut self, number: u32, state: State, change: impl FnOnce(&mut Queue)) {
        let queue = &mut self.all[number as usize];
        let before = queue.head(state);
        change(queue);
        if state == State::Ready {
            match queue.first_ready() {
                Some(_) => self.ready.insert(number),
                None => self.ready.remove(&number),
            };
        }
        let after = queue.head(state);
        if before != after {
            let entry = |when| (when, number, state.byte());
            before.map(|when| self.heads.remove(&entry(when)));
            after.map(|when| self.heads.insert(entry(when)));
        }
    }

    /// Sets how a queue is run, and what its rate reckons with; answers what was before.
    pub(crate) fn set(&mut self, number: u32, control: Control, next: u64) -> (Control, u64) {
        let finals = State::ALL.into_iter().filter(|state| state.is_final());
        let queue = &mut self.all[number as usize];
        let before = (queue.control, queue.next);
        if queue.control.keep_done == control.keep_done
            && queue.control.keep_dead == control.keep_dead
        {
            (queue.control, queue.next) = (control, next);
            return before;
        }
        for state in finals.clone() {
            queue.head(state).map(|when| self.heads.remove(&(when, number, state.byte())));
        }
        (queue.control, queue.next) = (control, next);
        for state in finals {
            queue.head(state).map(|when| self.heads.insert((when, number, state.byte())));
        }
        before
    }

    /// The first job for which something is due by time alone: when, and its queue and state.
    pub(crate) fn first_due(&self) -> Option<(Timestamp, u32, State)> {
        let (when, number, state) = *self.heads.first()?;
        Some((Timestamp::from_micros(when), number, State::from_byte(state)?))
    }
}
