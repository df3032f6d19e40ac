//! What becomes of jobs by what their handlers answer, run one after the other on a clock that is set by hand.

use std::time::Duration;

use arrw::testing::{self, ManualClock};
use arrw::{
    Attempt, Attempted, Backoff, Command, Completion, Db, Failure, JobArgs, JobId, JobState,
    NewEvent, NewJob, Plan, Progress, RunError, Start, Worker, WorkerBuilder, WorkerError,
};
use serde::{Deserialize, Serialize};

use crate::support::texts;

/// A job whose args say how it ends.
#[derive(Serialize, Deserialize)]
struct Say(String);

impl JobArgs for Say {
    const KIND: &'static str = "say";
}

fn open() -> (Db, std::sync::Arc<ManualClock>) {
    testing::db().unwrap()
}

fn builder(db: &Db) -> WorkerBuilder {
    db.jobs().worker("w").queue("q")
}

/// A worker that does as the args say.
fn speaker(db: &Db) -> Worker {
    builder(db).on(say).build().unwrap()
}

async fn say(Say(what): Say, job: Attempt) -> Result<Completion, Failure> {
    match what.as_str() {
        "complete" => Completion::of(&job.attempt()),
        "fail" => Err(Failure::new("it broke")),
        "error" => Ok(Completion::of(&"x".parse::<u8>()?)?),
        "retry" => Err(Failure::retry_in(Duration::from_secs(60), "later")),
        "snooze" => Err(Failure::snooze(Duration::from_secs(60), "not yet")),
        "discard" => Err(Failure::discard("never")),
        "panic" => {
            assert!(what.is_empty(), "it burst");
            Ok(Completion::default())
        }
        "assert" => {
            assert_eq!(job.attempt(), 0, "not so");
            Ok(Completion::default())
        }
        "event" => Ok(Completion::default()
            .publish(NewEvent { headers: &[("h", b"1")], ..NewEvent::new("said", b"7") })
            .enqueue(&Say("complete".to_owned()).encode()?.on("q"))),
        "reserved" => Ok(Completion::default().publish(NewEvent::new("jobs.mine", b"7"))),
        "wrong" => Ok(Completion::default().enqueue(&NewJob::new("q", "say", "{"))),
        "again" => {
            let id = NewEvent { id: Some("once"), ..NewEvent::new("said", b"8") };
            let next = Say("complete".to_owned()).encode()?;
            Ok(Completion::default().publish(id).enqueue(&next.on("q")))
        }
        other => Err(Failure::new(format!("what is {other}?"))),
    }
}

fn plan(max_attempts: u16) -> Plan {
    Plan { max_attempts, backoff: Backoff::Fixed { ms: 15_000 }, ..Plan::default() }
}

fn enqueue(db: &Db, what: &str, plan: Plan) -> JobId {
    let args = Say(what.to_owned()).encode().unwrap();
    let job = NewJob { plan, ..args.on("q") };
    db.jobs().enqueue(&job).unwrap().wait().unwrap()[0].job
}

fn state(db: &Db, job: JobId) -> JobState {
    db.jobs().get(job).unwrap().state
}

fn told(ran: &[Attempted]) -> Vec<(u16, Option<JobState>, Option<&str>)> {
    ran.iter().map(|it| (it.job.attempt(), it.state, it.error.as_deref())).collect()
}

#[test]
fn each_answer_has_its_end() {
    let cases = [
        ("complete", JobState::Completed, 1, None),
        ("fail", JobState::Retrying, 1, Some("it broke")),
        ("error", JobState::Retrying, 1, Some("invalid digit found in string")),
        ("retry", JobState::Retrying, 1, Some("later")),
        ("snooze", JobState::Scheduled, 0, Some("not yet")),
        ("discard", JobState::Dead, 1, Some("never")),
        ("panic", JobState::Retrying, 1, Some("the handler panicked: it burst")),
        (
            "assert",
            JobState::Retrying,
            1,
            Some(
                "the handler panicked: assertion `left == right` failed: not so\n  left: 1\n right: 0",
            ),
        ),
    ];
    for (what, expected, attempts, error) in cases {
        let (db, _clock) = open();
        let job = enqueue(&db, what, plan(3));
        let ran = speaker(&db).run_due().unwrap();
        assert_eq!(told(&ran), [(1, Some(expected), error)], "{what}");
        let status = db.jobs().get(job).unwrap();
        assert_eq!((status.state, status.attempt), (expected, attempts), "{what}");
    }
}

#[test]
fn what_fails_is_tried_after_its_backoff_until_it_is_dead() {
    let (db, clock) = open();
    let job = enqueue(&db, "fail", plan(3));
    let worker = speaker(&db);
    let broke = Some("it broke");
    for attempt in 1..=2 {
        let ran = worker.run_due().unwrap();
        assert_eq!(told(&ran), [(attempt, Some(JobState::Retrying), broke)]);
        clock.advance(Duration::from_millis(14_999));
        assert_eq!(worker.run_due().unwrap().len(), 0, "a millisecond too early");
        clock.advance(Duration::from_millis(2));
    }
    assert_eq!(told(&worker.run_due().unwrap()), [(3, Some(JobState::Dead), broke)]);
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(worker.run_due().unwrap().len(), 0);
    assert_eq!((state(&db, job), worker.stats().failed), (JobState::Dead, 3));
}

#[test]
fn a_time_of_its_own_comes_before_the_backoff_and_a_snooze_counts_nothing() {
    let (db, clock) = open();
    enqueue(&db, "retry", plan(2));
    enqueue(&db, "snooze", plan(1));
    let worker = speaker(&db);
    assert_eq!(worker.run_due().unwrap().len(), 2);
    clock.advance(Duration::from_secs(59));
    assert_eq!(worker.run_due().unwrap().len(), 0);
    clock.advance(Duration::from_secs(2));
    let mut ran = worker.run_due().unwrap();
    ran.sort_by_key(|it| it.job.attempt());
    let expected =
        [(1, Some(JobState::Scheduled), Some("not yet")), (2, Some(JobState::Dead), Some("later"))];
    assert_eq!(told(&ran), expected);
    assert_eq!((worker.stats().snoozed, worker.stats().failed), (2, 2));
}

#[test]
fn a_panic_costs_one_attempt_and_the_worker_goes_on() {
    let (db, _clock) = open();
    enqueue(&db, "panic", plan(1));
    enqueue(&db, "complete", plan(1));
    let worker = speaker(&db);
    let ran = worker.run_due().unwrap();
    assert_eq!((ran[0].state, ran[1].state), (Some(JobState::Dead), Some(JobState::Completed)));
    let stats = worker.stats();
    assert_eq!((stats.completed, stats.failed, stats.panicked), (1, 1, 1));
}

#[test]
fn events_and_jobs_of_a_completion_are_there_exactly_if_it_is() {
    let (db, _clock) = open();
    let job = enqueue(&db, "event", plan(1));
    let ran = speaker(&db).run_due().unwrap();
    let states: Vec<_> = ran.iter().map(|it| it.state).collect();
    assert_eq!(states, [Some(JobState::Completed); 2], "the job that it enqueued ran as well");
    let mut said = db.bus().subscribe("said", Start::Earliest).unwrap();
    let events = said.try_next().unwrap().unwrap();
    let event = events.iter().next().unwrap();
    assert_eq!((event.payload(), event.headers().next()), (&b"7"[..], Some(("h", &b"1"[..]))));
    // The event, the job, and that the first one is done: next to each other.
    let done = db.jobs().get(job).unwrap().last;
    let next = ran[1].job.id().seq();
    assert_eq!((event.seq().next(), next.next()), (next, done));
}

#[test]
fn a_completion_that_cannot_be_fails_its_attempt() {
    for (what, error) in [("reserved", "is written by arrwDB alone"), ("wrong", "must be JSON")] {
        let (db, _clock) = open();
        enqueue(&db, what, plan(1));
        let ran = speaker(&db).run_due().unwrap();
        assert_eq!((ran.len(), ran[0].state), (1, Some(JobState::Dead)), "{what}");
        assert!(ran[0].error.as_ref().unwrap().contains(error), "{:?}", ran[0].error);
    }
}

#[test]
fn a_job_is_done_even_if_all_its_events_were_published_before() {
    let (db, _clock) = open();
    let once = NewEvent { id: Some("once"), ..NewEvent::new("said", b"8") };
    db.bus().publish(once).unwrap().wait().unwrap();
    enqueue(&db, "again", plan(1));
    let ran = speaker(&db).run_due().unwrap();
    let states: Vec<_> = ran.iter().map(|it| it.state).collect();
    assert_eq!(states, [Some(JobState::Completed); 2]);
    let mut said = db.bus().subscribe("said", Start::Earliest).unwrap();
    assert_eq!(texts(&mut said), ["8"]);
}

#[test]
fn args_of_another_shape_fail_the_attempt_and_say_why() {
    let (db, _clock) = open();
    let job = NewJob { plan: plan(1), ..NewJob::new("q", Say::KIND, r#"{"no":"text"}"#) };
    db.jobs().enqueue(&job).unwrap().wait().unwrap();
    let ran = speaker(&db).run_due().unwrap();
    assert_eq!(ran[0].state, Some(JobState::Dead));
    let error = ran[0].error.as_ref().unwrap();
    assert!(error.starts_with("the args are not those of a job of kind `say`: "), "{error}");
}

#[test]
fn a_kind_without_a_handler_waits_for_another_worker_and_costs_no_attempt() {
    let (db, clock) = open();
    let job = NewJob { plan: plan(1), ..NewJob::new("q", "other", "0") };
    let job = db.jobs().enqueue(&job).unwrap().wait().unwrap()[0].job;
    let worker = speaker(&db);
    let ran = worker.run_due().unwrap();
    assert_eq!(ran[0].state, Some(JobState::Scheduled));
    assert!(ran[0].error.as_ref().unwrap().contains("no handler for jobs of kind `other`"));
    clock.advance(Duration::from_secs(61));
    assert_eq!(worker.run_due().unwrap().len(), 1, "it is there again");
    assert_eq!((db.jobs().get(job).unwrap().attempt, worker.stats().unknown_kind), (0, 2));
}

#[test]
fn a_lease_that_is_over_when_its_handler_ends_counts_nothing() {
    let (db, _clock) = open();
    let job = enqueue(&db, "complete", plan(1));
    let other = db.clone();
    // Whoever has the token can end the lease: somebody else does it first.
    let worker = builder(&db).on_blocking(move |_: Say, job: Attempt| {
        other.jobs().fail(&job, "elsewhere")?.wait()?;
        Ok(Completion::default().publish(NewEvent::new("said", b"9")))
    });
    let worker = worker.build().unwrap();
    assert_eq!(told(&worker.run_due().unwrap()), [(1, None, None)]);
    assert_eq!((worker.stats().stale, worker.stats().completed), (1, 0));
    assert_eq!(state(&db, job), JobState::Dead);
    let mut said = db.bus().subscribe("said", Start::Earliest).unwrap();
    assert_eq!(texts(&mut said), Vec::<String>::new(), "nothing of it is there");
}

#[test]
fn how_far_a_job_is_is_told_while_it_runs_and_with_its_end() {
    let (db, _clock) = open();
    let job = enqueue(&db, "complete", plan(1));
    let jobs = db.jobs();
    let worker = builder(&db).on_blocking(move |_: Say, job: Attempt| {
        job.progress(Progress::of(3, 4))?;
        assert_eq!(jobs.progress_of(job.id()), Some(Progress::of(3, 4)));
        Ok(())
    });
    worker.build().unwrap().run_due().unwrap();
    let mut ends = db.bus().subscribe("jobs.q.completed", Start::Earliest).unwrap();
    let told = texts(&mut ends).remove(0);
    assert!(told.contains(r#""progress":{"current":3,"total":4}"#), "{told}");
    assert_eq!((state(&db, job), db.jobs().progress_of(job)), (JobState::Completed, None));
}

#[test]
fn a_job_that_is_cancelled_while_it_runs_ends_by_what_its_handler_answers() {
    for (answers, expected) in [(true, JobState::Completed), (false, JobState::Cancelled)] {
        let (db, _clock) = open();
        let job = enqueue(&db, "complete", plan(5));
        let other = db.clone();
        let worker = builder(&db).on(move |_: Say, job: Attempt| {
            let jobs = other.jobs();
            async move {
                jobs.run(vec![Command::Cancel(job.id())], false)?.await?;
                if answers { Ok(7) } else { Err(Failure::new("cancelled")) }
            }
        });
        let worker = worker.build().unwrap();
        worker.run_due().unwrap();
        assert_eq!(state(&db, job), expected);
        assert_eq!(worker.stats().cancelled, u64::from(!answers));
    }
}

#[test]
fn handlers_that_make_jobs_without_end_are_stopped() {
    let (db, _clock) = open();
    enqueue(&db, "more", plan(1));
    let worker = builder(&db).on(|Say(what): Say, _| async move {
        Ok(Completion::default().enqueue(&Say(what).encode()?.on("q")))
    });
    let worker = worker.build().unwrap();
    let endless = worker.run_due();
    assert!(matches!(endless, Err(RunError::Endless { max: 10_000 })), "{endless:?}");
}

#[test]
fn a_worker_that_cannot_be_is_refused_before_it_runs() {
    let (db, _clock) = open();
    let refused = |builder: WorkerBuilder| builder.build().unwrap_err();
    let jobs = db.jobs();
    assert!(matches!(refused(jobs.worker("w").on(say)), WorkerError::NoQueue { .. }));
    assert!(matches!(refused(builder(&db)), WorkerError::NoHandler { .. }));
    let twice = refused(builder(&db).on(say).on(say));
    assert_eq!(
        twice.to_string(),
        "worker `w` has two handlers for jobs of kind `say`; leave one out"
    );
    for wrong in [
        builder(&db).on(say).concurrency(0),
        builder(&db).on(say).concurrency(1_001),
        builder(&db).on(say).prefetch(1_001),
        builder(&db).on(say).queue("a.b"),
        jobs.worker("").queue("q").on(say),
    ] {
        let refused = refused(wrong);
        assert!(matches!(refused, WorkerError::Wrong(_)), "{refused:?}");
    }
}
