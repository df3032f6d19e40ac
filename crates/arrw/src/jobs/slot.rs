//! Where a claim waits for its jobs.

use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;

use arrw_jobs::{Claim, Leased};

/// A claim on its way.
#[derive(Debug)]
pub(crate) struct Slot {
    /// What is wanted.
    pub(crate) claim: Claim,
    /// It waits for jobs until it is given up; else it takes what is there in its turn.
    pub(crate) waits: bool,
    /// How long its worker may be silent.
    pub(crate) lease_ms: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    waker: Option<Waker>,
}

/// How far a claim is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing was decided.
    Waiting,
    /// It gets jobs, which are not on the disk yet.
    Decided,
    /// Here they are.
    Given(Vec<Leased>),
    /// They were taken, or there are none: it does not wait and found nothing, or was given up.
    Over,
    /// The log stopped or was closed.
    Closed,
    /// It was given up while its jobs were on their way to the disk: they are to be released.
    Abandoned,
}

impl Slot {
    pub(crate) fn new(claim: Claim, waits: bool, lease_ms: u64) -> Arc<Self> {
        let state = Mutex::new(State { stage: Stage::Waiting, waker: None });
        Arc::new(Self { claim, waits, lease_ms, state })
    }

    /// Goes from `Waiting` to `Decided`; false when it was given up.
    pub(crate) fn decide(&self) -> bool {
        let mut state = self.lock();
        let is_waiting = state.stage == Stage::Waiting;
        if is_waiting {
            state.stage = Stage::Decided;
        }
        is_waiting
    }

    /// What was decided did not happen.
    pub(crate) fn take_back(&self) {
        let mut state = self.lock();
        let is_abandoned = state.stage == Stage::Abandoned;
        state.stage = if is_abandoned { Stage::Over } else { Stage::Waiting };
    }

    /// Gives it its jobs; gives them back when it was given up. Who waits is still to be woken.
    pub(crate) fn give(&self, jobs: Vec<Leased>) -> Result<Option<Waker>, Vec<Leased>> {
        let mut state = self.lock();
        if state.stage == Stage::Abandoned {
            state.stage = Stage::Over;
            return Err(jobs);
        }
        state.stage = Stage::Given(jobs);
        Ok(state.waker.take())
    }

    /// It gets nothing any more. Who waits is still to be woken.
    pub(crate) fn end(&self, stage: Stage) -> Option<Waker> {
        let mut state = self.lock();
        if state.stage == Stage::Waiting || state.stage == Stage::Decided {
            state.stage = stage;
        }
        state.waker.take()
    }

    /// The jobs, nothing, or that the log is closed; `None` when none of it is known yet, and then `waker` is woken.
    pub(crate) fn take(&self, waker: &Waker) -> Option<Result<Vec<Leased>, Closed>> {
        let mut state = self.lock();
        match std::mem::replace(&mut state.stage, Stage::Over) {
            Stage::Given(jobs) => Some(Ok(jobs)),
            Stage::Over => Some(Ok(Vec::new())),
            Stage::Closed => Some(Err(Closed)),
            unfinished @ (Stage::Waiting | Stage::Decided | Stage::Abandoned) => {
                state.stage = unfinished;
                state.waker = Some(waker.clone());
                None
            }
        }
    }

    /// Nobody waits any more. False when jobs were decided already: whoever asks on will get them. When nobody can
    /// ask on, they are released (`abandons`), and those that were given are answered.
    pub(crate) fn give_up(&self, abandons: bool) -> Result<bool, Vec<Leased>> {
        let mut state = self.lock();
        match std::mem::replace(&mut state.stage, Stage::Over) {
            Stage::Waiting | Stage::Over => Ok(true),
            Stage::Decided if abandons => {
                state.stage = Stage::Abandoned;
                Ok(true)
            }
            Stage::Given(jobs) if abandons => Err(jobs),
            other @ (Stage::Decided | Stage::Given(_) | Stage::Closed | Stage::Abandoned) => {
                state.stage = other;
                Ok(false)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

/// The log stopped or was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;
