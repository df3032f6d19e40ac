//! How a worker is told to stop: how far it is with that, and the thread that minds how long each step may take.
//!
//! ```text
//!  Runs --stop--> Drains --grace is over--> Cancels --1 s--> LetsGo
//! ```

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::worker::desk::Desk;
use crate::worker::limits::CANCEL_MS_MAX;

const UNPOISONED: &str = "no holder of this lock panics";

/// How far a worker is on its way to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// It works.
    #[default]
    Runs,
    /// It claims no more, and waits for what runs.
    Drains,
    /// What runs is told to end.
    Cancels,
    /// What still runs is let go of.
    LetsGo,
}

/// What a worker and those who stop it share.
#[derive(Debug)]
pub(crate) struct Stop {
    state: Mutex<State>,
    changed: Condvar,
    desk: Arc<Desk>,
}

#[derive(Debug, Default)]
struct State {
    stage: Stage,
    /// When it goes on to `Cancels`; `None` for never.
    until: Option<Instant>,
    /// A thread minds that.
    is_minded: bool,
    has_ended: bool,
}

impl Stop {
    pub(crate) fn new(desk: &Arc<Desk>) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), desk: Arc::clone(desk) }
    }

    pub(crate) fn stage(&self) -> Stage {
        self.lock().stage
    }

    /// Has the worker stop: what runs has so much time. Of two calls the shorter time counts.
    pub(crate) fn begin(self: &Arc<Self>, grace: Duration) {
        let until = Instant::now().checked_add(grace);
        let mut state = self.lock();
        state.stage = state.stage.max(Stage::Drains);
        state.until = [state.until, until].into_iter().flatten().min();
        if !std::mem::replace(&mut state.is_minded, true) {
            let minded = Arc::clone(self);
            let thread = std::thread::Builder::new().name("arrw-worker-stop".to_owned());
            if thread.spawn(move || minded.mind()).is_err() {
                // Nobody minds the time: none is given.
                state.stage = Stage::LetsGo;
            }
        }
        drop(state);
        self.tell();
    }

    /// The worker has ended: nobody need mind the time.
    pub(crate) fn end(&self) {
        self.lock().has_ended = true;
        self.changed.notify_all();
    }

    /// A worker begins anew.
    pub(crate) fn begin_anew(&self) {
        self.lock().has_ended = false;
    }

    fn mind(&self) {
        self.wait_until(|state| state.until);
        self.go_to(Stage::Cancels);
        let end = Instant::now().checked_add(Duration::from_millis(CANCEL_MS_MAX));
        self.wait_until(|_| end);
        self.go_to(Stage::LetsGo);
    }

    fn wait_until(&self, until: impl Fn(&State) -> Option<Instant>) {
        let mut state = self.lock();
        while !state.has_ended {
            let Some(until) = until(&state) else {
                state = self.changed.wait(state).expect(UNPOISONED);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).expect(UNPOISONED).0;
        }
    }

    fn go_to(&self, stage: Stage) {
        let mut state = self.lock();
        state.stage = state.stage.max(stage);
        drop(state);
        self.tell();
    }

    fn tell(&self) {
        self.changed.notify_all();
        Waker::from(Arc::clone(&self.desk)).wake();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect(UNPOISONED)
    }
}
