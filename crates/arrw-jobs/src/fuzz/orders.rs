//! A standing order, as the log and the checkpoint keep it.

use arrw_log::Timestamp;

use super::{Outcome, Target};
use crate::codec::{In, Out};
use crate::new_job::NewJob;
use crate::schedule::{Cron, Interval, Misfire, Schedule, Zone};
use crate::standing::{NewOrder, Order, OrderKind, Rule};

pub(super) const ORDER: Target = Target {
    name: "jobs-order",
    what: "standing order: written and read again it is the same, and it goes on",
    run: order,
    seeds: || (0..3).map(seed).collect(),
    words: &["\u{9}* * * * *", "\u{3}UTC", "\u{2}1h", "\"args\":{}}"],
};

/// One of each kind, and of each kind of schedule.
pub(super) fn orders() -> [NewOrder; 3] {
    let now = Timestamp::from_micros(1_000_000);
    let (misfire, zone) = (Misfire::RunOnce, Zone::UTC);
    let cron = Cron::parse("*/5 1 * * MON").expect("it is one");
    let interval = Interval::parse("90s", now).expect("it is one");
    let schedule = |when| Rule::Schedule { when, misfire };
    let rules = [
        schedule(Schedule::Cron { cron, zone }),
        schedule(Schedule::Interval(interval)),
        Rule::Trigger { filter: "a.>".to_owned() },
    ];
    let job = NewJob::new("a", "k", "{\"b\":1}");
    rules.map(|rule| NewOrder::new(rule, &job, now).expect("it can be"))
}

/// The bytes of one of them.
pub(super) fn seed(at: usize) -> Vec<u8> {
    let [cron, interval, trigger] = orders();
    let order = [cron, interval, trigger].into_iter().nth(at).expect("there is one");
    written(&order.begun(1_000_000))
}

fn written(order: &Order) -> Vec<u8> {
    let mut out = Out::default();
    order.encode(&mut out);
    out.0
}

fn order(input: &[u8]) -> Outcome {
    let mut bytes = In(input);
    let Some(order) = Order::decode(&mut bytes) else {
        return Outcome::refused(&[input.len(), usize::from(input.get(2).copied().unwrap_or(0))]);
    };
    let written = written(&order);
    let again = Order::decode(&mut In(&written)).expect("it was just written");
    assert_eq!(self::written(&again), written);
    let runs = order.next_runs(Timestamp::from_micros(1));
    assert!(runs.is_sorted() && runs.len() <= crate::limits::RUNS_SHOWN);
    if order.rule().kind() == OrderKind::Trigger {
        let job = order.job_for("7");
        assert!(job.is_ok_and(|job| job.queue() == order.queue()));
    }
    Outcome::accepted(&[order.args().len(), order.queue().len(), runs.len()])
}
