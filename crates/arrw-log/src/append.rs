//! An append on its way: wait for it on a thread, or await it in a task.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::error::AppendError;
use crate::intake::{Refused, Wake};
use crate::opened::Opened;
use crate::options::Drive;
use crate::record::Batch;
use crate::ticket::{Answer, Committed, Ticket};

/// An append that was asked for. It does nothing until it is waited for or polled; from then on it will
/// be committed even if this is dropped.
#[derive(Debug)]
#[must_use = "an append does nothing until it is waited for or awaited"]
pub struct Append {
    shared: Arc<Opened>,
    state: State,
}

#[derive(Debug)]
enum State {
    New(Batch),
    /// There was no room; the number under which it waits.
    Held(Batch, u64),
    Sent(Ticket),
    Over(AppendError),
}

impl Append {
    pub(crate) fn new(shared: Arc<Opened>, batch: Batch) -> Self {
        let (actual, max) = (batch.stored_bytes_max(), shared.intake.batch_bytes_max());
        let state = if batch.is_empty() && batch.question().is_none() {
            State::Over(AppendError::Empty)
        } else if max < actual {
            State::Over(AppendError::TooLarge { actual, max })
        } else {
            State::New(batch)
        };
        Self { shared, state }
    }

    /// Hands the batch to the writer now, if there is room, so that other work can be done before the
    /// answer is needed.
    pub fn start(mut self) -> Self {
        if let State::New(batch) = &self.state {
            match self.shared.intake.put(batch, Wake::Writer(None)) {
                Ok(ticket) => self.state = State::Sent(ticket),
                Err(Refused::Busy) => (),
                Err(Refused::Closed) => self.state = State::Over(self.shared.refusal()),
            }
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
            State::New(batch) | State::Held(batch, _) => send(&shared, &batch)?,
            State::Sent(ticket) => ticket,
            State::Over(error) => return Err(error),
        };
        loop {
            if let Some(answer) = ticket.try_get() {
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

    fn poll_sent(&self, ticket: &Ticket, context: &Context<'_>) -> Poll<Answer> {
        if let Some(answer) = ticket.try_get() {
            return Poll::Ready(answer);
        }
        if self.shared.options.drive == Drive::Callers && self.shared.try_turn() {
            self.shared.hand_over();
        }
        ticket.poll(context)
    }
}

/// Puts the batch in, waiting for room as long as it takes.
fn send(shared: &Opened, batch: &Batch) -> Result<Ticket, AppendError> {
    loop {
        match shared.intake.put(batch, Wake::Nobody) {
            Ok(ticket) => return Ok(ticket),
            Err(Refused::Closed) => return Err(shared.refusal()),
            Err(Refused::Busy) if shared.try_turn() => shared.hand_over(),
            Err(Refused::Busy) => shared.intake.wait_for_room(batch.stored_bytes_max()),
        }
    }
}

impl Future for Append {
    type Output = Result<Committed, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let (batch, number) = match &self.state {
                State::New(batch) => (batch, None),
                State::Held(batch, number) => (batch, Some(*number)),
                State::Sent(ticket) => return self.poll_sent(ticket, context),
                State::Over(error) => return Poll::Ready(Err(error.clone())),
            };
            let bytes = batch.stored_bytes_max();
            match self.shared.intake.put(batch, Wake::Writer(Some(context.waker().clone()))) {
                Ok(ticket) => {
                    self.state = State::Sent(ticket);
                    if self.shared.options.drive == Drive::Threads {
                        return Poll::Pending;
                    }
                }
                Err(Refused::Closed) => return Poll::Ready(Err(self.shared.refusal())),
                Err(Refused::Busy)
                    if self.shared.options.drive == Drive::Callers && self.shared.try_turn() =>
                {
                    self.shared.hand_over();
                }
                Err(Refused::Busy) => {
                    let number = number.unwrap_or_else(|| self.shared.waiter());
                    if self.shared.intake.wake_on_room(bytes, number, context.waker()) {
                        if let State::New(batch) = &mut self.state {
                            self.state = State::Held(std::mem::take(batch), number);
                        }
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}
