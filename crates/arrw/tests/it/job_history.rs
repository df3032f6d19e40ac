//! What happened to a job is told, also when the records that told of it are gone.

use std::sync::Arc;

use arrw::{
    Backoff, Claim, Command, Db, Environment, Job, JobHistory, JobId, JobsError, MemoryStorage,
    NewEvent, NewJob, Options, Plan, Progress, Refused, Seq, Timestamp,
};

use crate::support::{Clock, texts};

const START: u64 = 1_800_000_000_000_000;

/// A log of which little is kept.
fn open(storage: &Arc<MemoryStorage>, clock: &Arc<Clock>) -> Db {
    let mut environment = Environment::with_storage(Arc::<MemoryStorage>::clone(storage));
    environment.clock = Arc::<Clock>::clone(clock);
    let mut options = Options::default();
    options.log.segment_bytes = 1024 * 1024;
    options.log.retention.bytes_max = Some(2 * 1024 * 1024);
    Db::open_with(environment, options).unwrap()
}

fn take(db: &Db) -> Job {
    let claim = Claim::new("w", ["q"], 1).unwrap();
    db.jobs().claim_now(claim).wait(None).unwrap().remove(0)
}

fn enqueue(db: &Db, job: &NewJob<'_>) -> JobId {
    db.jobs().enqueue(job).unwrap().wait().unwrap()[0].job
}

fn history(db: &Db, job: JobId) -> JobHistory {
    let status = db.jobs().get(job).unwrap();
    db.jobs().history(&status, usize::MAX).unwrap()
}

fn errors(history: &JobHistory) -> Vec<(u16, u64, String)> {
    let of = |(it, error): (&arrw::Transition, &str)| {
        (it.attempt, (it.time.micros() - START) / 1_000_000, error.to_owned())
    };
    history.errors().map(of).collect()
}

fn names(history: &JobHistory) -> Vec<&'static str> {
    history.transitions.iter().map(|it| it.state.name()).collect()
}

/// Has so much be written that retention takes what is before `seq`.
fn have_it_trimmed(db: &Db, seq: Seq) {
    let payload = vec![b'x'; 256 * 1024];
    while db.log_stats().first <= seq {
        db.bus().publish(NewEvent::new("noise", &payload)).unwrap().wait().unwrap();
    }
}

/// Fails an attempt after another, a second each.
fn fail(db: &Db, clock: &Clock, at: u64, error: &str) {
    clock.set(Timestamp::from_micros(START + at * 1_000_000));
    let claim = Claim::new("w", ["q"], 1).unwrap();
    let job = db.jobs().claim(claim).wait(None).unwrap().remove(0);
    db.jobs().fail(&job, error).unwrap().wait().unwrap();
}

#[test]
fn each_transition_is_told_with_its_place_its_time_and_its_error() {
    let (storage, clock) = (Arc::new(MemoryStorage::new()), Arc::new(Clock::at(START)));
    let db = open(&storage, &clock);
    let plan = Plan { backoff: Backoff::Fixed { ms: 1_000 }, ..Plan::default() };
    let id = enqueue(&db, &NewJob { plan, ..NewJob::new("q", "k", "{\"error\":\"of args\"}") });
    fail(&db, &clock, 0, "first \"one\"");
    fail(&db, &clock, 2, "second");
    clock.set(Timestamp::from_micros(START + 4_000_000));
    let job = db.jobs().claim(Claim::new("w", ["q"], 1).unwrap()).wait(None).unwrap().remove(0);
    db.jobs().run(vec![Command::Cancel(id)], false).unwrap().wait().unwrap();
    db.jobs().complete(&job, "{\"sent\":3}").unwrap().wait().unwrap();

    let history = history(&db, id);
    assert!(history.is_whole);
    assert_eq!(history.result(), Some("{\"sent\":3}"));
    let expected = [(2, 2, "second"), (1, 0, "first \"one\"")];
    assert_eq!(errors(&history), expected.map(|(n, at, why)| (n, at, why.to_owned())));
    let expected =
        ["completed", "leased", "leased", "retrying", "leased", "retrying", "leased", "ready"];
    assert_eq!(names(&history), expected);
    let asked: Vec<bool> = history.transitions.iter().map(|it| it.is_cancelling).collect();
    assert_eq!(asked, [false, true, false, false, false, false, false, false]);
    assert_eq!(history.transitions[2].worker.as_deref(), Some("w"));
    let run_at = history.transitions[3].run_at.unwrap();
    assert_eq!((run_at.micros() - START) / 1_000_000, 3);
    assert_eq!(history.transitions.last().unwrap().at, id.seq());

    let status = db.jobs().get(id).unwrap();
    let newest = db.jobs().history(&status, 2).unwrap();
    assert_eq!(
        (newest.transitions.as_slice(), newest.is_whole),
        (&history.transitions[..2], false)
    );
}

#[test]
fn what_a_job_needs_is_carried_forward_before_it_is_trimmed() {
    let (storage, clock) = (Arc::new(MemoryStorage::new()), Arc::new(Clock::at(START)));
    let db = open(&storage, &clock);
    let plan = Plan { max_attempts: 2, backoff: Backoff::Fixed { ms: 0 }, ..Plan::default() };
    let args = "{\"to\":[1,{\"job\":\"x\"}]}";
    let new = NewJob { plan, tags: &["red"], metadata: Some("[7]"), ..NewJob::new("q", "k", args) };
    let dead = enqueue(&db, &new);
    fail(&db, &clock, 0, "first");
    fail(&db, &clock, 1, "second");
    let leased = enqueue(&db, &NewJob::new("q", "k", "\"leased\""));
    let job = take(&db);
    let later = Timestamp::from_micros(START + 3_600_000_000);
    let scheduled = enqueue(&db, &NewJob { run_at: Some(later), ..NewJob::new("q", "k", args) });
    let done = enqueue(&db, &NewJob::new("q", "k", "\"done\""));
    let other = take(&db);
    assert_eq!((job.id(), other.id()), (leased, done));
    db.jobs().complete(&other, "1").unwrap().wait().unwrap();
    let before: Vec<JobHistory> = [dead, leased, scheduled].map(|id| history(&db, id)).into();

    have_it_trimmed(&db, db.jobs().get(done).unwrap().newest);
    // A second time: what is carried is carried on.
    let carried = db.jobs().get(dead).unwrap().args_at;
    assert!(done.seq() < carried);
    have_it_trimmed(&db, carried);
    db.close().unwrap();
    let db = open(&storage, &clock);

    let after: Vec<JobHistory> = [dead, leased, scheduled].map(|id| history(&db, id)).into();
    assert_eq!(after, before);
    assert_eq!(errors(&after[0]).len(), 2);
    let payload = |id| db.jobs().payload(&db.jobs().get(id).unwrap()).unwrap().unwrap();
    assert_eq!(payload(scheduled).args(), args);
    let of_dead = payload(dead);
    assert_eq!((of_dead.args(), of_dead.tags()), (args, vec!["red"]));
    assert_eq!(of_dead.metadata(), Some("[7]"));
    // Of one that is finished only what memory has is told.
    assert_eq!(history(&db, done), JobHistory::default());

    // The lease is what it was, and the job goes on.
    db.jobs().complete(&job, "{}").unwrap().wait().unwrap();
    let whole = history(&db, leased);
    assert!(whole.is_whole);
    assert_eq!(names(&whole), ["completed", "leased", "ready"]);
    db.jobs().run(vec![Command::Retry(dead)], false).unwrap().wait().unwrap();
    let again = take(&db);
    assert_eq!((again.id(), again.args(), again.attempt()), (dead, args, 1));
    assert_eq!(errors(&history(&db, dead)), errors(&before[0]));
}

#[test]
fn how_far_a_job_is_is_seen_at_once_and_told_with_its_next_record() {
    let (storage, clock) = (Arc::new(MemoryStorage::new()), Arc::new(Clock::at(START)));
    let db = open(&storage, &clock);
    let mut followed = db.bus().subscribe("~.jobs.>", arrw::Start::Latest).unwrap();
    let id = enqueue(&db, &NewJob::new("q", "k", "1"));
    let job = take(&db);
    let before = db.log_stats().tail;
    let half = Progress { message: "\u{1}half of it\n".to_owned(), ..Progress::of(5, 10) };
    db.jobs().progress(id, job.token(), Progress::of(1, 10)).unwrap();
    db.jobs().progress(id, job.token(), half.clone()).unwrap();
    assert_eq!(db.jobs().progress_of(id), Some(half));
    assert_eq!(db.log_stats().tail, before, "it writes nothing");
    assert_eq!(
        texts(&mut followed),
        [
            format!("{{\"job\":{id},\"attempt\":1,\"progress\":{{\"current\":1,\"total\":10}}}}"),
            format!(
                "{{\"job\":{id},\"attempt\":1,\"progress\":{{\"current\":5,\"total\":10,\"message\":\"\\u0001half of it\\n\"}}}}"
            ),
        ]
    );
    db.jobs().fail(&job, "broke").unwrap().wait().unwrap();
    let told = &history(&db, id).transitions[0];
    let progress = "{\"current\":5,\"total\":10,\"message\":\"\\u0001half of it\\n\"}";
    assert_eq!((told.error.as_deref(), told.progress.as_deref()), (Some("broke"), Some(progress)));
    assert_eq!(db.jobs().progress_of(id), None);
    let late = db.jobs().progress(id, job.token(), Progress::of(9, 10));
    assert!(matches!(late, Err(JobsError::Refused { refused: Refused::Stale { .. }, .. })));
    let nobody = db.jobs().progress(JobId::from_number(99), job.token(), Progress::of(9, 10));
    assert!(matches!(nobody, Err(JobsError::Refused { refused: Refused::NotFound { .. }, .. })));
    // The longest fits, and nobody else writes there.
    clock.set(Timestamp::from_micros(START + 60_000_000));
    let job = db.jobs().claim(Claim::new("w", ["q"], 1).unwrap()).wait(None).unwrap().remove(0);
    let long = Progress { message: "\u{1}".repeat(999), ..Progress::of(u64::MAX, u64::MAX) };
    db.jobs().progress(id, job.token(), long).unwrap();
    db.jobs().complete(&job, "1").unwrap().wait().unwrap();
    assert!(history(&db, id).transitions[0].progress.is_some());
    assert!(db.bus().publish(NewEvent::new("~.jobs.q.progress", b"1")).is_err());
}
