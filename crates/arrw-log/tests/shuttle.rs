//! Explores the schedules of the shipped locks: hand-over of the writer's role, tickets, ring, room.
#![cfg(feature = "shuttle")]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrw_log::{
    AfterTurn, Batch, Clock, Decider, Decision, Drive, Entropy, Environment, Log, MemoryStorage,
    NewRecord, Options, Place, Question, Records, Seq, Settled, Start, Timestamp,
};
use shuttle::{future, thread};

/// Schedules of each kind for each scenario.
const SCHEDULES: usize = 2_000;

/// Counts instead of drawing, so that a schedule can be repeated.
#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Clock for Counter {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

impl Entropy for Counter {
    fn draw(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

fn explore(scenario: fn()) {
    shuttle::check_random(scenario, SCHEDULES);
    shuttle::check_pct(scenario, SCHEDULES, 3);
}

fn open(drive: Drive, change: impl FnOnce(&mut Options)) -> Log {
    open_on(&Arc::new(MemoryStorage::new()), drive, change)
}

fn open_on(storage: &Arc<MemoryStorage>, drive: Drive, change: impl FnOnce(&mut Options)) -> Log {
    let environment = Environment {
        storage: Arc::<MemoryStorage>::clone(storage),
        clock: Arc::new(Counter::default()),
        entropy: Arc::new(Counter::default()),
    };
    let mut options = Options {
        segment_bytes: 16 * 1024,
        spares: 2,
        ring_bytes: 512,
        drive,
        ..Options::default()
    };
    change(&mut options);
    Log::open_with(environment, options).unwrap()
}

fn batch() -> Batch {
    Batch::of(NewRecord { topic: "t", payload: b"payload", ..NewRecord::default() }).unwrap()
}

fn append_from_two_threads(log: &Log, each: u64) {
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let log = log.clone();
            thread::spawn(move || {
                for _ in 0..each {
                    log.append(batch()).wait().unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn every_caller_is_answered_when_callers_do_the_work() {
    explore(|| {
        let log = open(Drive::Callers, |_| ());
        append_from_two_threads(&log, 2);
        assert_eq!(log.tail(), Seq::new(5));
    });
}

#[test]
fn every_caller_is_answered_beside_the_threads_of_the_log() {
    explore(|| {
        let log = open(Drive::Threads, |_| ());
        append_from_two_threads(&log, 2);
        assert_eq!(log.tail(), Seq::new(5));
        log.close().unwrap();
    });
}

#[test]
fn a_caller_is_answered_beside_others_who_only_look() {
    explore(|| {
        let log = open(Drive::Threads, |_| ());
        let looking = log.clone();
        let looks = thread::spawn(move || {
            let _seen = looking.stats();
            let _end = looking.topic("t");
            looking.mark();
        });
        log.append(batch()).wait().unwrap();
        log.append(batch()).wait().unwrap();
        looks.join().unwrap();
        log.close().unwrap();
    });
}

#[test]
fn every_append_is_answered_when_the_log_is_closed_meanwhile() {
    explore(|| {
        let log = open(Drive::Threads, |options| options.intake_batches_max = 1);
        let (blocking, awaiting) = (log.clone(), log.clone());
        let threads = [
            thread::spawn(move || blocking.append(batch()).wait().is_ok()),
            thread::spawn(move || future::block_on(awaiting.append(batch())).is_ok()),
        ];
        let closing = log.clone();
        let closed = thread::spawn(move || closing.close().unwrap());
        let committed = threads.map(|thread| u64::from(thread.join().unwrap()));
        closed.join().unwrap();
        assert_eq!(log.tail(), Seq::new(1 + committed.iter().sum::<u64>()));
    });
}

#[test]
fn tasks_and_threads_share_a_full_intake() {
    explore(|| {
        let log = open(Drive::Threads, |options| options.intake_batches_max = 1);
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let log = log.clone();
                thread::spawn(move || future::block_on(log.append(batch())).unwrap())
            })
            .collect();
        log.append(batch()).wait().unwrap();
        for task in tasks {
            task.join().unwrap();
        }
        assert_eq!(log.tail(), Seq::new(5));
    });
}

#[test]
fn a_follower_sees_every_record_once_whether_from_memory_or_from_the_disk() {
    explore(|| {
        let log = open(Drive::Callers, |_| ());
        let follower = log.clone();
        let reading = thread::spawn(move || {
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
        append_from_two_threads(&log, 3);
        log.close().unwrap();
        assert_eq!(reading.join().unwrap(), 6);
    });
}

#[test]
fn a_following_task_is_woken_for_every_record_and_for_the_end() {
    explore(|| {
        let log = open(Drive::Threads, |_| ());
        let follower = log.clone();
        let reading = thread::spawn(move || {
            let mut reader = follower.reader(Start::Earliest).unwrap();
            future::block_on(async move {
                let mut seen = 0;
                while let Some(frame) = next(&mut reader).await {
                    seen += frame.records().count();
                }
                seen
            })
        });
        append_from_two_threads(&log, 1);
        log.close().unwrap();
        assert_eq!(reading.join().unwrap(), 2);
    });
}

#[test]
fn a_close_commits_what_was_let_in_although_it_needs_new_segments() {
    explore(|| {
        let log = open(Drive::Threads, |_| ());
        let payload = vec![7; 11 * 1024];
        let large = NewRecord { topic: "t", payload: &payload, ..NewRecord::default() };
        let sent: Vec<_> = (0..4).map(|_| log.append(Batch::of(large).unwrap()).start()).collect();
        let closing = log.clone();
        let closed = thread::spawn(move || closing.close().unwrap());
        for append in sent {
            append.wait().unwrap();
        }
        closed.join().unwrap();
        assert_eq!(log.tail(), Seq::new(5));
    });
}

#[test]
fn who_closes_second_finds_the_log_closed() {
    explore(|| {
        let storage = Arc::new(MemoryStorage::new());
        let log = open_on(&storage, Drive::Threads, |_| ());
        log.append(batch()).wait().unwrap();
        let closing = log.clone();
        let first = thread::spawn(move || closing.close().unwrap());
        log.close().unwrap();
        let again = open_on(&storage, Drive::Callers, |_| ());
        assert!(again.open_report().was_closed);
        first.join().unwrap();
    });
}

#[test]
fn callers_on_several_threads_do_upkeep_one_at_a_time() {
    explore(|| {
        let log = open(Drive::Callers, |options| options.retention.bytes_max = Some(0));
        let payload = vec![7; 11 * 1024];
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let (log, payload) = (log.clone(), payload.clone());
                thread::spawn(move || {
                    let large = NewRecord { topic: "t", payload: &payload, ..NewRecord::default() };
                    for _ in 0..2 {
                        log.append(Batch::of(large).unwrap()).wait().unwrap();
                    }
                })
            })
            .collect();
        log.trim(log.tail()).unwrap();
        for writer in writers {
            writer.join().unwrap();
        }
        log.close().unwrap();
        assert_eq!(log.tail(), Seq::new(5));
    });
}

/// Lets all be committed, and has something called after each turn.
struct Calls(AfterTurn);

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Calls").finish()
    }
}

impl Decider for Calls {
    fn decide(&mut self, _: &Question, _: Place, _: &mut Batch) -> Decision {
        Decision::Commit { skip: 0 }
    }

    fn place(&mut self, _: Records<'_>) {}

    fn settle(&mut self, _: Settled) {}

    fn after_turn(&self) -> Option<AfterTurn> {
        Some(Arc::clone(&self.0))
    }
}

#[test]
fn what_is_called_after_a_turn_may_append_beside_others_and_learns_of_the_end() {
    explore(|| {
        let log = open(Drive::Threads, |_| ());
        let calls = Arc::new(AtomicU64::new(0));
        let by_call = Arc::new(AtomicU64::new(0));
        let (count, appended, theirs) = (Arc::clone(&calls), Arc::clone(&by_call), log.clone());
        log.set_decider(Box::new(Calls(Arc::new(move || {
            if count.fetch_add(1, Ordering::SeqCst) == 0 {
                // Those whom the turn answered may have closed the log before this came.
                appended.store(u64::from(theirs.append(batch()).wait().is_ok()), Ordering::SeqCst);
            }
        }))));
        append_from_two_threads(&log, 1);
        let before = calls.load(Ordering::SeqCst);
        log.close().unwrap();
        assert!(before < calls.load(Ordering::SeqCst));
        assert_eq!(log.tail(), Seq::new(3 + by_call.load(Ordering::SeqCst)));
        // Else it has the log, and the log has it.
        log.set_decider(Box::new(Calls(Arc::new(|| ()))));
    });
}

fn next(reader: &mut arrw_log::Reader) -> impl Future<Output = Option<arrw_log::Frame>> + '_ {
    std::future::poll_fn(move |context| {
        std::pin::Pin::new(&mut *reader).poll_next(context).map(Result::unwrap)
    })
}
