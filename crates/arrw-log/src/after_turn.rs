//! Whom to call after each turn of the writer, on behalf of its decider.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::decide::AfterTurn;
use crate::sync::{Mutex, lock};

/// What the decider wants called, if there is one.
#[derive(Default)]
pub(crate) struct AfterTurns {
    call: Mutex<Option<AfterTurn>>,
    /// True when it was called because the log stopped.
    is_stop_told: AtomicBool,
}

impl AfterTurns {
    /// Has this called from now on, and nothing else. Answers what was called before, whose drop may use
    /// the log.
    pub(crate) fn set(&self, call: Option<AfterTurn>) -> Option<AfterTurn> {
        self.is_stop_told.store(false, Ordering::Release);
        std::mem::replace(&mut *lock(&self.call), call)
    }

    /// Calls it. No lock may be held: it may use the log.
    pub(crate) fn call(&self) {
        let call = lock(&self.call).clone();
        if let Some(call) = call {
            // One that panics has itself to blame, as a waker has; whoever commits goes on.
            let _panicked = std::panic::catch_unwind(AssertUnwindSafe(|| call()));
        }
    }

    /// Calls it because the log stopped, unless that was done: it may use the log, and so come here again.
    pub(crate) fn tell_stop(&self) {
        if !self.is_stop_told.swap(true, Ordering::AcqRel) {
            self.call();
        }
    }
}

impl fmt::Debug for AfterTurns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AfterTurns").finish_non_exhaustive()
    }
}
