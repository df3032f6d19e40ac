//! Records that a decider makes where the place of a batch is decided.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrw_log::limits::{BATCH_RECORDS_MAX, TOPICS_MAX};
use arrw_log::{
    AppendError, Batch, Committed, Environment, Log, NewRecord, Options, Outcome, Seq, Settled,
    Start,
};

use crate::maker::{Ask, Call, Hand, Maker};
use crate::support::{Seen, batch, image, memory, open, read_all, small};

/// Bytes of a record with a short topic and payload: no less than any of these tests makes.
const RECORD: usize = 56;

fn made() -> (Log, Maker) {
    let log = open(&memory(), small());
    let maker = Maker::default();
    log.set_decider(Box::new(maker.clone()));
    (log, maker)
}

/// A batch that asks, and reserves enough for ten records.
fn asking(batch: Batch, ask: Ask) -> Batch {
    batch.asking(Arc::new(ask)).reserving(10 * RECORD)
}

/// Commits all of them in one turn.
fn in_one_turn(log: &Log, batches: Vec<Batch>) -> Vec<Result<Committed, AppendError>> {
    let sent: Vec<_> = batches.into_iter().map(|batch| log.append(batch).start()).collect();
    sent.into_iter().map(arrw_log::Append::wait).collect()
}

fn seen(seq: u64, topic: &str, offset: u64, payload: &str) -> Seen {
    (seq, topic.to_owned(), offset, payload.to_owned())
}

/// First and last seq, and the last one's offset.
fn at(committed: &Result<Committed, AppendError>) -> (u64, u64, u64) {
    let committed = committed.as_ref().unwrap();
    (committed.first.get(), committed.last.get(), committed.last_offset)
}

#[test]
fn made_records_stand_behind_those_of_the_batch_that_asked() {
    let storage = memory();
    let log = open(&storage, small());
    let maker = Maker::default();
    log.set_decider(Box::new(maker.clone()));
    let answers = in_one_turn(
        &log,
        vec![
            batch("a", &["1"]),
            asking(batch("a", &["2", "3"]), Ask::Commit(0, &[("b", "4"), ("a", "5")])),
            batch("b", &["6"]),
            asking(batch("a", &["no", "7"]), Ask::Commit(1, &[("b", "8")])),
            asking(batch("a", &["no"]), Ask::Refuse(&[("a", "no")])),
            asking(Batch::new(), Ask::Commit(0, &[("", "9")])),
            asking(batch("c", &["no", "no"]), Ask::Commit(2, &[("c", "10")])),
            batch("a", &["11"]),
        ],
    );
    let expected = [
        seen(1, "a", 1, "1"),
        seen(2, "a", 2, "2"),
        seen(3, "a", 3, "3"),
        seen(4, "b", 1, "4"),
        seen(5, "a", 4, "5"),
        seen(6, "b", 2, "6"),
        seen(7, "a", 5, "7"),
        seen(8, "b", 3, "8"),
        seen(9, "", 0, "9"),
        seen(10, "c", 1, "10"),
        seen(11, "a", 6, "11"),
    ];
    assert_eq!(read_all(&log), expected);
    assert_eq!(log.stats().frames, 1);
    let told: Vec<_> = [0, 1, 2, 3, 5, 6, 7].map(|number: usize| at(&answers[number])).into();
    let places = [(1, 1, 1), (2, 5, 4), (6, 6, 2), (7, 8, 3), (9, 9, 0), (10, 10, 1), (11, 11, 6)];
    assert_eq!(told, places);
    assert!(matches!(answers[4], Err(AppendError::Refused(_))), "{:?}", answers[4]);

    let of = |range: std::ops::RangeInclusive<usize>| {
        Call::Place(expected[range.start() - 1..*range.end()].to_vec())
    };
    let calls = [
        Call::Decide(2),
        of(2..=5),
        Call::Decide(7),
        of(7..=8),
        Call::Decide(9),
        Call::Decide(9),
        of(9..=9),
        Call::Decide(10),
        of(10..=10),
        Call::Settle(Settled::Committed),
    ];
    assert_eq!(maker.calls(), calls);

    let mut reader = log.reader(Start::Earliest).unwrap();
    let frame = reader.try_next().unwrap().unwrap();
    let links: Vec<_> = frame.records().map(|it| it.previous_in_topic().get()).collect();
    assert_eq!(links, [0, 1, 2, 0, 3, 4, 5, 6, 0, 0, 7]);
    let reopened = open(&image(&storage), small());
    assert_eq!(read_all(&reopened), expected);
    assert_eq!(reopened.topic("a"), log.topic("a"));
}

#[test]
fn each_place_is_right_wherever_records_are_made_and_left_out() {
    // Every way in which four batches of a frame may make and leave out.
    const MADE: &[(&str, &str)] = &[("m", "made"), ("", "of no topic")];
    let own = ["first", "second and longer"];
    for number in 0..4_u32.pow(4) {
        let (log, _) = made();
        let (mut batches, mut expected) = (Vec::new(), Vec::new());
        for place in 0..4 {
            let way = number / 4_u32.pow(place) % 4;
            let (skip, records) =
                [(0, &MADE[..0]), (1, MADE), (2, &MADE[..1]), (2, &MADE[..0])][way as usize];
            batches.push(asking(batch("t", &own), Ask::Commit(skip, records)));
            let left = own[skip as usize..].iter().map(|payload| ("t", *payload));
            expected.extend(left.chain(records.iter().copied()));
        }
        batches.push(batch("t", &["last"]));
        expected.push(("t", "last"));
        for answer in in_one_turn(&log, batches) {
            answer.unwrap();
        }
        let read = read_all(&log);
        let read: Vec<_> = read.iter().map(|it| (it.1.as_str(), it.3.as_str())).collect();
        assert_eq!(read, expected, "{number}");
        let offsets = |topic: &str| {
            let all = read_all(&log).into_iter();
            all.filter(|it| it.1 == topic).map(|it| it.2).collect::<Vec<_>>()
        };
        for topic in ["t", "m"] {
            assert_eq!(offsets(topic), (1..=offsets(topic).len() as u64).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_batch_of_which_no_record_is_left_is_answered_and_writes_nothing() {
    let (log, maker) = made();
    let first = in_one_turn(&log, vec![asking(Batch::new(), Ask::Nothing(&[("a", "no")]))]);
    assert_eq!(at(&first[0]), (1, 0, 0));
    assert_eq!(log.stats().frames, 0);
    assert_eq!(maker.calls(), [Call::Decide(1), Call::Settle(Settled::Committed)]);
    let answers = in_one_turn(
        &log,
        vec![
            batch("a", &["1"]),
            asking(batch("a", &["no", "no"]), Ask::Commit(2, &[])),
            asking(batch("a", &["no"]), Ask::Commit(7, &[])),
            asking(batch("a", &["no"]), Ask::Nothing(&[])),
            asking(Batch::new(), Ask::Commit(0, &[])),
            batch("a", &["2"]),
        ],
    );
    let time = answers[0].as_ref().unwrap().time;
    for nothing in &answers[1..5] {
        assert_eq!(at(nothing), (2, 1, 0));
        assert_eq!(nothing.as_ref().unwrap().time, time);
    }
    assert_eq!(read_all(&log), [seen(1, "a", 1, "1"), seen(2, "a", 2, "2")]);
    assert!(!maker.calls().iter().any(|call| matches!(call, Call::Place(_))));
}

#[test]
fn an_empty_batch_must_ask() {
    let log = open(&memory(), small());
    let empty = log.append(Batch::new().reserving(100)).wait();
    assert!(matches!(empty, Err(AppendError::Empty)), "{empty:?}");
    // Nobody decides, so it is committed as any other: nothing is left to do.
    let asked = log.append(asking(Batch::new(), Ask::Commit(0, &[]))).wait();
    assert_eq!(at(&asked), (1, 0, 0));
}

#[test]
fn a_condition_holds_for_a_batch_without_records() {
    let (log, maker) = made();
    let ask = || asking(Batch::new(), Ask::Commit(0, &[("a", "1")]));
    log.append(ask().expecting(Seq::ZERO)).wait().unwrap();
    let late = log.append(ask().expecting(Seq::ZERO)).wait();
    assert!(matches!(late, Err(AppendError::Conflict { .. })), "{late:?}");
    let decided = maker.calls().iter().filter(|call| matches!(call, Call::Decide(_))).count();
    assert_eq!(decided, 1);
}

#[test]
fn more_than_is_reserved_is_refused_and_leaves_the_others() {
    let (log, maker) = made();
    let record = NewRecord { topic: "a", payload: b"made", ..NewRecord::default() };
    let ask = Ask::Commit(0, &[("a", "made"), ("a", "made")]);
    let reserving = |bytes| batch("a", &["own"]).asking(Arc::new(ask)).reserving(bytes);
    let enough = 2 * record.stored_bytes();
    let answers = in_one_turn(
        &log,
        vec![batch("a", &["1"]), reserving(enough - 1), reserving(0), reserving(enough)],
    );
    for (number, max) in [(1, enough - 1), (2, 0)] {
        let error = answers[number].as_ref().unwrap_err();
        assert!(
            matches!(error, AppendError::OverReserved { actual, max: m, unit: "bytes" }
                if (*actual, *m) == (enough, max)),
            "{error:?}"
        );
        assert_eq!(error.outcome(), Outcome::Rejected);
    }
    assert_eq!(at(&answers[3]), (2, 4, 4));
    assert_eq!(read_all(&log).len(), 4);
    let placed = maker.calls().iter().filter(|call| matches!(call, Call::Place(_))).count();
    assert_eq!(placed, 1);
}

#[test]
fn no_batch_becomes_larger_than_one_may_be() {
    let log = open(&memory(), Options { segment_bytes: 8 * 1024 * 1024, ..small() });
    log.set_decider(Box::new(Maker::default()));
    let mut full = Batch::new();
    for _ in 0..BATCH_RECORDS_MAX {
        full.push(NewRecord::default()).unwrap();
    }
    let refused = log.append(asking(full.clone(), Ask::Commit(0, &[("", "one")]))).wait();
    assert!(
        matches!(refused, Err(AppendError::OverReserved { unit: "records", .. })),
        "{refused:?}"
    );
    let fits = log.append(asking(full, Ask::Commit(1, &[("", "one")]))).wait();
    assert_eq!(at(&fits), (1, u64::from(BATCH_RECORDS_MAX), 0));
}

#[test]
fn what_is_reserved_counts_as_bytes_of_the_batch() {
    let (log, _) = made();
    let ask = || Batch::new().asking(Arc::new(Ask::Commit(0, &[("a", "1")])));
    for bytes in [20_000, usize::MAX] {
        let refused = log.append(ask().reserving(bytes)).wait();
        assert!(
            matches!(refused, Err(AppendError::TooLarge { actual, .. }) if actual == bytes),
            "{refused:?}"
        );
    }
    // Two that might fill a segment each are no frame together.
    for answer in in_one_turn(&log, vec![ask().reserving(8_000), ask().reserving(8_000)]) {
        answer.unwrap();
    }
    assert_eq!((log.stats().frames, log.tail()), (2, Seq::new(3)));
    // Nor is a segment begun in which what is made might not fit.
    log.append(batch("a", &[&"x".repeat(8_000)])).wait().unwrap();
    let segments = log.stats().segments;
    log.append(ask().reserving(8_000)).wait().unwrap();
    assert_eq!(log.stats().segments, segments + 1);
}

#[test]
fn the_decider_adds_records_behind_all_others() {
    let (log, maker) = made();
    maker.lock().wants = 1_000;
    maker.lock().more = &[("a", "more"), ("b", "more")];
    log.append(batch("a", &["1"])).wait().unwrap();
    let calls = [
        Call::More(2, 1_000),
        Call::Place(vec![seen(2, "a", 2, "more"), seen(3, "b", 1, "more")]),
        Call::Settle(Settled::Committed),
    ];
    assert_eq!(maker.calls(), calls);
    // Behind what was refused, and behind what was made for others.
    let answers = in_one_turn(
        &log,
        vec![
            asking(batch("a", &["2"]), Ask::Commit(0, &[("a", "made")])),
            asking(batch("a", &["no"]), Ask::Refuse(&[])),
        ],
    );
    assert_eq!(at(&answers[0]), (4, 5, 4));
    assert_eq!(
        read_all(&log)[3..],
        [
            seen(4, "a", 3, "2"),
            seen(5, "a", 4, "made"),
            seen(6, "a", 5, "more"),
            seen(7, "b", 2, "more"),
        ]
    );
    assert_eq!(log.stats().frames, 2);
    // Alone, in a frame of their own: also when all were refused.
    let ask = asking(Batch::new(), Ask::Nothing(&[]));
    assert_eq!(at(&log.append(ask).wait()), (8, 7, 0));
    let refused = log.append(asking(batch("a", &["no"]), Ask::Refuse(&[]))).wait();
    assert!(matches!(refused, Err(AppendError::Refused(_))), "{refused:?}");
    assert_eq!((log.stats().frames, log.tail()), (4, Seq::new(12)));
    maker.lock().wants = 0;
    maker.calls();
    log.append(batch("a", &["last"])).wait().unwrap();
    assert_eq!(maker.calls(), []);
    assert_eq!(log.tail(), Seq::new(13));
}

#[test]
fn more_than_it_may_add_is_left_out() {
    let (log, maker) = made();
    maker.lock().more = &[("a", "more")];
    let record = NewRecord { topic: "a", payload: b"more", ..NewRecord::default() };
    let too_few = record.stored_bytes() - 1;
    for wants in [1, too_few] {
        maker.lock().wants = wants;
        log.append(batch("a", &["1"])).wait().unwrap();
        let calls = [
            Call::More(log.tail().get(), wants),
            Call::NotPlaced,
            Call::Settle(Settled::Committed),
        ];
        assert_eq!(maker.calls(), calls);
    }
    // It need not make any.
    maker.lock().more = &[];
    log.append(batch("a", &["1"])).wait().unwrap();
    assert_eq!(maker.calls(), [Call::More(4, too_few), Call::Settle(Settled::Committed)]);
    assert_eq!(log.tail(), Seq::new(4));
}

#[test]
fn what_the_decider_wants_has_bounds_and_gets_a_new_segment() {
    let (log, maker) = made();
    (maker.lock().wants, maker.lock().more) = (usize::MAX, &[("a", "more")]);
    log.append(batch("a", &["1"])).wait().unwrap();
    let asked = |maker: &Maker| match maker.calls()[..] {
        [Call::More(_, bytes), ..] => bytes,
        ref other => unreachable!("{other:?}"),
    };
    let quarter = (16 * 1024 - 4096) / 4;
    assert_eq!(asked(&maker), quarter);
    // A segment with no room for it is ended, although the batch alone would fit.
    log.append(batch("a", &[&"x".repeat(9_000)])).wait().unwrap();
    assert_eq!((log.stats().segments, asked(&maker)), (2, quarter));
    // A batch that fills a frame leaves nothing.
    let record =
        |len| NewRecord { topic: "a", payload: &[7; 12_288][..len], ..NewRecord::default() };
    let most = (0..12_288).rfind(|len| record(*len).stored_bytes() <= 16 * 1024 - 4096 - 96);
    log.append(Batch::of(record(most.unwrap())).unwrap()).wait().unwrap();
    assert_eq!(maker.calls(), []);
    log.append(Batch::of(record(most.unwrap() - 1_000)).unwrap()).wait().unwrap();
    assert_eq!(asked(&maker), 1_000);
    log.close().unwrap();
}

#[test]
fn a_topic_too_many_takes_back_what_was_made_and_nothing_else() {
    let log = open(&memory(), Options { segment_bytes: 64 * 1024 * 1024, ..small() });
    let maker = Maker::default();
    log.set_decider(Box::new(maker.clone()));
    let mut number = 0;
    while number < TOPICS_MAX - 3 {
        let mut topics = Batch::new();
        for _ in 0..(TOPICS_MAX - 3 - number).min(BATCH_RECORDS_MAX as usize) {
            topics
                .push(NewRecord { topic: &format!("t{number}"), ..NewRecord::default() })
                .unwrap();
            number += 1;
        }
        log.append(topics).wait().unwrap();
    }
    let tail = log.tail().get();
    (maker.lock().wants, maker.lock().more) = (1_000, &[("z", "3"), ("too.many", "no")]);
    let answers = in_one_turn(
        &log,
        vec![
            asking(batch("x", &["1"]), Ask::Commit(0, &[("y", "2")])),
            asking(batch("x", &["no"]), Ask::Commit(0, &[("z", "no"), ("too.many", "no")])),
            asking(batch("x", &["3"]), Ask::Commit(0, &[("y", "4")])),
        ],
    );
    assert_eq!((at(&answers[0]), at(&answers[2])), ((tail, tail + 1, 1), (tail + 2, tail + 3, 2)));
    assert!(matches!(answers[1], Err(AppendError::TooManyTopics { .. })), "{:?}", answers[1]);
    let calls = maker.calls();
    assert_eq!(
        calls[3..],
        [
            Call::Decide(tail + 2),
            Call::Place(vec![seen(tail + 2, "x", 2, "3"), seen(tail + 3, "y", 2, "4")]),
            Call::More(tail + 4, 1_000),
            Call::NotPlaced,
            Call::Settle(Settled::Committed),
        ]
    );
    assert_eq!(
        (log.tail(), log.topic("z"), log.topic("too.many")),
        (Seq::new(tail + 4), None, None)
    );
    // Alone it leaves nothing to write.
    let frames = log.stats().frames;
    log.append(asking(Batch::new(), Ask::Nothing(&[]))).wait().unwrap();
    assert_eq!(log.stats().frames, frames);
    // What fits comes.
    maker.lock().more = &[("z", "5")];
    log.append(asking(Batch::new(), Ask::Nothing(&[]))).wait().unwrap();
    assert_eq!(log.topic("z").map(|end| end.last.get()), Some(tail + 4));
}

#[test]
fn each_turn_that_asked_is_settled_once() {
    let (log, maker) = made();
    log.append(batch("a", &["asks nothing"])).wait().unwrap();
    assert_eq!(maker.calls(), []);
    let committed = log.append(asking(batch("a", &["1"]), Ask::Commit(0, &[]))).wait().unwrap();
    assert_eq!(maker.calls().len(), 3);
    for ask in [Ask::Answer(committed), Ask::Refuse(&[]), Ask::Nothing(&[])] {
        let answer = log.append(asking(batch("a", &["2"]), ask)).wait();
        assert_eq!(answer.is_ok(), !matches!(ask, Ask::Refuse(_)));
        assert_eq!(maker.calls(), [Call::Decide(3), Call::Settle(Settled::Committed)]);
    }
    log.mark();
    log.close().unwrap();
    assert_eq!(maker.calls(), []);
}

#[test]
fn times_never_go_back_although_nothing_is_written() {
    let hand = Hand::default();
    let mut environment = Environment::with_storage(memory());
    environment.clock = Arc::new(hand.clone());
    let log = Log::open_with(environment, small()).unwrap();
    let maker = Maker::default();
    log.set_decider(Box::new(maker.clone()));
    let mut expected = Vec::new();
    for (clock, ask, time) in [
        (1_000, Ask::Refuse(&[]), 1_000),
        (400, Ask::Nothing(&[]), 1_001),
        (300, Ask::Commit(0, &[]), 1_002),
        (5_000, Ask::Nothing(&[]), 5_000),
        (0, Ask::Commit(0, &[]), 5_001),
    ] {
        hand.0.store(clock, Ordering::Relaxed);
        let answer = log.append(asking(batch("a", &["1"]), ask)).wait();
        expected.push(time);
        let told: Vec<_> = maker.lock().times.iter().map(|time| time.micros()).collect();
        assert_eq!(told, expected);
        assert!(answer.is_err() || answer.unwrap().time.micros() == time);
        // What was given and came to nothing is the time of no frame.
        let committed = if time < 1_002 {
            0
        } else if time < 5_001 {
            1_002
        } else {
            5_001
        };
        assert_eq!(log.stats().time.micros(), committed);
    }
}
