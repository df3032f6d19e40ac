//! How callers wait for the answers to their appends, on a thread or in a task.

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};

use crate::error::AppendError;
use crate::position::{Epoch, Seq, Timestamp};
use crate::sync::{self, Arc, Condvar, Mutex, lock};

/// An append that is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The life of the log that it is in.
    pub epoch: Epoch,
    /// Its first record.
    pub first: Seq,
    /// Its last record.
    pub last: Seq,
    /// Offset of its last record in that one's topic; 0 for a control record.
    pub last_offset: u64,
    /// When it was committed, on the log's clock.
    pub time: Timestamp,
}

/// What an append is answered.
pub(crate) type Answer = Result<Committed, AppendError>;

#[derive(Debug, Default)]
struct State {
    /// One for each batch, once they are there.
    answers: Option<Vec<Answer>>,
    /// Tasks that asked again before that, by the place of their batch.
    wakers: BTreeMap<usize, Waker>,
    /// Threads that wait.
    threads: usize,
}

/// Where the writer leaves the answers to all batches of a frame: all are told at once.
#[derive(Debug)]
pub(crate) struct Answers {
    state: Mutex<State>,
    given: Condvar,
}

impl Answers {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State::default()), given: Condvar::new() }
    }

    /// Leaves the answers and wakes the threads that wait. Tasks are still to be woken.
    pub(crate) fn give(&self, answers: Vec<Answer>) {
        let mut state = lock(&self.state);
        state.answers = Some(answers);
        if state.threads > 0 {
            self.given.notify_all();
        }
    }

    /// Wakes the tasks that asked again before there was an answer.
    pub(crate) fn wake(&self) {
        let wakers = std::mem::take(&mut lock(&self.state).wakers);
        for waker in wakers.into_values() {
            sync::wake(waker);
        }
    }
}

/// The place of one batch among those of a frame.
#[derive(Debug)]
pub(crate) struct Ticket {
    answers: Arc<Answers>,
    place: usize,
}

impl Ticket {
    pub(crate) fn new(answers: Arc<Answers>, place: usize) -> Self {
        Self { answers, place }
    }

    /// The answer if it is there.
    pub(crate) fn try_get(&self) -> Option<Answer> {
        lock(&self.answers.state).get(self.place)
    }

    /// Waits on this thread for the answer.
    pub(crate) fn wait(&self) -> Answer {
        let mut state = lock(&self.answers.state);
        loop {
            if let Some(answer) = state.get(self.place) {
                return answer;
            }
            state.threads += 1;
            state = self.answers.given.wait(state).expect("no holder of this lock panics");
            state.threads -= 1;
        }
    }

    /// The answer, or has the task woken when it comes.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<Answer> {
        let mut state = lock(&self.answers.state);
        match state.get(self.place) {
            Some(answer) => Poll::Ready(answer),
            None => {
                state.wakers.insert(self.place, context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl State {
    fn get(&self, place: usize) -> Option<Answer> {
        self.answers.as_ref().map(|answers| answers[place].clone())
    }
}
