//! All jobs, as the log says: a function of its records, and of the time.
//!
//! Every change of a job goes through [`Jobs::set`], which keeps the orders, the digest and what takes the change
//! back in step with it. So a change can be forgotten nowhere, and taking back is setting what was before.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrw_log::{Record, Seq, Timestamp, crc64};

use crate::codec::{In, Out};
use crate::control::{Control, QUEUE};
use crate::event::{self, Changed, Enqueued, Event, Origin};
use crate::ids::{IdChange, Ids, Known};
use crate::job::{JobId, Plan, Priority, State, Unique};
use crate::leases::{Lease, Leases};
use crate::mix::mix_all;
use crate::names::Names;
use crate::new_job::check_queue;
use crate::planted::{Bug, is_planted};
use crate::queue::Queues;
use crate::standing::{Order, OrderKind, Orders, check_order};
use crate::table::{Job, Table};
use crate::turn::FORGOTTEN;
use crate::unique::Uniques;

/// The jobs.
#[derive(Debug, Default)]
pub struct Jobs {
    /// Up to when time has done its part.
    pub(crate) now: Timestamp,
    pub(crate) table: Table,
    pub(crate) queues: Queues,
    pub(crate) kinds: Names<str>,
    pub(crate) plans: Names<Plan>,
    pub(crate) uniques: Uniques,
    pub(crate) leases: Leases,
    /// Where the args of jobs are, if not in the record that enqueued them.
    pub(crate) moved: BTreeMap<u64, u64>,
    pub(crate) ids: Ids,
    pub(crate) orders: Orders,
    /// Memory that turns use one after the other.
    pub(crate) scratch: Scratch,
    jobs_sum: u64,
    queues_sum: u64,
    undo: Vec<Undo>,
    /// True while changes may have to be taken back.
    records: bool,
}

/// Texts and bytes that a turn writes, so that not each turn needs memory of its own.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) topic: String,
    pub(crate) text: String,
    pub(crate) fact: Out,
}

/// All that is known of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// Its `unique` is 0: the key is beside it.
    pub(crate) job: Job,
    pub(crate) unique: Option<Unique>,
    pub(crate) lease: Option<Lease>,
    pub(crate) args_at: Option<u64>,
}

/// A change, as what was before it. Small, as most of them are that there was nothing.
#[derive(Debug)]
enum Undo {
    Job(u64, Option<Box<Image>>),
    Queue(u32, Box<(Control, u64)>),
    Id(IdChange),
    Order(OrderKind, Box<str>, Option<Arc<Order>>),
}

impl Jobs {
    /// Takes in a record. It must come behind all that were taken in before.
    pub fn apply(&mut self, record: &Record<'_>) {
        if let Some((queue, state, event)) = event::of_record(record) {
            self.advance(record.time());
            match event {
                Event::Enqueued(mut it) => {
                    it.origin = it.origin.filter(|_| !is_planted(Bug::ForgetTheOrigin));
                    if is_planted(Bug::ForgetThePriority) {
                        it.priority = Priority::Normal;
                    }
                    self.enqueued(record.seq(), record.time(), (queue, state), &it);
                }
                Event::Changed(it) => self.changed(record.seq(), record.time(), state, &it),
                // It changes nothing, so it is no event.
                Event::Carried(_) => {}
            }
        } else if let Some(job) = event::carried(record) {
            self.advance(record.time());
            self.carried(record.seq(), job);
        } else if record.kind() == QUEUE
            && let Ok(name) = std::str::from_utf8(record.key())
            && check_queue(name).is_ok()
            && let Some(mut control) = Control::decode(record.payload())
        {
            control.is_paused &= !is_planted(Bug::ForgetThePause);
            self.advance(record.time());
            self.controlled(name, control);
        } else if let Some(kind) = OrderKind::of_record(record.kind())
            && let Ok(name) = std::str::from_utf8(record.key())
            && check_order(kind, name).is_ok()
        {
            let mut payload = In(record.payload());
            let order = Order::decode(&mut payload).filter(|order| order.rule.kind() == kind);
            if record.payload().is_empty() || order.is_some() && payload.0.is_empty() {
                self.advance(record.time());
                self.set_order(kind, name, order.map(Arc::new));
            }
        } else if record.kind() == FORGOTTEN
            && let Ok(job) = record.payload().try_into()
        {
            self.advance(record.time());
            self.set(u64::from_le_bytes(job), None);
        }
    }

    /// Does what time alone brings up to `now`: jobs become ready, and finished ones are forgotten.
    pub fn advance(&mut self, now: Timestamp) {
        if now <= self.now {
            return;
        }
        self.now = now;
        // Nobody takes time back.
        let records = std::mem::replace(&mut self.records, false);
        while let Some((when, queue, state)) = self.queues.first_due()
            && when <= now
        {
            let first = self.queues.get(queue).jobs(state).next();
            let Some((_, id)) = first else { break };
            if state.is_timed() {
                let Some(mut image) = self.image(id) else { break };
                image.job.state = State::Ready;
                self.set(id, Some(&image));
            } else {
                self.set(id, None);
            }
        }
        self.records = records;
    }

    /// When time alone brings something next.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.queues.first_due().map(|(when, _, _)| when)
    }

    /// A number for all of it: two that were made of the same records and advanced to the same time have the same.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let sums = [self.jobs_sum, self.queues_sum, self.ids.sum(), self.orders.sum()];
        mix_all([self.now.micros()].into_iter().chain(sums))
    }

    /// Up to when time has done its part.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// From now on changes can be [taken back](Self::take_back).
    pub fn record_changes(&mut self) {
        self.records = true;
    }

    /// How many changes can be taken back.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.undo.len()
    }

    /// Takes back the last changes, so that so many are left. What time brought stays, so all that may be taken back must
    /// be of one time: [keep](Self::keep_changes) it or take it back before the next.
    pub fn take_back(&mut self, left: usize) {
        let records = std::mem::replace(&mut self.records, false);
        let sum = self.jobs_sum;
        while left < self.undo.len() {
            match self.undo.pop() {
                Some(Undo::Job(id, before)) => {
                    self.count(before.as_deref(), self.image(id).as_ref(), -1);
                    self.set(id, before.as_deref());
                }
                Some(Undo::Queue(queue, was)) => self.set_queue(queue, was.0, was.1),
                Some(Undo::Id(change)) => self.ids.take_back(&change),
                Some(Undo::Order(kind, name, before)) => self.set_order(kind, &name, before),
                None => break,
            }
        }
        if is_planted(Bug::ForgetTheDigest) {
            self.jobs_sum = sum;
        }
        self.records = records;
    }

    /// The changes so far stay.
    pub fn keep_changes(&mut self) {
        self.undo.clear();
    }

    pub(crate) fn image(&self, id: u64) -> Option<Image> {
        let job = *self.table.get(id)?;
        Some(Image {
            job: Job { unique: 0, ..job },
            unique: self.uniques.get(job.unique),
            lease: (job.state == State::Leased).then(|| self.leases.get(id).cloned()).flatten(),
            args_at: if self.moved.is_empty() { None } else { self.moved.get(&id).copied() },
        })
    }

    /// Has a job be as `after` says, or not be.
    pub(crate) fn set(&mut self, id: u64, after: Option<&Image>) {
        let before = self.image(id);
        self.set_from(id, before, after);
    }

    /// The same of a job that is as `before` says, or is not there.
    fn set_from(&mut self, id: u64, before: Option<Image>, after: Option<&Image>) {
        let weight = |image: Option<&Image>| image.map_or(0, |image| self.weigh(image));
        let changed = weight(after).wrapping_sub(weight(before.as_ref()));
        self.jobs_sum = self.jobs_sum.wrapping_add(changed);
        let order = |image: &Image| {
            let Job { queue, state, priority, due, .. } = image.job;
            (queue, state, priority, (due, id))
        };
        let (from, to) = (before.as_ref().map(order), after.map(order));
        if from != to {
            if let Some((queue, state, priority, at)) = from {
                self.queues.remove(queue, state, priority, at);
            }
            if let Some((queue, state, priority, at)) = to {
                self.queues.insert(queue, state, priority, at);
            }
        }
        self.set_in_table(id, before.as_ref(), after);
        self.set_beside(id, before.as_ref(), after);
        if self.records {
            self.count(before.as_ref(), after, 1);
            self.undo.push(Undo::Job(id, before.map(Box::new)));
        }
    }

    fn count(&mut self, before: Option<&Image>, after: Option<&Image>, by: i64) {
        let Some(Image { job, .. }) = after.or(before) else { return };
        let state = |image: Option<&Image>| image.map(|image| image.job.state);
        self.queues.count(job.queue, state(before), state(after), by);
    }

    /// Keeps the table and the keys in step with a job.
    fn set_in_table(&mut self, id: u64, before: Option<&Image>, after: Option<&Image>) {
        let slot = before.and_then(|_| self.table.slot(id));
        let mut unique = slot.map_or(0, |slot| self.table.at(slot).unique);
        if before.and_then(|image| image.unique) != after.and_then(|image| image.unique) {
            self.uniques.remove(unique);
            unique = after
                .and_then(|image| image.unique)
                .map_or(0, |unique| self.uniques.insert(unique, id));
        }
        match (slot, after) {
            (Some(slot), Some(image)) => self.table.put(slot, Job { unique, ..image.job }),
            (None, Some(image)) => self.table.add(Job { unique, ..image.job }),
            (_, None) => self.table.remove(id),
        }
    }

    /// Keeps what only some jobs have in step with a job.
    fn set_beside(&mut self, id: u64, before: Option<&Image>, after: Option<&Image>) {
        let lease = |image: Option<&Image>| image.and_then(|image| image.lease.clone());
        let (was, is) = (lease(before), lease(after));
        if was != is {
            self.leases.set(id, is);
        }
        let args_at = |image: Option<&Image>| image.and_then(|image| image.args_at);
        if args_at(before) != args_at(after) {
            match args_at(after) {
                Some(seq) => self.moved.insert(id, seq),
                None => self.moved.remove(&id),
            };
        }
    }

    fn weigh(&self, image: &Image) -> u64 {
        let Image { job, unique, lease, args_at } = image;
        let small = u64::from(job.attempt) << 32
            | u64::from(job.state.byte()) << 16
            | u64::from(job.priority.byte()) << 8
            | u64::from(job.is_cancelling)
            | u64::from(job.depth) << 48;
        let names = self.queues.get(job.queue).weight
            ^ self.kinds.weight(job.kind).rotate_left(1)
            ^ self.plans.weight(job.plan).rotate_left(2);
        let unique = unique.map_or(0, |unique| {
            let until = unique.until.micros();
            mix_all([crc64(&unique.key), until, u64::from(unique.states)])
        });
        let lease =
            lease.as_ref().map_or(0, |it| mix_all([crc64(it.worker.as_bytes()), it.newest]));
        let rest = unique ^ lease ^ args_at.unwrap_or(0);
        mix_all([job.id, job.last, job.due, names, small, rest])
    }

    pub(crate) fn set_queue(&mut self, queue: u32, control: Control, next: u64) {
        let before = self.queues.get(queue).weigh();
        let was = self.queues.set(queue, control, next);
        let after = self.queues.get(queue).weigh();
        self.queues_sum = self.queues_sum.wrapping_add(after).wrapping_sub(before);
        if self.records {
            self.undo.push(Undo::Queue(queue, Box::new(was)));
        }
    }

    pub(crate) fn enqueued(
        &mut self,
        seq: Seq,
        time: Timestamp,
        (queue, state): (&str, State),
        it: &Enqueued<'_>,
    ) {
        let id = seq.get();
        let queue = self.queues.number(queue);
        let kind = self.kinds.number(it.kind, || crc64(it.kind.as_bytes()));
        let plan = self.plan_number(&it.plan);
        if let Some(holder) = it.unique.and_then(|unique| self.uniques.holder(&unique.key))
            && let Some(mut image) = self.image(holder)
        {
            image.unique = None;
            self.set(holder, Some(&image));
        }
        let due = if state == State::Scheduled { it.run_at } else { time };
        let job = Job {
            id,
            last: id,
            due: due.micros(),
            queue,
            kind,
            plan,
            unique: 0,
            attempt: 0,
            state,
            priority: it.priority,
            is_cancelling: false,
            depth: it.origin.map_or(0, |origin| origin.depth()),
        };
        let image = Image { job, unique: it.unique, lease: None, args_at: None };
        // The record's seq is nobody's number yet.
        self.set_from(id, None, Some(&image));
        if let Some(origin) = it.origin {
            self.made_by(origin, JobId::from_number(id));
        }
        if let Some(of) = it.id {
            let known = Known { body: of.body, job: id, time: time.micros() };
            let (undo, records) = (&mut self.undo, self.records);
            self.ids.add(of.key, known, |change| {
                if records {
                    undo.push(Undo::Id(change));
                }
            });
        }
    }

    pub(crate) fn changed(&mut self, seq: Seq, time: Timestamp, state: State, it: &Changed<'_>) {
        let id = it.job.get();
        let Some(before) = self.image(id) else { return };
        let mut image = before.clone();
        let job = &mut image.job;
        job.state = state;
        job.due = it.due.micros();
        job.attempt = it.attempt;
        // A wish to cancel is no new lease: the token stays. Who is to be cancelled gets no new one.
        let is_lease = state == State::Leased && !it.is_cancelling;
        if state != State::Leased || is_lease {
            job.last = seq.get();
        }
        job.is_cancelling = it.is_cancelling;
        let queue = job.queue;
        let lease = || Lease { worker: Arc::from(it.worker), newest: seq.get() };
        image.lease = (state == State::Leased).then(lease);
        if it.has_args {
            image.args_at = Some(seq.get());
        }
        let is_released = image.unique.is_some_and(|it| it.states & state.bit() == 0);
        let is_lent = state == State::Leased && is_planted(Bug::LendTheKey);
        if state.is_final() && is_released && !is_planted(Bug::KeepTheKey) || is_lent {
            image.unique = None;
        }
        self.set_from(id, Some(before), Some(&image));
        if state.is_final() {
            let keep = self.queues.get(queue).keep(state).count as usize;
            while keep < self.queues.get(queue).count(state) {
                let Some((_, oldest)) = self.queues.get(queue).jobs(state).next() else { break };
                self.set(oldest, None);
            }
        } else if is_lease {
            let Control { rate, .. } = self.queues.get(queue).control;
            if let Some(rate) = rate {
                let (control, next) = (self.queues.get(queue).control, self.queues.get(queue).next);
                self.set_queue(queue, control, rate.after(next, time));
            }
        }
    }

    /// Has a standing order be as `after` says, or not be.
    pub(crate) fn set_order(&mut self, kind: OrderKind, name: &str, after: Option<Arc<Order>>) {
        let before = self.orders.set(kind, name, after);
        if self.records {
            self.undo.push(Undo::Order(kind, Box::from(name), before));
        }
    }

    /// A standing order made a job: what it is for is settled.
    fn made_by(&mut self, origin: Origin<'_>, job: JobId) {
        let (kind, name, settled) = match origin {
            Origin::Schedule { name, slot } => (OrderKind::Schedule, name, slot.micros()),
            Origin::Trigger { name, event, .. } => (OrderKind::Trigger, name, event.get()),
        };
        let Some(order) = self.orders.get(kind, name) else { return };
        let settled = settled.max(order.settled);
        let made = order.made.saturating_add(1);
        let order = Order { settled, made, last: Some(job), ..(**order).clone() };
        self.set_order(kind, name, Some(Arc::new(order)));
    }

    /// A job stays as it is, and what was told of it is elsewhere now.
    pub(crate) fn carried(&mut self, seq: Seq, job: JobId) {
        let id = job.get();
        let Some(mut image) = self.image(id) else { return };
        image.args_at = Some(seq.get());
        match &mut image.lease {
            Some(lease) => lease.newest = seq.get(),
            None => image.job.last = seq.get(),
        }
        self.set(id, Some(&image));
    }

    /// The newest record of a job.
    pub(crate) fn newest(&self, job: &Job) -> Seq {
        let lease = (job.state == State::Leased).then(|| self.leases.get(job.id)).flatten();
        Seq::new(lease.map_or(job.last, |lease| lease.newest))
    }

    pub(crate) fn plan_number(&mut self, plan: &Plan) -> u32 {
        self.plans.number(plan, || {
            let mut out = Out::default();
            event::encode_plan(plan, &mut out);
            crc64(&out.0)
        })
    }

    pub(crate) fn controlled(&mut self, name: &str, control: Control) {
        let queue = self.queues.number(name);
        let next = self.queues.get(queue).next;
        let next = if self.queues.get(queue).control.rate == control.rate { next } else { 0 };
        self.set_queue(queue, control, next);
    }

    /// The state of a job; `None` when it is not known.
    #[must_use]
    pub fn state(&self, job: JobId) -> Option<State> {
        self.table.get(job.get()).map(|job| job.state)
    }

    /// How many jobs are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// True when no job is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
