//! Minds the time for the jobs: what became ready is handed out, what took too long ends, and the jobs of workers that
//! are gone go back.
//!
//! Nothing of it is in the log until it happens, so waiting and heartbeats write nothing; after a start everybody has
//! the whole grace again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arrw_jobs::{Command, Detail, Finish, JobId, Outcome, Token};
use arrw_log::{Batch, Clock, Log, Timestamp, Urgency};

use crate::jobs::asking;
use crate::jobs::limits::{FIRED_AT_ONCE, LEASE_MS_DEFAULT, LOOK_MS_MAX};
use crate::jobs::rules::{Core, JobAsk, State};

const UNPOISONED: &str = "no holder of this lock panics";

const FORGOTTEN: &str = "the worker does not have it any more";

const LOST: &str = "the worker was not heard of in time";

/// Who minds the time.
#[derive(Debug)]
pub(crate) struct Minder {
    log: Log,
    core: Arc<Core>,
    clock: Arc<dyn Clock>,
    /// When attempts are over, and what proves their leases.
    timeouts: BTreeMap<(u64, JobId), Token>,
    /// Leases that are over and that the log would not end, and when it is asked again.
    unended: Vec<Command>,
    try_again: Option<u64>,
}

/// A worker that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Worker {
    /// In microseconds: its leases are lost if it is not heard of before.
    pub(crate) until: u64,
    /// For how long it may be silent.
    lease_ms: u64,
}

impl State {
    /// A worker was heard of.
    pub(crate) fn heard_of(&mut self, name: &str, now: Timestamp, lease_ms: u64) {
        let until = now.micros().saturating_add(lease_ms.saturating_mul(1_000));
        self.must_look |= self.planned.is_none_or(|planned| until < planned.micros());
        match self.workers.get_mut(name) {
            Some(worker) => *worker = Worker { until: until.max(worker.until), lease_ms },
            None => {
                self.workers.insert(Arc::from(name), Worker { until, lease_ms });
            }
        }
    }

    /// Takes note of a worker's leases that it does not name; true when some are lost by it.
    pub(crate) fn miss_unheld(&mut self, name: &str, holds: &BTreeSet<JobId>) -> bool {
        let of_worker = self.jobs.leases_of(name);
        let unheld: BTreeSet<(JobId, Token)> =
            of_worker.filter(|(job, _)| !holds.contains(job)).collect();
        let before = self.unheld.remove(name).unwrap_or_default();
        let had_lost = self.forgotten.len();
        self.forgotten.extend(before.intersection(&unheld));
        if !unheld.is_empty() {
            self.unheld.insert(Arc::from(name), unheld);
        }
        had_lost < self.forgotten.len()
    }

    /// A worker was heard of that said before for how long it may be silent.
    pub(crate) fn heard_again(&mut self, name: &str, now: Timestamp) {
        let lease_ms = self.workers.get(name).map_or(LEASE_MS_DEFAULT, |worker| worker.lease_ms);
        self.heard_of(name, now, lease_ms);
    }
}

impl Minder {
    /// One that gives all who have leases now their whole grace.
    pub(crate) fn new(log: Log, core: Arc<Core>, clock: Arc<dyn Clock>) -> Self {
        let now = clock.now();
        let mut timeouts = BTreeMap::new();
        let mut state = core.lock();
        let leases: Vec<_> = state
            .jobs
            .leases()
            .map(|(job, token, worker)| (job, token, Arc::clone(worker)))
            .collect();
        for (job, token, worker) in leases {
            state.heard_of(&worker, now, LEASE_MS_DEFAULT);
            let timeout_ms = state.jobs.get(job).map_or(0, |status| status.plan.timeout_ms);
            if timeout_ms != 0 {
                timeouts.insert((after(now, u64::from(timeout_ms)), job), token);
            }
        }
        drop(state);
        Self { log, core, clock, timeouts, unended: Vec::new(), try_again: None }
    }

    /// Minds the time until the jobs are closed, as a thread of its own.
    pub(crate) fn run(mut self) {
        loop {
            if self.log.poison().is_some() {
                // Nothing will be decided any more.
                self.core.close();
                return;
            }
            self.mind();
            let mut state = self.core.lock();
            let now = self.clock.now();
            let next = self.next(&state);
            while state.is_quiet() {
                let due = [next, state.next_due()].into_iter().flatten().min();
                let left = due
                    .map(|due| due.micros().saturating_sub(now.micros()).min(LOOK_MS_MAX * 1_000));
                state.planned = due;
                match left {
                    Some(0) => break,
                    Some(left) => {
                        let wait = Duration::from_micros(left);
                        state = self.core.sooner.wait_timeout(state, wait).expect(UNPOISONED).0;
                        break;
                    }
                    // Who waits must learn it when the log stops, and nobody tells.
                    None if state.has_waiting() => {
                        let wait = Duration::from_millis(LOOK_MS_MAX);
                        state = self.core.sooner.wait_timeout(state, wait).expect(UNPOISONED).0;
                        break;
                    }
                    None => state = self.core.sooner.wait(state).expect(UNPOISONED),
                }
            }
            (state.planned, state.must_look) = (None, false);
            if state.closed {
                return;
            }
        }
    }

    fn next(&self, state: &State) -> Option<Timestamp> {
        let timeout = self.timeouts.keys().next().map(|(at, _)| *at);
        let lost = state.workers.values().map(|worker| worker.until).min();
        [timeout, lost, self.try_again].into_iter().flatten().min().map(Timestamp::from_micros)
    }

    /// Does all that is due now.
    pub(crate) fn mind(&mut self) {
        let now = self.clock.now();
        let is_again = self.try_again.is_none_or(|at| at <= now.micros());
        let mut ended = if is_again { std::mem::take(&mut self.unended) } else { Vec::new() };
        let mut state = self.core.lock();
        for lease in std::mem::take(&mut state.abandoned) {
            ended.push(finish(lease.job, lease.token, Outcome::Release, Detail::default()));
        }
        for (job, token) in std::mem::take(&mut state.forgotten) {
            ended.push(finish(job, token, Outcome::Lost, Detail::error(FORGOTTEN)));
        }
        for given in std::mem::take(&mut state.given) {
            let at = after(now, u64::from(given.timeout_ms));
            self.timeouts.insert((at, given.job), given.token);
        }
        while let Some(entry) = self.timeouts.first_entry()
            && entry.key().0 <= now.micros()
        {
            let ((_, job), token) = entry.remove_entry();
            let is_held = state.jobs.get(job).is_some_and(|it| it.last == token.seq());
            if is_held {
                let outcome = Outcome::Fail { retry_in_ms: None };
                ended.push(finish(job, token, outcome, Detail::error("the attempt timed out")));
            }
        }
        state.hear_watchers(now);
        let is_lost = |until: u64| until <= now.micros();
        if state.workers.values().any(|worker| is_lost(worker.until)) {
            let State { jobs, workers, unheld, .. } = &mut *state;
            workers.retain(|name, worker| {
                if !is_lost(worker.until) {
                    return true;
                }
                // What is not on the disk yet is of a worker that was heard of just now, or not at all yet.
                let held = ended.len();
                let lost = |(job, token)| finish(job, token, Outcome::Lost, Detail::error(LOST));
                ended.extend(jobs.leases_of(name).map(lost));
                // If the log refuses now, it is tried again then.
                worker.until = after(now, LOOK_MS_MAX);
                held < ended.len()
            });
            unheld.retain(|name, _| workers.contains_key(name));
        }
        let is_due = state.next_due().is_some_and(|due| due <= now) || state.has_work_waited_for();
        let fires = match state.fire_after <= now {
            true => state.jobs.due_slots(now, FIRED_AT_ONCE),
            false => Vec::new(),
        };
        drop(state);
        self.fire(fires, now);
        if is_due && ended.is_empty() {
            self.tick();
        }
        self.end(ended, now);
    }

    /// Gives slots that have come their jobs. What is refused is tried again a little later.
    fn fire(&self, fires: Vec<Command>, now: Timestamp) {
        if !asking::ask(&self.log, fires, Urgency::Ordinary).is_done() {
            self.core.lock().fire_after = Timestamp::from_micros(after(now, LOOK_MS_MAX));
        }
    }

    /// Ends leases. What the log refuses is tried again a little later.
    fn end(&mut self, ended: Vec<Command>, now: Timestamp) {
        if ended.is_empty() {
            return;
        }
        self.unended.extend(asking::ask(&self.log, ended, Urgency::Reserved).left);
        self.try_again = (!self.unended.is_empty()).then(|| after(now, LOOK_MS_MAX));
    }

    /// Has there be a turn.
    fn tick(&self) {
        let batch = Batch::new().with_urgency(Urgency::Reserved);
        let _refused = self.log.append(batch.asking(Arc::new(JobAsk::tick()))).wait();
    }
}

fn finish(job: JobId, token: Token, outcome: Outcome, detail: Detail) -> Command {
    Command::Finish(Finish { job, token, outcome, detail })
}

fn after(now: Timestamp, ms: u64) -> u64 {
    now.micros().saturating_add(ms.saturating_mul(1_000))
}
