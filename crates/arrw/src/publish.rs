//! A publish on its way: wait for it on a thread, or await it in a task.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use arrw_bus::RuleError;
use arrw_log::{Append, AppendError, Committed, Epoch, Seq, Timestamp};

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
    /// How many they are; 0 when all were published before or there were none, and then the seqs are 0.
    pub count: u64,
    /// The last one's place in its topic; 0 for a volatile event, for those of a producer and of a mixed batch.
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
    Durable(Append, Shape),
    Done(Published),
}

/// What the records of a batch are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Events.
    Events,
    /// New events of a producer, in this life of the log, and a control record behind them.
    Produced(Epoch),
    /// So many events, and other records behind them.
    Mixed(u64),
}

impl Publish {
    pub(crate) fn durable(append: Append, shape: Shape) -> Self {
        Self(State::Durable(append, shape))
    }

    pub(crate) fn done(published: Published) -> Self {
        Self(State::Done(published))
    }

    /// Hands the events over now, so that other work can be done before the answer is needed.
    pub fn start(self) -> Self {
        match self.0 {
            State::Durable(append, shape) => Self(State::Durable(append.start(), shape)),
            State::Done(_) => self,
        }
    }

    /// Waits on this thread until the events are on the disk.
    ///
    /// # Errors
    /// See [`PublishError`]; [`PublishError::outcome`] says whether they may yet be published.
    pub fn wait(self) -> Result<Published, PublishError> {
        match self.0 {
            State::Durable(append, shape) => answer(append.wait(), shape),
            State::Done(published) => Ok(published),
        }
    }
}

impl Future for Publish {
    type Output = Result<Published, PublishError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Durable(append, shape) => {
                Pin::new(append).poll(context).map(|answered| answer(answered, *shape))
            }
            State::Done(published) => Poll::Ready(Ok(*published)),
        }
    }
}

/// What the log's answer means for the events.
fn answer(answer: Result<Committed, AppendError>, shape: Shape) -> Result<Published, PublishError> {
    let answer = answer.map_err(PublishError::from);
    if let (Shape::Produced(epoch), Err(PublishError::Rule(RuleError::AlreadyPublished { .. }))) =
        (shape, &answer)
    {
        let (first, last, time) = (Seq::ZERO, Seq::ZERO, Timestamp::default());
        return Ok(Published { epoch, first, last, count: 0, last_offset: 0, time });
    }
    let Committed { epoch, first, last, last_offset, time } = answer?;
    let count = match shape {
        Shape::Events => {
            let count = last.get() + 1 - first.get();
            return Ok(Published { epoch, first, last, count, last_offset, time });
        }
        // Without its control record.
        Shape::Produced(_) => last.get() - first.get(),
        Shape::Mixed(count) => count,
    };
    let (first, last) = match count {
        0 => (Seq::ZERO, Seq::ZERO),
        count => (first, first.plus(count - 1)),
    };
    Ok(Published { epoch, first, last, count, last_offset: 0, time })
}
