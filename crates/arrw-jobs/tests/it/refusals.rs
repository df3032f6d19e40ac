//! What is refused, and what is known again.

use arrw_jobs::{
    Command, ControlChange, Done, Enqueue, Jobs, Keep, NewJob, Rate, Refused, Turn, UniqueBy,
};
use arrw_log::{Batch, Place, Seq, Timestamp};

const SECOND: u64 = 1_000_000;

fn at_second(second: u64) -> Timestamp {
    Timestamp::from_micros(second * SECOND)
}

fn run(jobs: &mut Jobs, seq: u64, time: Timestamp, command: &Command) -> Result<Done, Refused> {
    Turn::new(jobs, Place { seq: Seq::new(seq), time }, 0, &mut Batch::new()).run(command)
}

#[test]
fn the_same_job_again_is_known_also_when_its_time_has_come() {
    let mut jobs = Jobs::default();
    let new = NewJob {
        id: Some("a"),
        run_at: Some(at_second(160)),
        ..NewJob::new("mail", "send", "[1]")
    };
    let mut enqueue = |seq, second, new: &NewJob<'_>| {
        let enqueue = Enqueue::new(new, at_second(second)).unwrap();
        run(&mut jobs, seq, at_second(second), &Command::Enqueue(enqueue))
    };
    let first = enqueue(1, 100, &new);
    let Ok(Done::Enqueued { job, is_new: true }) = first else { unreachable!("{first:?}") };
    // A client that got no answer tries again, two minutes later.
    assert_eq!(enqueue(2, 220, &new), Ok(Done::Enqueued { job, is_new: false }));
    let others = [
        NewJob { run_at: None, ..new.clone() },
        NewJob { unique: Some(UniqueBy::default()), ..new.clone() },
        NewJob { tags: &["x"], ..new.clone() },
        NewJob { metadata: Some("[1]"), ..new.clone() },
        NewJob { args: "[2]", ..new },
    ];
    for other in others {
        let answer = enqueue(2, 230, &other);
        assert!(matches!(answer, Err(Refused::IdConflict { .. })), "{other:?}: {answer:?}");
    }
}

#[test]
fn a_queue_is_not_run_as_none_can_be() {
    let mut jobs = Jobs::default();
    let keep = |for_ms, count| Keep { for_ms, count };
    let limits = |count, per_ms| ControlChange::Limits {
        concurrency_max: 0,
        rate: Some(Rate { count, per_ms }),
    };
    let kept = |done, dead| ControlChange::Keep { done, dead };
    let wrong = [
        ("mail", limits(0, 1)),
        ("mail", limits(1, 0)),
        ("mail", kept(keep(u64::MAX, 1), keep(1, 1))),
        ("mail", kept(keep(1, 1), keep(1, u32::MAX))),
        ("mail.eu", ControlChange::Pause),
        ("", ControlChange::Pause),
    ];
    for (name, change) in wrong {
        let command = Command::Queue { name: name.to_owned(), change };
        let answer = run(&mut jobs, 1, at_second(1), &command);
        assert!(matches!(answer, Err(Refused::Invalid(_))), "{name} {change:?}: {answer:?}");
    }
    assert_eq!(jobs.queues("", 9), []);
}

#[test]
fn a_checkpoint_that_was_cut_or_ends_late_is_none() {
    let mut jobs = Jobs::default();
    let unique = Some(UniqueBy::default());
    let new = NewJob { id: Some("a"), unique, ..NewJob::new("mail", "send", "[1]") };
    let enqueue = Command::Enqueue(Enqueue::new(&new, at_second(1)).unwrap());
    run(&mut jobs, 1, at_second(1), &enqueue).unwrap();
    let mut bytes = jobs.encode();
    assert_eq!(Jobs::decode(&bytes).map(|it| it.digest()), Some(jobs.digest()));
    assert!((0..bytes.len()).all(|len| Jobs::decode(&bytes[..len]).is_none()));
    bytes.push(0);
    assert!(Jobs::decode(&bytes).is_none());
}
