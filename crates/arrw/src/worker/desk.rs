//! Where a worker learns what happened while it did not look: attempts that ended, tasks that can go on, leases to look at.

use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Wake, Waker};

use arrw_jobs::Token;

use crate::worker::handler::Answer;

/// The news of one run of a worker. Woken as a waker it has the leases looked at.
#[derive(Debug, Default)]
pub(crate) struct Desk(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Whom to wake when there are news.
    waker: Option<Waker>,
    news: News,
}

/// What happened since the last look. Attempts are known by what proves their leases.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Those that ended. There are no more than run at once.
    pub(crate) ended: Vec<(Token, Ended)>,
    /// Those of this task that can go on.
    pub(crate) woken: Vec<Token>,
    /// A lease may have ended, or the worker is to stop.
    pub(crate) must_look: bool,
}

/// How a handler ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It answered.
    Answered(Answer),
    /// It panicked, with these words.
    Panicked(String),
    /// It was dropped before it ended.
    Dropped,
}

impl Desk {
    /// Has `waker` woken at the next news.
    pub(crate) fn listen(&self, waker: &Waker) {
        let mut state = self.lock();
        if !state.waker.as_ref().is_some_and(|it| it.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
    }

    /// The news, which are forgotten here.
    pub(crate) fn take(&self) -> News {
        std::mem::take(&mut self.lock().news)
    }

    /// True when there are news.
    pub(crate) fn has_news(&self) -> bool {
        let News { ended, woken, must_look } = &self.lock().news;
        !ended.is_empty() || !woken.is_empty() || *must_look
    }

    /// An attempt ended.
    pub(crate) fn end(&self, token: Token, ended: Ended) {
        self.note(|news| news.ended.push((token, ended)));
    }

    /// A task can go on.
    pub(crate) fn woken(&self, token: Token) {
        self.note(|news| news.woken.push(token));
    }

    fn note(&self, note: impl FnOnce(&mut News)) {
        let mut state = self.lock();
        note(&mut state.news);
        let waker = state.waker.clone();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

impl Wake for Desk {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.note(|news| news.must_look = true);
    }
}
