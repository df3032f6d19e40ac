//! Standing orders: what has jobs enqueued by itself, at times (a schedule) or on events (a trigger).
//!
//! An order is what its last control record says, and what the jobs say that were made of it: each names its order, and
//! the slot or the event that it is for. So the order and the job are one record, and a slot or an event has its job once.

use std::sync::Arc;

use arrw_log::{Seq, Timestamp};

use crate::error::JobError;
use crate::job::{JobId, Plan, Priority};
use crate::limits::{FILTER_BYTES_MAX, LEASE_BYTES_MAX, RUNS_SHOWN};
use crate::new_job::{Enqueue, NewJob, check_name};
use crate::schedule::{Misfire, Schedule};

mod record;
mod table;
mod turn;

pub use record::{SCHEDULE, TRIGGER};
pub(crate) use table::Orders;

/// Which kind of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderKind {
    /// At times.
    Schedule,
    /// On events.
    Trigger,
}

impl OrderKind {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Trigger => "trigger",
        }
    }
}

/// When an order has a job enqueued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// At each slot.
    Schedule {
        /// Which slots.
        when: Schedule,
        /// What becomes of those that were missed.
        misfire: Misfire,
    },
    /// For each event whose topic matches.
    Trigger {
        /// Which topics, as a filter of the bus.
        filter: String,
    },
}

impl Rule {
    /// Which kind of order has it.
    #[must_use]
    pub fn kind(&self) -> OrderKind {
        match self {
            Self::Schedule { .. } => OrderKind::Schedule,
            Self::Trigger { .. } => OrderKind::Trigger,
        }
    }
}

/// An order, checked, as the log will have it.
#[derive(Clone, Debug)]
pub struct NewOrder {
    rule: Rule,
    template: Template,
}

impl NewOrder {
    /// An order that has jobs like `job` enqueued. `now` is about the present time.
    ///
    /// A job of a schedule is as `job` says. The args of a job of a trigger are those of `job`, which must be an object or
    /// `null`, and the event as their member `event`. A unique key is that of `job` as it is here; it lasts as long
    /// as the first job holds it.
    ///
    /// # Errors
    /// When the job or the rule cannot be, or the job has an id, or times of its own.
    pub fn new(rule: Rule, job: &NewJob<'_>, now: Timestamp) -> Result<Self, JobError> {
        let refuse = |what, range| Err(JobError::Range { what, range });
        if job.id.is_some() || job.run_at.is_some() {
            let what = "a job that is made again and again";
            return refuse(what, "without `id` and `run_at`: each one is new, and ready at once");
        }
        if job.unique.is_some_and(|unique| unique.until.is_some()) {
            let what = "the unique key of a job that is made again and again";
            return refuse(what, "held by states alone, without a time");
        }
        if let Rule::Trigger { filter } = &rule {
            if filter.is_empty() || FILTER_BYTES_MAX < filter.len() {
                return refuse("the filter of a trigger", "1 to 255 bytes long");
            }
            if !matches!(job.args.trim_start().as_bytes().first(), Some(b'{' | b'n')) {
                return refuse(
                    "the args of a trigger's job",
                    "an object or `null`: the event is put into it",
                );
            }
        }
        let enqueue = Enqueue::new(job, now)?;
        Ok(Self { rule, template: Template { enqueue, args_len: job.args.len() } })
    }

    /// Which kind of order.
    #[must_use]
    pub fn kind(&self) -> OrderKind {
        self.rule.kind()
    }

    pub(crate) fn bytes(&self) -> usize {
        FILTER_BYTES_MAX + self.template.bytes()
    }

    /// The order that it is when nothing came of it yet.
    pub(crate) fn begun(&self, settled: u64) -> Order {
        Order {
            rule: self.rule.clone(),
            template: self.template.clone(),
            is_paused: false,
            settled,
            made: 0,
            missed: 0,
            last: None,
        }
    }
}

/// A job of which others are made.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    enqueue: Enqueue,
    /// Bytes of its args, which are the last member of its payload.
    args_len: usize,
}

impl Template {
    pub(crate) fn bytes(&self) -> usize {
        self.enqueue.payload.len() + self.enqueue.fact.len()
    }

    fn args_at(&self) -> usize {
        self.enqueue.payload.len().saturating_sub(self.args_len + 1)
    }
}

/// An order that stands.
#[derive(Clone, Debug)]
pub struct Order {
    pub(crate) rule: Rule,
    pub(crate) template: Template,
    pub(crate) is_paused: bool,
    /// The newest slot that is settled, in microseconds; or the seq up to which all events have their jobs.
    pub(crate) settled: u64,
    pub(crate) made: u64,
    pub(crate) missed: u64,
    pub(crate) last: Option<JobId>,
}

impl Order {
    /// When it has jobs enqueued.
    #[must_use]
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// It has none enqueued now.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// The queue of its jobs.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.template.enqueue.queue
    }

    /// The kind of its jobs.
    #[must_use]
    pub fn job_kind(&self) -> &str {
        &self.template.enqueue.kind
    }

    /// Which of its jobs come first.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.template.enqueue.priority
    }

    /// How its jobs are tried.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.template.enqueue.plan
    }

    /// Its jobs hold a unique key, so that there is one of them at a time. The key itself is kept as a digest only.
    #[must_use]
    pub fn is_unique(&self) -> bool {
        self.template.enqueue.unique.is_some()
    }

    /// What its jobs are enqueued with, as JSON: kind, priority, attempts, timeout, tags, metadata and args.
    #[must_use]
    pub fn template(&self) -> &str {
        &self.template.enqueue.payload
    }

    /// The args of its jobs, as JSON.
    #[must_use]
    pub fn args(&self) -> &str {
        let payload = &self.template.enqueue.payload;
        let end = payload.len().saturating_sub(1);
        payload.get(self.template.args_at()..end).unwrap_or("null")
    }

    /// How many jobs were made of it.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.made
    }

    /// How many slots of a schedule got no job, because nobody was there in time.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// The last job that was made of it.
    #[must_use]
    pub fn last(&self) -> Option<JobId> {
        self.last
    }

    /// Of a schedule: the newest slot that came, whether it has its job or never gets one; `None` before the first.
    #[must_use]
    pub fn last_slot(&self) -> Option<Timestamp> {
        let Rule::Schedule { when, .. } = &self.rule else { return None };
        // When it begins or is resumed all up to then is settled, and that is no slot most often.
        let before = Timestamp::from_micros(self.settled.checked_sub(1)?);
        when.next_after(before).filter(|slot| *slot == self.settled_slot())
    }

    /// Of a schedule: the newest slot that has its job, or never gets one.
    #[must_use]
    pub fn settled_slot(&self) -> Timestamp {
        Timestamp::from_micros(self.settled)
    }

    /// Of a trigger: all events up to this one have their jobs.
    #[must_use]
    pub fn cursor(&self) -> Seq {
        Seq::new(self.settled)
    }

    /// The next slots after `now`, the first five; none while it is paused, and none of a trigger.
    #[must_use]
    pub fn next_runs(&self, now: Timestamp) -> Vec<Timestamp> {
        match &self.rule {
            Rule::Schedule { when, .. } if !self.is_paused => {
                when.next_runs(now.max(self.settled_slot()), RUNS_SHOWN)
            }
            Rule::Schedule { .. } | Rule::Trigger { .. } => Vec::new(),
        }
    }

    /// The job that an event gets: with its own args and, as their member `event`, this JSON.
    ///
    /// # Errors
    /// When both are too large together.
    pub fn job_for(&self, event: &str) -> Result<Enqueue, JobError> {
        let args = self.args().trim();
        let args = match args.strip_suffix('}').map(str::trim_end) {
            Some("{") | None => format!("{{\"event\":{event}}}"),
            Some(members) => format!("{members},\"event\":{event}}}"),
        };
        self.template.enqueue.with_args(self.template.args_at(), &args)
    }

    /// Bytes that it takes in the log, and each of its jobs at most.
    #[must_use]
    pub fn bytes(&self) -> usize {
        FILTER_BYTES_MAX + self.template.bytes()
    }

    /// When the next slot is, if it is a schedule that is not paused.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        match &self.rule {
            Rule::Schedule { when, .. } if !self.is_paused => when.next_after(self.settled_slot()),
            Rule::Schedule { .. } | Rule::Trigger { .. } => None,
        }
    }
}

/// What happens to an order.
#[derive(Clone, Debug)]
pub enum OrderChange {
    /// It is this from now on: there is a new one, or the one of that name is replaced. One whose rule is the same goes
    /// on where it is; else it begins now.
    Put(Arc<NewOrder>),
    /// It has no jobs enqueued.
    Pause,
    /// It has jobs enqueued again, from now on.
    Resume,
    /// There is none any more. Its jobs stay.
    Remove,
    /// A schedule has a job enqueued now, besides those of its slots.
    RunNow,
}

/// Events that are to get their jobs from a trigger.
#[derive(Clone, Debug)]
pub struct Trip {
    /// The trigger.
    pub name: String,
    /// Its cursor when they were found: nothing is done when it is another one now.
    pub after: Seq,
    /// All events up to this one have their jobs then.
    pub to: Seq,
    /// Each event that matches, oldest first, and its job.
    pub jobs: Vec<Tripped>,
    /// Bytes of the order.
    pub bytes: usize,
}

/// An event that gets its job from a trigger.
#[derive(Clone, Debug)]
pub struct Tripped {
    /// The event.
    pub event: Seq,
    /// How many triggers came before, each on an event of the job before.
    pub depth: u8,
    /// The job.
    pub job: Enqueue,
}

impl Tripped {
    /// Bytes that its record takes in the log at most.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        LEASE_BYTES_MAX + self.job.bytes()
    }
}

/// Checks the name of an order.
///
/// # Errors
/// When it cannot be one.
pub fn check_order(kind: OrderKind, name: &str) -> Result<(), JobError> {
    check_name(kind.name(), name)
}
