//! Jobs in the plainest way, as their contract says: a list that is searched from the front.

use std::collections::BTreeMap;

use arrw_jobs::limits::{IDS_MICROS, KEPT_MAX, KEPT_MS_MAX};
use arrw_jobs::{ControlChange, JobId, NewJob, OnDuplicate, Outcome, State};

use super::parts::{Action, Answer, Job, Key, Lease, Queue};
use super::tally::Tally;

/// An id that was used.
#[derive(Clone, Debug)]
struct Used {
    spec: NewJob<'static>,
    job: u64,
    time: u64,
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) now: u64,
    /// The seq of the next record.
    pub(crate) next: u64,
    pub(crate) jobs: Vec<Job>,
    /// Those that were named in a change. Once there they stay, also when that is taken back.
    pub(crate) queues: BTreeMap<&'static str, Queue>,
    /// The last leases, over ones among them: job and token.
    pub(crate) leases: Vec<(u64, u64)>,
    used: Vec<Used>,
    pub(crate) tally: Tally,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self { next: 1, ..Self::default() }
    }

    /// Goes back to what was before; what queues were named stays known.
    pub(crate) fn restore(&mut self, before: Self) {
        let names = std::mem::replace(self, before).queues.into_keys();
        names.for_each(|name| {
            self.queues.entry(name).or_default();
        });
    }

    /// What time brings.
    pub(crate) fn advance(&mut self, now: u64) {
        if now <= self.now {
            return;
        }
        self.now = now;
        for job in &mut self.jobs {
            if matches!(job.state, State::Scheduled | State::Retrying) && job.due <= now {
                job.state = State::Ready;
                self.tally.count("ready by time");
            }
        }
        let before = self.jobs.len();
        let queues = &self.queues;
        self.jobs.retain(|job| {
            let control = queues[job.queue].control;
            let keep = match job.state {
                State::Completed | State::Cancelled => control.keep_done,
                State::Dead => control.keep_dead,
                State::Scheduled | State::Ready | State::Leased | State::Retrying => return true,
            };
            now < job.due.saturating_add(keep.for_ms * 1_000)
        });
        (self.jobs.len()..before).for_each(|_| self.tally.count("forgotten by time"));
    }

    pub(crate) fn find(&self, id: u64) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id == id)
    }

    /// The jobs of a queue in a state, in their order.
    pub(crate) fn list(&self, queue: &str, state: State) -> Vec<&Job> {
        let mut jobs: Vec<&Job> =
            self.jobs.iter().filter(|job| job.queue == queue && job.state == state).collect();
        jobs.sort_by_key(|job| {
            let priority = (state == State::Ready).then_some(job.priority);
            (priority, job.due, job.id)
        });
        jobs
    }

    pub(crate) fn count(&self, queue: &str, state: State) -> usize {
        self.jobs.iter().filter(|job| job.queue == queue && job.state == state).count()
    }

    pub(crate) fn run(&mut self, action: &Action) -> Answer {
        let answer = self.decide(action);
        self.tally.answered(action, &answer);
        answer
    }

    fn decide(&mut self, action: &Action) -> Answer {
        match action {
            Action::Enqueue(spec) => self.enqueue(spec),
            Action::Finish { job, token, outcome } => self.finish(*job, *token, *outcome),
            Action::Cancel(job) => self.with(*job, Self::cancel),
            Action::Retry(job) => self.with(*job, Self::retry),
            Action::Discard(job) => self.with(*job, Self::discard),
            Action::Delete(job) => self.with(*job, Self::delete),
            Action::Carry { job, newest } => self.with(*job, |model, at| model.carry(at, *newest)),
            Action::Queue { name, change } => self.control(name, *change),
            Action::Claim { worker, queues, count, start } => {
                self.claim(worker, queues, *count, *start)
            }
        }
    }

    /// Makes a record; answers its seq.
    fn record(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    fn with(&mut self, id: u64, act: impl FnOnce(&mut Self, usize) -> Answer) -> Answer {
        match self.jobs.iter().position(|job| job.id == id) {
            Some(at) => act(self, at),
            None => Answer::NotFound,
        }
    }

    fn enqueue(&mut self, spec: &NewJob<'static>) -> Answer {
        let now = self.now;
        self.used.retain(|used| now - used.time <= IDS_MICROS);
        let is_same = |used: &&Used| used.spec.queue == spec.queue && used.spec.id == spec.id;
        if spec.id.is_some()
            && let Some(used) = self.used.iter().find(is_same)
        {
            let job = used.job;
            let first = Answer::Enqueued { job, is_new: false };
            if used.spec == *spec {
                self.tally.count("the same again");
                return first;
            }
            return Answer::IdConflict;
        }
        let key = spec.unique.map(|by| Key::of(spec, by));
        if let (Some(key), Some(by)) = (&key, spec.unique) {
            let holds = |job: &Job| job.key.as_ref().is_some_and(|held| held.name == key.name);
            if let Some(at) = self.jobs.iter().position(holds) {
                let holder = &mut self.jobs[at];
                if holder.key.as_ref().is_some_and(|held| held.holds(holder.state, now)) {
                    let job = holder.id;
                    self.duplicate(at, spec, by.on_duplicate);
                    return Answer::Enqueued { job, is_new: false };
                }
                holder.key = None;
                self.tally.count("a key taken over");
            }
        }
        let id = self.record();
        let later = spec.run_at.map(arrw_log::Timestamp::micros).filter(|at| now < *at);
        self.queues.entry(spec.queue).or_default();
        self.jobs.push(Job {
            id,
            queue: spec.queue,
            kind: spec.kind,
            priority: spec.priority,
            plan: spec.plan.clone(),
            state: if later.is_some() { State::Scheduled } else { State::Ready },
            attempt: 0,
            due: later.unwrap_or(now),
            last: id,
            newest: id,
            args_at: id,
            worker: None,
            is_cancelling: false,
            key,
        });
        if spec.id.is_some() {
            self.used.push(Used { spec: spec.clone(), job: id, time: now });
        }
        Answer::Enqueued { job: id, is_new: true }
    }

    fn duplicate(&mut self, at: usize, spec: &NewJob<'static>, on: OnDuplicate) {
        let first = &self.jobs[at];
        if !matches!(first.state, State::Scheduled | State::Ready | State::Retrying) {
            return;
        }
        let run_at = spec.run_at.map_or(0, arrw_log::Timestamp::micros);
        match on {
            OnDuplicate::Keep => self.tally.count("first one kept"),
            OnDuplicate::Replace => {
                self.tally.count("first one replaced");
                let seq = self.record();
                let job = &mut self.jobs[at];
                (job.last, job.newest, job.args_at) = (seq, seq, seq);
            }
            OnDuplicate::Delay => {
                if self.now < run_at && first.due < run_at {
                    self.tally.count("first one delayed");
                    let is_retry = first.state == State::Retrying;
                    let state = if is_retry { State::Retrying } else { State::Scheduled };
                    self.become_(at, state, run_at);
                }
            }
        }
    }

    /// A job is now in that state, which a record tells.
    fn become_(&mut self, at: usize, state: State, due: u64) -> Answer {
        let seq = self.record();
        let job = &mut self.jobs[at];
        (job.state, job.due, job.last, job.newest) = (state, due, seq, seq);
        (job.worker, job.is_cancelling) = (None, false);
        let (id, queue) = (job.id, job.queue);
        if matches!(state, State::Completed | State::Dead | State::Cancelled) {
            let holds = |key: &Key| key.states & (1 << state as u8) != 0;
            job.key = job.key.take().filter(holds);
            let control = self.queues[queue].control;
            let keep = if state == State::Dead { control.keep_dead } else { control.keep_done };
            let surplus = self.count(queue, state).saturating_sub(keep.count as usize);
            let gone: Vec<u64> =
                self.list(queue, state).iter().take(surplus).map(|job| job.id).collect();
            self.jobs.retain(|job| !gone.contains(&job.id));
            gone.iter().for_each(|_| self.tally.count("forgotten by number"));
        }
        Answer::Job { job: id, state }
    }

    fn finish(&mut self, id: u64, token: u64, outcome: Outcome) -> Answer {
        self.with(id, |model, at| {
            let job = &mut model.jobs[at];
            if job.state != State::Leased || job.last != token {
                return Answer::Stale(job.state);
            }
            let now = model.now;
            if job.is_cancelling {
                model.tally.count("finished when cancelling");
            }
            if outcome == Outcome::Complete {
                return model.become_(at, State::Completed, now);
            }
            if job.is_cancelling {
                return model.become_(at, State::Cancelled, now);
            }
            let after = |ms: u64| now.saturating_add(ms.saturating_mul(1_000));
            let has_more = job.attempt < job.plan.max_attempts;
            let ready_at = job.due;
            match outcome {
                Outcome::Complete | Outcome::Discard => model.become_(at, State::Dead, now),
                Outcome::Fail { .. } | Outcome::Lost if !has_more => {
                    model.become_(at, State::Dead, now)
                }
                Outcome::Fail { retry_in_ms } => {
                    let planned = job.plan.backoff.delay_ms(JobId::from_number(id), job.attempt);
                    model.become_(at, State::Retrying, after(retry_in_ms.unwrap_or(planned)))
                }
                Outcome::Lost => model.become_(at, State::Ready, ready_at),
                Outcome::Snooze { for_ms } => {
                    job.attempt -= 1;
                    model.become_(at, State::Scheduled, after(for_ms))
                }
                Outcome::Release => {
                    job.attempt -= 1;
                    model.become_(at, State::Ready, ready_at)
                }
            }
        })
    }

    fn cancel(&mut self, at: usize) -> Answer {
        let now = self.now;
        let job = &mut self.jobs[at];
        let (id, state) = (job.id, job.state);
        match state {
            State::Scheduled | State::Ready | State::Retrying => {
                self.become_(at, State::Cancelled, now)
            }
            State::Leased => {
                if !job.is_cancelling {
                    job.is_cancelling = true;
                    let wish = self.record();
                    self.jobs[at].newest = wish;
                }
                Answer::Job { job: id, state }
            }
            State::Cancelled => Answer::Job { job: id, state },
            State::Completed | State::Dead => Answer::Denied(state),
        }
    }

    fn carry(&mut self, at: usize, newest: u64) -> Answer {
        let Job { id, state, .. } = self.jobs[at];
        if self.jobs[at].newest != newest {
            return Answer::Stale(state);
        }
        let seq = self.record();
        let job = &mut self.jobs[at];
        (job.newest, job.args_at) = (seq, seq);
        if state != State::Leased {
            job.last = seq;
        }
        Answer::Job { job: id, state }
    }

    fn retry(&mut self, at: usize) -> Answer {
        let now = self.now;
        let job = &mut self.jobs[at];
        let (id, state) = (job.id, job.state);
        match state {
            State::Dead => {
                job.attempt = 0;
                self.become_(at, State::Ready, now)
            }
            State::Scheduled | State::Retrying => self.become_(at, State::Ready, now),
            State::Ready => Answer::Job { job: id, state },
            State::Leased | State::Completed | State::Cancelled => Answer::Denied(state),
        }
    }

    fn discard(&mut self, at: usize) -> Answer {
        let (id, state) = (self.jobs[at].id, self.jobs[at].state);
        match state {
            State::Scheduled | State::Ready | State::Retrying => {
                self.become_(at, State::Dead, self.now)
            }
            State::Dead => Answer::Job { job: id, state },
            State::Leased | State::Completed | State::Cancelled => Answer::Denied(state),
        }
    }

    fn delete(&mut self, at: usize) -> Answer {
        let (job, state) = (self.jobs[at].id, self.jobs[at].state);
        if state == State::Leased {
            return Answer::Denied(state);
        }
        self.record();
        self.jobs.remove(at);
        Answer::Job { job, state }
    }

    fn control(&mut self, name: &'static str, change: ControlChange) -> Answer {
        if !can_be(name, change) {
            return Answer::Invalid;
        }
        let before = self.queues.get(name).map(|queue| queue.control);
        let mut control = before.unwrap_or_default();
        match change {
            ControlChange::Pause => control.is_paused = true,
            ControlChange::Resume => control.is_paused = false,
            ControlChange::Limits { concurrency_max, rate } => {
                (control.concurrency_max, control.rate) = (concurrency_max, rate);
            }
            ControlChange::Keep { done, dead } => {
                (control.keep_done, control.keep_dead) = (done, dead);
            }
        }
        if before != Some(control) {
            self.record();
            let queue = self.queues.entry(name).or_default();
            if queue.control.rate != control.rate {
                (queue.level, queue.level_at) = (0, self.now);
            }
            queue.control = control;
        }
        Answer::Queue
    }

    /// True when a queue may hand out a job now.
    pub(crate) fn is_open(&mut self, name: &str) -> bool {
        let leased = self.count(name, State::Leased);
        let now = self.now;
        let Some(queue) = self.queues.get_mut(name) else { return false };
        let max = queue.control.concurrency_max;
        !queue.control.is_paused && (max == 0 || leased < max as usize) && queue.has_room(now)
    }

    fn claim(
        &mut self,
        worker: &'static str,
        queues: &[&'static str],
        count: usize,
        start: usize,
    ) -> Answer {
        let mut line: Vec<&'static str> =
            queues.iter().copied().filter(|name| self.queues.contains_key(name)).collect();
        if !line.is_empty() {
            let turn = start % line.len();
            line.rotate_left(turn);
        }
        let mut leased = Vec::new();
        while leased.len() < count && !line.is_empty() {
            let name = line.remove(0);
            let first = self.list(name, State::Ready).first().map(|job| job.id);
            let Some(id) = first.filter(|_| self.is_open(name)) else { continue };
            leased.push(self.lease(id, worker));
            line.push(name);
        }
        Answer::Leased(leased)
    }

    fn lease(&mut self, id: u64, worker: &'static str) -> Lease {
        let token = self.record();
        let now = self.now;
        let job = self.jobs.iter_mut().find(|job| job.id == id).unwrap();
        (job.state, job.last, job.newest) = (State::Leased, token, token);
        job.worker = Some(worker);
        job.attempt += 1;
        self.queues.get_mut(job.queue).unwrap().fill(now);
        self.leases.push((id, token));
        if 64 < self.leases.len() {
            self.leases.remove(0);
        }
        let (queue, attempt, args_at) = (job.queue, job.attempt, job.args_at);
        Lease { job: id, token, queue, attempt, args_at, ready_at: job.due }
    }
}

/// False for a name that no topic has, and for numbers that make no sense or are too large.
fn can_be(name: &str, change: ControlChange) -> bool {
    let is_kept = |keep: arrw_jobs::Keep| keep.for_ms <= KEPT_MS_MAX && keep.count <= KEPT_MAX;
    let can_change = match change {
        ControlChange::Pause | ControlChange::Resume => true,
        ControlChange::Limits { rate, .. } => {
            rate.is_none_or(|rate| rate.count != 0 && rate.per_ms != 0)
        }
        ControlChange::Keep { done, dead } => is_kept(done) && is_kept(dead),
    };
    can_change && !name.is_empty() && !name.contains('.')
}
