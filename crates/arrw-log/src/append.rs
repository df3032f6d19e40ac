//! An append on its way: wait for it on a thread, or await it in a task.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::error::AppendError;
use crate::intake::{Refused, Wake};
use crate::options::Drive;
use crate::record::Batch;
use crate::shared::Shared;
use crate::sync;
use crate::ticket::{Committed, Ticket};

/// An append that was asked for. It does nothing until it is waited for or polled; from then on it will
/// be committed even if this is dropped.
#[derive(Debug)]
#[must_use = "an append does nothing until it is waited for or awaited"]
pub struct Append {
    shared: Arc<Shared>,
    state: State,
}

#[derive(Debug)]
enum State {
    New(Batch),
    /// There was no room; the number under which it waits.
    Held(Batch, u64),
    Sent(sync::Arc<Ticket>),
    Over,
}

impl Append {
    pub(crate) fn new(shared: Arc<Shared>, batch: Batch) -> Self {
        Self { shared, state: State::New(batch) }
    }

    /// Hands the batch to the writer now, if there is room, so that other work can be done before the
    /// answer is needed.
    pub fn start(mut self) -> Self {
        if let State::New(batch) = std::mem::replace(&mut self.state, State::Over) {
            self.state = match self.shared.intake.put(batch, Wake::Writer) {
                Ok(ticket) => State::Sent(ticket),
                Err(Refused::Busy(batch)) => State::New(batch),
                Err(Refused::Closed) => State::Over,
            };
        }
        self
    }

    /// Waits on this thread until the batch is on the disk.
    ///
    /// Blocks for one write and one sync, longer under load. When nobody is writing this thread does,
    /// which saves waking another one.
    ///
    /// # Errors
    /// See [`AppendError`]; [`AppendError::outcome`] says whether the batch may yet be in the log.
    pub fn wait(self) -> Result<Committed, AppendError> {
        let shared = self.shared;
        let ticket = match self.state {
            State::New(batch) | State::Held(batch, _) => send(&shared, batch)?,
            State::Sent(ticket) => ticket,
            State::Over => return Err(shared.refusal()),
        };
        loop {
            if let Some(answer) = ticket.try_take() {
                return answer;
            }
            if shared.try_turn() {
                shared.hand_over();
            } else {
                // The writer looks for more work after it has let go of its role.
                return ticket.wait();
            }
        }
    }
}

/// Puts the batch in, waiting for room as long as it takes.
fn send(shared: &Shared, mut batch: Batch) -> Result<sync::Arc<Ticket>, AppendError> {
    loop {
        let bytes = batch.stored_bytes();
        batch = match shared.intake.put(batch, Wake::Nobody) {
            Ok(ticket) => return Ok(ticket),
            Err(Refused::Closed) => return Err(shared.refusal()),
            Err(Refused::Busy(batch)) => batch,
        };
        if shared.try_turn() {
            shared.hand_over();
        } else {
            shared.intake.wait_for_room(bytes);
        }
    }
}

impl Future for Append {
    type Output = Result<Committed, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let (batch, number) = match std::mem::replace(&mut self.state, State::Over) {
                State::New(batch) => (batch, None),
                State::Held(batch, number) => (batch, Some(number)),
                State::Sent(ticket) => return self.poll_sent(ticket, context),
                State::Over => return Poll::Ready(Err(self.shared.refusal())),
            };
            let bytes = batch.stored_bytes();
            match self.shared.intake.put(batch, Wake::Writer) {
                Ok(ticket) => self.state = State::Sent(ticket),
                Err(Refused::Closed) => return Poll::Ready(Err(self.shared.refusal())),
                Err(Refused::Busy(batch)) => {
                    let number = number.unwrap_or_else(|| self.shared.waiter());
                    self.state = State::Held(batch, number);
                    if self.shared.intake.wake_on_room(bytes, number, context.waker()) {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

impl Append {
    fn poll_sent(
        &mut self,
        ticket: sync::Arc<Ticket>,
        context: &Context<'_>,
    ) -> Poll<Result<Committed, AppendError>> {
        if let Some(answer) = ticket.try_take() {
            return Poll::Ready(answer);
        }
        if self.shared.options.drive == Drive::Callers && self.shared.try_turn() {
            self.shared.hand_over();
        }
        let answer = ticket.poll(context);
        if answer.is_pending() {
            self.state = State::Sent(ticket);
        }
        answer
    }
}
