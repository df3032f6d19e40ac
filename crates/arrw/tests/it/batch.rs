//! Batches of several kinds: all of it or nothing, and once however often it is tried.

use arrw::{
    ConsumerError, Db, Event, NewEvent, Position, PublishError, ReadError, RuleError, Seq, Start,
};

use crate::support::texts;

fn publish(db: &Db, topic: &str, payload: &str) -> Position {
    let done = db.bus().publish(NewEvent::new(topic, payload.as_bytes())).unwrap().wait().unwrap();
    Position { epoch: done.epoch, seq: done.last }
}

fn cursor(db: &Db, name: &str) -> u64 {
    db.bus().consumer_status(name).unwrap().unwrap().cursor.seq.get()
}

#[test]
fn an_event_and_an_acknowledgement_are_one_commit() {
    let db = Db::in_memory().unwrap();
    let order = publish(&db, "orders", "1");
    let consumer = db.bus().consumer("billing", "orders", Start::Earliest).unwrap();
    let invoice = || NewEvent { id: Some("1"), ..NewEvent::new("invoices", b"1") };
    let commit = || {
        let batch = db.batch().publish(invoice()).publish(NewEvent::new("mails", b"1"));
        batch.acknowledge(&consumer, order).commit().unwrap().wait().map(|done| done.events)
    };
    let done = commit().unwrap();
    assert_eq!((done.count, done.last.get() - done.first.get()), (2, 1));
    assert_eq!(cursor(&db, "billing"), 1);
    let tail = db.position();
    assert_eq!(tail.seq, done.last.next());
    // The same again is answered as the first time and writes nothing, though without the event that has no id.
    let again = commit().unwrap();
    assert_eq!((again.first, db.position()), (done.first, tail));
}

#[test]
fn a_batch_with_a_fault_changes_nothing() {
    let db = Db::in_memory().unwrap();
    let order = publish(&db, "orders", "1");
    let first = db.bus().consumer("billing", "orders", Start::Earliest).unwrap();
    let second = db.bus().consumer("billing", "orders", Start::Earliest).unwrap();
    let tail = db.position();
    let event = NewEvent::new("invoices", b"1");

    let fenced = db.batch().publish(event).acknowledge(&first, order).commit().unwrap().wait();
    assert!(
        matches!(fenced, Err(PublishError::Rule(RuleError::Fenced { ref name })) if name == "billing"),
        "{fenced:?}"
    );
    let beyond = Position { seq: Seq::new(99), ..order };
    let beyond = db.batch().publish(event).acknowledge(&second, beyond).commit();
    assert!(matches!(beyond, Err(PublishError::Position(ReadError::BeyondTail { .. }))));
    let late = db.batch().publish(event).expecting(order).commit().unwrap().wait();
    assert!(matches!(late, Err(PublishError::Append(_))), "{late:?}");
    let volatile = db.batch().publish(NewEvent::new("~.a", b"")).commit();
    assert!(matches!(volatile, Err(PublishError::Volatile { .. })));
    let empty = db.batch().commit().unwrap().wait();
    assert!(matches!(empty, Err(PublishError::Append(arrw::AppendError::Empty))), "{empty:?}");
    assert_eq!((db.position(), cursor(&db, "billing")), (tail, 0));

    let done = db.batch().publish(event).acknowledge(&second, order).expecting(tail);
    assert_eq!(done.commit().unwrap().wait().unwrap().events.count, 1);
    assert_eq!(cursor(&db, "billing"), 1);
}

/// An event that was published alone cannot stand for the acknowledgement that was not made then.
#[test]
fn an_event_from_another_batch_does_not_acknowledge() {
    let db = Db::in_memory().unwrap();
    let order = publish(&db, "orders", "1");
    let consumer = db.bus().consumer("billing", "orders", Start::Earliest).unwrap();
    let invoice = NewEvent { id: Some("1"), ..NewEvent::new("invoices", b"1") };
    db.bus().publish(invoice).unwrap().wait().unwrap();
    let partly = db.batch().publish(invoice).acknowledge(&consumer, order).commit().unwrap().wait();
    assert!(
        matches!(partly, Err(PublishError::Rule(RuleError::PartlyPublished { .. }))),
        "{partly:?}"
    );
    assert_eq!(cursor(&db, "billing"), 0);
    let alone = db.batch().acknowledge(&consumer, order).commit().unwrap();
    let alone = alone.wait().unwrap().events;
    assert_eq!((alone.count, alone.first, cursor(&db, "billing")), (0, Seq::ZERO, 1));
}

#[test]
fn a_consumer_is_made_read_and_acknowledged_without_being_held() {
    let db = Db::in_memory().unwrap();
    let bus = db.bus();
    for number in 1..=3 {
        publish(&db, "a", &number.to_string());
    }
    let made = bus.create_consumer("c", "a", Start::Earliest).unwrap();
    assert_eq!((made.generation, made.pending.records), (1, 4));
    assert_eq!(bus.create_consumer("c", "a", Start::Latest).unwrap().cursor, made.cursor);
    assert!(matches!(
        bus.create_consumer("c", "b", Start::Latest),
        Err(ConsumerError::OtherFilter { .. })
    ));
    assert!(matches!(bus.take_over_consumer("d"), Err(ConsumerError::Unknown { .. })));

    let one = bus.take_over_consumer("c").unwrap().generation;
    let mut read = bus.read_consumer("c", one, None).unwrap();
    let events = read.try_next().unwrap().unwrap();
    assert_eq!(events.iter().map(|event| Event::seq(&event).get()).collect::<Vec<_>>(), [1]);
    bus.acknowledge("c", one, events.position()).unwrap().wait().unwrap();
    let behind = Position { seq: Seq::new(2), ..events.position() };
    assert_eq!(texts(&mut bus.read_consumer("c", one, Some(behind)).unwrap()), ["3"]);
    assert_eq!(texts(&mut bus.read_consumer("c", one, None).unwrap()), ["2", "3"]);

    let two = bus.take_over_consumer("c").unwrap().generation;
    assert!(matches!(bus.read_consumer("c", one, None), Err(ConsumerError::Fenced { .. })));
    let fenced = bus.acknowledge("c", one, behind).unwrap().wait();
    assert!(matches!(fenced, Err(ConsumerError::Fenced { .. })));
    bus.acknowledge("c", two, behind).unwrap().wait().unwrap();
    assert_eq!(cursor(&db, "c"), 2);

    let reset = bus.reset_consumer("c", Start::Earliest).unwrap();
    assert_eq!((reset.cursor.seq, reset.generation), (Seq::ZERO, two + 1));
    assert_eq!(texts(&mut bus.read_consumer("c", two + 1, None).unwrap()), ["1", "2", "3"]);
}
