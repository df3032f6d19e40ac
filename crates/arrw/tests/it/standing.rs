//! Schedules and triggers from outside: each slot and each event has its job once, over restarts too.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrw::{
    Claim, Db, Environment, Job, MemoryStorage, Misfire, NewEvent, NewJob, Options, OrderChange,
    OrderKind, Timestamp,
};
use serde_json::Value;

use crate::support::Clock;

const SECOND: u64 = 1_000_000;
const START: u64 = 1_800_000_000 * SECOND;

fn open(storage: &Arc<MemoryStorage>, clock: &Arc<Clock>) -> Db {
    let mut environment = Environment::with_storage(Arc::<MemoryStorage>::clone(storage));
    environment.clock = Arc::<Clock>::clone(clock);
    let mut options = Options::default();
    options.log.segment_bytes = 1024 * 1024;
    options.log.retention.bytes_max = Some(4 * 1024 * 1024);
    Db::open_with(environment, options).unwrap()
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_micros(START + second * SECOND)
}

/// The next job of the queue, completed at once.
fn work(db: &Db, queue: &str) -> Job {
    let jobs = db.jobs();
    let job = jobs.claim(Claim::new("w", [queue], 1).unwrap()).wait(None).unwrap().remove(0);
    jobs.complete(&job, "null").unwrap().wait().unwrap();
    job
}

fn publish(db: &Db, topic: &str, payload: &str) -> u64 {
    let event = NewEvent::new(topic, payload.as_bytes());
    db.bus().publish(event).unwrap().wait().unwrap().first.get()
}

fn change(db: &Db, kind: OrderKind, name: &str, change: OrderChange) {
    db.jobs().change_order(kind, name, change).unwrap().wait().unwrap();
}

fn event(job: &Job) -> Value {
    serde_json::from_str::<Value>(job.args()).unwrap()["event"].clone()
}

#[test]
fn a_schedule_makes_one_job_a_slot_over_restarts() {
    let (storage, clock) = (Arc::new(MemoryStorage::new()), Arc::new(Clock::at(START)));
    let db = open(&storage, &clock);
    let every = db.jobs().every("10s").unwrap();
    let job = NewJob::new("q", "tick", "{}");
    db.jobs().put_schedule("s", every, Misfire::RunOnce, &job).unwrap().wait().unwrap();
    clock.set(at(10));
    assert_eq!(work(&db, "q").kind(), "tick");
    clock.set(at(15));
    db.close().unwrap();
    // Away for three slots, of which the newest is made up for.
    clock.set(at(47));
    let db = open(&storage, &clock);
    work(&db, "q");
    let schedule = db.jobs().schedule("s").unwrap();
    assert_eq!((schedule.made(), schedule.missed()), (2, 2));
    db.close().unwrap();
    let db = open(&storage, &clock);
    clock.set(at(50));
    work(&db, "q");
    let schedule = db.jobs().schedule("s").unwrap();
    assert_eq!((schedule.made(), schedule.settled_slot()), (3, at(50)));
    change(&db, OrderKind::Schedule, "s", OrderChange::RunNow);
    work(&db, "q");
    change(&db, OrderKind::Schedule, "s", OrderChange::Remove);
    assert_eq!(db.jobs().orders(OrderKind::Schedule, "", 9).len(), 0);
}

#[test]
fn a_trigger_makes_one_job_an_event_over_restarts() {
    let (storage, clock) = (Arc::new(MemoryStorage::new()), Arc::new(Clock::at(START)));
    let db = open(&storage, &clock);
    publish(&db, "orders.created", "0");
    let job = NewJob::new("q", "greet", r#"{"by":"mail"}"#);
    db.jobs().put_trigger("t", "orders.*", &job).unwrap().wait().unwrap();
    let mut published = BTreeSet::new();
    let mut worked = BTreeSet::new();
    db.close().unwrap();
    for _ in 0..5 {
        let db = open(&storage, &clock);
        for n in 0..20 {
            published.insert(publish(&db, "orders.created", &n.to_string()));
            publish(&db, "other", "1");
        }
        for _ in 0..20 {
            let job = work(&db, "q");
            let args: Value = serde_json::from_str(job.args()).unwrap();
            assert_eq!((job.kind(), &args["by"]), ("greet", &Value::from("mail")));
            let event = event(&job);
            assert_eq!(event["topic"], "orders.created");
            assert!(worked.insert(event["seq"].as_u64().unwrap()), "a second job for {event}");
        }
        // Those that come while nobody looks are found after the restart.
        published.insert(publish(&db, "orders.paid", "1"));
        db.close().unwrap();
        let db = open(&storage, &clock);
        assert!(worked.insert(event(&work(&db, "q"))["seq"].as_u64().unwrap()));
        db.close().unwrap();
    }
    assert_eq!(worked, published);
    let db = open(&storage, &clock);
    assert_eq!(db.jobs().trigger("t").unwrap().made(), published.len() as u64);
}

#[test]
fn a_trigger_on_jobs_ends_after_eight_jobs_in_a_row() {
    let db = Db::in_memory().unwrap();
    let job = NewJob::new("q", "k", "null");
    db.jobs().put_trigger("t", "jobs.q.completed", &job).unwrap().wait().unwrap();
    db.jobs().enqueue(&job).unwrap().wait().unwrap();
    (0..9).for_each(|_| drop(work(&db, "q")));
    // What comes behind, of another queue, shows that nothing more came of the ninth.
    let mark = NewJob::new("marks", "mark", "null");
    db.jobs().put_trigger("mark", "mark", &mark).unwrap().wait().unwrap();
    publish(&db, "mark", "1");
    assert_eq!(work(&db, "marks").kind(), "mark");
    assert_eq!(db.jobs().trigger("t").unwrap().made(), 8);
}

#[test]
fn a_trigger_that_is_paused_misses_what_comes_and_goes_on_from_then() {
    let db = Db::in_memory().unwrap();
    db.jobs().put_trigger("t", "a", &NewJob::new("q", "k", "{}")).unwrap().wait().unwrap();
    change(&db, OrderKind::Trigger, "t", OrderChange::Pause);
    publish(&db, "a", "\"paused\"");
    change(&db, OrderKind::Trigger, "t", OrderChange::Resume);
    publish(&db, "a", "\"resumed\"");
    assert_eq!(event(&work(&db, "q"))["data"], "resumed");
    for filter in ["", "a..b", "~.a"] {
        let refused = db.jobs().put_trigger("u", filter, &NewJob::new("q", "k", "{}"));
        assert!(refused.is_err(), "{filter}");
    }
}

#[test]
fn a_trigger_that_wants_nothing_holds_nothing_and_need_not_look_at_it_again() {
    let (storage, clock) = (Arc::new(MemoryStorage::new()), Arc::new(Clock::at(START)));
    let db = open(&storage, &clock);
    db.jobs().put_trigger("t", "rare", &NewJob::new("q", "k", "{}")).unwrap().wait().unwrap();
    let begun = db.jobs().trigger("t").unwrap().cursor();
    let payload = format!("\"{}\"", "x".repeat(256 * 1024));
    while db.log_stats().first <= begun.next() {
        publish(&db, "noise", &payload);
    }
    publish(&db, "rare", "1");
    assert_eq!(event(&work(&db, "q"))["data"], 1);
}

#[test]
fn a_trigger_takes_more_events_of_one_commit_than_jobs_fit_into_one() {
    let db = Db::in_memory().unwrap();
    db.jobs().put_trigger("t", "a", &NewJob::new("q", "k", "{}")).unwrap().wait().unwrap();
    let payload = "7".repeat(100);
    let events = vec![NewEvent::new("a", payload.as_bytes()); 3_000];
    db.bus().publish_all(&events).unwrap().wait().unwrap();
    let mut seqs = BTreeSet::new();
    while seqs.len() < events.len() {
        let claim = Claim::new("w", ["q"], 1_000).unwrap();
        for job in db.jobs().claim(claim).wait(None).unwrap() {
            assert!(seqs.insert(event(&job)["seq"].as_u64().unwrap()));
        }
    }
    assert_eq!(db.jobs().trigger("t").unwrap().made(), 3_000);
}
