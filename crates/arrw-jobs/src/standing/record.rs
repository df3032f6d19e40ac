//! What the log keeps of a standing order, and the checkpoint as well.
//!
//! ```text
//! version 1 | flags | rule | settled | made | missed | last job, 0 for none
//!           | queue | fact | on_duplicate | bytes of the args | payload
//! rule: 0, cron, zone, misfire | 1, interval, anchor, misfire | 2, filter
//! ```

use arrw_log::{Kind, Timestamp};

use crate::codec::{In, Out};
use crate::error::JobError;
use crate::event::{Enqueued, Event};
use crate::job::JobId;
use crate::limits::{ARGS_BYTES_MAX, FILTER_BYTES_MAX};
use crate::new_job::{Enqueue, OnDuplicate, check_name, check_queue, check_size};
use crate::schedule::{Cron, Interval, Misfire, Schedule, Zone};
use crate::standing::{Order, OrderKind, Rule, Template};

/// The kind of the control records of schedules: the name is the key, the payload the order; without a payload there is
/// none any more.
pub const SCHEDULE: Kind = Kind(19);

/// The kind of the control records of triggers, as [`SCHEDULE`].
pub const TRIGGER: Kind = Kind(20);

const VERSION: u8 = 1;
const IS_PAUSED: u8 = 1;

impl OrderKind {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Schedule, Self::Trigger];

    pub(crate) fn of_record(kind: Kind) -> Option<Self> {
        match kind {
            SCHEDULE => Some(Self::Schedule),
            TRIGGER => Some(Self::Trigger),
            Kind(_) => None,
        }
    }

    pub(crate) fn record(self) -> Kind {
        match self {
            Self::Schedule => SCHEDULE,
            Self::Trigger => TRIGGER,
        }
    }
}

impl Order {
    pub(crate) fn encode(&self, out: &mut Out) {
        out.byte(VERSION);
        out.byte(if self.is_paused { IS_PAUSED } else { 0 });
        encode_rule(&self.rule, out);
        let last = self.last.map_or(0, JobId::get);
        for number in [self.settled, self.made, self.missed, last] {
            out.number(number);
        }
        let Template { enqueue, args_len } = &self.template;
        out.text(enqueue.queue.as_bytes());
        out.text(&enqueue.fact);
        out.byte(enqueue.unique.map_or(0, |(_, on_duplicate)| on_duplicate.byte()));
        out.number(*args_len as u64);
        out.text(enqueue.payload.as_bytes());
    }

    pub(crate) fn decode(bytes: &mut In<'_>) -> Option<Self> {
        if bytes.byte()? != VERSION {
            return None;
        }
        let is_paused = bytes.byte()? & IS_PAUSED != 0;
        let rule = decode_rule(bytes)?;
        let (settled, made, missed) = (bytes.number()?, bytes.number()?, bytes.number()?);
        let last = Some(bytes.number()?).filter(|job| *job != 0).map(JobId::from_number);
        let queue = bytes.text()?;
        let fact_len = bytes.narrow()?;
        let fact = bytes.take(fact_len)?;
        let on_duplicate = OnDuplicate::from_byte(bytes.byte()?)?;
        let args_len = bytes.narrow()?;
        let payload = bytes.text()?;
        let Event::Enqueued(event) = Event::decode(fact)? else { return None };
        let is_plain = event.id.is_none() && event.origin.is_none() && event.run_at.micros() == 0;
        check_queue(queue).and_then(|()| check_name("kind", event.kind)).ok()?;
        let at = payload.len().checked_sub(args_len)?.checked_sub(1)?;
        (is_plain && payload.is_char_boundary(at) && payload.ends_with('}')).then_some(())?;
        let template =
            Template { enqueue: template(queue, &event, on_duplicate, payload), args_len };
        Some(Self { rule, template, is_paused, settled, made, missed, last })
    }
}

fn template(
    queue: &str,
    event: &Enqueued<'_>,
    on_duplicate: OnDuplicate,
    payload: &str,
) -> Enqueue {
    Enqueue {
        queue: queue.to_owned(),
        kind: event.kind.to_owned(),
        priority: event.priority,
        run_at: event.run_at,
        plan: event.plan.clone(),
        unique: event.unique.map(|unique| (unique, on_duplicate)),
        id: None,
        fact: event.encode(),
        payload: payload.to_owned(),
    }
}

fn encode_rule(rule: &Rule, out: &mut Out) {
    let misfire_byte = |misfire: &Misfire| match misfire {
        Misfire::Skip => 0,
        Misfire::RunOnce => 1,
    };
    match rule {
        Rule::Schedule { when: Schedule::Cron { cron, zone }, misfire } => {
            out.byte(0);
            out.text(cron.to_string().as_bytes());
            out.text(zone.to_string().as_bytes());
            out.byte(misfire_byte(misfire));
        }
        Rule::Schedule { when: Schedule::Interval(interval), misfire } => {
            out.byte(1);
            out.text(interval.to_string().as_bytes());
            out.number(interval.anchor().micros());
            out.byte(misfire_byte(misfire));
        }
        Rule::Trigger { filter } => {
            out.byte(2);
            out.text(filter.as_bytes());
        }
    }
}

fn decode_rule(bytes: &mut In<'_>) -> Option<Rule> {
    let kind = bytes.byte()?;
    if kind == 2 {
        let filter = bytes.text()?;
        let fits = !filter.is_empty() && filter.len() <= FILTER_BYTES_MAX;
        return fits.then(|| Rule::Trigger { filter: filter.to_owned() });
    }
    let text = bytes.text()?;
    let when = match kind {
        0 => {
            Schedule::Cron { cron: Cron::parse(text).ok()?, zone: Zone::parse(bytes.text()?).ok()? }
        }
        1 => {
            let anchor = Timestamp::from_micros(bytes.number()?);
            Schedule::Interval(Interval::parse(text, anchor).ok()?)
        }
        _ => return None,
    };
    let misfire = match bytes.byte()? {
        0 => Misfire::Skip,
        1 => Misfire::RunOnce,
        _ => return None,
    };
    Some(Rule::Schedule { when, misfire })
}

impl Enqueue {
    /// The same with other args, which begin there in its payload.
    ///
    /// # Errors
    /// When they are too large.
    pub(crate) fn with_args(&self, at: usize, args: &str) -> Result<Self, JobError> {
        check_size("args", args.len(), ARGS_BYTES_MAX, "bytes")?;
        let head = self.payload.get(..at).unwrap_or("{\"args\":");
        Ok(Self { payload: format!("{head}{args}}}"), ..self.clone() })
    }
}
