//! Schedules and triggers, as callers put and see them.

use std::sync::Arc;

use arrw_bus::Filter;
use arrw_jobs::{
    Command, Interval, IntervalError, JobError, Misfire, NewJob, NewOrder, Order, OrderChange,
    OrderKind, Rule, Schedule,
};

use crate::jobs::{Jobs, JobsError, Running};

impl Jobs {
    /// Has a job enqueued at each slot of a schedule, from now on. One of that name is replaced; if its slots are the same, it
    /// goes on where it is.
    ///
    /// ```
    /// use arrw::{Cron, Db, Misfire, NewJob, Schedule, Zone};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let db = Db::in_memory()?;
    /// let when = Schedule::Cron {
    ///     cron: Cron::parse("30 2 * * MON-FRI")?,
    ///     zone: Zone::parse("Europe/Berlin")?,
    /// };
    /// let job = NewJob::new("reports", "nightly", "{}");
    /// db.jobs().put_schedule("nightly", when, Misfire::RunOnce, &job)?.wait()?;
    ///
    /// let schedule = db.jobs().schedule("nightly").expect("it was put");
    /// assert_eq!(schedule.next_runs(db.now()).len(), 5);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the job or the name cannot be.
    pub fn put_schedule(
        &self,
        name: &str,
        when: Schedule,
        misfire: Misfire,
        job: &NewJob<'_>,
    ) -> Result<Running, JobsError> {
        self.put_order(name, Rule::Schedule { when, misfire }, job)
    }

    /// A schedule of equal steps that begins now, such as `10min`.
    ///
    /// # Errors
    /// When the text is no interval.
    pub fn every(&self, interval: &str) -> Result<Schedule, IntervalError> {
        Interval::parse(interval, self.shared.environment.clock.now()).map(Schedule::Interval)
    }

    /// Has a job enqueued for each event from now on whose topic matches a filter: once, and with the event as the
    /// member `event` of its args. One of that name is replaced; if its filter is the same, it goes on where it is.
    ///
    /// Events of jobs (`jobs.<queue>.<state>`) count as well. A job that at least eight triggers led to, each on an event of the
    /// job before, trips no trigger any more.
    ///
    /// # Errors
    /// When the filter, the job or the name cannot be, or the filter is one of volatile topics.
    pub fn put_trigger(
        &self,
        name: &str,
        filter: &str,
        job: &NewJob<'_>,
    ) -> Result<Running, JobsError> {
        let parsed = Filter::parse(filter).map_err(JobsError::Filter)?;
        if parsed.is_volatile() {
            let what = "the filter of a trigger";
            let range = "one of durable topics: events in memory have no place from which to go on";
            return Err(JobsError::Wrong(JobError::Range { what, range }));
        }
        self.put_order(name, Rule::Trigger { filter: filter.to_owned() }, job)
    }

    fn put_order(&self, name: &str, rule: Rule, job: &NewJob<'_>) -> Result<Running, JobsError> {
        let now = self.shared.environment.clock.now();
        let new = NewOrder::new(rule, job, now)?;
        let kind = new.kind();
        self.change_order(kind, name, OrderChange::Put(Arc::new(new)))
    }

    /// Pauses, resumes or removes a schedule or a trigger, or has a schedule run now.
    ///
    /// # Errors
    /// Never now. That there is none of that name is the answer's to say.
    pub fn change_order(
        &self,
        kind: OrderKind,
        name: &str,
        change: OrderChange,
    ) -> Result<Running, JobsError> {
        let bytes = self.order(kind, name).map_or(0, |order| order.bytes());
        self.run(vec![Command::Order { kind, name: name.to_owned(), change, bytes }], false)
    }

    /// A schedule; `None` when there is none of that name.
    #[must_use]
    pub fn schedule(&self, name: &str) -> Option<Arc<Order>> {
        self.order(OrderKind::Schedule, name)
    }

    /// A trigger; `None` when there is none of that name.
    #[must_use]
    pub fn trigger(&self, name: &str) -> Option<Arc<Order>> {
        self.order(OrderKind::Trigger, name)
    }

    /// A schedule or a trigger; `None` when there is none of that name.
    #[must_use]
    pub fn order(&self, kind: OrderKind, name: &str) -> Option<Arc<Order>> {
        self.looking(|jobs| jobs.order(kind, name))
    }

    /// The schedules or triggers behind the one of that name, by name, at most `limit`.
    #[must_use]
    pub fn orders(
        &self,
        kind: OrderKind,
        after: &str,
        limit: usize,
    ) -> Vec<(Arc<str>, Arc<Order>)> {
        self.looking(|jobs| jobs.orders(kind, after, limit))
    }
}
