//! The job queue from outside: what enqueuers and workers see, over restarts too.

use std::sync::Arc;
use std::time::Duration;

use arrw::{
    Claim, Command, ControlChange, Db, Detail, Environment, Event, Finish, Job, JobError,
    JobOutcome, JobState, Jobs, JobsError, MemoryStorage, NewJob, OnDuplicate, Options, Plan,
    Priority, Refused, Start, Timestamp, Token, UniqueBy,
};

use crate::support::Clock;

/// What the clock shows at the start, where a test sets it.
const START: u64 = 1_800_000_000_000_000;

fn environment(storage: &Arc<MemoryStorage>, clock: &Arc<Clock>) -> Environment {
    let storage = Arc::clone(storage);
    let mut environment = Environment::with_storage(storage);
    environment.clock = Arc::<Clock>::clone(clock);
    environment
}

fn open(storage: &Arc<MemoryStorage>, clock: &Arc<Clock>) -> Db {
    let mut options = Options::default();
    options.log.segment_bytes = 1024 * 1024;
    Db::open_with(environment(storage, clock), options).unwrap()
}

fn claim(worker: &str, queue: &str, count: usize) -> Claim {
    Claim::new(worker, [queue], count).unwrap()
}

fn take(jobs: &Jobs, worker: &str, queue: &str, count: usize) -> Vec<Job> {
    jobs.claim_now(claim(worker, queue, count)).wait(None).unwrap()
}

fn enqueue(jobs: &Jobs, job: &NewJob<'_>) -> arrw::JobId {
    jobs.enqueue(job).unwrap().wait().unwrap()[0].job
}

fn state(jobs: &Jobs, job: arrw::JobId) -> Option<JobState> {
    jobs.get(job).map(|status| status.state)
}

fn kinds(jobs: &[Job]) -> Vec<&str> {
    jobs.iter().map(Job::kind).collect()
}

#[test]
fn a_job_is_claimed_and_completed_and_each_step_is_an_event() {
    let db = Db::in_memory().unwrap();
    let jobs = db.jobs();
    let new = NewJob { tags: &["a"], ..NewJob::new("mail", "send", r#"{"to":[1]}"#) };
    let id = enqueue(&jobs, &new);
    assert_eq!(state(&jobs, id), Some(JobState::Ready));
    let job = take(&jobs, "w", "mail", 9).remove(0);
    assert_eq!((job.id(), job.attempt(), job.args()), (id, 1, r#"{"to":[1]}"#));
    assert_eq!(job.payload().tags(), ["a"]);
    assert_eq!(take(&jobs, "w", "mail", 9), []);
    jobs.complete(&job, "7").unwrap().wait().unwrap();
    assert_eq!(state(&jobs, id), Some(JobState::Completed));
    let again = jobs.complete(&job, "7").unwrap().wait();
    assert!(
        matches!(again, Err(JobsError::Refused { refused: Refused::Stale { .. }, .. })),
        "{again:?}"
    );

    let mut events = db.bus().subscribe("jobs.mail.>", Start::Earliest).unwrap();
    let mut seen = Vec::new();
    while let Some(found) = events.try_next().unwrap() {
        let text = |event: Event<'_>| {
            let data = String::from_utf8_lossy(event.payload()).into_owned();
            (event.topic().to_owned(), data)
        };
        seen.extend(found.iter().map(text));
    }
    let n = id;
    let expected = [
        ("jobs.mail.ready", r#"{"kind":"send","tags":["a"],"args":{"to":[1]}}"#.to_owned()),
        ("jobs.mail.leased", format!(r#"{{"job":{n},"kind":"send","attempt":1,"worker":"w"}}"#)),
        ("jobs.mail.completed", format!(r#"{{"job":{n},"kind":"send","attempt":1,"result":7}}"#)),
    ];
    let seen: Vec<_> = seen.iter().map(|(topic, data)| (topic.as_str(), data.clone())).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_claim_waits_and_the_commit_of_a_job_hands_it_out() {
    let db = Db::in_memory().unwrap();
    let jobs = db.jobs();
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| jobs.claim(claim("w", "q", 1)).wait(None).unwrap());
        let id = enqueue(&jobs, &NewJob::new("q", "k", "1"));
        let got = waiting.join().unwrap();
        assert_eq!(got[0].id(), id);
        got
    });
    assert_eq!(waiting[0].token().seq(), waiting[0].id().seq().next(), "the record behind it");
    let none = jobs.claim(claim("w", "q", 1)).wait(Some(Duration::from_millis(5))).unwrap();
    assert_eq!(none, []);
}

#[test]
fn queues_are_served_by_turns_and_priorities_strictly() {
    let db = Db::in_memory().unwrap();
    let jobs = db.jobs();
    let put = |queue, kind, priority| {
        enqueue(&jobs, &NewJob { priority, ..NewJob::new(queue, kind, "0") });
    };
    for (kind, priority) in [
        ("low", Priority::Low),
        ("normal1", Priority::Normal),
        ("urgent", Priority::Urgent),
        ("normal2", Priority::Normal),
        ("high", Priority::High),
    ] {
        put("a", kind, priority);
    }
    put("b", "b1", Priority::Normal);
    put("b", "b2", Priority::Normal);
    let both = Claim::new("w", ["a", "b"], 4).unwrap();
    let mut got = jobs.claim_now(both).wait(None).unwrap();
    got.sort_by(|one, other| one.queue().cmp(other.queue()));
    assert_eq!(kinds(&got), ["urgent", "high", "b1", "b2"]);
    assert_eq!(kinds(&take(&jobs, "w", "a", 9)), ["normal1", "normal2", "low"]);
}

#[test]
fn what_fails_is_tried_again_by_its_plan_and_dies_in_the_end() {
    let (storage, clock) = (Arc::new(MemoryStorage::new()), Arc::new(Clock::at(START)));
    let db = open(&storage, &clock);
    let jobs = db.jobs();
    let plan =
        Plan { max_attempts: 2, backoff: arrw::Backoff::Fixed { ms: 1_000 }, ..Plan::default() };
    let id = enqueue(&jobs, &NewJob { plan, ..NewJob::new("q", "k", "0") });
    let first = take(&jobs, "w", "q", 1).remove(0);
    jobs.fail(&first, "it \"broke\"").unwrap().wait().unwrap();
    assert_eq!((state(&jobs, id), take(&jobs, "w", "q", 1).len()), (Some(JobState::Retrying), 0));
    clock.set(Timestamp::from_micros(START + 1_001_000));
    let second = take(&jobs, "w", "q", 1).remove(0);
    assert_eq!((second.id(), second.attempt()), (id, 2));
    let stale = jobs.complete(&first, "0").unwrap().wait();
    assert!(stale.is_err(), "{stale:?}");
    jobs.fail(&second, "again").unwrap().wait().unwrap();
    assert_eq!(state(&jobs, id), Some(JobState::Dead));
    jobs.run(vec![Command::Retry(id)], false).unwrap().wait().unwrap();
    assert_eq!(take(&jobs, "w", "q", 1)[0].attempt(), 1);
}

#[test]
fn a_job_that_is_scheduled_becomes_ready_by_time_and_writes_nothing_for_it() {
    let db = Db::in_memory().unwrap();
    let jobs = db.jobs();
    let run_at = Timestamp::from_micros(now(&db).micros() + 20_000);
    let id = enqueue(&jobs, &NewJob { run_at: Some(run_at), ..NewJob::new("q", "k", "0") });
    assert_eq!(state(&jobs, id), Some(JobState::Scheduled));
    let tail = db.position().seq.next();
    let got = jobs.claim(claim("w", "q", 1)).wait(None).unwrap();
    assert_eq!((got[0].id(), got[0].token().seq()), (id, tail));
    assert!(run_at <= now(&db));
}

fn now(db: &Db) -> Timestamp {
    // Volatile events carry the present time.
    db.bus().publish(arrw::NewEvent::new("~.now", b"")).unwrap().wait().unwrap().time
}

#[test]
fn what_is_unique_or_has_an_id_is_there_once() {
    let db = Db::in_memory().unwrap();
    let jobs = db.jobs();
    let unique = Some(UniqueBy { key: Some("k1"), ..UniqueBy::default() });
    let first = jobs.enqueue(&NewJob { unique, ..NewJob::new("q", "k", "1") });
    let first = first.unwrap().wait().unwrap()[0];
    let by =
        UniqueBy { key: Some("k1"), on_duplicate: OnDuplicate::Replace, ..UniqueBy::default() };
    let second = jobs.enqueue(&NewJob { unique: Some(by), ..NewJob::new("q", "k", "2") });
    let second = second.unwrap().wait().unwrap()[0];
    assert!((first.is_new, second.is_new) == (true, false) && first.job == second.job);
    let job = take(&jobs, "w", "q", 9).remove(0);
    assert_eq!((job.id(), job.args()), (first.job, "2"), "it has the args of the second");
    jobs.complete(&job, "0").unwrap().wait().unwrap();
    let third = jobs.enqueue(&NewJob { unique, ..NewJob::new("q", "k", "1") });
    assert!(third.unwrap().wait().unwrap()[0].is_new, "the key is free again");

    let with_id = |args| jobs.enqueue(&NewJob { id: Some("i"), ..NewJob::new("q", "k", args) });
    let one = with_id("1").unwrap().wait().unwrap()[0];
    let tail = db.position();
    let same = with_id("1").unwrap().wait().unwrap()[0];
    assert_eq!((same.job, same.is_new, db.position()), (one.job, false, tail));
    let other = with_id("2").unwrap().wait();
    assert!(
        matches!(other, Err(JobsError::Refused { refused: Refused::IdConflict { .. }, .. })),
        "{other:?}"
    );
}

#[test]
fn a_job_that_runs_is_cancelled_when_its_worker_lets_go_of_it() {
    let db = Db::in_memory().unwrap();
    let jobs = db.jobs();
    let ids: Vec<_> = (0..3).map(|_| enqueue(&jobs, &NewJob::new("q", "k", "0"))).collect();
    let leased = take(&jobs, "w", "q", 2);
    let cancel = ids.iter().map(|id| Command::Cancel(*id)).collect();
    jobs.run(cancel, false).unwrap().wait().unwrap();
    let states = || ids.iter().map(|id| state(&jobs, *id).unwrap()).collect::<Vec<_>>();
    assert_eq!(states(), [JobState::Leased, JobState::Leased, JobState::Cancelled]);
    assert_eq!(jobs.heartbeat("w", 60_000), ids[..2]);
    assert_eq!(jobs.heartbeat("v", 60_000), []);
    jobs.complete(&leased[0], "0").unwrap().wait().unwrap();
    jobs.fail(&leased[1], "cancelled").unwrap().wait().unwrap();
    assert_eq!(states(), [JobState::Completed, JobState::Cancelled, JobState::Cancelled]);
}

#[test]
fn several_are_done_together_or_each_for_itself() {
    let db = Db::in_memory().unwrap();
    let jobs = db.jobs();
    let id = enqueue(&jobs, &NewJob::new("q", "k", "0"));
    let job = take(&jobs, "w", "q", 1).remove(0);
    let done = |job: &Job, token| {
        let (outcome, detail) = (JobOutcome::Complete, Detail::default());
        Command::Finish(Finish { job: job.id(), token, outcome, detail })
    };
    let wrong = Token::new(id.seq());
    let tail = db.position();
    let all = jobs.run(vec![done(&job, job.token()), done(&job, wrong)], false).unwrap().wait();
    assert!(matches!(all, Err(JobsError::Refused { index: 1, .. })), "{all:?}");
    assert_eq!((state(&jobs, id), db.position()), (Some(JobState::Leased), tail));
    let each = jobs.run(vec![done(&job, wrong), done(&job, job.token())], true).unwrap();
    let each = each.wait().unwrap();
    assert!(each[0].is_err() && each[1].is_ok(), "{each:?}");
    let wrong = jobs.enqueue_all(&[NewJob::new("q", "k", "0"), NewJob::new("q", "k", "{")]);
    assert!(matches!(wrong, Err(JobsError::Job { index: 1, error: JobError::Json { .. } })));
}

#[test]
fn jobs_of_a_worker_that_is_silent_go_back() {
    let db = Db::in_memory().unwrap();
    let jobs = db.jobs();
    let id = enqueue(&jobs, &NewJob::new("q", "k", "0"));
    let lost = jobs.claim_for(claim("gone", "q", 1), 1_000).wait(None).unwrap().remove(0);
    let found = jobs.claim(claim("w", "q", 1)).wait(None).unwrap().remove(0);
    assert_eq!((found.id(), found.attempt()), (id, 2));
    let late = jobs.complete(&lost, "0").unwrap().wait();
    assert!(matches!(late, Err(JobsError::Refused { .. })), "{late:?}");
    jobs.complete(&found, "0").unwrap().wait().unwrap();
}

#[test]
fn an_attempt_that_takes_too_long_is_over() {
    let db = Db::in_memory().unwrap();
    let jobs = db.jobs();
    let plan = Plan { timeout_ms: 10, backoff: arrw::Backoff::Fixed { ms: 0 }, ..Plan::default() };
    enqueue(&jobs, &NewJob { plan, ..NewJob::new("q", "k", "0") });
    let first = take(&jobs, "w", "q", 1).remove(0);
    let second = jobs.claim(claim("w", "q", 1)).wait(None).unwrap().remove(0);
    assert_eq!((second.id(), second.attempt()), (first.id(), 2));
}

#[test]
fn a_queue_that_is_paused_or_full_gives_nothing() {
    let db = Db::in_memory().unwrap();
    let jobs = db.jobs();
    for _ in 0..3 {
        enqueue(&jobs, &NewJob::new("q", "k", "0"));
    }
    let set = |change| {
        let command = Command::Queue { name: "q".to_owned(), change };
        jobs.run(vec![command], false).unwrap().wait().unwrap();
    };
    set(ControlChange::Pause);
    assert_eq!(take(&jobs, "w", "q", 9), []);
    set(ControlChange::Limits { concurrency_max: 2, rate: None });
    set(ControlChange::Resume);
    let two = take(&jobs, "w", "q", 9);
    assert_eq!((two.len(), take(&jobs, "w", "q", 9).len()), (2, 0));
    jobs.complete(&two[0], "0").unwrap().wait().unwrap();
    assert_eq!(take(&jobs, "w", "q", 9).len(), 1);
    let queue = jobs.queue("q").unwrap();
    assert_eq!((queue.count(JobState::Leased), queue.count(JobState::Completed)), (2, 1));
}

#[test]
fn a_restart_finds_all_as_it_was() {
    let (storage, clock) = (Arc::new(MemoryStorage::new()), Arc::new(Clock::at(START)));
    let db = open(&storage, &clock);
    let jobs = db.jobs();
    for n in 0..10 {
        let args = n.to_string();
        enqueue(&jobs, &NewJob::new("q", "k", &args));
    }
    let leased = take(&jobs, "w", "q", 4);
    jobs.complete(&leased[0], "0").unwrap().wait().unwrap();
    jobs.fail(&leased[1], "broke").unwrap().wait().unwrap();
    let look = |jobs: &Jobs| {
        let of = |state| jobs.list("q", state, None, 100);
        JobState::ALL.map(of).concat()
    };
    let before = look(&jobs);
    assert_eq!(before.len(), 10);
    db.close().unwrap();
    drop((db, jobs));

    let db = open(&storage, &clock);
    assert_eq!(db.alarm(), None);
    assert_eq!(look(&db.jobs()), before, "from the checkpoint");
    db.jobs().complete(&leased[2], "0").unwrap().wait().unwrap();
    let next = take(&db.jobs(), "w", "q", 1).remove(0);
    assert_eq!(next.args(), "4");
}

#[test]
fn a_claim_that_is_dropped_gives_its_jobs_back() {
    let db = Db::in_memory().unwrap();
    let jobs = db.jobs();
    let mut claiming = Box::pin(jobs.claim(claim("gone", "q", 1)));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(claiming.as_mut().poll(&mut context).is_pending());
    let id = enqueue(&jobs, &NewJob::new("q", "k", "0"));
    drop(claiming);
    let got = jobs.claim(claim("w", "q", 1)).wait(None).unwrap();
    assert_eq!((got[0].id(), got[0].attempt()), (id, 1), "no attempt was counted");
}

#[test]
fn claims_that_one_turn_has_no_room_for_are_served_by_the_next() {
    // A turn has room for 256 leases: a quarter of a segment.
    let db = open(&Arc::new(MemoryStorage::new()), &Arc::new(Clock::at(START)));
    let jobs = db.jobs();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let waiting: Vec<_> = (0..4)
        .map(|number| {
            let mut claiming = jobs.claim(claim(&format!("w{number}"), "q", 100));
            assert!(std::pin::Pin::new(&mut claiming).poll(&mut context).is_pending());
            claiming
        })
        .collect();
    let many = vec![NewJob::new("q", "k", "0"); 400];
    jobs.enqueue_all(&many).unwrap().wait().unwrap();
    // Nothing else is committed by anybody.
    for claiming in waiting {
        assert_eq!(claiming.wait(None).unwrap().len(), 100, "all that it wants");
    }
}

#[test]
fn an_event_a_job_and_a_completion_are_one_commit() {
    let db = Db::in_memory().unwrap();
    let jobs = db.jobs();
    enqueue(&jobs, &NewJob::new("orders", "bill", "7"));
    let order = take(&jobs, "w", "orders", 1).remove(0);
    let commit = |mail: &str| {
        let batch = db.batch().publish(arrw::NewEvent::new("invoices.sent", b"7"));
        let batch = batch.enqueue(&NewJob::new("mail", "invoice", mail));
        batch.complete(&order, "7").commit()
    };
    assert!(matches!(commit("{"), Err(arrw::PublishError::Job(_))));
    let done = commit("7").unwrap().wait().unwrap();
    let job = done.jobs[0].job;
    assert_eq!((done.events.count, job.seq()), (1, done.events.last.next()));
    assert_eq!(state(&jobs, order.id()), Some(JobState::Completed));
    let tail = db.position();
    let again = commit("7").unwrap().wait();
    assert!(matches!(again, Err(arrw::PublishError::Refused(Refused::Stale { .. }))), "{again:?}");
    assert_eq!(
        (db.position(), take(&jobs, "w", "mail", 9).len()),
        (tail, 1),
        "nothing of it is there"
    );
}

#[test]
fn a_worker_that_came_back_under_its_name_loses_what_it_forgot() {
    let db = Db::in_memory().unwrap();
    let jobs = db.jobs();
    let kept = enqueue(&jobs, &NewJob::new("q", "k", "1"));
    let forgotten = enqueue(&jobs, &NewJob::new("q", "k", "2"));
    let got = take(&jobs, "w", "q", 2);
    assert_eq!(got.len(), 2);
    // The answer that brings the second may be on its way.
    assert_eq!(jobs.heartbeat_holding("w", 60_000, &[kept]), []);
    assert_eq!(jobs.heartbeat_holding("w", 60_000, &[kept, forgotten]), []);
    assert_eq!(jobs.heartbeat_holding("w", 60_000, &[kept]), []);
    assert_eq!(jobs.heartbeat_holding("w", 60_000, &[kept]), []);
    let again = jobs.claim(claim("v", "q", 9)).wait(None).unwrap();
    assert_eq!(
        again.iter().map(|job| (job.id(), job.attempt())).collect::<Vec<_>>(),
        [(forgotten, 2)]
    );
    jobs.complete(&got[0], "1").unwrap().wait().unwrap();
    assert!(jobs.complete(&got[1], "1").unwrap().wait().is_err());
}
