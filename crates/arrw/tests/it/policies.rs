//! What becomes of a subscriber that is slow.

use arrw::{Db, Filter, NewEvent, Policy, Start, Subscription, SubscriptionError};

fn subscribe(db: &Db, filter: &str, policy: Policy) -> Subscription {
    db.bus().subscribe_with(&Filter::parse(filter).unwrap(), Start::Latest, policy).unwrap()
}

fn publish(db: &Db, topic: &str, key: &str, payload: &str) {
    let event = NewEvent { key: key.as_bytes(), ..NewEvent::new(topic, payload.as_bytes()) };
    db.bus().publish(event).unwrap().wait().unwrap();
}

fn next(subscription: &mut Subscription) -> Vec<String> {
    let events = subscription.try_next().unwrap().unwrap();
    let show = |event: arrw::Event<'_>| {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        format!("{}/{}={}", event.topic(), text(event.key()), text(event.payload()))
    };
    events.iter().map(show).collect()
}

#[test]
fn conflate_gives_the_last_event_of_each_topic_and_key() {
    for topics in [["a", "b"], ["~.a", "~.b"]] {
        let db = Db::in_memory().unwrap();
        let filter = if topics[0] == "a" { ">" } else { "~.>" };
        let mut slow = subscribe(&db, filter, Policy::Conflate);
        for number in 0..50 {
            let (topic, key) = (topics[number % 2], ["x", "y"][number / 2 % 2]);
            publish(&db, topic, key, &number.to_string());
        }
        let [a, b] = topics;
        let expected =
            [format!("{a}/y=46"), format!("{b}/y=47"), format!("{a}/x=48"), format!("{b}/x=49")];
        assert_eq!(next(&mut slow), expected);
        assert!(slow.try_next().unwrap().is_none());
        publish(&db, a, "x", "50");
        assert_eq!(next(&mut slow), [format!("{a}/x=50")]);
    }
}

#[test]
fn drop_oldest_tells_what_it_left_out() {
    let db = Db::in_memory().unwrap();
    let mut slow = subscribe(&db, "t", Policy::DropOldest { records_max: 3 });
    for number in 1..=10 {
        publish(&db, "t", "", &number.to_string());
    }
    let gap = slow.try_next().unwrap_err();
    assert!(
        matches!(gap, SubscriptionError::Gap { first, last } if (first.get(), last.get()) == (1, 7)),
        "{gap:?}"
    );
    let seen: Vec<String> = (0..3).flat_map(|_| next(&mut slow)).collect();
    assert_eq!(seen, ["t/=8", "t/=9", "t/=10"]);
}

#[test]
fn disconnect_says_where_to_go_on() {
    let db = Db::in_memory().unwrap();
    let mut slow = subscribe(&db, "t", Policy::Disconnect { records_max: 3 });
    publish(&db, "t", "", "1");
    assert_eq!(next(&mut slow), ["t/=1"]);
    for number in 2..=6 {
        publish(&db, "t", "", &number.to_string());
    }
    let Err(SubscriptionError::TooSlow { behind: 5, max: 3, resume }) = slow.try_next() else {
        panic!("it should be ended");
    };
    drop(slow);
    let mut again = db.bus().subscribe("t", Start::After(resume)).unwrap();
    assert_eq!(next(&mut again), ["t/=2"]);
}

#[test]
fn trimmed_events_are_a_gap() {
    let mut options = arrw::Options::default();
    options.log.segment_bytes = 16 * 1024;
    options.log.ring_bytes = 4 * 1024;
    options.log.retention.bytes_max = Some(32 * 1024);
    let storage = std::sync::Arc::new(arrw::MemoryStorage::new());
    let db = Db::open_with(arrw::Environment::with_storage(storage), options).unwrap();
    let mut slow = subscribe(&db, "t", Policy::Durable);
    // The log trims when it is ready to.
    while db.bus().stats().unwrap().first == arrw::Seq::FIRST {
        publish(&db, "t", "", &"x".repeat(300));
    }
    // It may trim again between two reads.
    let mut next = arrw::Seq::FIRST;
    let seq = loop {
        match slow.try_next() {
            Err(SubscriptionError::Gap { first, last }) => {
                assert_eq!(first, next);
                next = last.next();
            }
            Ok(Some(events)) => break events.iter().next().unwrap().seq(),
            other => panic!("{other:?}"),
        }
    };
    assert!(arrw::Seq::FIRST < seq);
    assert_eq!(seq, next);
}
