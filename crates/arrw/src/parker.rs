//! A thread that waits where a task could: it is woken as one.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

/// What wakes one thread.
#[derive(Debug)]
pub(crate) struct Parker {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Parker {
    /// One for the calling thread.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { thread: thread::current(), is_woken: AtomicBool::new(false) })
    }

    /// True when it is the calling thread's.
    pub(crate) fn is_ours(&self) -> bool {
        self.thread.id() == thread::current().id()
    }

    /// A waker for it.
    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    /// Waits until it was woken since the last time; false when the time came first.
    pub(crate) fn park(&self, until: Option<Instant>) -> bool {
        loop {
            if self.is_woken.swap(false, Ordering::Acquire) {
                return true;
            }
            match until {
                None => thread::park(),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    thread::park_timeout(left);
                }
            }
        }
    }
}

/// Drives a future on this thread until it is done.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let parker = Parker::new();
    let waker = parker.waker();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        parker.park(None);
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
