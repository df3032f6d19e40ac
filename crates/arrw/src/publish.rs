//! A publish on its way: wait for it on a thread, or await it in a task.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use arrw_log::{Append, Epoch, Seq, Timestamp};

use crate::error::PublishError;

/// Events that were published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The life of the log that they are in; for a volatile event, this start's.
    pub epoch: Epoch,
    /// The first of them.
    pub first: Seq,
    /// The last of them. Those between are theirs alone.
    pub last: Seq,
    /// How many they are.
    pub count: u64,
    /// The last one's place in its topic; 0 for a volatile event.
    pub last_offset: u64,
    /// When they were committed.
    pub time: Timestamp,
}

/// A publish that was asked for. Of a durable topic it does nothing until it is waited for or polled; from
/// then on it will be committed even if this is dropped. Of a volatile topic it has been done.
#[derive(Debug)]
#[must_use = "a publish does nothing until it is waited for or awaited"]
pub struct Publish(State);

#[derive(Debug)]
enum State {
    Durable(Append),
    Done(Published),
}

impl Publish {
    pub(crate) fn durable(append: Append) -> Self {
        Self(State::Durable(append))
    }

    pub(crate) fn done(published: Published) -> Self {
        Self(State::Done(published))
    }

    /// Hands the events over now, so that other work can be done before the answer is needed.
    pub fn start(self) -> Self {
        match self.0 {
            State::Durable(append) => Self(State::Durable(append.start())),
            State::Done(_) => self,
        }
    }

    /// Waits on this thread until the events are on the disk.
    ///
    /// # Errors
    /// See [`PublishError`]; [`PublishError::outcome`] says whether they may yet be published.
    pub fn wait(self) -> Result<Published, PublishError> {
        match self.0 {
            State::Durable(append) => Ok(append.wait()?.into()),
            State::Done(published) => Ok(published),
        }
    }
}

impl Future for Publish {
    type Output = Result<Published, PublishError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Durable(append) => Pin::new(append)
                .poll(context)
                .map(|answer| answer.map(Published::from).map_err(PublishError::from)),
            State::Done(published) => Poll::Ready(Ok(*published)),
        }
    }
}

impl From<arrw_log::Committed> for Published {
    fn from(committed: arrw_log::Committed) -> Self {
        let arrw_log::Committed { epoch, first, last, last_offset, time } = committed;
        let count = last.get() + 1 - first.get();
        Self { epoch, first, last, count, last_offset, time }
    }
}
