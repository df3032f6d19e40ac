//! What the log keeps of a change of a job, and of how a queue is run, as bytes.

use arrw_log::{Seq, Timestamp};

use super::{Outcome, Target};
use crate::backoff::Backoff;
use crate::codec::Out;
use crate::control::{Control, Keep, Rate};
use crate::event::{Changed, Enqueued, Event, IdOf, Origin, encode_carried};
use crate::job::{JobId, Plan, Priority, Unique};
use crate::limits::{ATTEMPTS_MAX, BACKOFF_STEPS_MAX};

pub(super) const FACT: Target = Target {
    name: "jobs-fact",
    what: "what a record says of a job: written and read again it is the same, and within its bounds",
    run: fact,
    seeds: || facts().iter().map(encode).collect(),
    words: &["\u{1}\u{3}", "\u{2}\u{1}", "\u{2}\u{2}", "mail.send"],
};

pub(super) const CONTROL: Target = Target {
    name: "jobs-control",
    what: "how a queue is run: written and read again it is the same, and its rate lets the next one through",
    run: control,
    seeds: || controls().iter().map(Control::encode).collect(),
    words: &[],
};

/// One of each kind.
pub(super) fn facts() -> Vec<Event<'static>> {
    let backoffs =
        [Backoff::default(), Backoff::Fixed { ms: 9 }, Backoff::List { ms: vec![1, 20, 300] }];
    let enqueued = backoffs.into_iter().enumerate().map(|(at, backoff)| {
        let until = Timestamp::from_micros(1 << 50);
        let states = Unique::UNFINISHED;
        let by_schedule = Origin::Schedule { name: "nightly", slot: until };
        let by_trigger = Origin::Trigger { name: "sent", event: Seq::new(7), depth: 2 };
        Event::Enqueued(Enqueued {
            kind: "mail.send",
            priority: Priority::ALL[at],
            run_at: Timestamp::from_micros(77),
            plan: Plan { max_attempts: 3, timeout_ms: 500, backoff },
            unique: (at != 1).then_some(Unique { key: [7; 16], until, states }),
            id: (at != 0).then_some(IdOf { key: [9; 16], body: u64::MAX }),
            origin: [None, Some(by_schedule), Some(by_trigger)][at],
        })
    });
    let changed = |worker, is_cancelling| {
        Event::Changed(Changed {
            job: JobId::from_number(1),
            attempt: 1,
            due: Timestamp::from_micros(5),
            worker,
            is_cancelling,
            has_args: worker.is_empty(),
            before: Seq::new(7),
            depth: 1,
        })
    };
    let carried = Event::Carried(JobId::from_number(1));
    let changes = [changed("w-1", false), changed("w-1", true), changed("", false), carried];
    enqueued.chain(changes).collect()
}

pub(super) fn controls() -> [Control; 2] {
    let keep = Keep { for_ms: 1_000, count: 1 };
    let rate = Some(Rate { count: 2, per_ms: 1_000 });
    let full =
        Control { is_paused: false, concurrency_max: 3, rate, keep_done: keep, keep_dead: keep };
    [Control::default(), full]
}

pub(super) fn encode(event: &Event<'_>) -> Vec<u8> {
    match event {
        Event::Enqueued(it) => it.encode(),
        Event::Changed(it) => {
            let mut out = Out::default();
            it.encode(&mut out);
            out.0
        }
        Event::Carried(job) => {
            let mut out = Out::default();
            encode_carried(*job, &mut out);
            out.0
        }
    }
}

fn fact(input: &[u8]) -> Outcome {
    let Some(event) = Event::decode(input) else {
        return Outcome::refused(&[input.len(), usize::from(input.first().copied().unwrap_or(0))]);
    };
    let written = encode(&event);
    assert_eq!(Event::decode(&written).as_ref(), Some(&event));
    match event {
        Event::Enqueued(Enqueued { plan, kind, unique, id, .. }) => {
            assert!((1..=ATTEMPTS_MAX).contains(&plan.max_attempts));
            let steps = match &plan.backoff {
                Backoff::Exponential { .. } | Backoff::Fixed { .. } => 0,
                Backoff::List { ms } => ms.len(),
            };
            assert!(plan.backoff.is_valid() && steps <= BACKOFF_STEPS_MAX);
            let ways = [usize::from(unique.is_some()), usize::from(id.is_some())];
            Outcome::accepted(&[steps, kind.len(), ways[0], ways[1]])
        }
        Event::Changed(it) => Outcome::accepted(&[it.worker.len(), usize::from(it.attempt), 9]),
        Event::Carried(_) => Outcome::accepted(&[8]),
    }
}

fn control(input: &[u8]) -> Outcome {
    let Some(control) = Control::decode(input) else {
        return Outcome::refused(&[input.len()]);
    };
    assert!(control.is_valid());
    assert_eq!(Control::decode(&control.encode()), Some(control));
    if let Some(rate) = control.rate {
        let mut next = 0;
        let mut now = Timestamp::from_micros(1 << 50);
        for _ in 0..4 {
            now = now.max(rate.allows_at(next));
            next = rate.after(next, now);
        }
        assert!(now.micros() < next, "a job costs no time");
    }
    let features = [control.concurrency_max, control.keep_done.count, control.keep_dead.count];
    Outcome::accepted(&features.map(|it| it as usize))
}
