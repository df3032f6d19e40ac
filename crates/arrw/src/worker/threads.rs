//! Threads for handlers that block. They begin when they are needed, and stay until the worker ends.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

type Work = Box<dyn FnOnce() + Send>;

const UNPOISONED: &str = "no holder of this lock panics";

/// The threads of one run of a worker. There are as many as blocking handlers ran at once.
#[derive(Debug)]
pub(crate) struct Threads {
    name: String,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    work: VecDeque<Work>,
    idle: usize,
    closed: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("work", &self.work.len()).field("idle", &self.idle).finish()
    }
}

impl Threads {
    /// None yet. The system shows them by the name of their worker.
    pub(crate) fn new(worker: &str) -> Self {
        Self { name: format!("arrw-{worker}"), shared: Arc::default(), threads: Vec::new() }
    }

    /// Sees to it that a thread is idle.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(crate) fn make_ready(&mut self) -> io::Result<()> {
        let state = self.shared.lock();
        if state.work.len() < state.idle {
            return Ok(());
        }
        drop(state);
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name(self.name.clone());
        self.threads.push(thread.spawn(move || shared.work_until_closed())?);
        // It counts from here on, so that the next one is not begun for the same work.
        self.shared.lock().idle += 1;
        Ok(())
    }

    /// Has the idle thread do it.
    pub(crate) fn run(&self, work: impl FnOnce() + Send + 'static) {
        self.shared.lock().work.push_back(Box::new(work));
        self.shared.changed.notify_one();
    }

    /// Waits until all of them have ended. None may be at work.
    pub(crate) fn join(&mut self) {
        self.close();
        for thread in self.threads.drain(..) {
            thread.join().expect("panics of handlers are caught");
        }
    }

    fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Threads {
    /// Those at work end when their handlers do.
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn work_until_closed(&self) {
        let mut state = self.lock();
        loop {
            if let Some(work) = state.work.pop_front() {
                state.idle -= 1;
                drop(state);
                work();
                state = self.lock();
                state.idle += 1;
            } else if state.closed {
                return;
            } else {
                state = self.changed.wait(state).expect(UNPOISONED);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect(UNPOISONED)
    }
}
