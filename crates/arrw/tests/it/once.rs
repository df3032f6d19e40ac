//! Published once, however often it is tried: ids, producers, and what is remembered over a restart.

use std::sync::Arc;

use arrw::bus_limits::PRODUCER_NUMBER_MAX;
use arrw::{
    Db, Drive, Environment, MemoryStorage, NewEvent, Options, PublishError, Published, RuleError,
    Start, Storage, Timestamp,
};

use crate::support::{Clock, crash, texts};

fn open(storage: &Arc<dyn Storage>, clock: &Arc<Clock>) -> Db {
    let mut environment = Environment::with_storage(Arc::clone(storage));
    environment.clock = Arc::<Clock>::clone(clock);
    let mut options = Options::default();
    options.log.segment_bytes = 64 * 1024;
    Db::open_with(environment, options).unwrap()
}

fn memory() -> Arc<dyn Storage> {
    Arc::new(MemoryStorage::new())
}

fn with_id(db: &Db, topic: &str, id: &str, payload: &str) -> Result<Published, PublishError> {
    let event = NewEvent { id: Some(id), ..NewEvent::new(topic, payload.as_bytes()) };
    db.bus().publish(event)?.wait()
}

fn all(db: &Db) -> Vec<String> {
    texts(&mut db.bus().subscribe(">", Start::Earliest).unwrap())
}

#[test]
fn an_id_is_answered_as_the_first_time() {
    let (storage, clock) = (memory(), Arc::new(Clock::at(1_000)));
    let db = open(&storage, &clock);
    let first = with_id(&db, "t", "a", "1").unwrap();
    with_id(&db, "t", "b", "2").unwrap();
    assert_eq!(with_id(&db, "t", "a", "1").unwrap(), first);
    // In another topic it is another id.
    assert_ne!(with_id(&db, "u", "a", "3").unwrap(), first);
    let conflict = with_id(&db, "t", "a", "other");
    assert!(
        matches!(&conflict, Err(PublishError::Rule(RuleError::IdConflict { id })) if id == "a"),
        "{conflict:?}"
    );
    assert_eq!(all(&db), ["1", "2", "3"]);
}

#[test]
fn ids_of_a_batch_are_known_together_or_not_at_all() {
    let db = open(&memory(), &Arc::new(Clock::at(1_000)));
    let event = |id, payload: &'static str| NewEvent {
        id: Some(id),
        ..NewEvent::new("t", payload.as_bytes())
    };
    let publish = |events: &[NewEvent<'_>]| db.bus().publish_all(events).unwrap().wait();
    let first = publish(&[event("a", "1"), event("b", "2")]).unwrap();
    assert_eq!(publish(&[event("a", "1"), event("b", "2")]).unwrap(), first);
    let partly = publish(&[event("b", "2"), event("c", "3")]);
    assert!(
        matches!(partly, Err(PublishError::Rule(RuleError::PartlyPublished { .. }))),
        "{partly:?}"
    );
    assert_eq!(all(&db), ["1", "2"]);
}

#[test]
fn an_id_is_remembered_for_ten_minutes_of_the_log_and_over_restarts() {
    let (storage, clock) = (memory(), Arc::new(Clock::at(1_000_000)));
    let db = open(&storage, &clock);
    let first = with_id(&db, "t", "a", "1").unwrap();
    let crashed = open(&crash(&storage), &clock);
    assert_eq!(with_id(&crashed, "t", "a", "1").unwrap(), first);
    db.close().unwrap();
    let db = open(&storage, &clock);
    assert_eq!(with_id(&db, "t", "a", "1").unwrap(), first);
    clock.set(Timestamp::from_micros(1_000_000 + 601 * 1_000_000));
    let again = with_id(&db, "t", "a", "1").unwrap();
    assert_ne!(again, first);
    assert_eq!(all(&db), ["1", "1"]);
}

#[test]
fn many_who_use_one_id_at_once_publish_one_event() {
    let db = open(&memory(), &Arc::new(Clock::at(1_000)));
    let answers: Vec<Published> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| with_id(&db, "t", "one", "payload").unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(all(&db).len(), 1);
}

#[test]
fn what_a_producer_published_adds_nothing_again_however_it_is_cut_up() {
    let (storage, clock) = (memory(), Arc::new(Clock::at(1_000)));
    let lines: Vec<String> = (1..=100).map(|line| line.to_string()).collect();
    let import = |db: &Db, batch: usize, lines: &[String]| {
        let mut new = 0;
        for (at, chunk) in lines.chunks(batch).enumerate() {
            let events: Vec<_> =
                chunk.iter().map(|line| NewEvent::new("lines", line.as_bytes())).collect();
            let first = (at * batch + 1) as u64;
            let published = db.bus().publish_from("file", first, &events).unwrap().wait();
            new += published.unwrap().count;
        }
        new
    };
    let db = open(&storage, &clock);
    assert_eq!(import(&db, 7, &lines[..42]), 42);
    let db = open(&crash(&storage), &clock);
    assert_eq!(import(&db, 10, &lines), 58);
    assert_eq!(import(&db, 33, &lines), 0);
    assert_eq!(all(&db), lines);
    // Another producer's numbers are its own.
    let other = db.bus().publish_from("other", 1, &[NewEvent::new("lines", b"x")]).unwrap();
    assert_eq!(other.wait().unwrap().count, 1);
    let wrong = db.bus().publish_from("", 1, &[NewEvent::new("lines", b"x")]);
    assert!(matches!(wrong, Err(PublishError::Producer { .. })), "{wrong:?}");
}

#[test]
fn the_last_number_of_a_producer_does_no_harm() {
    let db = open(&memory(), &Arc::new(Clock::at(1_000)));
    let event = [NewEvent::new("lines", b"x")];
    for first in [u64::MAX, u64::MAX, PRODUCER_NUMBER_MAX + 1] {
        let refused = db.bus().publish_from("file", first, &event);
        assert!(matches!(refused, Err(PublishError::Number { .. })), "{refused:?}");
    }
    let last = || db.bus().publish_from("file", PRODUCER_NUMBER_MAX, &event).unwrap().wait();
    assert_eq!((last().unwrap().count, last().unwrap().count), (1, 0));
    assert_eq!(all(&db), ["x"]);
}

/// Else each start would read more of the log than the one before.
#[test]
fn a_database_that_never_lives_long_saves_all_the_same() {
    let (mut storage, clock) = (memory(), Arc::new(Clock::at(1_000)));
    let mut saved_after = [None; 2];
    for life in 0..40 {
        let mut environment = Environment::with_storage(Arc::clone(&storage));
        environment.clock = Arc::clone(&clock) as Arc<dyn arrw::Clock>;
        let mut options = Options::default();
        (options.log.segment_bytes, options.log.drive) = (64 * 1024, Drive::Callers);
        let db = Db::open_with(environment, options).unwrap();
        // A quarter of what a checkpoint is made for.
        for _ in 0..16 {
            db.bus().publish(NewEvent::new("t", &[b'x'; 1_000])).unwrap().wait().unwrap();
        }
        db.upkeep();
        storage = crash(&storage);
        let names = storage.list().unwrap();
        for (name, after) in ["bus.ckpt", "jobs.ckpt"].iter().zip(&mut saved_after) {
            *after = after.or(names.iter().any(|it| it == name).then_some(life));
        }
    }
    assert!(matches!(saved_after, [Some(2..=4), Some(8..=16)]), "{saved_after:?}");
}

#[test]
fn a_start_from_a_checkpoint_knows_what_a_start_from_the_log_does() {
    let (storage, clock) = (memory(), Arc::new(Clock::at(1_000)));
    let db = open(&storage, &clock);
    for number in 0..50 {
        with_id(&db, "t", &number.to_string(), "x").unwrap();
    }
    db.bus().publish_from("p", 1, &[NewEvent::new("t", b"x")]).unwrap().wait().unwrap();
    db.bus().consumer("c", "t", Start::Earliest).unwrap();
    let without = crash(&storage);
    db.close().unwrap();
    let with = crash(&storage);
    let names = |storage: &Arc<dyn Storage>| storage.list().unwrap().join(" ");
    assert!(names(&with).contains("bus.ckpt") && !names(&without).contains("bus.ckpt"));
    for storage in [with, without] {
        let db = open(&storage, &clock);
        let before = db.position();
        for number in 0..50 {
            with_id(&db, "t", &number.to_string(), "x").unwrap();
        }
        let again = db.bus().publish_from("p", 1, &[NewEvent::new("t", b"x")]).unwrap();
        assert_eq!(again.wait().unwrap().count, 0);
        assert_eq!(db.position(), before);
        assert_eq!(db.bus().consumers().unwrap().len(), 1);
    }
}

#[test]
fn a_batch_cannot_have_an_event_twice() {
    let db = Db::in_memory().unwrap();
    let with_id = |topic, id| NewEvent { id: Some(id), ..NewEvent::new(topic, b"x") };
    let publish = |events: &[NewEvent<'_>]| db.bus().publish_all(events).unwrap().wait();
    let refused = publish(&[with_id("a", "1"), with_id("a", "2"), with_id("a", "1")]);
    assert!(
        matches!(refused, Err(PublishError::Rule(RuleError::RepeatedId { ref id })) if id == "1"),
        "{refused:?}"
    );
    assert_eq!(
        publish(&[with_id("a", "1"), with_id("a", "2"), with_id("b", "1")]).unwrap().count,
        3
    );
}
