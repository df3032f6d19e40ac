//! Locks and atomics of everything that threads share: std's, or those of the schedule explorer.

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
