//! How many jobs there are, for stats and metrics.

use arrw::{JobState, LeaseCounts, Load, OrderKind, QueueStatus, Timestamp, Totals};
use serde::Serialize;

use super::queues::age_ms;
use crate::app::App;
use crate::auth::now;
use crate::builtin::QUEUE;
use crate::keys::Grant;
use crate::limits::{BUILT_IN_AT_ONCE, METRIC_QUEUES_MAX};

/// Queues that are looked at between two commits.
const QUEUES_AT_ONCE: usize = 1_000;

/// Figures of one queue, or of several together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Jobs by state, in the order of the states.
    jobs: [usize; 7],
    oldest_ready: Option<Timestamp>,
    totals: Totals,
}

impl Counts {
    fn of(status: &QueueStatus) -> Self {
        let jobs = JobState::ALL.map(|state| status.count(state));
        Self { jobs, oldest_ready: status.oldest_ready, totals: status.totals }
    }

    /// Those of both together.
    fn plus(&self, other: &Self) -> Self {
        let mut jobs = self.jobs;
        for (sum, count) in jobs.iter_mut().zip(other.jobs) {
            *sum += count;
        }
        let oldest_ready = [self.oldest_ready, other.oldest_ready].into_iter().flatten().min();
        Self { jobs, oldest_ready, totals: self.totals.plus(&other.totals) }
    }

    /// How many jobs there are in each state.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = (JobState, u64)> {
        JobState::ALL.into_iter().zip(self.jobs.map(|count| count as u64))
    }

    /// What happened to them since the start.
    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// How long the ready job that has waited longest has done so.
    pub(crate) fn oldest_ready_ms(&self) -> Option<u64> {
        age_ms(self.oldest_ready, now())
    }
}

/// Figures of schedules or of triggers, those that there are now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OrderCounts {
    pub(crate) count: u64,
    /// Jobs that were made of them.
    pub(crate) made: u64,
    /// Slots of them that got no job.
    pub(crate) missed: u64,
}

impl OrderCounts {
    fn of(app: &App, kind: OrderKind) -> Self {
        // There are 10,000 at most.
        let orders = app.jobs.orders(kind, "", usize::MAX);
        orders.iter().fold(Self::default(), |sum, (_, order)| Self {
            count: sum.count + 1,
            made: sum.made.saturating_add(order.made()),
            missed: sum.missed.saturating_add(order.missed()),
        })
    }
}

/// Figures by queue.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// The first queues by name, of those that may be named: at most 100.
    pub(crate) named: Vec<(String, Counts)>,
    /// All others together.
    pub(crate) others: Counts,
    pub(crate) schedules: OrderCounts,
    pub(crate) triggers: OrderCounts,
    /// How busy workers are now, the server's own work left out.
    pub(crate) load: Load,
    /// What went wrong with leases, and how late they came, since the start.
    pub(crate) leases: LeaseCounts,
    queues: usize,
}

impl Figures {
    /// Of all queues; those that the key does not cover are not named.
    pub(crate) fn of(app: &App, grant: &Grant) -> Self {
        let mut figures = Self {
            schedules: OrderCounts::of(app, OrderKind::Schedule),
            triggers: OrderCounts::of(app, OrderKind::Trigger),
            load: load_of_others(app),
            leases: app.jobs.lease_counts(),
            ..Self::default()
        };
        let mut after = String::new();
        loop {
            let found = app.jobs.queues(&after, QUEUES_AT_ONCE);
            for status in &found {
                figures.queues += 1;
                if figures.named.len() < METRIC_QUEUES_MAX && grant.covers_queue(&status.name) {
                    figures.named.push((status.name.to_string(), Counts::of(status)));
                } else {
                    figures.others = figures.others.plus(&Counts::of(status));
                }
            }
            match found.last() {
                Some(last) if found.len() == QUEUES_AT_ONCE => after = last.name.to_string(),
                Some(_) | None => return figures,
            }
        }
    }
}

/// How busy all workers are but that of the server's own work, which always waits for some more: with it, no other
/// could ever be seen to be busy.
fn load_of_others(app: &App) -> Load {
    let mut load = app.jobs.load();
    let own = app.jobs.queue(QUEUE).map_or(0, |status| status.count(JobState::Leased));
    load.leased = load.leased.saturating_sub(own);
    load.wanted = load.wanted.saturating_sub(BUILT_IN_AT_ONCE.saturating_sub(own));
    load
}

/// How many jobs there are in all queues together.
#[derive(Debug, Serialize)]
pub(crate) struct JobsOut {
    queues: usize,
    scheduled: u64,
    ready: u64,
    leased: u64,
    retrying: u64,
    completed: u64,
    dead: u64,
    cancelled: u64,
    oldest_ready_ms: Option<u64>,
    schedules: u64,
    triggers: u64,
    workers: u64,
    /// Jobs that waiting claims would take.
    wanted: u64,
    /// Leased jobs over leased and wanted ones, from 0 to 1.
    utilisation: f64,
    /// Since the start.
    totals: TotalsOut,
    /// Leases whose worker was not heard of in time, or did not have the job any more.
    leases_lost: u64,
    /// Ends of leases that were refused, as the lease was over.
    stale_refused: u64,
}

/// What happened to jobs since the start.
#[derive(Debug, Serialize)]
pub(crate) struct TotalsOut {
    enqueued: u64,
    started: u64,
    completed: u64,
    failed: u64,
    retried: u64,
    dead: u64,
    cancelled: u64,
}

impl From<&Totals> for TotalsOut {
    fn from(totals: &Totals) -> Self {
        let Totals { enqueued, started, completed, failed, retried, dead, cancelled } = *totals;
        Self { enqueued, started, completed, failed, retried, dead, cancelled }
    }
}

impl From<&Figures> for JobsOut {
    fn from(figures: &Figures) -> Self {
        let named = figures.named.iter().map(|(_, counts)| counts);
        let all = named.fold(figures.others, |sum, counts| sum.plus(counts));
        let [scheduled, ready, leased, retrying, completed, dead, cancelled] =
            all.jobs.map(|count| count as u64);
        Self {
            queues: figures.queues,
            scheduled,
            ready,
            leased,
            retrying,
            completed,
            dead,
            cancelled,
            oldest_ready_ms: all.oldest_ready_ms(),
            schedules: figures.schedules.count,
            triggers: figures.triggers.count,
            workers: figures.load.workers as u64,
            wanted: figures.load.wanted as u64,
            utilisation: figures.load.utilisation(),
            totals: TotalsOut::from(&all.totals),
            leases_lost: figures.leases.lost,
            stale_refused: figures.leases.stale,
        }
    }
}
