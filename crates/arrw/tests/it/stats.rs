//! What is told of the bus, of patterns and of subscriptions.

use std::sync::Arc;
use std::time::Duration;

use arrw::{
    Db, Environment, Filter, MemoryStorage, NewEvent, Options, Pending, Policy, Seq, Start,
    SubscriptionError, Timestamp,
};

use crate::support::{Clock, texts, until};

/// A database whose clock stands at 10 s.
fn at_ten_seconds() -> (Db, Arc<Clock>) {
    let mut environment = Environment::with_storage(Arc::new(MemoryStorage::new()));
    let clock = Arc::new(Clock::at(10_000_000));
    environment.clock = Arc::clone(&clock) as Arc<dyn arrw::Clock>;
    let mut options = Options::default();
    options.log.segment_bytes = 1 << 20;
    (Db::open_with(environment, options).unwrap(), clock)
}

fn publish(db: &Db, topics: &[&str]) {
    for topic in topics {
        db.bus().publish(NewEvent::new(topic, b"0123456789")).unwrap().wait().unwrap();
    }
}

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap()
}

#[test]
fn what_went_through_is_counted() {
    for prefix in ["", "~."] {
        let (db, _clock) = at_ten_seconds();
        let [a, b, c] = ["a.1", "a.2", "b.1"].map(|topic| format!("{prefix}{topic}"));
        let mut all_of_a = db.bus().subscribe(&format!("{prefix}a.*"), Start::Latest).unwrap();
        let mut all = db.bus().subscribe(&format!("{prefix}>"), Start::Latest).unwrap();
        publish(&db, &[&a, &b, &c, &a]);
        assert_eq!((texts(&mut all_of_a).len(), texts(&mut all).len()), (3, 4));

        let both = || {
            let stats = db.bus().stats().unwrap();
            match prefix {
                "" => (stats.durable, stats.volatile),
                _ => (stats.volatile, stats.durable),
            }
        };
        until(|| both().0.published >= 4);
        let (ours, others) = both();
        assert_eq!((ours.published, ours.delivered, ours.errors, ours.subscriptions), (4, 7, 0, 2));
        assert_eq!((ours.pending, others.published), (Pending::default(), 0));

        let of = |pattern: &str| {
            let pattern = filter(&format!("{prefix}{pattern}"));
            let stats = db.bus().pattern_stats(&pattern).unwrap();
            let traffic = stats.traffic;
            (stats.topics, traffic.published, traffic.delivered, traffic.subscriptions)
        };
        assert_eq!(of("a.>"), (2, 3, 3, 1));
        assert_eq!(of("a.1"), (1, 2, 0, 0));
        assert_eq!(of(">"), (3, 4, 7, 2));
        assert_eq!(of("c"), (0, 0, 0, 0));

        let listed = db.bus().slowest_subscriptions(&filter(&format!("{prefix}a.>")), 10).unwrap();
        assert_eq!(listed, [all_of_a.stats().unwrap()]);
        assert_eq!((listed[0].delivered, listed[0].next), (3, Seq::new(5)));
        // Those who are gone still count in the whole.
        drop(all);
        let stats = db.bus().stats().unwrap();
        assert_eq!(stats.durable.delivered + stats.volatile.delivered, 7);
        assert_eq!(stats.durable.subscriptions + stats.volatile.subscriptions, 1);
    }
}

#[test]
fn an_event_is_delivered_when_it_is_looked_at_and_only_once() {
    let (db, _clock) = at_ten_seconds();
    let mut subscription = db.bus().subscribe("a", Start::Latest).unwrap();
    db.bus().publish_all(&[NewEvent::new("a", b""); 5]).unwrap().wait().unwrap();
    let events = subscription.try_next().unwrap().unwrap();
    let delivered = || subscription.stats().unwrap().delivered;
    assert_eq!(delivered(), 0);
    assert_eq!(events.iter().take(2).count(), 2);
    assert_eq!(delivered(), 2);
    let clone = events.clone();
    assert_eq!((events.iter().count(), events.iter().count()), (5, 5));
    assert_eq!(delivered(), 5);
    drop(clone);
    assert_eq!(delivered(), 5);
}

#[test]
fn what_is_pending_has_records_bytes_and_an_age() {
    for prefix in ["", "~."] {
        let (db, clock) = at_ten_seconds();
        let topic = format!("{prefix}a");
        let mut subscription = db.bus().subscribe(&topic, Start::Latest).unwrap();
        publish(&db, &[&topic]);
        clock.set(Timestamp::from_micros(13_000_000));
        publish(&db, &[&topic, &topic]);
        clock.set(Timestamp::from_micros(15_000_000));

        let pending = subscription.stats().unwrap().pending;
        assert_eq!((pending.records, pending.age), (3, Duration::from_secs(5)));
        assert!((30..10_000).contains(&pending.bytes), "{pending:?}");
        let stats = db.bus().stats().unwrap();
        let slowest = if prefix.is_empty() { stats.durable } else { stats.volatile };
        assert_eq!(slowest.pending, pending);

        let first = subscription.try_next().unwrap().unwrap();
        assert!(
            subscription.stats().unwrap().pending.bytes < pending.bytes
                || first.iter().count() == 3
        );
        texts(&mut subscription);
        assert_eq!(subscription.stats().unwrap().pending, Pending::default());
    }
}

/// What is behind on the disk is told as well, to about a stretch of the index.
#[test]
fn what_is_pending_on_the_disk_is_told() {
    let mut options = Options::default();
    options.log.segment_bytes = 1 << 20;
    options.log.ring_bytes = 64 * 1024;
    let environment = Environment::with_storage(Arc::new(MemoryStorage::new()));
    let db = Db::open_with(environment, options).unwrap();
    let subscription = db.bus().subscribe("a", Start::Latest).unwrap();
    let payload = [b'x'; 10_000];
    for _ in 0..300 {
        db.bus().publish(NewEvent::new("a", &payload)).unwrap().wait().unwrap();
    }
    let pending = subscription.stats().unwrap().pending;
    assert_eq!(pending.records, 300);
    assert!((3_000_000..3_300_000).contains(&pending.bytes), "{pending:?}");
}

#[test]
fn gaps_ends_and_refusals_are_errors() {
    let (db, _clock) = at_ten_seconds();
    let bus = db.bus();
    let subscribe = |policy| bus.subscribe_with(&filter("a"), Start::Latest, policy).unwrap();
    let mut drops = subscribe(Policy::DropOldest { records_max: 2 });
    let mut ends = subscribe(Policy::Disconnect { records_max: 2 });
    publish(&db, &["a", "a", "a", "a"]);
    assert!(matches!(drops.try_next(), Err(SubscriptionError::Gap { .. })));
    assert!(matches!(ends.try_next(), Err(SubscriptionError::TooSlow { .. })));
    assert_eq!(drops.stats().unwrap().errors, 1);
    assert_eq!(bus.stats().unwrap().durable.errors, 2);

    let with_id = |body| NewEvent { id: Some("1"), ..NewEvent::new("a", body) };
    for _ in 0..2 {
        bus.publish(with_id(b"x")).unwrap().wait().unwrap();
    }
    assert_eq!(bus.stats().unwrap().refused, 0);
    bus.publish(with_id(b"y")).unwrap().wait().unwrap_err();
    assert_eq!(bus.stats().unwrap().refused, 1);
    assert_eq!(bus.stats().unwrap().alarm, None);
}
