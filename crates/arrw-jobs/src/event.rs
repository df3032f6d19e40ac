//! What the log keeps of each change of a job: an event on the bus, for people, and in a header of it a fact, for this view.
//!
//! The topic is `jobs.<queue>.<state>`, where the state is the one that the job has from this record on. The payload is
//! JSON, made when the change was decided and never read here. The header [`FACT`] holds what the view must know; so
//! applying a record parses no JSON, and a record without that header is none of ours.

use arrw_log::{Kind, Record, Seq, Timestamp};

use crate::backoff::Backoff;
use crate::codec::{In, Out};
use crate::job::{JobId, Plan, Priority, State, Unique};
use crate::limits::ATTEMPTS_MAX;
use crate::new_job::{check_name, check_queue};

/// The header that holds the fact. Names that begin with a colon are never a user's.
pub const FACT: &str = ":job";

/// The kind of the records that carry a job forward: what was told of it, for when its older records go.
pub const CARRIED: Kind = Kind(18);

/// The first token of all topics of jobs.
const TOPIC: &str = "jobs.";

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// There is a new job.
    Enqueued(Enqueued<'a>),
    /// A job is now this.
    Changed(Changed<'a>),
    /// What was told of a job is in this record now, and nothing of it need be kept where it was.
    Carried(JobId),
}

/// A new job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Enqueued<'a> {
    pub(crate) kind: &'a str,
    pub(crate) priority: Priority,
    /// When it becomes ready; zero for at once.
    pub(crate) run_at: Timestamp,
    pub(crate) plan: Plan,
    pub(crate) unique: Option<Unique>,
    pub(crate) id: Option<IdOf>,
    /// What made it.
    pub(crate) origin: Option<Origin<'a>>,
}

/// What made a job, when nobody enqueued it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin<'a> {
    /// A schedule, for a slot.
    Schedule { name: &'a str, slot: Timestamp },
    /// A trigger, for an event; so many triggers came before, each on an event of the job before.
    Trigger { name: &'a str, event: Seq, depth: u8 },
}

impl Origin<'_> {
    /// How many triggers led to it.
    pub(crate) fn depth(&self) -> u8 {
        match self {
            Self::Schedule { .. } => 0,
            Self::Trigger { depth, .. } => *depth,
        }
    }
}

/// By what a repeated enqueue is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IdOf {
    /// A digest of queue and id.
    pub(crate) key: [u8; 16],
    /// A digest of all that was enqueued.
    pub(crate) body: u64,
}

/// What a job is from a record on. All of it is told, so that nothing need be derived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Changed<'a> {
    pub(crate) job: JobId,
    pub(crate) attempt: u16,
    /// Its place in the order of its state: when it became or becomes ready. Of finished jobs, when they finished.
    pub(crate) due: Timestamp,
    /// Who leases it; empty for nobody.
    pub(crate) worker: &'a str,
    /// It is to be cancelled as soon as its worker lets go of it.
    pub(crate) is_cancelling: bool,
    /// Its args are in this record now, and no longer where they were.
    pub(crate) has_args: bool,
    /// The record that told of the job before this one. So they make a chain, from the newest to the first.
    pub(crate) before: Seq,
    /// How many triggers led to it.
    pub(crate) depth: u8,
}

const VERSION_ENQUEUED: u8 = 1;
const VERSION_CHANGED: u8 = 2;
const VERSION_CARRIED: u8 = 3;
const HAS_UNIQUE: u8 = 1;
const HAS_ID: u8 = 2;
const HAS_SCHEDULE: u8 = 4;
const HAS_TRIGGER: u8 = 8;
const IS_CANCELLING: u8 = 1;
const HAS_ARGS: u8 = 2;

impl Enqueued<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Out(Vec::with_capacity(64));
        out.byte(VERSION_ENQUEUED);
        let flag = |is_set: bool, flag| if is_set { flag } else { 0 };
        let origin = match self.origin {
            None => 0,
            Some(Origin::Schedule { .. }) => HAS_SCHEDULE,
            Some(Origin::Trigger { .. }) => HAS_TRIGGER,
        };
        let unique = flag(self.unique.is_some(), HAS_UNIQUE);
        out.byte(unique | flag(self.id.is_some(), HAS_ID) | origin);
        out.byte(self.priority.byte());
        out.number(self.run_at.micros());
        encode_plan(&self.plan, &mut out);
        out.text(self.kind.as_bytes());
        if let Some(Unique { key, until, states }) = &self.unique {
            out.0.extend_from_slice(key);
            out.number(until.micros());
            out.byte(*states);
        }
        if let Some(IdOf { key, body }) = &self.id {
            out.0.extend_from_slice(key);
            out.0.extend_from_slice(&body.to_le_bytes());
        }
        match &self.origin {
            None => {}
            Some(Origin::Schedule { name, slot }) => {
                out.text(name.as_bytes());
                out.number(slot.micros());
            }
            Some(Origin::Trigger { name, event, depth }) => {
                out.text(name.as_bytes());
                out.number(event.get());
                out.byte(*depth);
            }
        }
        out.0
    }
}

impl Changed<'_> {
    pub(crate) fn encode(&self, out: &mut Out) {
        out.byte(VERSION_CHANGED);
        let flag = |is_set: bool, flag| if is_set { flag } else { 0 };
        out.byte(flag(self.is_cancelling, IS_CANCELLING) | flag(self.has_args, HAS_ARGS));
        out.number(self.job.get());
        out.number(u64::from(self.attempt));
        out.number(self.due.micros());
        out.text(self.worker.as_bytes());
        out.number(self.before.get());
        out.byte(self.depth);
    }
}

/// The fact of a job that is carried.
pub(crate) fn encode_carried(job: JobId, out: &mut Out) {
    out.byte(VERSION_CARRIED);
    out.byte(0);
    out.number(job.get());
}

pub(crate) fn encode_plan(plan: &Plan, out: &mut Out) {
    out.number(u64::from(plan.max_attempts));
    out.number(u64::from(plan.timeout_ms));
    plan.backoff.encode(out);
}

pub(crate) fn decode_plan(bytes: &mut In<'_>) -> Option<Plan> {
    let max_attempts = bytes.narrow()?;
    let timeout_ms = bytes.narrow()?;
    let backoff = Backoff::decode(bytes)?;
    let is_valid = (1..=ATTEMPTS_MAX).contains(&max_attempts);
    is_valid.then_some(Plan { max_attempts, timeout_ms, backoff })
}

impl<'a> Event<'a> {
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut bytes = In(bytes);
        let version = bytes.byte()?;
        let flags = bytes.byte()?;
        let time = |micros| Timestamp::from_micros(micros);
        let event = if version == VERSION_ENQUEUED {
            let priority = Priority::from_byte(bytes.byte()?)?;
            let run_at = time(bytes.number()?);
            let plan = decode_plan(&mut bytes)?;
            let kind = bytes.text()?;
            let unique = match flags & HAS_UNIQUE {
                0 => None,
                _ => Some(Unique {
                    key: bytes.array()?,
                    until: time(bytes.number()?),
                    states: bytes.byte()?,
                }),
            };
            let id = match flags & HAS_ID {
                0 => None,
                _ => Some(IdOf { key: bytes.array()?, body: u64::from_le_bytes(bytes.array()?) }),
            };
            let origin = match flags & (HAS_SCHEDULE | HAS_TRIGGER) {
                0 => None,
                HAS_SCHEDULE => {
                    Some(Origin::Schedule { name: bytes.text()?, slot: time(bytes.number()?) })
                }
                HAS_TRIGGER => Some(Origin::Trigger {
                    name: bytes.text()?,
                    event: Seq::new(bytes.number()?),
                    depth: bytes.byte()?,
                }),
                _ => return None,
            };
            Self::Enqueued(Enqueued { kind, priority, run_at, plan, unique, id, origin })
        } else if version == VERSION_CHANGED {
            Self::Changed(Changed {
                job: JobId::new(Seq::new(bytes.number()?)),
                attempt: bytes.narrow()?,
                due: time(bytes.number()?),
                worker: bytes.text()?,
                is_cancelling: flags & IS_CANCELLING != 0,
                has_args: flags & HAS_ARGS != 0,
                before: Seq::new(bytes.number()?),
                depth: bytes.byte()?,
            })
        } else if version == VERSION_CARRIED {
            Self::Carried(JobId::from_number(bytes.number()?))
        } else {
            return None;
        };
        bytes.0.is_empty().then_some(event)
    }

    /// False when no turn makes such a change to that state.
    fn can_lead_to(&self, state: State) -> bool {
        match self {
            Self::Enqueued(it) => {
                matches!(state, State::Scheduled | State::Ready)
                    && check_name("kind", it.kind).is_ok()
            }
            Self::Changed(it) if state == State::Leased => check_name("worker", it.worker).is_ok(),
            Self::Changed(it) => it.worker.is_empty() && !it.is_cancelling,
            Self::Carried(_) => false,
        }
    }
}

/// The queue, the state and the change that a record tells of; `None` when it tells of no change.
pub(crate) fn of_record<'a>(record: &Record<'a>) -> Option<(&'a str, State, Event<'a>)> {
    if record.kind() != Kind::default() {
        return None;
    }
    let (queue, state) = record.topic().strip_prefix(TOPIC)?.rsplit_once('.')?;
    let (state, event) = (State::parse(state)?, fact_of(record)?);
    (check_queue(queue).is_ok() && event.can_lead_to(state)).then_some((queue, state, event))
}

/// The job that a record carries forward.
pub(crate) fn carried(record: &Record<'_>) -> Option<JobId> {
    match fact_of(record)? {
        Event::Carried(job) if record.kind() == CARRIED => Some(job),
        Event::Carried(_) | Event::Enqueued(_) | Event::Changed(_) => None,
    }
}

fn fact_of<'a>(record: &Record<'a>) -> Option<Event<'a>> {
    let (_, fact) = record.headers().find(|(name, _)| *name == FACT)?;
    Event::decode(fact)
}

/// Writes the topic of a job's event to `out`, in place of what is there.
pub(crate) fn write_topic(out: &mut String, queue: &str, state: State) {
    out.clear();
    for part in [TOPIC, queue, ".", state.name()] {
        out.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enqueued(unique: bool, id: bool) -> Enqueued<'static> {
        Enqueued {
            kind: "mail.send",
            priority: Priority::High,
            run_at: Timestamp::from_micros(77),
            plan: Plan { max_attempts: 3, timeout_ms: 500, backoff: Backoff::Fixed { ms: 9 } },
            unique: unique.then_some(Unique {
                key: [7; 16],
                until: Timestamp::from_micros(1 << 50),
                states: Unique::UNFINISHED,
            }),
            id: id.then_some(IdOf { key: [9; 16], body: u64::MAX }),
            origin: None,
        }
    }

    #[test]
    fn facts_lead_back_and_no_part_of_one_is_a_fact() {
        let mut facts: Vec<Vec<u8>> = Vec::new();
        for (unique, id) in [(false, false), (true, false), (false, true), (true, true)] {
            let event = enqueued(unique, id);
            let bytes = event.encode();
            assert_eq!(Event::decode(&bytes), Some(Event::Enqueued(event)));
            facts.push(bytes);
        }
        for origin in [
            Origin::Schedule { name: "nightly", slot: Timestamp::from_micros(8) },
            Origin::Trigger { name: "sent", event: Seq::new(9), depth: 3 },
        ] {
            let event = Enqueued { origin: Some(origin), ..enqueued(true, true) };
            let bytes = event.encode();
            assert_eq!(Event::decode(&bytes), Some(Event::Enqueued(event)));
            facts.push(bytes);
        }
        let changed = Changed {
            job: JobId::from_number(812),
            attempt: 3,
            due: Timestamp::from_micros(5),
            worker: "w-1",
            is_cancelling: true,
            has_args: false,
            before: Seq::new(830),
            depth: 2,
        };
        let mut out = Out::default();
        changed.encode(&mut out);
        assert_eq!(Event::decode(&out.0), Some(Event::Changed(changed)));
        facts.push(out.0);
        let mut out = Out::default();
        encode_carried(JobId::from_number(812), &mut out);
        assert_eq!(Event::decode(&out.0), Some(Event::Carried(JobId::from_number(812))));
        facts.push(out.0);
        for fact in facts {
            for len in 0..fact.len() {
                assert_eq!(Event::decode(&fact[..len]), None);
            }
        }
    }
}
