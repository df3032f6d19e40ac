//! What the naive model is made of: actions and answers, jobs, keys and queues.

use arrw_jobs::{Control, ControlChange, NewJob, Outcome, Plan, Priority, State, UniqueBy};

/// What is asked for, with the numbers of jobs in it.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Enqueue(NewJob<'static>),
    Finish { job: u64, token: u64, outcome: Outcome },
    Cancel(u64),
    Retry(u64),
    Discard(u64),
    Delete(u64),
    Carry { job: u64, newest: u64 },
    Queue { name: &'static str, change: ControlChange },
    Claim { worker: &'static str, queues: Vec<&'static str>, count: usize, start: usize },
}

/// What it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Enqueued {
        job: u64,
        is_new: bool,
    },
    Job {
        job: u64,
        state: State,
    },
    Queue,
    Leased(Vec<Lease>),
    NotFound,
    Stale(State),
    Denied(State),
    IdConflict,
    Invalid,
    /// What the model never says.
    Unexpected(String),
}

/// A job that was handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) job: u64,
    pub(crate) token: u64,
    pub(crate) queue: &'static str,
    pub(crate) attempt: u16,
    pub(crate) args_at: u64,
    pub(crate) ready_at: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) queue: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) priority: Priority,
    pub(crate) plan: Plan,
    pub(crate) state: State,
    pub(crate) attempt: u16,
    pub(crate) due: u64,
    pub(crate) last: u64,
    /// Its newest record, whatever it tells of.
    pub(crate) newest: u64,
    pub(crate) args_at: u64,
    pub(crate) worker: Option<&'static str>,
    pub(crate) is_cancelling: bool,
    pub(crate) key: Option<Key>,
}

/// A unique key and how it is held.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: KeyName,
    pub(super) until: Option<u64>,
    pub(super) states: u8,
}

/// The queue, if it is of one only; the key, or the kind and the args.
pub(crate) type KeyName = (Option<&'static str>, Option<&'static str>, &'static str, &'static str);

/// How a queue is run, and how full the bucket of its rate was when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    pub(crate) control: Control,
    pub(super) level: u64,
    pub(super) level_at: u64,
}

impl Key {
    pub(super) fn of(spec: &NewJob<'static>, by: UniqueBy<'static>) -> Self {
        let queue = (!by.across_queues).then_some(spec.queue);
        let (kind, args) = if by.key.is_some() { ("", "") } else { (spec.kind, spec.args) };
        let until = by.until.map(arrw_log::Timestamp::micros);
        Self { name: (queue, by.key, kind, args), until, states: by.states }
    }

    pub(crate) fn holds(&self, state: State, now: u64) -> bool {
        self.states & (1 << state as u8) != 0 && self.until.is_none_or(|until| now < until)
    }
}

impl Queue {
    /// Microseconds of a rate that a job takes.
    pub(super) fn step(&self) -> Option<(u64, u64)> {
        let rate = self.control.rate?;
        let step = (u64::from(rate.per_ms) * 1_000).div_ceil(u64::from(rate.count));
        Some((step, step * u64::from(rate.count)))
    }

    /// The bucket leaks with time.
    pub(super) fn leak(&mut self, now: u64) {
        self.level = self.level.saturating_sub(now - self.level_at);
        self.level_at = now;
    }

    /// True when the bucket has room for one more.
    pub(super) fn has_room(&mut self, now: u64) -> bool {
        self.leak(now);
        self.step().is_none_or(|(step, size)| self.level + step <= size)
    }

    pub(super) fn fill(&mut self, now: u64) {
        self.leak(now);
        self.level += self.step().map_or(0, |(step, _)| step);
    }
}
