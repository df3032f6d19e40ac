//! Named consumers: they go on where they acknowledged, one reader at a time.

use std::sync::Arc;

use arrw::{
    ConsumerError, Db, Drive, Environment, MemoryStorage, NewEvent, Options, Position, Seq, Start,
    Storage, SubscriptionError,
};

use crate::support::crash;

fn open(storage: &Arc<dyn Storage>) -> Db {
    let mut options = Options::default();
    options.log.segment_bytes = 16 * 1024;
    options.log.ring_bytes = 4 * 1024;
    options.log.drive = Drive::Callers;
    options.log.retention.bytes_max = Some(32 * 1024);
    Db::open_with(Environment::with_storage(Arc::clone(storage)), options).unwrap()
}

fn memory() -> Arc<dyn Storage> {
    Arc::new(MemoryStorage::new())
}

fn publish(db: &Db, topic: &str, payload: &str) -> Position {
    let event = NewEvent::new(topic, payload.as_bytes());
    let published = db.bus().publish(event).unwrap().wait().unwrap();
    Position { epoch: published.epoch, seq: published.last }
}

fn next(consumer: &mut arrw::Consumer) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(events) = consumer.try_next().unwrap() {
        let text = |event: arrw::Event<'_>| String::from_utf8(event.payload().to_vec()).unwrap();
        all.extend(events.iter().map(text));
    }
    all
}

#[test]
fn a_consumer_goes_on_where_it_acknowledged_after_a_crash_and_a_close() {
    let storage = memory();
    let db = open(&storage);
    let one = publish(&db, "t", "1");
    publish(&db, "other", "x");
    publish(&db, "t", "2");
    let mut consumer = db.bus().consumer("c", "t", Start::Earliest).unwrap();
    assert_eq!(next(&mut consumer), ["1", "2"]);
    consumer.acknowledge(one).unwrap().wait().unwrap();
    for storage in [crash(&storage), {
        db.close().unwrap();
        storage
    }] {
        let db = open(&storage);
        let status = &db.bus().consumers().unwrap()[0];
        assert_eq!((status.name.as_str(), status.cursor, status.generation), ("c", one, 1));
        let mut consumer = db.bus().consumer("c", "t", Start::Latest).unwrap();
        assert_eq!(next(&mut consumer), ["2"]);
        publish(&db, "t", "3");
        assert_eq!(next(&mut consumer), ["3"]);
    }
}

#[test]
fn the_next_reader_fences_off_the_one_before() {
    let db = open(&memory());
    let one = publish(&db, "t", "1");
    let mut old = db.bus().consumer("c", "t", Start::Earliest).unwrap();
    let mut new = db.bus().consumer("c", "t", Start::Earliest).unwrap();
    let fenced = old.try_next();
    assert!(matches!(fenced, Err(ConsumerError::Fenced { .. })), "{fenced:?}");
    let fenced = old.acknowledge(one).unwrap().wait();
    assert!(matches!(fenced, Err(ConsumerError::Fenced { .. })), "{fenced:?}");
    assert_eq!(next(&mut new), ["1"]);
    new.acknowledge(one).unwrap().wait().unwrap();
    // It never goes back.
    new.acknowledge(Position { seq: Seq::ZERO, ..one }).unwrap().wait().unwrap();
    assert_eq!(db.bus().consumers().unwrap()[0].cursor, one);
    assert!(db.bus().delete_consumer("c").unwrap());
    assert!(!db.bus().delete_consumer("c").unwrap());
    let gone = new.try_next();
    assert!(matches!(gone, Err(ConsumerError::Fenced { .. })), "{gone:?}");
}

#[test]
fn a_consumer_that_cannot_be_is_refused() {
    let db = open(&memory());
    db.bus().consumer("c", "t", Start::Latest).unwrap();
    let other = db.bus().consumer("c", "u", Start::Latest);
    assert!(matches!(other, Err(ConsumerError::OtherFilter { .. })), "{other:?}");
    let name = db.bus().consumer("a b", "t", Start::Latest);
    assert!(matches!(name, Err(ConsumerError::Name { .. })), "{name:?}");
    let volatile = db.bus().consumer("d", "~.t", Start::Latest);
    assert!(matches!(volatile, Err(ConsumerError::Volatile { .. })), "{volatile:?}");
    let consumer = db.bus().consumer("e", "t", Start::Latest).unwrap();
    let beyond = consumer.acknowledge(Position { seq: Seq::new(99), ..db.position() });
    assert!(
        matches!(beyond, Err(ConsumerError::Subscription(SubscriptionError::Read(_)))),
        "{beyond:?}"
    );
    assert_eq!(db.bus().consumers().unwrap().len(), 2);
}

#[test]
fn history_is_kept_for_a_consumer_until_it_acknowledges() {
    let storage = memory();
    let db = open(&storage);
    let one = publish(&db, "t", "1");
    drop(db.bus().consumer("c", "t", Start::Earliest).unwrap());
    let fill = |db: &Db| {
        for _ in 0..300 {
            publish(db, "other", &"x".repeat(400));
        }
        db.position()
    };
    fill(&db);
    assert_eq!(db.bus().stats().unwrap().first, Seq::FIRST);
    // Also by the next process, before anybody opens it.
    db.close().unwrap();
    let db = open(&storage);
    let last = fill(&db);
    let mut consumer = db.bus().consumer("c", "t", Start::Latest).unwrap();
    assert_eq!(next(&mut consumer), ["1"]);
    consumer.acknowledge(one).unwrap().wait().unwrap();
    consumer.acknowledge(last).unwrap().wait().unwrap();
    fill(&db);
    assert!(Seq::FIRST < db.bus().stats().unwrap().first);
}
