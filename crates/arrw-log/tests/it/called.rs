//! Whom the decider names, and when they are called.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrw_log::{AppendError, Drive, Options, Seq};

use crate::maker::Maker;
use crate::support::{batch, memory, open, small};

#[test]
fn whom_the_decider_names_is_called_after_each_turn_and_may_append() {
    for drive in [Drive::Callers, Drive::Threads] {
        let log = open(&memory(), Options { drive, ..small() });
        let maker = Maker::default();
        let called = Arc::new(AtomicU64::new(0));
        let (count, weak) = (Arc::clone(&called), log.clone());
        maker.lock().after_turn = Some(Arc::new(move || {
            // The first call appends, which is a turn, and calls this again.
            if count.fetch_add(1, Ordering::SeqCst) == 0 {
                assert_eq!(weak.append(batch("a", &["2"])).wait().unwrap().last.get(), 2);
                assert_eq!(weak.stats().tail, Seq::new(3));
            }
        }));
        log.set_decider(Box::new(maker.clone()));
        assert_eq!(called.load(Ordering::SeqCst), 0);
        log.append(batch("a", &["1"])).wait().unwrap();
        // Whoever had the turn may still be at it.
        while called.load(Ordering::SeqCst) < 2 {
            std::thread::yield_now();
        }
        // Another decider that wants nothing called.
        log.set_decider(Box::new(Maker::default()));
        log.append(batch("a", &["3"])).wait().unwrap();
        log.close().unwrap();
        assert_eq!((called.load(Ordering::SeqCst), log.tail()), (2, Seq::new(4)));
    }
}

#[test]
fn whom_the_decider_names_learns_that_the_log_is_closed() {
    for drive in [Drive::Callers, Drive::Threads] {
        let log = open(&memory(), Options { drive, ..small() });
        let maker = Maker::default();
        let seen_closed = Arc::new(AtomicU64::new(0));
        let (count, theirs) = (Arc::clone(&seen_closed), log.clone());
        maker.lock().after_turn = Some(Arc::new(move || {
            let refused = theirs.append(batch("a", &["late"])).wait();
            assert!(matches!(refused, Err(AppendError::Closed)), "{refused:?}");
            count.fetch_add(1, Ordering::SeqCst);
        }));
        log.set_decider(Box::new(maker.clone()));
        log.close().unwrap();
        assert_eq!(seen_closed.load(Ordering::SeqCst), 1);
        // And a second close tells nobody again.
        log.close().unwrap();
        assert_eq!(seen_closed.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn a_panic_of_whom_the_decider_names_harms_nobody_else() {
    let log = open(&memory(), small());
    let maker = Maker::default();
    maker.lock().after_turn = Some(Arc::new(|| unreachable!("on purpose")));
    log.set_decider(Box::new(maker.clone()));
    for _ in 0..2 {
        log.append(batch("a", &["1"])).wait().unwrap();
    }
    log.close().unwrap();
    assert_eq!(log.tail(), Seq::new(3));
}
