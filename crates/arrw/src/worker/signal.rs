//! How a handler learns that its job is to be cancelled, on a thread or in a task.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

/// How much a handler is wanted. It only gets less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// It is to do its work.
    #[default]
    Wanted,
    /// It is to end soon.
    Cancelled,
    /// Nothing of it is wanted any more; a future is dropped.
    Over,
}

/// What one attempt and its worker share.
#[derive(Debug, Default)]
pub(crate) struct Signal(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    level: Level,
    /// Who waits, by a number of their own.
    wakers: BTreeMap<u64, Waker>,
    next: u64,
}

impl Signal {
    pub(crate) fn level(&self) -> Level {
        self.lock().level
    }

    /// Goes to a level, unless it is there or beyond; wakes all who wait.
    pub(crate) fn raise(&self, level: Level) {
        let mut state = self.lock();
        if level <= state.level {
            return;
        }
        state.level = level;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_values().for_each(Waker::wake);
    }

    /// Done when the level is reached.
    pub(crate) fn reached(self: &Arc<Self>, level: Level) -> Reached {
        Reached { signal: Arc::clone(self), level, number: None }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

/// Waits until a level is reached.
#[derive(Debug)]
pub(crate) struct Reached {
    signal: Arc<Signal>,
    level: Level,
    number: Option<u64>,
}

impl Future for Reached {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut state = this.signal.lock();
        if this.level <= state.level {
            return Poll::Ready(());
        }
        let number = *this.number.get_or_insert_with(|| {
            state.next += 1;
            state.next
        });
        state.wakers.insert(number, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Reached {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.signal.lock().wakers.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_woken_and_who_went_away_leaves_nothing() {
        let signal = Arc::new(Signal::default());
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            let mut waiting = signal.reached(Level::Cancelled);
            assert!(Pin::new(&mut waiting).poll(&mut context).is_pending());
        }
        assert_eq!(signal.lock().wakers.len(), 0);
        let mut waiting = signal.reached(Level::Cancelled);
        assert!(Pin::new(&mut waiting).poll(&mut context).is_pending());
        signal.raise(Level::Over);
        signal.raise(Level::Cancelled);
        assert_eq!(signal.level(), Level::Over);
        assert!(Pin::new(&mut waiting).poll(&mut context).is_ready());
    }
}
