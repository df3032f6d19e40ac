//! How a caller waits for the answer to an append, on a thread or in a task.

use std::task::{Context, Poll, Waker};

use crate::error::AppendError;
use crate::position::{Epoch, Seq, Timestamp};
use crate::sync::{Condvar, Mutex, lock};

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

#[derive(Debug)]
enum State {
    Waiting(Waiter),
    Answered(Answer),
    Taken,
}

/// Who is to be woken. Waking nobody costs nothing; a thread costs a call of the system.
#[derive(Debug)]
enum Waiter {
    Nobody,
    Task(Waker),
    Thread,
}

/// Where the writer leaves the answer to one append.
#[derive(Debug)]
pub(crate) struct Ticket {
    state: Mutex<State>,
    answered: Condvar,
}

impl Ticket {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State::Waiting(Waiter::Nobody)), answered: Condvar::new() }
    }

    /// Leaves the answer and wakes who waits.
    pub(crate) fn answer(&self, answer: Answer) {
        let before = std::mem::replace(&mut *lock(&self.state), State::Answered(answer));
        match before {
            State::Waiting(Waiter::Task(waker)) => waker.wake(),
            State::Waiting(Waiter::Thread) => self.answered.notify_one(),
            State::Waiting(Waiter::Nobody) | State::Answered(_) | State::Taken => (),
        }
    }

    /// Takes the answer if it is there.
    pub(crate) fn try_take(&self) -> Option<Answer> {
        take(&mut lock(&self.state))
    }

    /// Waits on this thread for the answer.
    pub(crate) fn wait(&self) -> Answer {
        let mut state = lock(&self.state);
        loop {
            if let Some(answer) = take(&mut state) {
                return answer;
            }
            *state = State::Waiting(Waiter::Thread);
            state = self.answered.wait(state).expect("no holder of this lock panics");
        }
    }

    /// Takes the answer, or has the task woken when it comes.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<Answer> {
        let mut state = lock(&self.state);
        if let Some(answer) = take(&mut state) {
            return Poll::Ready(answer);
        }
        match &mut *state {
            State::Waiting(Waiter::Task(waker)) => waker.clone_from(context.waker()),
            State::Waiting(waiter) => *waiter = Waiter::Task(context.waker().clone()),
            State::Answered(_) | State::Taken => (),
        }
        Poll::Pending
    }
}

/// Takes the answer out.
fn take(state: &mut State) -> Option<Answer> {
    match std::mem::replace(state, State::Taken) {
        State::Answered(answer) => Some(answer),
        other @ (State::Waiting(_) | State::Taken) => {
            *state = other;
            None
        }
    }
}
