//! The last event of a topic, and its history in either order.

use std::sync::Arc;

use arrw::{
    Db, Drive, Environment, History, HistoryError, HistoryQuery, MemoryStorage, NewEvent, Options,
    Order, Start, Storage,
};

use crate::support::{crash, texts};

fn open(storage: &Arc<dyn Storage>) -> Db {
    let mut options = Options::default();
    options.log.segment_bytes = 16 * 1024;
    options.log.ring_bytes = 2 * 1024;
    options.log.drive = Drive::Callers;
    Db::open_with(Environment::with_storage(Arc::clone(storage)), options).unwrap()
}

/// 400 events of ten topics, in batches of four; event `n` is in `t.(n % 10)`.
fn filled() -> (Arc<dyn Storage>, Db) {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let db = open(&storage);
    for batch in 0..100 {
        let numbers: Vec<usize> = (batch * 4..batch * 4 + 4).collect();
        let texts: Vec<(String, String)> =
            numbers.iter().map(|n| (format!("t.{}", n % 10), format!("{n:0200}"))).collect();
        let events: Vec<_> =
            texts.iter().map(|(topic, text)| NewEvent::new(topic, text.as_bytes())).collect();
        db.bus().publish_all(&events).unwrap().wait().unwrap();
    }
    (storage, db)
}

fn numbers(history: &History) -> Vec<(u64, usize)> {
    let number = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().parse().unwrap();
    history.iter().map(|event| (event.offset(), number(event.payload()))).collect()
}

#[test]
fn a_topic_whose_events_are_far_apart_has_the_same_history() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let db = open(&storage);
    for number in 0..30 {
        let (rare, other) = (format!("{number:0200}"), "x".repeat(20));
        let mut events = vec![NewEvent::new("rare", rare.as_bytes())];
        events.extend((0..599).map(|_| NewEvent::new("other", other.as_bytes())));
        for some in events.chunks(100) {
            db.bus().publish_all(some).unwrap().wait().unwrap();
        }
    }
    let all: Vec<(u64, usize)> = (0..30_usize).map(|n| (n as u64 + 1, n)).collect();
    for db in [open(&crash(&storage)), db] {
        for since in [0, 1, 17, 28, 29, 30, 99] {
            for limit in [0, 1, 2, 5, 29, 30, 1_000] {
                let query = HistoryQuery { since: Some(since), limit, order: Order::OldestFirst };
                let found = db.bus().history("rare", query).unwrap();
                let expected: Vec<_> =
                    all.iter().copied().filter(|(o, _)| since < *o).take(limit).collect();
                assert_eq!(numbers(&found), expected, "{query:?}");
            }
        }
    }
}

#[test]
fn history_has_a_topics_events_in_either_order_wherever_they_are() {
    let (storage, db) = filled();
    let all: Vec<(u64, usize)> = (0..40_usize).map(|n| (n as u64 + 1, n * 10 + 7)).collect();
    for db in [open(&crash(&storage)), db] {
        for since in [None, Some(0), Some(1), Some(17), Some(39), Some(40), Some(99)] {
            for limit in [1, 5, 1_000] {
                let query = HistoryQuery { since, limit, order: Order::OldestFirst };
                let found = db.bus().history("t.7", query).unwrap();
                let from = since.unwrap_or(0);
                let expected: Vec<_> =
                    all.iter().copied().filter(|(o, _)| from < *o).take(limit).collect();
                assert_eq!(numbers(&found), expected, "{query:?}");
                assert_eq!((found.last_offset, found.born.get()), (40, 8));

                let query = HistoryQuery { order: Order::NewestFirst, ..query };
                let found = db.bus().history("t.7", query).unwrap();
                let until = since.unwrap_or(u64::MAX);
                let expected: Vec<_> =
                    all.iter().copied().rev().filter(|(o, _)| *o < until).take(limit).collect();
                assert_eq!(numbers(&found), expected, "{query:?}");
            }
        }
        let last = db.bus().last("t.7").unwrap().unwrap();
        assert_eq!(numbers(&last), [(40, 397)]);
        assert!(db.bus().last("t.77").unwrap().is_none());
    }
}

#[test]
fn history_that_cannot_be_is_refused() {
    let db = open(&(Arc::new(MemoryStorage::new()) as Arc<dyn Storage>));
    let volatile = db.bus().last("~.t");
    assert!(matches!(volatile, Err(HistoryError::Volatile { .. })), "{volatile:?}");
    let topic = db.bus().history("t.*", HistoryQuery::default());
    assert!(matches!(topic, Err(HistoryError::Topic(_))), "{topic:?}");
    let none = db.bus().history("t", HistoryQuery::default()).unwrap();
    assert!(none.is_empty() && none.last_offset == 0);
}

#[test]
fn a_subscription_starts_at_a_time() {
    let (_storage, db) = filled();
    let time = {
        let last = db.bus().last("t.9").unwrap().unwrap();
        last.iter().next().unwrap().time()
    };
    let mut since = db.bus().subscribe("t.9", Start::Since(time)).unwrap();
    assert_eq!(texts(&mut since).len(), 1);
    let mut none = db.bus().subscribe("~.t", Start::Since(time));
    assert!(none.is_err(), "{none:?}");
    none = db.bus().subscribe("t.9", Start::Since(arrw::Timestamp::default()));
    assert_eq!(texts(&mut none.unwrap()).len(), 40);
}
