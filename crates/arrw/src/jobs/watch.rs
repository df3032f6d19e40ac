//! Workers that run in this process. They need no heartbeat, as who minds the time knows that they live; and they are
//! told when something happens to jobs that they may hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

use arrw_jobs::{Command, Done, JobId, Jobs, Outcome, Refused, State as JobState, Token};
use arrw_log::{Seq, Timestamp};

use crate::jobs::claiming::Job;
use crate::jobs::limits::LEASE_MS_DEFAULT;
use crate::jobs::rules::{Core, State};

/// Those who run here.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    wakers: BTreeMap<Arc<str>, Waker>,
    /// A lease may have ended otherwise than by its worker, or its job is to be cancelled.
    is_touched: bool,
    /// The newest lease from before this start.
    last_of_before: Option<Seq>,
}

impl Watchers {
    /// Nobody. All leases that are there are from before.
    pub(crate) fn new(jobs: &Jobs) -> Self {
        let last_of_before = jobs.leases().map(|(_, token, _)| token.seq()).max();
        Self { last_of_before, ..Self::default() }
    }

    /// True of a worker that runs here.
    pub(crate) fn has(&self, worker: &str) -> bool {
        self.wakers.contains_key(worker)
    }

    /// Notes whether a command does what a worker must be told.
    pub(crate) fn note(&mut self, command: &Command, answer: &Result<Done, Refused>) {
        self.is_touched |= match command {
            Command::Cancel(_) => {
                matches!(answer, Ok(Done::Job { state: JobState::Leased, .. }))
            }
            Command::Finish(finish) => !matches!(finish.outcome, Outcome::Complete),
            Command::Enqueue(_)
            | Command::Retry(_)
            | Command::Discard(_)
            | Command::Delete(_)
            | Command::Carry(_)
            | Command::Order { .. }
            | Command::Fire { .. }
            | Command::Trip(_)
            | Command::Queue { .. } => false,
        };
    }

    /// Takes those to be told of what was committed.
    pub(crate) fn take_told(&mut self) -> Vec<Waker> {
        match std::mem::take(&mut self.is_touched) {
            true => self.wakers.values().cloned().collect(),
            false => Vec::new(),
        }
    }
}

impl State {
    /// Who runs here lives, so it is as if all of them had just been heard of.
    pub(crate) fn hear_watchers(&mut self, now: Timestamp) {
        let until = now.micros().saturating_add(LEASE_MS_DEFAULT * 1_000);
        for name in self.watchers.wakers.keys() {
            if let Some(worker) = self.workers.get_mut(name).filter(|it| it.until <= now.micros()) {
                worker.until = until;
            }
        }
    }
}

/// A worker that runs in this process, for as long as this is there.
#[derive(Debug)]
pub(crate) struct Watch {
    core: Arc<Core>,
    worker: Arc<str>,
}

impl Watch {
    /// Has `waker` woken whenever a lease may have ended otherwise than by its worker. `None` when a worker of that
    /// name runs here already.
    pub(crate) fn begin(core: &Arc<Core>, worker: &Arc<str>, waker: Waker) -> Option<Self> {
        let mut state = core.lock();
        if state.watchers.wakers.contains_key(worker) {
            return None;
        }
        state.watchers.wakers.insert(Arc::clone(worker), waker);
        Some(Self { core: Arc::clone(core), worker: Arc::clone(worker) })
    }

    /// The leases that a worker of this name had before this start: it is gone.
    pub(crate) fn of_before(&self) -> Vec<(JobId, Token)> {
        let state = self.core.lock();
        let last = state.watchers.last_of_before;
        let is_of_before = |(_, token): &(_, Token)| last.is_some_and(|last| token.seq() <= last);
        state.jobs.leases_of(&self.worker).filter(is_of_before).collect()
    }
}

/// What became of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lease {
    /// It is its worker's.
    Held,
    /// The same, and the job is to be cancelled.
    Cancelling,
    /// Somebody ended it.
    Over,
}

impl Watch {
    /// What became of a lease.
    pub(crate) fn lease(&self, job: JobId, token: Token) -> Lease {
        let status = self.core.lock().jobs.get(job);
        match status.filter(|it| it.state == JobState::Leased && it.last == token.seq()) {
            None => Lease::Over,
            Some(status) if status.is_cancelling => Lease::Cancelling,
            Some(_) => Lease::Held,
        }
    }

    /// Gives jobs back that are not worked on any more; no attempt is counted. It is done a little later.
    pub(crate) fn give_back<'a>(&self, jobs: impl Iterator<Item = &'a Job>) {
        self.core.lock().abandoned.extend(jobs.map(|job| job.leased().clone()));
        self.core.sooner.notify_all();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.core.lock().watchers.wakers.remove(&self.worker);
    }
}
