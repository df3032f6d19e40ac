//! Decides what becomes of standing orders, and has their jobs enqueued.

use std::fmt::Write as _;
use std::sync::Arc;

use arrw_log::{NewRecord, Seq, Timestamp};

use crate::codec::Out;
use crate::error::{JobError, Refused};
use crate::event::Origin;
use crate::json;
use crate::limits::ORDERS_MAX;
use crate::new_job::Enqueue;
use crate::schedule::Schedule;
use crate::standing::{NewOrder, Order, OrderChange, OrderKind, Rule, Trip, check_order};
use crate::turn::{Done, Turn, push};

impl Turn<'_> {
    pub(crate) fn order(
        &mut self,
        kind: OrderKind,
        name: &str,
        change: &OrderChange,
    ) -> Result<Done, Refused> {
        check_order(kind, name)?;
        let found = self.jobs.orders.get(kind, name).cloned();
        if let OrderChange::Put(new) = change {
            return self.put(name, new, found.as_deref());
        }
        let Some(order) = found else {
            return Err(Refused::NoOrder { kind: kind.name(), name: name.to_owned() });
        };
        match change {
            OrderChange::Pause if !order.is_paused => {
                self.write_order(kind, name, Order { is_paused: true, ..(*order).clone() })
            }
            OrderChange::Resume if order.is_paused => {
                let settled = self.begin(kind);
                self.write_order(
                    kind,
                    name,
                    Order { is_paused: false, settled, ..(*order).clone() },
                )
            }
            OrderChange::Pause | OrderChange::Resume | OrderChange::Put(_) => Ok(Done::Order),
            OrderChange::Remove => self.remove_order(kind, name),
            OrderChange::RunNow => match &order.rule {
                // It is for no slot: what is settled stays.
                Rule::Schedule { .. } => self.make(name, &order, order.settled_slot()),
                Rule::Trigger { .. } => {
                    let range = "of a schedule: publish an event that the trigger's filter matches";
                    Err(Refused::Invalid(JobError::Range {
                        what: "the order that runs now",
                        range,
                    }))
                }
            },
        }
    }

    fn put(&mut self, name: &str, new: &NewOrder, old: Option<&Order>) -> Result<Done, Refused> {
        let kind = new.kind();
        if old.is_none() && ORDERS_MAX <= self.jobs.orders.of(kind).len() {
            let what = "standing orders of that kind";
            let hint = "remove some, or have one job see to several things";
            return Err(Refused::TooMany { what, max: ORDERS_MAX, hint });
        }
        let begun = new.begun(self.begin(kind));
        let order = match old {
            None => begun,
            Some(old) => {
                let (is_paused, made, missed, last) =
                    (old.is_paused, old.made, old.missed, old.last);
                let goes_on = is_same(&old.rule, &new.rule);
                let (rule, settled) = match goes_on {
                    true => (old.rule.clone(), old.settled),
                    false => (begun.rule, begun.settled),
                };
                Order { rule, settled, is_paused, made, missed, last, ..begun }
            }
        };
        self.write_order(kind, name, order)
    }

    /// What is settled of an order that begins now: all slots up to now, and all events before its record.
    fn begin(&self, kind: OrderKind) -> u64 {
        match kind {
            OrderKind::Schedule => self.time.micros(),
            OrderKind::Trigger => self.next_seq().get(),
        }
    }

    fn write_order(&mut self, kind: OrderKind, name: &str, order: Order) -> Result<Done, Refused> {
        let mut payload = Out::default();
        order.encode(&mut payload);
        let (kind_of_record, key) = (kind.record(), name.as_bytes());
        let record =
            NewRecord { kind: kind_of_record, key, payload: &payload.0, ..NewRecord::default() };
        push(self.made, record)?;
        self.jobs.set_order(kind, name, Some(Arc::new(order)));
        Ok(Done::Order)
    }

    fn remove_order(&mut self, kind: OrderKind, name: &str) -> Result<Done, Refused> {
        let (record, key) = (kind.record(), name.as_bytes());
        push(self.made, NewRecord { kind: record, key, ..NewRecord::default() })?;
        self.jobs.set_order(kind, name, None);
        Ok(Done::Order)
    }

    /// Gives the newest slot that has come its job, if it is to have one. Does nothing when no slot has come.
    pub(crate) fn fire(&mut self, name: &str) -> Result<Done, Refused> {
        let Some(order) = self.jobs.orders.get(OrderKind::Schedule, name).cloned() else {
            return Ok(Done::Order);
        };
        let Rule::Schedule { when, misfire } = &order.rule else { return Ok(Done::Order) };
        let due = when.due(order.settled_slot(), self.time, *misfire);
        if order.is_paused || due.settled == order.settled_slot() {
            return Ok(Done::Order);
        }
        let missed = order.missed.saturating_add(due.missed);
        let done = match due.run {
            Some(slot) => self.make(name, &order, slot)?,
            None => Done::Order,
        };
        let is_told = matches!(done, Done::Enqueued { is_new: true, .. }) && due.missed == 0;
        if !is_told && let Some(now) = self.jobs.orders.get(OrderKind::Schedule, name) {
            // No job tells it: there is none, or there was one before.
            let order = Order { settled: due.settled.micros(), missed, ..(**now).clone() };
            self.write_order(OrderKind::Schedule, name, order)?;
        }
        Ok(done)
    }

    fn make(&mut self, name: &str, order: &Order, slot: Timestamp) -> Result<Done, Refused> {
        let mut members = String::new();
        json::member(&mut members, "schedule", name);
        if slot != order.settled_slot() {
            json::time_member(&mut members, "slot", slot);
        }
        let job = with_members(&order.template.enqueue, &members);
        self.enqueue(&job, Some(Origin::Schedule { name, slot }))
    }

    /// Gives events their jobs, if the trigger has come no further meanwhile. A job that is refused ends it: those
    /// before it are enqueued.
    pub(crate) fn trip(&mut self, trip: &Trip) -> Result<Done, Refused> {
        let Trip { name, after, to, jobs, .. } = trip;
        let found = self.jobs.orders.get(OrderKind::Trigger, name);
        if found.is_none_or(|order| order.is_paused || order.cursor() != *after) {
            return Ok(Done::Order);
        }
        for tripped in jobs {
            let (event, depth) = (tripped.event, tripped.depth);
            let mut members = String::new();
            json::member(&mut members, "trigger", name);
            let _infallible = write!(members, ",\"event\":{event},\"depth\":{depth}");
            let job = with_members(&tripped.job, &members);
            if let Err(refused) = self.enqueue(&job, Some(Origin::Trigger { name, event, depth })) {
                let is_first = self
                    .jobs
                    .orders
                    .get(OrderKind::Trigger, name)
                    .is_none_or(|order| order.cursor() == *after);
                return if is_first { Err(refused) } else { Ok(Done::Order) };
            }
        }
        self.settle_events(name, *to)
    }

    fn settle_events(&mut self, name: &str, to: Seq) -> Result<Done, Refused> {
        let Some(order) = self.jobs.orders.get(OrderKind::Trigger, name) else {
            return Ok(Done::Order);
        };
        if to <= order.cursor() {
            return Ok(Done::Order);
        }
        let order = Order { settled: to.get(), ..(**order).clone() };
        self.write_order(OrderKind::Trigger, name, order)
    }
}

/// The same job, whose payload begins with these members.
fn with_members(job: &Enqueue, members: &str) -> Enqueue {
    let rest = job.payload.strip_prefix('{').unwrap_or("}");
    let members = members.strip_prefix(',').unwrap_or_default();
    Enqueue { payload: format!("{{{members},{rest}"), ..job.clone() }
}

/// True when an order whose rule was one and is the other goes on where it is.
fn is_same(old: &Rule, new: &Rule) -> bool {
    match (old, new) {
        (
            Rule::Schedule { when: Schedule::Interval(one), misfire: of_one },
            Rule::Schedule { when: Schedule::Interval(other), misfire: of_other },
        ) => one.step_micros() == other.step_micros() && of_one == of_other,
        _ => old == new,
    }
}
