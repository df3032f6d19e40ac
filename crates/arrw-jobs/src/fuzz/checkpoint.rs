//! The jobs as the bytes of a checkpoint.

use std::sync::Arc;

use arrw_log::{Batch, Place, Seq, Timestamp};

use super::records::{holds_together, try_all};
use super::{Outcome, Target, orders};
use crate::command::{Claim, Command, ControlChange};
use crate::control::Rate;
use crate::job::{JobId, Plan};
use crate::new_job::{Enqueue, NewJob, UniqueBy};
use crate::standing::OrderChange;
use crate::turn::Turn;
use crate::view::Jobs;

pub(super) const CHECKPOINT: Target = Target {
    name: "jobs-checkpoint",
    what: "checkpoint of the jobs: what it makes holds together, has one form, and can go on",
    run: checkpoint,
    seeds: || vec![Jobs::default().encode(), sample(false).encode(), sample(true).encode()],
    words: &["\u{1}a", "\u{2}w1", "\u{1}\0\0\0"],
};

fn checkpoint(input: &[u8]) -> Outcome {
    let Some(mut jobs) = Jobs::decode(input) else {
        return Outcome::refused(&[input.len()]);
    };
    holds_together(&jobs);
    let features = [jobs.len(), jobs.queues("", usize::MAX).len(), jobs.leases().count()];
    try_all(&mut jobs, Seq::new(1 << 40));
    Outcome::accepted(&features)
}

/// Some jobs in most states.
fn sample(is_full: bool) -> Jobs {
    let mut jobs = Jobs::default();
    let time = Timestamp::from_micros(1_000_000);
    let mut made = Batch::new();
    let mut turn = Turn::new(&mut jobs, Place { seq: Seq::FIRST, time }, 0, &mut made);
    let mut run = |command| {
        let done = turn.run(&command);
        assert!(done.is_ok(), "{done:?}");
    };
    let later = Timestamp::from_micros(9_000_000);
    let plan = Plan { max_attempts: 2, ..Plan::default() };
    let news = [
        NewJob::new("a", "k", "1"),
        NewJob { id: Some("i"), ..NewJob::new("a", "k", "2") },
        NewJob { run_at: Some(later), plan, ..NewJob::new("b", "k2", "3") },
        NewJob { unique: Some(UniqueBy::default()), ..NewJob::new("a", "k", "4") },
        NewJob::new("a", "k", "5"),
    ];
    for new in news.iter().take(if is_full { 5 } else { 1 }) {
        run(Command::Enqueue(Enqueue::new(new, time).expect("it can be")));
    }
    if is_full {
        let rate = Some(Rate { count: 3, per_ms: 9 });
        let change = ControlChange::Limits { concurrency_max: 2, rate };
        run(Command::Queue { name: "a".to_owned(), change });
        run(Command::Discard(JobId::from_number(5)));
        for (order, name) in orders::orders().into_iter().zip(["o", "p", "q"]) {
            let (kind, name) = (order.kind(), name.to_owned());
            let change = OrderChange::Put(Arc::new(order));
            run(Command::Order { kind, name, change, bytes: 0 });
        }
    }
    let claim = Claim::new("w1", ["a"], 1).expect("it can be");
    assert_eq!(turn.claim(&claim, 0, 1).len(), 1);
    drop(turn);
    jobs
}
