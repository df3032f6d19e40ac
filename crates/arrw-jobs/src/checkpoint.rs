//! The jobs as bytes, so that a start need not read the whole log.
//!
//! ```text
//! version 1 | now | queues: count, (name, control, next)* | kinds: count, text* | plans: count, plan*
//!           | jobs: count, job* by queue, state and order
//!           | schedules: count, (name, order)* | triggers: count, (name, order)*
//!           | ids: count, (key, body, job, time)* oldest first
//! ```

use std::sync::Arc;

use arrw_log::{Timestamp, crc64};

use crate::codec::{In, Out};
use crate::control::Control;
use crate::event::{decode_plan, encode_plan};
use crate::ids::Known;
use crate::job::{Priority, State, Unique};
use crate::leases::Lease;
use crate::limits::{IDS_MAX, JOBS_MAX, NAMES_MAX, ORDERS_MAX, PLANS_MAX, QUEUES_MAX};
use crate::new_job::{check_name, check_queue};
use crate::standing::{Order, OrderKind, check_order};
use crate::table::Job;
use crate::view::{Image, Jobs};

const VERSION: u8 = 1;
const HAS_UNIQUE: u8 = 1;
const HAS_LEASE: u8 = 2;
const HAS_ARGS_AT: u8 = 4;
const IS_CANCELLING: u8 = 8;

impl Jobs {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Out::default();
        out.byte(VERSION);
        out.number(self.now.micros());
        out.number(self.queues.len() as u64);
        for number in 0..self.queues.len() {
            let queue = self.queues.get(narrow(number));
            out.text(queue.name.as_bytes());
            out.text(&queue.control.encode());
            out.number(queue.next);
        }
        out.number(self.kinds.len() as u64);
        (0..self.kinds.len()).for_each(|n| out.text(self.kinds.get(narrow(n)).as_bytes()));
        out.number(self.plans.len() as u64);
        (0..self.plans.len()).for_each(|n| encode_plan(self.plans.get(narrow(n)), &mut out));
        out.number(self.table.len() as u64);
        for number in 0..self.queues.len() {
            for state in State::ALL {
                for (_, id) in self.queues.get(narrow(number)).jobs(state) {
                    if let Some(image) = self.image(id) {
                        encode_job(&image, &mut out);
                    }
                }
            }
        }
        for kind in OrderKind::ALL {
            out.number(self.orders.of(kind).len() as u64);
            for (name, order) in self.orders.of(kind) {
                out.text(name.as_bytes());
                order.encode(&mut out);
            }
        }
        out.number(self.ids.len() as u64);
        for (key, known) in self.ids.iter() {
            out.0.extend_from_slice(&key);
            [known.body, known.job, known.time].into_iter().for_each(|number| out.number(number));
        }
        out.0
    }

    /// The jobs in their bytes; `None` when another version of the program wrote them, or they cannot be: then they
    /// must be made from the log.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut bytes = In(bytes);
        if bytes.byte()? != VERSION {
            return None;
        }
        let mut jobs = Self::default();
        let now = Timestamp::from_micros(bytes.number()?);
        for number in 0..count(&mut bytes, QUEUES_MAX)? {
            let name = bytes.text()?;
            check_queue(name).ok()?;
            let queue = jobs.queues.number(name);
            let len = bytes.narrow()?;
            let control = Control::decode(bytes.take(len)?)?;
            (queue == number).then_some(())?;
            jobs.set_queue(queue, control, bytes.number()?);
        }
        for number in 0..count(&mut bytes, NAMES_MAX)? {
            let kind = bytes.text()?;
            check_name("kind", kind).ok()?;
            (jobs.kinds.number(kind, || crc64(kind.as_bytes())) == number).then_some(())?;
        }
        for number in 0..count(&mut bytes, PLANS_MAX)? {
            let plan = decode_plan(&mut bytes)?;
            (jobs.plan_number(&plan) == number).then_some(())?;
        }
        for _ in 0..count(&mut bytes, JOBS_MAX)? {
            let image = jobs.decode_job(&mut bytes)?;
            let id = image.job.id;
            let is_held = image.unique.is_some_and(|it| jobs.uniques.holder(&it.key).is_some());
            (!is_held && jobs.table.get(id).is_none()).then_some(())?;
            jobs.set(id, Some(&image));
        }
        for kind in OrderKind::ALL {
            for _ in 0..count(&mut bytes, ORDERS_MAX)? {
                let name = bytes.text()?;
                check_order(kind, name).ok()?;
                let order = Order::decode(&mut bytes).filter(|it| it.rule.kind() == kind)?;
                jobs.orders.set(kind, name, Some(Arc::new(order))).is_none().then_some(())?;
            }
        }
        for _ in 0..count(&mut bytes, IDS_MAX)? {
            let key = bytes.array()?;
            let known =
                Known { body: bytes.number()?, job: bytes.number()?, time: bytes.number()? };
            jobs.ids.restore(key, known).then_some(())?;
        }
        jobs.now = now;
        bytes.0.is_empty().then_some(jobs)
    }

    fn decode_job(&self, bytes: &mut In<'_>) -> Option<Image> {
        let flags = bytes.byte()?;
        let state = State::from_byte(bytes.byte()?)?;
        let priority = Priority::from_byte(bytes.byte()?)?;
        let (id, last, due) = (bytes.number()?, bytes.number()?, bytes.number()?);
        let (queue, kind, plan) = (bytes.narrow()?, bytes.narrow()?, bytes.narrow()?);
        let is_known = |number: u32, len: usize| usize::try_from(number).is_ok_and(|it| it < len);
        (is_known(queue, self.queues.len())
            && is_known(kind, self.kinds.len())
            && is_known(plan, self.plans.len()))
        .then_some(())?;
        let (attempt, depth) = (bytes.narrow()?, bytes.byte()?);
        let is_cancelling = flags & IS_CANCELLING != 0;
        let unique = match flags & HAS_UNIQUE {
            0 => None,
            _ => Some(Unique {
                key: bytes.array()?,
                until: Timestamp::from_micros(bytes.number()?),
                states: bytes.byte()?,
            }),
        };
        let lease = match flags & HAS_LEASE {
            0 => None,
            _ => {
                let worker = bytes.text().filter(|name| check_name("worker", name).is_ok())?;
                Some(Lease { worker: Arc::from(worker), newest: bytes.number()? })
            }
        };
        let is_leased = state == State::Leased;
        (lease.is_some() == is_leased && (is_leased || !is_cancelling)).then_some(())?;
        let args_at = if flags & HAS_ARGS_AT == 0 { None } else { Some(bytes.number()?) };
        let job = Job {
            id,
            last,
            due,
            queue,
            kind,
            plan,
            unique: 0,
            attempt,
            state,
            priority,
            is_cancelling,
            depth,
        };
        Some(Image { job, unique, lease, args_at })
    }
}

fn encode_job(image: &Image, out: &mut Out) {
    let Image { job, unique, lease, args_at } = image;
    let flag = |is_set: bool, flag| if is_set { flag } else { 0 };
    out.byte(
        flag(unique.is_some(), HAS_UNIQUE)
            | flag(lease.is_some(), HAS_LEASE)
            | flag(args_at.is_some(), HAS_ARGS_AT)
            | flag(job.is_cancelling, IS_CANCELLING),
    );
    out.byte(job.state.byte());
    out.byte(job.priority.byte());
    [job.id, job.last, job.due].into_iter().for_each(|number| out.number(number));
    [job.queue, job.kind, job.plan].into_iter().for_each(|number| out.number(u64::from(number)));
    out.number(u64::from(job.attempt));
    out.byte(job.depth);
    if let Some(Unique { key, until, states }) = unique {
        out.0.extend_from_slice(key);
        out.number(until.micros());
        out.byte(*states);
    }
    if let Some(lease) = lease {
        out.text(lease.worker.as_bytes());
        out.number(lease.newest);
    }
    if let Some(args_at) = args_at {
        out.number(*args_at);
    }
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).expect("there are fewer than the limit")
}

fn count(bytes: &mut In<'_>, max: usize) -> Option<u32> {
    let count = bytes.narrow()?;
    usize::try_from(count).is_ok_and(|count| count <= max).then_some(count)
}
