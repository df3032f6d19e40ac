//! Volatile topics: in memory, on the publisher's thread, with gaps that are told.

use arrw::{Db, NewEvent, Position, PublishError, Seq, Start, SubscribeError, SubscriptionError};

#[test]
fn volatile_events_are_seen_by_volatile_filters_alone() {
    let db = Db::in_memory().unwrap();
    let bus = db.bus();
    let mut all = bus.subscribe(">", Start::Latest).unwrap();
    let mut cursors = bus.subscribe("~.cursor.*", Start::Latest).unwrap();
    let published = bus.publish(NewEvent::new("~.cursor.moved", b"{}")).unwrap().wait().unwrap();
    assert_eq!((published.first, published.count), (Seq::FIRST, 1));
    assert_ne!(published.epoch, db.position().epoch);
    let events = cursors.try_next().unwrap().unwrap();
    assert_eq!(events.iter().map(|event| event.seq()).collect::<Vec<_>>(), [Seq::FIRST]);
    assert!(all.try_next().unwrap().is_none());
    assert_eq!(db.position().seq, Seq::ZERO);
}

#[test]
fn volatile_events_have_no_history_and_no_place_in_a_batch() {
    let db = Db::in_memory().unwrap();
    let bus = db.bus();
    let refused = bus.subscribe("~.>", Start::Earliest);
    assert!(matches!(refused, Err(SubscribeError::NoHistory { .. })), "{refused:?}");
    let mixed = bus.publish_all(&[NewEvent::new("a", b""), NewEvent::new("~.a", b"")]);
    assert!(matches!(mixed, Err(PublishError::Volatile { .. })), "{mixed:?}");
    let epoch = bus.publish(NewEvent::new("~.a", b"")).unwrap().wait().unwrap().epoch;
    let mut again = bus.subscribe("~.a", Start::After(Position { epoch, seq: Seq::ZERO })).unwrap();
    assert!(again.try_next().unwrap().is_some());
    let beyond = bus.subscribe("~.a", Start::After(Position { epoch, seq: Seq::new(2) }));
    assert!(matches!(beyond, Err(SubscribeError::Position(_))), "{beyond:?}");
    assert_eq!(bus.stats().unwrap().volatile.subscriptions, 1);
}

#[test]
fn a_volatile_subscriber_that_is_too_slow_is_told_of_the_gap() {
    let options = arrw::Options { volatile_bytes: 100_000, ..arrw::Options::default() };
    let storage = std::sync::Arc::new(arrw::MemoryStorage::new());
    let db = Db::open_with(arrw::Environment::with_storage(storage), options).unwrap();
    let mut slow = db.bus().subscribe("~.a", Start::Latest).unwrap();
    for _ in 0..10_000 {
        let published = db.bus().publish(NewEvent::new("~.a", &[7; 100])).unwrap();
        published.wait().unwrap();
    }
    let Err(SubscriptionError::Gap { first, last }) = slow.try_next() else {
        panic!("there should be a gap");
    };
    assert_eq!(first, Seq::FIRST);
    let mut next = last.next();
    while let Some(events) = slow.try_next().unwrap() {
        for event in &events {
            assert_eq!(event.seq(), next);
            next = next.next();
        }
    }
    assert_eq!(next, Seq::new(10_001));
}

#[test]
fn threads_see_every_volatile_event_in_order() {
    let db = Db::in_memory().unwrap();
    let followers: Vec<_> = (0..3)
        .map(|_| {
            let subscription = db.bus().subscribe("~.a", Start::Latest).unwrap();
            std::thread::spawn(move || {
                let mut next = Seq::FIRST;
                for events in subscription {
                    for event in &events.unwrap() {
                        assert_eq!(event.seq(), next);
                        next = next.next();
                    }
                }
                next
            })
        })
        .collect();
    for _ in 0..50_000 {
        let published = db.bus().publish(NewEvent::new("~.a", b"payload")).unwrap();
        published.wait().unwrap();
    }
    db.close().unwrap();
    for follower in followers {
        assert_eq!(follower.join().unwrap(), Seq::new(50_001));
    }
}
