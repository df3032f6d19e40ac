//! Tests of records and batches.

use super::*;

fn sample<'a>() -> NewRecord<'a> {
    NewRecord {
        kind: Kind(7),
        topic: "orders.created",
        key: b"42",
        headers: &[("trace", b"abc"), ("empty", b"")],
        payload: b"hello",
    }
}

#[test]
fn a_record_survives_its_bytes() {
    let mut batch = Batch::of(sample()).unwrap();
    assert_eq!(batch.stored_bytes(), sample().stored_bytes());
    batch.push(NewRecord { payload: b"control", ..NewRecord::default() }).unwrap();
    assert_eq!(batch.bytes().len() % 8, 0);

    let first = split_first(batch.bytes(), "").unwrap();
    let record = Record::new(Seq::new(9), Timestamp::from_micros(5), first);
    assert_eq!(record.kind(), Kind(7));
    assert_eq!(record.topic(), "orders.created");
    assert_eq!(record.key(), b"42");
    assert_eq!(record.payload(), b"hello");
    let headers: Vec<_> = record.headers().collect();
    assert_eq!(headers, [("trace", &b"abc"[..]), ("empty", b"")]);

    let second = split_first(&batch.bytes()[first.len()..], first.topic()).unwrap();
    assert_eq!(second.topic(), "");
    assert_eq!(first.len() + second.len(), batch.bytes().len());
}

#[test]
fn bytes_cut_anywhere_are_no_record() {
    let batch = Batch::of(sample()).unwrap();
    for len in 0..batch.bytes().len() {
        assert!(split_first(&batch.bytes()[..len], "").is_none(), "{len}");
    }
}

#[test]
fn what_is_taken_is_tight_and_what_is_left_has_room() {
    let mut batch = Batch::with_capacity(1024);
    batch.push(sample()).unwrap();
    let one = batch.bytes().to_vec();
    let few = batch.take(1024, Vec::new);
    assert_eq!((few.records(), few.bytes()), (1, &one[..]));
    assert_eq!(few.into_bytes().capacity(), one.len());
    assert_eq!((batch.records(), batch.bytes.capacity()), (0, 1024));

    while batch.stored_bytes() <= 512 {
        batch.push(sample()).unwrap();
    }
    let pushed = batch.records();
    let many = batch.take(1024, || Vec::with_capacity(2048));
    assert_eq!((many.records(), batch.records()), (pushed, 0));
    assert_eq!(many.into_bytes().capacity(), 1024);
    assert_eq!(batch.bytes.capacity(), 1024);
    batch.push(sample()).unwrap();
    assert_eq!(batch.bytes(), one);
}

#[test]
fn only_a_topic_that_was_checked_is_not_checked_again() {
    let mut batch = Batch::of(NewRecord { topic: "a", ..NewRecord::default() }).unwrap();
    for topic in ["a b", "a.", "a.*"] {
        assert!(batch.push(NewRecord { topic, ..NewRecord::default() }).is_err(), "{topic}");
    }
    batch.push(NewRecord::default()).unwrap();
    batch.push(NewRecord { topic: "a", ..NewRecord::default() }).unwrap();
    assert_eq!(batch.iter().map(|record| record.topic()).collect::<Vec<_>>(), ["a", "", "a"]);
}

#[test]
fn a_refused_record_leaves_the_batch_as_it_was() {
    let mut batch = Batch::of(sample()).unwrap();
    let before = batch.bytes().to_vec();
    let large = vec![0; RECORD_BYTES_MAX];
    let key = vec![0; KEY_BYTES_MAX + 1];
    let many = vec![("a", &b""[..]); HEADERS_MAX + 1];
    for bad in [
        NewRecord { topic: "a b", ..sample() },
        NewRecord { payload: &large, ..sample() },
        NewRecord { key: &key, ..sample() },
        NewRecord { headers: &many, ..sample() },
    ] {
        assert!(batch.push(bad).is_err());
    }
    assert_eq!((batch.bytes(), batch.records()), (&before[..], 1));
}
