//! What can be told of jobs and queues now.

use std::ops::Bound;
use std::sync::Arc;

use arrw_log::{Seq, Timestamp};

use crate::command::Command;
use crate::control::Control;
use crate::job::{JobId, Plan, Priority, State, Token};
use crate::limits::LISTED_MAX;
use crate::queue::Queue;
use crate::standing::{Order, OrderKind};
use crate::table::Job;
use crate::totals::Totals;
use crate::view::Jobs;

/// What is in memory of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobStatus {
    /// Its number.
    pub job: JobId,
    /// Its queue.
    pub queue: Arc<str>,
    /// What is to be done.
    pub kind: Arc<str>,
    /// Which come first.
    pub priority: Priority,
    /// How it is tried.
    pub plan: Arc<Plan>,
    /// Where it is.
    pub state: State,
    /// The attempt that runs or ran last, from 1; 0 before the first.
    pub attempt: u16,
    /// When it became ready, becomes ready or finished, by its state.
    pub due: Timestamp,
    /// Its newest record; while it is leased, that of the lease.
    pub last: Seq,
    /// Its newest record, whatever it tells of: from there its history goes back.
    pub newest: Seq,
    /// The record that holds its args.
    pub args_at: Seq,
    /// Who leases it.
    pub worker: Option<Arc<str>>,
    /// It is to be cancelled.
    pub is_cancelling: bool,
}

/// Where a list goes on: behind this job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Its priority, which counts among ready jobs only.
    pub priority: Priority,
    /// Its [`due`](JobStatus::due).
    pub due: Timestamp,
    /// Its number.
    pub job: JobId,
}

impl JobStatus {
    /// Where a list goes on behind it.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor { priority: self.priority, due: self.due, job: self.job }
    }
}

/// What can be told of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStatus {
    /// Its name.
    pub name: Arc<str>,
    /// How it is run.
    pub control: Control,
    /// How many jobs it has in each state, by the order of [`State`].
    pub counts: [usize; 7],
    /// When the ready job that has waited longest became ready.
    pub oldest_ready: Option<Timestamp>,
    /// True when it gives no job now, because it is paused or at a limit.
    pub is_closed: bool,
    /// What happened to its jobs since the start.
    pub totals: Totals,
}

impl QueueStatus {
    /// How many jobs it has in a state.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        self.counts[usize::from(state.byte())]
    }

    /// How many jobs of it are still to be done and are not leased.
    #[must_use]
    pub fn pending(&self) -> usize {
        [State::Scheduled, State::Ready, State::Retrying]
            .map(|state| self.count(state))
            .iter()
            .sum()
    }
}

impl Jobs {
    /// What is known of a job.
    #[must_use]
    pub fn get(&self, job: JobId) -> Option<JobStatus> {
        self.table.get(job.get()).map(|job| self.status(job))
    }

    /// The queues behind the one of that name, by name, at most `limit`.
    #[must_use]
    pub fn queues(&self, after: &str, limit: usize) -> Vec<QueueStatus> {
        let behind = self.queues.iter().filter(|queue| after < &*queue.name);
        behind.take(limit).map(|queue| self.queue_status(queue)).collect()
    }

    /// One queue.
    #[must_use]
    pub fn queue(&self, name: &str) -> Option<QueueStatus> {
        let number = self.queues.find(name)?;
        Some(self.queue_status(self.queues.get(number)))
    }

    /// Jobs of a queue in a state, in the order in which they come, behind `after`, at most `limit`.
    ///
    /// Costs some steps to find where it goes on, and then each job that is listed.
    #[must_use]
    pub fn list(
        &self,
        queue: &str,
        state: State,
        after: Option<Cursor>,
        limit: usize,
    ) -> Vec<JobStatus> {
        let Some(number) = self.queues.find(queue) else { return Vec::new() };
        let queue = self.queues.get(number);
        let of_state = |priority| state == State::Ready || priority == Priority::Normal;
        let orders = Priority::ALL.into_iter().filter(|priority| of_state(*priority));
        let behind = orders.flat_map(|priority| {
            let from = match after {
                None => Bound::Unbounded,
                Some(it) if state == State::Ready && it.priority < priority => Bound::Unbounded,
                Some(it) if state == State::Ready && priority < it.priority => {
                    Bound::Excluded((u64::MAX, u64::MAX))
                }
                Some(it) => Bound::Excluded((it.due.micros(), it.job.get())),
            };
            queue.order(state, priority).range((from, Bound::Unbounded))
        });
        let jobs = behind.filter_map(|(_, id)| self.table.get(*id));
        jobs.take(limit.min(LISTED_MAX)).map(|job| self.status(job)).collect()
    }

    /// The oldest record that holds args of a job in one of the states that `counts` says. Looks at all jobs.
    #[must_use]
    pub fn oldest_args(&self, counts: impl Fn(State) -> bool) -> Option<Seq> {
        let at = |job: &Job| self.moved.get(&job.id).copied().unwrap_or(job.id);
        let jobs = self.table.iter().filter(|job| counts(job.state));
        jobs.map(at).min().map(Seq::new)
    }

    /// The jobs in one of the states that `counts` says whose args are in a record before `seq`, the oldest `limit` of
    /// them, oldest first. Looks at all jobs.
    #[must_use]
    pub fn with_args_before(
        &self,
        seq: Seq,
        counts: impl Fn(State) -> bool,
        limit: usize,
    ) -> Vec<JobId> {
        let at = |job: &Job| self.moved.get(&job.id).copied().unwrap_or(job.id);
        let jobs = self.table.iter().filter(|job| counts(job.state));
        let mut found: Vec<(u64, u64)> = Vec::new();
        for one in jobs.map(|job| (at(job), job.id)).filter(|(at, _)| *at < seq.get()) {
            found.push(one);
            if found.len() == limit.saturating_mul(2) {
                found.sort_unstable();
                found.truncate(limit);
            }
        }
        found.sort_unstable();
        found.into_iter().take(limit).map(|(_, id)| JobId::from_number(id)).collect()
    }

    /// How many queues have ready jobs.
    #[must_use]
    pub fn count_ready_queues(&self) -> usize {
        self.queues.ready().len()
    }

    /// The queues that have ready jobs, whether or not they give them now.
    pub fn ready_queues(&self) -> impl Iterator<Item = &str> {
        self.queues.ready().iter().map(|number| &*self.queues.get(*number).name)
    }

    /// When a queue with ready jobs gives the next one, if only its rate holds it up.
    #[must_use]
    pub fn opens_at(&self, queue: &str) -> Option<Timestamp> {
        let queue = self.queues.get(self.queues.find(queue)?);
        queue.first_ready()?;
        let rate = queue.control.rate.filter(|_| !queue.control.is_paused)?;
        let at = rate.allows_at(queue.next);
        (self.now < at).then_some(at)
    }

    /// The schedules or triggers behind the one of that name, by name, at most `limit`.
    #[must_use]
    pub fn orders(
        &self,
        kind: OrderKind,
        after: &str,
        limit: usize,
    ) -> Vec<(Arc<str>, Arc<Order>)> {
        let behind = self.orders.behind(kind, after).take(limit);
        behind.map(|(name, order)| (Arc::clone(name), Arc::clone(order))).collect()
    }

    /// A schedule or a trigger.
    #[must_use]
    pub fn order(&self, kind: OrderKind, name: &str) -> Option<Arc<Order>> {
        self.orders.get(kind, name).cloned()
    }

    /// When the next slot of a schedule is.
    #[must_use]
    pub fn next_slot(&self) -> Option<Timestamp> {
        self.orders.next()
    }

    /// The commands that give the slots that have come their jobs, at most `limit`.
    #[must_use]
    pub fn due_slots(&self, now: Timestamp, limit: usize) -> Vec<Command> {
        let bytes = |name: &str| self.order(OrderKind::Schedule, name).map_or(0, |it| it.bytes());
        let fire = |name: &Arc<str>| Command::Fire { name: name.to_string(), bytes: bytes(name) };
        self.orders.due(now, limit).map(fire).collect()
    }

    /// True when a queue gives a job now to who asks.
    #[must_use]
    pub fn has_work(&self, queue: &str) -> bool {
        let queue = self.queues.find(queue).map(|number| self.queues.get(number));
        queue.is_some_and(|queue| queue.first_ready().is_some() && queue.is_open(self.now))
    }

    /// All leases: the job, what proves the lease, and who has it, by job.
    pub fn leases(&self) -> impl Iterator<Item = (JobId, Token, &Arc<str>)> {
        self.leases.iter().filter_map(|(id, lease)| {
            let (job, token) = self.proof(id)?;
            Some((job, token, &lease.worker))
        })
    }

    /// The leases of a worker, by job. Looks at no others.
    pub fn leases_of(&self, worker: &str) -> impl Iterator<Item = (JobId, Token)> {
        self.leases.of(worker).filter_map(|id| self.proof(id))
    }

    /// A leased job, and what proves its lease.
    fn proof(&self, id: u64) -> Option<(JobId, Token)> {
        let job = self.table.get(id)?;
        Some((JobId::from_number(id), Token::new(Seq::new(job.last))))
    }

    /// How many leases there are.
    #[must_use]
    pub fn count_leases(&self) -> usize {
        self.leases.len()
    }

    fn status(&self, job: &Job) -> JobStatus {
        let args_at = self.moved.get(&job.id).copied().unwrap_or(job.id);
        JobStatus {
            job: JobId::from_number(job.id),
            queue: Arc::clone(&self.queues.get(job.queue).name),
            kind: Arc::clone(self.kinds.get(job.kind)),
            priority: job.priority,
            plan: Arc::clone(self.plans.get(job.plan)),
            state: job.state,
            attempt: job.attempt,
            due: Timestamp::from_micros(job.due),
            last: Seq::new(job.last),
            newest: self.newest(job),
            args_at: Seq::new(args_at),
            worker: self.leases.get(job.id).map(|lease| Arc::clone(&lease.worker)),
            is_cancelling: job.is_cancelling,
        }
    }

    fn queue_status(&self, queue: &Queue) -> QueueStatus {
        let firsts = Priority::ALL.map(|priority| queue.order(State::Ready, priority).first());
        let oldest = firsts.into_iter().flatten().map(|(due, _)| *due).min();
        QueueStatus {
            name: Arc::clone(&queue.name),
            control: queue.control,
            counts: State::ALL.map(|state| queue.count(state)),
            oldest_ready: oldest.map(Timestamp::from_micros),
            is_closed: !queue.is_open(self.now),
            totals: queue.totals,
        }
    }
}
