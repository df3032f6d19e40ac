//! Subscriptions to durable topics: from anywhere, to the end, and on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use arrw::{Db, NewEvent, Position, ReadError, Seq, Start, SubscribeError, Subscription};

use crate::support::until;

fn publish(db: &Db, topic: &str, payload: &str) -> Position {
    let published = db.bus().publish(NewEvent::new(topic, payload.as_bytes())).unwrap();
    let published = published.wait().unwrap();
    Position { epoch: published.epoch, seq: published.last }
}

/// All that is there now.
fn drain(subscription: &mut Subscription) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(events) = subscription.try_next().unwrap() {
        all.extend(events.iter().map(|event| text(event.payload())));
    }
    all
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_subscription_starts_anywhere_and_sees_what_its_filter_wants() {
    let db = Db::in_memory().unwrap();
    let after = publish(&db, "a.x", "1");
    publish(&db, "b", "2");
    publish(&db, "a.y", "3");
    let bus = db.bus();
    let mut all = bus.subscribe(">", Start::Earliest).unwrap();
    let mut some = bus.subscribe("a.*", Start::Earliest).unwrap();
    let mut later = bus.subscribe("a.>", Start::After(after)).unwrap();
    let mut latest = bus.subscribe("a.>", Start::Latest).unwrap();
    publish(&db, "a.z", "4");
    assert_eq!(drain(&mut all), ["1", "2", "3", "4"]);
    assert_eq!(drain(&mut some), ["1", "3", "4"]);
    assert_eq!(drain(&mut later), ["3", "4"]);
    assert_eq!(drain(&mut latest), ["4"]);
    assert_eq!(latest.position(), db.position());
}

#[test]
fn a_position_that_cannot_be_is_refused_and_frees_its_place() {
    let db = Db::in_memory().unwrap();
    let other = Position { epoch: arrw::Epoch::from_random(1), seq: Seq::new(1) };
    let refused = db.bus().subscribe("a", Start::After(other));
    assert!(
        matches!(refused, Err(SubscribeError::Position(ReadError::OtherEpoch { .. }))),
        "{refused:?}"
    );
    let refused = db.bus().subscribe("a..b", Start::Latest);
    assert!(matches!(refused, Err(SubscribeError::Filter(_))), "{refused:?}");
    assert_eq!(db.bus().stats().unwrap().durable.subscriptions, 0);
}

#[test]
fn a_batch_is_seen_as_a_whole() {
    let db = Db::in_memory().unwrap();
    let mut all = db.bus().subscribe(">", Start::Latest).unwrap();
    let events = ["1", "2", "3"].map(|payload| NewEvent::new("t", payload.as_bytes()));
    let published = db.bus().publish_all(&events).unwrap().wait().unwrap();
    assert_eq!((published.count, published.last_offset), (3, 3));
    let events = all.try_next().unwrap().unwrap();
    assert_eq!(events.iter().count(), 3);
    let late = db.bus().publish_expecting(Seq::new(1), &[NewEvent::new("t", b"")]).unwrap().wait();
    assert!(late.is_err(), "{late:?}");
}

#[test]
fn threads_that_wait_see_every_event_once_and_in_order() {
    let db = Db::in_memory().unwrap();
    let followers: Vec<_> = ["t.*", ">", "t.1"]
        .into_iter()
        .map(|filter| {
            let subscription = db.bus().subscribe(filter, Start::Latest).unwrap();
            std::thread::spawn(move || {
                let mut seen = Vec::new();
                for events in subscription {
                    seen.extend(events.unwrap().iter().map(|event| event.seq().get()));
                }
                seen
            })
        })
        .collect();
    std::thread::scope(|scope| {
        for topic in ["t.1", "t.2"] {
            let db = &db;
            scope.spawn(move || {
                for number in 0..300 {
                    publish(db, topic, &number.to_string());
                }
            });
        }
    });
    db.close().unwrap();
    let seen: Vec<Vec<u64>> = followers.into_iter().map(|t| t.join().unwrap()).collect();
    assert_eq!(seen[0], (1..=600).collect::<Vec<_>>());
    assert_eq!(seen[1], seen[0]);
    assert_eq!(seen[2].len(), 300);
    assert!(seen[2].is_sorted());
}

/// Counts how often it was woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_task_that_slept_gets_what_woke_it() {
    for topic in ["wanted", "~.wanted"] {
        let db = Db::in_memory().unwrap();
        let mut context = Context::from_waker(Waker::noop());
        let mut subscription = db.bus().subscribe(topic, Start::Latest).unwrap();
        for number in 1..=3 {
            assert!(subscription.poll_next(&mut context).is_pending());
            publish(&db, topic, "x");
            let Poll::Ready(Ok(Some(events))) = subscription.poll_next(&mut context) else {
                panic!("{topic}: event {number} is not there");
            };
            let seqs: Vec<u64> = events.iter().map(|event| event.seq().get()).collect();
            assert_eq!(seqs, [number]);
        }
    }
}

#[test]
fn a_task_is_woken_for_what_it_wants_and_for_nothing_else() {
    let db = Db::in_memory().unwrap();
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    let mut subscription = db.bus().subscribe("wanted", Start::Latest).unwrap();
    assert!(subscription.poll_next(&mut context).is_pending());
    for _ in 0..50 {
        publish(&db, "other", "x");
    }
    let woken = || count.0.load(Ordering::SeqCst);
    // It saw nothing, and yet it need not read those fifty again after a restart. Who waits is told right
    // after the publisher, on another thread perhaps.
    until(|| subscription.position() == db.position());
    assert_eq!(woken(), 0);
    publish(&db, "wanted", "1");
    publish(&db, "wanted", "2");
    until(|| db.bus().stats().unwrap().durable.published == 52);
    until(|| woken() > 0);
    assert_eq!(woken(), 1);
    assert_eq!(drain(&mut subscription), ["1", "2"]);
    assert!(subscription.poll_next(&mut context).is_pending());
    db.close().unwrap();
    until(|| woken() > 1);
    assert_eq!(woken(), 2);
    assert!(matches!(subscription.poll_next(&mut context), Poll::Ready(Ok(None))));
}

#[test]
fn waiting_ends_with_its_time() {
    let db = Db::in_memory().unwrap();
    let mut subscription = db.bus().subscribe("t", Start::Latest).unwrap();
    assert!(subscription.next_within(Some(Duration::from_millis(5))).unwrap().is_none());
    publish(&db, "t", "1");
    assert!(subscription.next_within(Some(Duration::from_secs(60))).unwrap().is_some());
}

#[test]
fn a_subscriber_that_is_far_behind_reads_the_disk_and_comes_back() {
    let folder = std::env::temp_dir().join(format!("arrw-follow-{}", std::process::id()));
    let mut options = arrw::Options::default();
    options.log.segment_bytes = 64 * 1024;
    options.log.ring_bytes = 16 * 1024;
    let storage = Arc::new(arrw::FileStorage::new(&folder).unwrap());
    let environment = arrw::Environment::with_storage(storage);
    let db = Db::open_with(environment, options).unwrap();
    let mut slow = db.bus().subscribe("t.7", Start::Latest).unwrap();
    for number in 0..2_000 {
        publish(&db, &format!("t.{}", number % 10), &format!("{number:0100}"));
    }
    assert_eq!(slow.pending(), 2_000);
    assert_eq!(drain(&mut slow).len(), 200);
    publish(&db, "t.7", "live");
    assert_eq!(drain(&mut slow), ["live"]);
    db.close().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}
