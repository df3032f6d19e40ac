//! The attempts of a worker that run now: begins them, has tasks of its own go on, and tells handlers what became of
//! their leases.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use arrw_jobs::Token;

use crate::jobs::watch::{Lease, Watch};
use crate::worker::answer::Failure;
use crate::worker::attempt::Attempt;
use crate::worker::desk::{Desk, Ended};
use crate::worker::handler::Handler;
use crate::worker::signal::Level;
use crate::worker::task::{self, Task};
use crate::worker::threads::Threads;

/// Gives tasks to a runtime.
pub(crate) type Spawner = Arc<dyn Fn(Task) + Send + Sync>;

/// The attempts that run.
pub(crate) struct Crew {
    desk: Arc<Desk>,
    spawner: Option<Spawner>,
    threads: Threads,
    /// By what proves their leases.
    running: BTreeMap<Token, Running>,
    /// Handlers that block may still be at work when nothing runs.
    has_left: bool,
}

/// One attempt that runs.
struct Running {
    attempt: Attempt,
    /// The task, if this worker drives it, and what wakes it.
    task: Option<(Task, Arc<TaskWaker>)>,
    is_async: bool,
    is_lost: bool,
}

/// An attempt that ran.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) attempt: Attempt,
    pub(crate) ended: Ended,
    /// Its lease was over before it ended, so nothing is to be finished.
    pub(crate) is_lost: bool,
}

impl Crew {
    pub(crate) fn new(worker: &str, desk: &Arc<Desk>, spawner: Option<Spawner>) -> Self {
        let (threads, running) = (Threads::new(worker), BTreeMap::new());
        Self { desk: Arc::clone(desk), spawner, threads, running, has_left: false }
    }

    /// How many run.
    pub(crate) fn len(&self) -> usize {
        self.running.len()
    }

    /// How many of them block a thread.
    pub(crate) fn blocking(&self) -> usize {
        self.running.values().filter(|running| !running.is_async).count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Begins an attempt. When the system has no thread for it, it fails.
    pub(crate) fn begin(&mut self, handler: &Handler, attempt: Attempt) {
        let token = attempt.token();
        let mut running =
            Running { attempt: attempt.clone(), task: None, is_async: false, is_lost: false };
        match handler {
            Handler::Async(handler) => {
                running.is_async = true;
                let task = task::of_async(handler(attempt.clone()), &attempt, &self.desk);
                match &self.spawner {
                    Some(spawn) => {
                        self.running.insert(token, running);
                        return spawn(task);
                    }
                    None => running.task = Some((task, self.task_waker(token))),
                }
            }
            Handler::Blocking(handler) => match self.threads.make_ready() {
                Ok(()) => {
                    let handler = Arc::clone(handler);
                    self.threads.run(task::of_blocking(handler, attempt, &self.desk));
                }
                Err(error) => {
                    let failure = Failure::new(format!("there is no thread for it: {error}"));
                    self.desk.end(token, Ended::Answered(Err(failure)));
                }
            },
        }
        self.running.insert(token, running);
    }

    /// Has the tasks of this worker go on, those that can.
    pub(crate) fn go_on(&mut self, woken: &[Token]) {
        for token in woken {
            let Some(running) = self.running.get_mut(token) else { continue };
            let Some((task, waker)) = &mut running.task else { continue };
            waker.is_woken.store(false, Ordering::SeqCst);
            let waker = Waker::from(Arc::clone(waker));
            if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                running.task = None;
            }
        }
    }

    /// An attempt ended: what it was.
    pub(crate) fn end(&mut self, token: Token, ended: Ended) -> Option<Ran> {
        let Running { attempt, is_lost, .. } = self.running.remove(&token)?;
        Some(Ran { attempt, ended, is_lost })
    }

    /// Tells handlers whose lease is over, or whose job is to be cancelled.
    pub(crate) fn look(&mut self, watch: &Watch) {
        for (token, running) in &mut self.running {
            let Running { attempt, is_async, is_lost, .. } = running;
            match watch.lease(attempt.id(), *token) {
                Lease::Held => {}
                Lease::Cancelling => attempt.signal().raise(Level::Cancelled),
                Lease::Over => {
                    *is_lost = true;
                    // Only time ends a lease that its worker has; a blocking handler ends when it likes.
                    let is_dropped = *is_async && attempt.deadline().is_some();
                    attempt.signal().raise(if is_dropped { Level::Over } else { Level::Cancelled });
                }
            }
        }
    }

    /// Tells all handlers that they are wanted so much.
    pub(crate) fn raise(&self, level: Level) {
        for running in self.running.values() {
            running.attempt.signal().raise(level);
        }
    }

    /// Waits for the threads to end, which is at once unless handlers were left behind.
    pub(crate) fn join(&mut self) {
        if !self.has_left {
            self.threads.join();
        }
    }

    /// Lets go of all that run. Answers those whose leases are still theirs.
    pub(crate) fn let_go(&mut self) -> Vec<Attempt> {
        self.raise(Level::Over);
        self.has_left |= 0 < self.blocking();
        let running = std::mem::take(&mut self.running).into_values();
        running.filter(|running| !running.is_lost).map(|running| running.attempt).collect()
    }

    fn task_waker(&self, token: Token) -> Arc<TaskWaker> {
        let (desk, is_woken) = (Arc::clone(&self.desk), AtomicBool::new(false));
        let waker = Arc::new(TaskWaker { desk, token, is_woken });
        waker.wake_by_ref();
        waker
    }
}

/// Wakes one task of a worker: notes once that it can go on, until it did.
struct TaskWaker {
    desk: Arc<Desk>,
    token: Token,
    is_woken: AtomicBool,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_woken.swap(true, Ordering::SeqCst) {
            self.desk.woken(self.token);
        }
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").field("running", &self.running.len()).finish_non_exhaustive()
    }
}
