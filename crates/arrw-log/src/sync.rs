//! Locks and atomics of everything that threads share: std's, or those of the schedule explorer.

use std::panic::AssertUnwindSafe;
use std::task::Waker;

#[cfg(not(feature = "shuttle"))]
pub(crate) use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, TryLockError,
    atomic::{AtomicU64, Ordering},
};
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::thread;

#[cfg(feature = "shuttle")]
pub(crate) use shuttle::sync::{
    Arc, Condvar, Mutex, MutexGuard, TryLockError,
    atomic::{AtomicU64, Ordering},
};
#[cfg(feature = "shuttle")]
pub(crate) use shuttle::thread;

/// Takes a lock whose holders never panic while they hold it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}

/// Wakes a task. One that panics then has itself to blame: those behind it are woken all the same, and
/// whoever commits goes on.
pub(crate) fn wake(waker: Waker) {
    // The panic was reported by the hook; the waker is gone with it.
    let _panicked = std::panic::catch_unwind(AssertUnwindSafe(|| waker.wake()));
}
