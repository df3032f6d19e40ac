//! Retention of topics by count, age and bytes, and purges: seen at once, kept over restarts, space freed.

use std::sync::Arc;
use std::time::Duration;

use arrw::{
    Db, Drive, Environment, HistoryQuery, MemoryStorage, NewEvent, Options, Order, RetentionError,
    Seq, Start, Storage, Timestamp, TopicRetention,
};

use crate::support::{Clock, crash, texts};

struct World {
    storage: Arc<dyn Storage>,
    clock: Arc<Clock>,
}

impl World {
    fn new() -> Self {
        let storage = Arc::new(MemoryStorage::new());
        Self { storage, clock: Arc::new(Clock::at(1_000_000)) }
    }

    fn open(&self) -> Db {
        let mut environment = Environment::with_storage(Arc::clone(&self.storage));
        environment.clock = Arc::<Clock>::clone(&self.clock);
        let mut options = Options::default();
        options.log.segment_bytes = 16 * 1024;
        options.log.ring_bytes = 2 * 1024;
        options.log.drive = Drive::Callers;
        Db::open_with(environment, options).unwrap()
    }

    /// Publishes one event to each of two topics each second.
    fn fill(&self, db: &Db, seconds: std::ops::Range<u64>) {
        for second in seconds {
            self.clock.set(Timestamp::from_micros(second * 1_000_000));
            for topic in ["a.x", "b.x"] {
                let text = format!("{second:0100}");
                let event = NewEvent::new(topic, text.as_bytes());
                db.bus().publish(event).unwrap().wait().unwrap();
            }
        }
    }
}

fn seen(db: &Db, filter: &str) -> Vec<u64> {
    let texts = texts(&mut db.bus().subscribe(filter, Start::Earliest).unwrap());
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// What is seen after the policy was enforced, by subscribers, in history, and after restarts.
fn check(policy: TopicRetention, expected: &std::ops::Range<u64>) {
    let mut world = World::new();
    let db = world.open();
    world.fill(&db, 1..201);
    db.bus().set_retention("a.>", Some(policy)).unwrap();
    let removed = db.bus().enforce_retention().unwrap();
    assert_eq!(removed.topics, 1, "{policy:?}");
    let check = |db: &Db| {
        let expected: Vec<u64> = expected.clone().collect();
        assert_eq!(seen(db, "a.>"), expected, "{policy:?}");
        assert_eq!(seen(db, "b.x").len(), 200);
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let query = HistoryQuery { since: None, limit: 1_000, order };
            let history = db.bus().history("a.x", query).unwrap();
            let mut offsets: Vec<u64> = history.iter().map(|event| event.offset()).collect();
            offsets.sort_unstable();
            assert_eq!(offsets, expected);
        }
        assert_eq!(db.bus().retention().len(), 1);
    };
    check(&db);
    world.storage = crash(&world.storage);
    let db = world.open();
    check(&db);
    db.close().unwrap();
    let db = world.open();
    check(&db);
    assert_eq!(db.bus().enforce_retention().unwrap().topics, 0);
}

#[test]
fn count_age_and_bytes_each_keep_the_newest() {
    let count = TopicRetention { count_max: Some(7), ..TopicRetention::default() };
    check(count, &(194..201));
    let age =
        TopicRetention { age_max: Some(Duration::from_secs(20)), ..TopicRetention::default() };
    check(age, &(180..201));
    let bytes = TopicRetention { bytes_max: Some(1_050), ..TopicRetention::default() };
    check(bytes, &(191..201));
    check(count.and(age).and(bytes), &(194..201));
}

#[test]
fn segments_in_which_nothing_is_left_are_freed() {
    let world = World::new();
    let db = world.open();
    world.fill(&db, 1..201);
    let keep = TopicRetention { count_max: Some(10), ..TopicRetention::default() };
    db.bus().set_retention("a.>", Some(keep)).unwrap();
    assert_eq!(db.bus().enforce_retention().unwrap().records, 0);
    // What is kept of `b` keeps the segments.
    assert_eq!(db.bus().stats().unwrap().first, Seq::FIRST);
    db.bus().set_retention("b.*", Some(keep)).unwrap();
    // The checkpoint that the next start reads must be behind what goes.
    db.close().unwrap();
    let db = world.open();
    // Now, if the thread that saves checkpoints did not do it before.
    let removed = db.bus().enforce_retention().unwrap();
    let first = db.bus().stats().unwrap().first.get();
    assert!(first > 200 && removed.records < first, "{removed:?}, {first}");
    assert_eq!(seen(&db, ">").len(), 20);
    db.bus().set_retention("b.*", None).unwrap();
    assert_eq!(db.bus().retention().len(), 1);
}

#[test]
fn a_purged_topic_has_no_events_and_goes_on() {
    let mut world = World::new();
    let db = world.open();
    world.fill(&db, 1..5);
    let mut follower = db.bus().subscribe("a.x", Start::Earliest).unwrap();
    db.bus().purge("a.x").unwrap();
    db.bus().purge("never.seen").unwrap();
    assert!(db.bus().last("a.x").unwrap().is_none());
    assert!(follower.try_next().unwrap().is_none());
    world.fill(&db, 5..6);
    world.storage = crash(&world.storage);
    let db = world.open();
    assert_eq!(seen(&db, "a.x"), [5]);
    let last = db.bus().last("a.x").unwrap().unwrap();
    assert_eq!(last.iter().map(|event| event.offset()).collect::<Vec<_>>(), [5]);
    assert_eq!(seen(&db, "b.x"), [1, 2, 3, 4, 5]);
}

#[test]
fn a_policy_that_cannot_be_is_refused() {
    let db = World::new().open();
    let pattern = db.bus().set_retention("a..b", None);
    assert!(matches!(pattern, Err(RetentionError::Filter(_))), "{pattern:?}");
    let volatile = db.bus().set_retention("~.>", None);
    assert!(matches!(volatile, Err(RetentionError::Volatile { .. })), "{volatile:?}");
    let topic = db.bus().purge("a.*");
    assert!(matches!(topic, Err(RetentionError::Topic(_))), "{topic:?}");
    assert_eq!(db.position().seq, Seq::ZERO);
}
