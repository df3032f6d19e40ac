//! Append, read, follow, trim, close.

use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use arrw_log::limits::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SPARES_MAX, SPARES_RESERVED};
use arrw_log::{
    AppendError, Batch, Drive, Environment, Log, NewRecord, OpenError, Options, Position,
    ReadError, Seq, Start,
};

use crate::support::{Folder, batch, drain, image, memory, open, read_all, small};

#[test]
fn what_was_appended_is_read_back_in_order_with_dense_offsets() {
    let log = open(&memory(), small());
    let first = log.append(batch("a", &["1", "2"])).wait().unwrap();
    let second = log.append(batch("b", &["3"])).wait().unwrap();
    let third = log.append(batch("a", &["4"])).wait().unwrap();
    assert_eq!((first.first.get(), first.last.get(), first.last_offset), (1, 2, 2));
    assert_eq!((second.first.get(), second.last_offset), (3, 1));
    assert_eq!((third.first.get(), third.last_offset), (4, 3));
    let expected = [(1, "a", 1, "1"), (2, "a", 2, "2"), (3, "b", 1, "3"), (4, "a", 3, "4")];
    let expected = expected.map(|(s, t, o, p)| (s, t.to_owned(), o, p.to_owned()));
    assert_eq!(read_all(&log), expected);
    assert_eq!(log.topic("a").map(|end| (end.last.get(), end.last_offset)), Some((4, 3)));
}

#[test]
fn everything_survives_many_rolls_and_a_reopen() {
    for drive in [Drive::Callers, Drive::Threads] {
        let folder = Folder::new();
        let options = Options { drive, ..small() };
        let mut expected = Vec::new();
        for round in 0..3 {
            let log = open(&folder.storage(), options.clone());
            assert_eq!(read_all(&log), expected);
            for number in 0..200 {
                let topic = format!("topic.{}", number % 7);
                let payload = "x".repeat(number) + &round.to_string();
                let committed = log.append(batch(&topic, &[&payload])).wait().unwrap();
                expected.push((committed.first.get(), topic, committed.last_offset, payload));
            }
            assert_eq!(read_all(&log), expected);
            assert!(log.stats().segments > 2, "{:?}", log.stats());
            log.close().unwrap();
        }
        let log = open(&folder.storage(), options);
        assert!(log.open_report().was_closed, "{:?}", log.open_report());
        assert_eq!(read_all(&log), expected);
    }
}

#[test]
fn a_reader_starts_anywhere() {
    let log = open(&memory(), small());
    for number in 0..300_u64 {
        log.append(batch("t", &[&number.to_string(), &"y".repeat(100)])).wait().unwrap();
    }
    for seq in 1..=601 {
        let mut reader = log.reader(Start::At(Seq::new(seq))).unwrap();
        let first =
            reader.try_next().unwrap().and_then(|frame| frame.records().next().map(|r| r.seq()));
        assert_eq!(first, (seq < 601).then_some(Seq::new(seq)));
    }
    let beyond = log.reader(Start::At(Seq::new(602)));
    assert!(matches!(beyond, Err(ReadError::BeyondTail { .. })), "{beyond:?}");
    let other = Position { epoch: arrw_log::Epoch::from_random(1), seq: Seq::new(3) };
    let other = log.reader(Start::After(other));
    assert!(matches!(other, Err(ReadError::OtherEpoch { .. })), "{other:?}");
}

#[test]
fn a_conditional_append_commits_only_on_the_expected_end() {
    let log = open(&memory(), small());
    log.append(batch("t", &["1"])).wait().unwrap();
    let late = log.append(batch("t", &["2"]).expecting(Seq::ZERO)).wait();
    let expected = (Seq::ZERO, Seq::new(1));
    assert!(
        matches!(late, Err(AppendError::Conflict { expected: e, actual: a }) if (e, a) == expected),
        "{late:?}"
    );
    log.append(batch("t", &["2"]).expecting(Seq::new(1))).wait().unwrap();
    assert_eq!(log.tail(), Seq::new(3));
}

#[test]
fn a_batch_that_cannot_be_stored_changes_nothing() {
    let log = open(&memory(), small());
    let empty = log.append(Batch::new()).wait();
    assert!(matches!(empty, Err(AppendError::Empty)), "{empty:?}");
    let large = log.append(batch("t", &[&"x".repeat(20_000)])).wait();
    assert!(matches!(large, Err(AppendError::TooLarge { .. })), "{large:?}");
    assert_eq!((log.tail(), log.topic("t")), (Seq::new(1), None));
}

#[test]
fn trim_removes_whole_segments_that_nobody_holds() {
    let storage = memory();
    let log = open(&storage, small());
    for number in 0..300 {
        log.append(batch(&format!("t{}", number / 100), &[&"z".repeat(400)])).wait().unwrap();
    }
    let hold = log.hold(Seq::new(50)).unwrap();
    log.trim(Seq::new(250)).unwrap();
    assert!(log.first() <= Seq::new(50) && log.first() > Seq::new(1), "{}", log.first());
    drop(hold);
    log.trim(Seq::new(250)).unwrap();
    let first = log.first();
    assert!(Seq::new(200) < first && first <= Seq::new(250), "{first}");
    let gone = log.reader(Start::At(Seq::new(3)));
    assert!(matches!(gone, Err(ReadError::Trimmed { .. })), "{gone:?}");
    assert_eq!(read_all(&log).first().map(|record| record.0), Some(first.get()));
    // A topic that is wholly gone starts again; one that is not goes on.
    assert_eq!((log.topic("t0"), log.topic("t2").map(|end| end.last_offset)), (None, Some(100)));
    let again = log.append(batch("t0", &["new"])).wait().unwrap();
    assert_eq!(again.last_offset, 1);
    log.close().unwrap();
    let reopened = open(&storage, small());
    assert_eq!(reopened.first(), first);
    assert_eq!(reopened.topic("t0").map(|end| (end.born, end.last_offset)), Some((again.first, 1)));
}

#[test]
fn a_reader_inside_a_trimmed_segment_is_told_so() {
    let log = open(&memory(), small());
    for _ in 0..200 {
        log.append(batch("t", &[&"z".repeat(400)])).wait().unwrap();
    }
    let mut reader = log.reader(Start::Earliest).unwrap();
    reader.try_next().unwrap().unwrap();
    log.trim(Seq::new(150)).unwrap();
    let told = reader.try_next();
    assert!(matches!(told, Err(ReadError::Trimmed { .. })), "{told:?}");
}

#[test]
fn retention_by_size_keeps_the_log_small_and_reuses_its_files() {
    let folder = Folder::new();
    let mut options = Options { drive: Drive::Threads, ..small() };
    options.retention.bytes_max = Some(64 * 1024);
    let log = open(&folder.storage(), options);
    for _ in 0..2_000 {
        log.append(batch("t", &[&"z".repeat(400)])).wait().unwrap();
    }
    log.close().unwrap();
    let files = std::fs::read_dir(&folder.0).unwrap().count();
    assert!(files < 16, "{files} files");
    assert!(log.first() > Seq::new(1_000), "{}", log.first());
}

#[test]
fn a_follower_on_a_thread_sees_everything_once_and_in_order() {
    let folder = Folder::new();
    let log = open(&folder.storage(), Options { drive: Drive::Threads, ..small() });
    let follower = log.clone();
    let thread = std::thread::spawn(move || {
        let mut reader = follower.reader(Start::Earliest).unwrap();
        let mut seen = 0;
        while let Some(frame) = reader.next(None).unwrap() {
            for record in frame.records() {
                seen += 1;
                assert_eq!(record.seq(), Seq::new(seen));
            }
        }
        seen
    });
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..250 {
                    log.append(batch("t", &["payload"])).wait().unwrap();
                }
            });
        }
    });
    log.close().unwrap();
    assert_eq!(thread.join().unwrap(), 1_000);
}

#[test]
fn a_full_intake_makes_appends_wait_and_loses_none() {
    let options = Options { intake_batches_max: 2, drive: Drive::Threads, ..small() };
    let log = open(&memory(), options);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    log.append(batch("t", &["payload"])).wait().unwrap();
                }
            });
        }
    });
    assert_eq!(log.tail(), Seq::new(801));
}

#[test]
fn a_folder_has_one_owner() {
    let folder = Folder::new();
    let log = Log::open(&folder.0).unwrap();
    let second = Log::open(&folder.0);
    assert!(matches!(second, Err(OpenError::Locked { .. })), "{second:?}");
    log.close().unwrap();
    drop(log);
    Log::open(&folder.0).unwrap();
}

#[test]
fn a_closed_log_refuses_appends_and_ends_its_readers() {
    let log = open(&memory(), Options { drive: Drive::Threads, ..small() });
    let mut reader = log.reader(Start::Latest).unwrap();
    log.append(batch("t", &["last"])).wait().unwrap();
    log.close().unwrap();
    log.close().unwrap();
    let refused = log.append(batch("t", &["x"])).wait();
    assert!(matches!(refused, Err(AppendError::Closed)), "{refused:?}");
    assert_eq!(drain(&mut reader).len(), 1);
    assert!(reader.next(None).unwrap().is_none());
}

#[test]
fn a_closed_log_writes_nothing_more_through_another_handle() {
    let storage = memory();
    let log = open(&storage, small());
    for _ in 0..200 {
        log.append(batch("t", &[&"z".repeat(400)])).wait().unwrap();
    }
    let other = log.clone();
    log.close().unwrap();
    let before = storage.list().unwrap();
    let refused = other.trim(Seq::new(150));
    assert!(matches!(refused, Err(arrw_log::UpkeepError::Closed)), "{refused:?}");
    assert_eq!(other.stats().tail, Seq::new(201));
    assert_eq!(storage.list().unwrap(), before);
}

#[test]
fn a_position_beyond_every_log_is_refused() {
    let log = open(&memory(), small());
    let position = Position { epoch: log.epoch(), seq: Seq::new(u64::MAX) };
    let refused = log.reader(Start::After(position));
    assert!(matches!(refused, Err(ReadError::BeyondTail { .. })), "{refused:?}");
}

#[test]
fn options_that_cannot_be_are_named() {
    let default = Options::default;
    for (wrong, options) in [
        ("segment_bytes", Options { segment_bytes: 1_000, ..default() }),
        ("segment_bytes", Options { segment_bytes: SEGMENT_BYTES_MIN + 1, ..default() }),
        ("segment_bytes", Options { segment_bytes: SEGMENT_BYTES_MIN - 4096, ..default() }),
        ("segment_bytes", Options { segment_bytes: SEGMENT_BYTES_MAX + 4096, ..default() }),
        ("spares", Options { spares: SPARES_RESERVED, ..default() }),
        ("spares", Options { spares: SPARES_MAX + 1, ..default() }),
        ("intake_batches_max", Options { intake_batches_max: 0, ..default() }),
    ] {
        let refused = Log::open_with(Environment::with_storage(memory()), options);
        let Err(OpenError::Option { option, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(option, wrong);
    }
    let least = Options { intake_batches_max: 1, spares: SPARES_RESERVED + 1, ..small() };
    open(&memory(), Options { segment_bytes: SEGMENT_BYTES_MIN, ..least });
    open(&memory(), Options { spares: SPARES_MAX, ..small() });
}

#[test]
fn control_records_belong_to_no_topic() {
    let log = open(&memory(), small());
    let control = NewRecord { kind: arrw_log::Kind(9), payload: b"c", ..NewRecord::default() };
    let committed = log.append(Batch::of(control).unwrap()).wait().unwrap();
    assert_eq!(committed.last_offset, 0);
    assert_eq!(read_all(&log), [(1, String::new(), 0, "c".to_owned())]);
}

#[test]
fn a_quiet_log_marks_its_last_frame_by_itself() {
    let options = Options { drive: Drive::Threads, mark_idle: Duration::from_millis(1), ..small() };
    let log = open(&memory(), options);
    log.append(batch("t", &["x"])).wait().unwrap();
    // One frame of records, and then the mark.
    while log.stats().frames < 2 {
        std::thread::yield_now();
    }
}

#[test]
fn stats_count_the_syncs_and_bytes_of_frames() {
    let log = open(&memory(), small());
    assert_eq!(log.stats().syncs.len(), log.stats().frames);
    let before = log.stats();
    log.append(batch("t", &["x"])).wait().unwrap();
    let after = log.stats();
    assert_eq!((after.frames, after.syncs.len()), (before.frames + 1, before.syncs.len() + 1));
    assert_eq!(after.written_bytes - before.written_bytes, after.bytes - before.bytes);
}

#[test]
fn a_topic_keeps_its_life_when_only_the_segment_being_filled_still_has_it() {
    let storage = memory();
    let log = open(&storage, small());
    log.append(batch("t", &["first"])).wait().unwrap();
    for _ in 0..2 {
        log.append(batch("t", &["more"])).wait().unwrap();
        for _ in 0..60 {
            log.append(batch("other", &[&"z".repeat(400)])).wait().unwrap();
        }
    }
    let last = log.append(batch("t", &["last"])).wait().unwrap();
    log.trim(last.last).unwrap();
    let before = log.topic("t").unwrap();
    assert_eq!((before.born, before.last_offset), (Seq::new(1), 4));
    let crashed = open(&image(&storage), small());
    assert_eq!(crashed.topic("t"), Some(before));
    log.close().unwrap();
    assert_eq!(open(&storage, small()).topic("t"), Some(before));
}

#[test]
fn a_hold_on_trimmed_history_keeps_what_is_left() {
    let log = open(&memory(), small());
    for _ in 0..200 {
        log.append(batch("t", &[&"z".repeat(400)])).wait().unwrap();
    }
    log.trim(Seq::new(100)).unwrap();
    let first = log.first();
    let hold = log.hold(Seq::new(1)).unwrap();
    assert_eq!(log.trim(Seq::new(150)).unwrap(), 0);
    assert!(!hold.is_broken());
    assert_eq!(log.first(), first);
}

/// Looks at the log when it is woken, which takes the writer's role.
struct Looks(Log);

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        assert!(self.0.stats().tail > Seq::FIRST);
    }
}

#[test]
fn a_waker_may_use_the_log() {
    for drive in [Drive::Callers, Drive::Threads] {
        let log = open(&memory(), Options { drive, ..small() });
        let waker = Waker::from(Arc::new(Looks(log.clone())));
        let mut context = Context::from_waker(&waker);
        let mut reader = pin!(log.reader(Start::Latest).unwrap());
        assert!(reader.as_mut().poll_next(&mut context).is_pending());
        let mut awaited = pin!(log.append(batch("t", &["awaited"])));
        // With threads the first poll only hands it over.
        if awaited.as_mut().poll(&mut context).is_pending() {
            log.append(batch("t", &["behind it"])).wait().unwrap();
            assert!(awaited.as_mut().poll(&mut context).is_ready());
        }
        assert!(reader.as_mut().poll_next(&mut context).is_ready());
        log.close().unwrap();
    }
}

#[test]
fn a_reader_starts_at_a_time() {
    for options in [small(), Options { ring_bytes: 0, ..small() }] {
        let storage = memory();
        let log = open(&storage, options.clone());
        let mut times = Vec::new();
        for _ in 0..200 {
            let committed = log.append(batch("t", &["x", &"y".repeat(200)])).wait().unwrap();
            times.push((committed.time, committed.first));
        }
        let check = |log: &Log| {
            for (time, first) in &times {
                let at = |micros| arrw_log::Timestamp::from_micros(micros);
                let start = |time| log.reader(Start::Since(time)).unwrap().next_seq();
                assert_eq!(start(*time), *first);
                assert!(start(at(time.micros() + 1)) > *first);
            }
            let end = arrw_log::Timestamp::from_micros(u64::MAX);
            let mut late = log.reader(Start::Since(end)).unwrap();
            assert_eq!(late.next_seq(), log.tail());
            assert!(late.try_next().unwrap().is_none());
            let all = log.reader(Start::Since(arrw_log::Timestamp::default())).unwrap();
            assert_eq!(all.next_seq(), log.first());
        };
        check(&log);
        log.close().unwrap();
        let log = open(&storage, options);
        check(&log);
        log.trim(Seq::new(100)).unwrap();
        let early = log.reader(Start::Since(times[0].0)).unwrap();
        assert_eq!(early.next_seq(), log.first());
    }
}
