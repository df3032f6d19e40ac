//! The jobs' part of the writer: decides commands where their place is decided, and hands out jobs to those who wait
//! at the end of the turn, in the same frame. So a job and the lease of it can be one commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::task::Waker;

use arrw_jobs::{Command, Done, JobId, Jobs, LEASE_BYTES_MAX, Leased, Refused, Token, Turn};
use arrw_log::{Batch, Decision, Place, Settled, Timestamp};
use smallvec::SmallVec;

use crate::jobs::counts::LeaseCounts;
use crate::jobs::minder::Worker;
use crate::jobs::progress::Progresses;
use crate::jobs::slot::{Slot, Stage};
use crate::jobs::tripping::Bell;
use crate::jobs::watch::Watchers;

/// Commands. One alone, as most are, needs no memory of its own.
pub(crate) type Commands = SmallVec<[Command; 1]>;

/// What became of commands, in their order.
pub(crate) type Answered = SmallVec<[Result<Done, Refused>; 1]>;

/// What a batch asks the jobs.
#[derive(Debug)]
pub(crate) struct JobAsk {
    pub(crate) commands: Commands,
    /// Records of the batch that stand before those of the commands.
    pub(crate) own: u32,
    /// When one is refused the others are done all the same; else nothing is.
    pub(crate) each: bool,
    /// A claim that is to be answered in this turn if it does not wait.
    pub(crate) claim: Option<u64>,
    /// What became of them, known when the batch is answered.
    pub(crate) answers: OnceLock<Answered>,
}

impl JobAsk {
    pub(crate) fn new(commands: Commands, each: bool) -> Self {
        Self { commands, own: 0, each, claim: None, answers: OnceLock::new() }
    }

    /// Nothing, but that there be a turn.
    pub(crate) fn tick() -> Self {
        Self::new(Commands::new(), true)
    }
}

/// One of several commands was refused, so none was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{refused}")]
pub(crate) struct RefusedAt {
    /// Which, from 0.
    pub(crate) index: usize,
    /// Why.
    pub(crate) refused: Refused,
}

/// The jobs and who waits for them, shared by the writer and all handles.
#[derive(Debug)]
pub(crate) struct Core {
    state: Mutex<State>,
    /// Notified when something is due sooner than whoever waits for it knows.
    pub(crate) sooner: Condvar,
    /// Rung when triggers changed.
    pub(crate) bell: Arc<Bell>,
}

#[derive(Debug)]
pub(crate) struct State {
    /// Between two commits: what is on the disk.
    pub(crate) jobs: Jobs,
    waiting: BTreeMap<u64, Arc<Slot>>,
    by_queue: BTreeMap<String, BTreeSet<u64>>,
    /// Those who do not wait and whose turn this is.
    asked: Vec<u64>,
    /// Jobs wanted by those who wait.
    wanted: usize,
    /// The first of those who came after it was measured how much room they all want.
    unmeasured: u64,
    next_waiter: u64,
    /// With which of its queues a claim begins.
    rotation: usize,
    /// Where to go back to when what was decided last finds no place.
    unplaced: Option<usize>,
    /// What was decided last for those who wait, and all of it in this turn.
    deciding: Vec<(u64, Arc<Slot>, Vec<Leased>)>,
    decided: Vec<(u64, Arc<Slot>, Vec<Leased>)>,
    to_wake: Vec<Waker>,
    /// A trigger was put, changed or removed.
    triggers_changed: bool,
    /// How far leased jobs are.
    pub(crate) progress: Progresses,
    /// Slots that have come are not looked at before: what was refused is tried again then.
    pub(crate) fire_after: Timestamp,
    /// Leases that came when nobody wanted them any more.
    pub(crate) abandoned: Vec<Leased>,
    /// Leases that were handed out and are not looked after yet.
    pub(crate) given: Vec<Given>,
    /// Leases that workers do not have any more, by what they say.
    pub(crate) forgotten: Vec<(JobId, Token)>,
    /// Leases that workers did not name when they were heard of last.
    pub(crate) unheld: BTreeMap<Arc<str>, BTreeSet<(JobId, Token)>>,
    /// What was counted of leases.
    pub(crate) leases: LeaseCounts,
    /// Who was heard of lately.
    pub(crate) workers: BTreeMap<Arc<str>, Worker>,
    pub(crate) closed: bool,
    /// Workers that run in this process.
    pub(crate) watchers: Watchers,
    /// A worker may be lost sooner than whoever minds the time knows.
    pub(crate) must_look: bool,
    /// When whoever minds the time will look next; `None` for not before it is told.
    pub(crate) planned: Option<Timestamp>,
}

/// A lease whose attempt may take only so long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given {
    pub(crate) job: JobId,
    pub(crate) token: Token,
    pub(crate) timeout_ms: u32,
}

/// True while a job in this state needs what it was enqueued with: it runs, or may be told to run again.
pub(crate) fn is_needed(state: arrw_jobs::State) -> bool {
    !state.is_final() || state == arrw_jobs::State::Dead
}

impl Core {
    pub(crate) fn new(mut jobs: Jobs) -> Arc<Self> {
        jobs.record_changes();
        let state = State {
            watchers: Watchers::new(&jobs),
            jobs,
            waiting: BTreeMap::new(),
            by_queue: BTreeMap::new(),
            asked: Vec::new(),
            wanted: 0,
            unmeasured: 0,
            next_waiter: 0,
            rotation: 0,
            unplaced: None,
            deciding: Vec::new(),
            decided: Vec::new(),
            to_wake: Vec::new(),
            triggers_changed: false,
            progress: Progresses::default(),
            fire_after: Timestamp::from_micros(0),
            abandoned: Vec::new(),
            given: Vec::new(),
            forgotten: Vec::new(),
            unheld: BTreeMap::new(),
            leases: LeaseCounts::default(),
            workers: BTreeMap::new(),
            closed: false,
            planned: None,
            must_look: false,
        };
        let (state, bell) = (Mutex::new(state), Arc::default());
        Arc::new(Self { state, sooner: Condvar::new(), bell })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// Has a claim wait; answers its number.
    pub(crate) fn wait(&self, slot: &Arc<Slot>) -> u64 {
        let mut state = self.lock();
        let number = state.next_waiter;
        state.next_waiter += 1;
        if state.closed {
            let _nobody_waits_yet = slot.end(Stage::Closed);
            return number;
        }
        state.insert(number, Arc::clone(slot));
        // Whoever minds the time waits for ever while nobody waits.
        state.must_look |= state.planned.is_none();
        number
    }

    /// A claim was given up.
    pub(crate) fn forget(&self, number: u64) {
        self.lock().remove(number);
    }

    /// Ends all who wait.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        state.by_queue.clear();
        state.wanted = 0;
        drop(state);
        self.sooner.notify_all();
        self.bell.close();
        for slot in waiting.into_values() {
            if let Some(waker) = slot.end(Stage::Closed) {
                waker.wake();
            }
        }
    }

    /// Wakes those who got jobs, and whoever minds the time if that is needed.
    pub(crate) fn after_turn(&self) {
        let mut state = self.lock();
        let wakers = std::mem::take(&mut state.to_wake);
        let must_look = state.is_sooner() || !state.is_quiet();
        let triggers_changed = std::mem::take(&mut state.triggers_changed);
        drop(state);
        if triggers_changed {
            self.bell.ring();
        }
        if must_look {
            self.sooner.notify_all();
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl State {
    /// True when something is due sooner than whoever minds the time will look.
    pub(crate) fn is_sooner(&self) -> bool {
        let next = self.next_due();
        next.zip(self.planned).is_some_and(|(next, planned)| next < planned)
            || next.is_some() && self.planned.is_none()
    }

    /// True when nothing happened that whoever minds the time must see at once.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.must_look
            && !self.closed
            && self.given.is_empty()
            && self.abandoned.is_empty()
            && self.forgotten.is_empty()
    }

    /// Jobs that waiting claims want.
    pub(crate) fn wanted(&self) -> usize {
        self.wanted
    }

    /// The same, each claim with its worker.
    pub(crate) fn wanted_by_worker(&self) -> impl Iterator<Item = (&str, usize)> {
        self.waiting.values().map(|slot| (slot.claim.worker(), slot.claim.count()))
    }

    /// True when a claim waits.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// When time alone brings something next, for a job or for who waits.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let opens = self.waited_for().filter_map(|queue| self.jobs.opens_at(queue)).min();
        let slot = self.jobs.next_slot().map(|slot| slot.max(self.fire_after));
        [self.jobs.next_due(), opens, slot].into_iter().flatten().min()
    }

    /// The queues with ready jobs that somebody waits for. Looks at those with ready jobs or at those that are waited
    /// for, whichever are fewer.
    fn waited_for(&self) -> impl Iterator<Item = &str> {
        let by_ready = self.jobs.count_ready_queues() < self.by_queue.len();
        let ready = by_ready.then(|| self.jobs.ready_queues());
        let ready = ready.into_iter().flatten().filter(|queue| self.by_queue.contains_key(*queue));
        let waited = (!by_ready).then(|| self.by_queue.keys().map(String::as_str));
        ready.chain(waited.into_iter().flatten())
    }

    /// True when there is work for somebody who waits and was there in the last turn. Who came later has a turn to come.
    pub(crate) fn has_work_waited_for(&self) -> bool {
        let first = |queue| self.by_queue.get(queue).and_then(BTreeSet::first);
        self.waited_for().any(|queue| {
            first(queue).is_some_and(|number| *number < self.unmeasured)
                && self.jobs.has_work(queue)
        })
    }

    fn insert(&mut self, number: u64, slot: Arc<Slot>) {
        self.wanted += slot.claim.count();
        for queue in slot.claim.queues() {
            match self.by_queue.get_mut(queue) {
                Some(numbers) => {
                    numbers.insert(number);
                }
                None => {
                    self.by_queue.insert(queue.clone(), BTreeSet::from([number]));
                }
            }
        }
        self.waiting.insert(number, slot);
    }

    fn remove(&mut self, number: u64) -> Option<Arc<Slot>> {
        let slot = self.waiting.remove(&number)?;
        self.wanted -= slot.claim.count();
        for queue in slot.claim.queues() {
            if let Some(numbers) = self.by_queue.get_mut(queue) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.by_queue.remove(queue);
                }
            }
        }
        Some(slot)
    }

    /// What was decided last found no place.
    fn settle_last(&mut self, is_placed: bool) {
        let deciding = std::mem::take(&mut self.deciding);
        match (self.unplaced.take(), is_placed) {
            (Some(left), false) => {
                self.jobs.take_back(left);
                for (number, slot, _) in deciding {
                    self.wait_again(number, slot);
                }
            }
            (Some(_), true) | (None, _) => self.decided.extend(deciding),
        }
    }

    fn wait_again(&mut self, number: u64, slot: Arc<Slot>) {
        slot.take_back();
        if !slot.waits {
            self.asked.push(number);
        }
        self.insert(number, slot);
    }

    pub(crate) fn decide(&mut self, ask: &JobAsk, place: Place, made: &mut Batch) -> Decision {
        self.settle_last(false);
        let left = self.jobs.changes();
        let mut turn = Turn::new(&mut self.jobs, place, ask.own, made);
        let mut answers = Answered::with_capacity(ask.commands.len());
        for (index, command) in ask.commands.iter().enumerate() {
            let told = self.progress.told_with(command);
            let answer = turn.run(told.as_ref().unwrap_or(command));
            if answer.is_ok() {
                self.progress.end(command);
            }
            self.watchers.note(command, &answer);
            self.leases.note(command, &answer);
            if let (Err(refused), false) = (&answer, ask.each) {
                let refused = refused.clone();
                drop(turn);
                self.jobs.take_back(left);
                return Decision::Refuse(Arc::new(RefusedAt { index, refused }));
            }
            self.triggers_changed |= matches!(command, Command::Order { .. });
            answers.push(answer);
        }
        drop(turn);
        // It is asked once only.
        let _first = ask.answers.set(answers);
        if let Some(number) = ask.claim
            && self.waiting.get(&number).is_some_and(|slot| !slot.waits)
        {
            self.asked.push(number);
        }
        if ask.own == 0 && made.is_empty() {
            return Decision::Nothing;
        }
        self.unplaced = Some(left);
        Decision::Commit { skip: 0 }
    }

    pub(crate) fn place(&mut self) {
        self.settle_last(true);
    }

    /// Bytes that those who wait now want, and those who come later did not count for.
    pub(crate) fn wants(&mut self) -> usize {
        self.unmeasured = self.next_waiter;
        self.wanted.saturating_mul(LEASE_BYTES_MAX)
    }

    /// Hands out jobs to those who wait, who came first first.
    pub(crate) fn more(&mut self, place: Place, bytes: usize, made: &mut Batch) {
        self.settle_last(false);
        self.jobs.advance(place.time);
        self.unplaced = Some(self.jobs.changes());
        let mut room = bytes / LEASE_BYTES_MAX;
        let is_open = |queue: &&str| self.jobs.has_work(queue);
        let mut open: Vec<String> = self.waited_for().filter(is_open).map(String::from).collect();
        let mut from = 0;
        let mut is_served = false;
        while 0 < room {
            open.retain(|queue| self.jobs.has_work(queue));
            let first = |queue: &String| self.by_queue.get(queue)?.range(from..).next().copied();
            let Some(number) = open.iter().filter_map(first).min() else {
                is_served = true;
                break;
            };
            from = number + 1;
            let Some(slot) = self.waiting.get(&number).cloned() else { continue };
            // It gets all that it wants in the next turn: then room is kept for it.
            let is_late =
                self.unmeasured <= number || !made.is_empty() && !self.asked.contains(&number);
            if room < slot.claim.count() && is_late {
                break;
            }
            if !slot.decide() {
                self.remove(number);
                continue;
            }
            self.rotation = self.rotation.wrapping_add(1);
            let mut turn = Turn::new(&mut self.jobs, place, 0, made);
            let leased = turn.claim(&slot.claim, self.rotation, room);
            drop(turn);
            room -= leased.len().min(room);
            if leased.is_empty() {
                slot.take_back();
            } else {
                self.remove(number);
                self.deciding.push((number, slot, leased));
            }
        }
        // Whoever minds the time has there be a next turn.
        self.must_look |= !is_served && self.has_work_waited_for();
        if made.is_empty() {
            self.unplaced = None;
        }
    }

    pub(crate) fn settle(&mut self, settled: Settled) {
        self.settle_last(false);
        let decided = std::mem::take(&mut self.decided);
        self.progress.settle(settled == Settled::Committed);
        match settled {
            Settled::Committed => {
                self.jobs.keep_changes();
                self.to_wake.extend(self.watchers.take_told());
                for (_, slot, leased) in decided {
                    self.given.extend(leased.iter().filter(|it| it.plan.timeout_ms != 0).map(
                        |it| Given { job: it.job, token: it.token, timeout_ms: it.plan.timeout_ms },
                    ));
                    let now = self.jobs.now();
                    self.leases.leased(&leased, now);
                    self.heard_of(slot.claim.worker(), now, slot.lease_ms);
                    match slot.give(leased) {
                        Ok(waker) => self.to_wake.extend(waker),
                        Err(unwanted) => self.abandoned.extend(unwanted),
                    }
                }
            }
            Settled::TakenBack => {
                self.jobs.take_back(0);
                for (number, slot, _) in decided {
                    self.wait_again(number, slot);
                }
            }
        }
        // Those who do not wait and whose turn this was.
        for number in std::mem::take(&mut self.asked) {
            if let Some(slot) = self.remove(number) {
                self.to_wake.extend(slot.end(Stage::Over));
            }
        }
    }
}
