//! Writes of several kinds that are committed together.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrw_bus::{Acknowledgement, Ask, BatchAsk, NewEvent};
use arrw_log::{Position, ReadError, Seq};

use crate::bus::{records_of, refuse_volatile};
use crate::consumer::{Consumer, push_acknowledgement};
use crate::db::Shared;
use crate::error::{PublishError, other_epoch};
use crate::publish::{Publish, Published, Shape};

/// Events to publish and consumers to acknowledge: all of it or nothing, at one place in the order. So an event
/// can be read, acted upon, and acknowledged together with what came of it.
///
/// ```
/// use arrw::{Db, NewEvent, Start};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let db = Db::in_memory()?;
/// db.bus().publish(NewEvent::new("orders.created", b"7"))?.wait()?;
/// let mut billing = db.bus().consumer("billing", "orders.*", Start::Earliest)?;
/// let orders = billing.try_next()?.expect("there is one");
/// db.batch()
///     .publish(NewEvent::new("invoices.sent", b"7"))
///     .acknowledge(&billing, orders.position())
///     .commit()?
///     .wait()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a batch does nothing until it is committed"]
pub struct Batch<'a> {
    shared: Arc<Shared>,
    events: Vec<NewEvent<'a>>,
    acknowledged: Vec<(String, u64, Position)>,
    expected: Option<Position>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, events: Vec::new(), acknowledged: Vec::new(), expected: None }
    }

    /// Publishes an event. Those of a batch stand next to each other, in this order.
    pub fn publish(mut self, event: NewEvent<'a>) -> Self {
        self.events.push(event);
        self
    }

    /// Acknowledges all up to a position, as its present reader.
    pub fn acknowledge(self, consumer: &Consumer, position: Position) -> Self {
        self.acknowledge_as(consumer.name(), consumer.generation(), position)
    }

    /// Acknowledges all up to a position for who opened the consumer as this generation.
    pub fn acknowledge_as(mut self, name: &str, generation: u64, position: Position) -> Self {
        self.acknowledged.push((name.to_owned(), generation, position));
        self
    }

    /// Only if this is then the position behind the last record of the log.
    pub fn expecting(mut self, last: Position) -> Self {
        self.expected = Some(last);
        self
    }

    /// Hands the batch over: wait for it with [`Commit::wait`], or await it. What it answers is of its events.
    ///
    /// # Errors
    /// When an event or a position cannot be as it is. That a consumer was taken over, or that there are later
    /// records than those expected, is the answer's to say. Then nothing of it happens.
    pub fn commit(self) -> Result<Commit, PublishError> {
        refuse_volatile(&self.events)?;
        let (mut batch, ids) = records_of(&self.events)?;
        let mut acknowledgements = Vec::with_capacity(self.acknowledged.len());
        for (name, generation, position) in self.acknowledged {
            let seq = self.shared.seq_of(position)?;
            push_acknowledgement(&mut batch, &name, seq)?;
            acknowledgements.push(Acknowledgement { name, generation, seq });
        }
        if let Some(last) = self.expected {
            batch = batch.expecting(self.shared.seq_of(last)?);
        }
        let done = acknowledgements.iter().map(|it| (it.name.clone(), it.seq)).collect::<Vec<_>>();
        if !batch.is_empty() {
            // Without anything nothing asks, and the batch is refused as empty.
            batch = batch.asking(Arc::new(Ask::Batch(BatchAsk { ids, acknowledgements })));
        }
        let append = self.shared.log.append(batch);
        let publish = Publish::durable(append, Shape::Mixed(done.len() as u64));
        Ok(Commit { publish, shared: self.shared, acknowledged: done })
    }
}

/// A batch on its way. It does nothing until it is waited for or polled; from then on it will be committed even
/// if this is dropped.
#[derive(Debug)]
#[must_use = "a batch does nothing until it is waited for or awaited"]
pub struct Commit {
    publish: Publish,
    shared: Arc<Shared>,
    acknowledged: Vec<(String, Seq)>,
}

impl Commit {
    /// Waits on this thread until it is on the disk.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub fn wait(self) -> Result<Published, PublishError> {
        let published = self.publish.wait()?;
        release(&self.shared, &self.acknowledged);
        Ok(published)
    }
}

impl Future for Commit {
    type Output = Result<Published, PublishError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.publish).poll(context).map(|answer| {
            let published = answer?;
            release(&self.shared, &self.acknowledged);
            Ok(published)
        })
    }
}

fn release(shared: &Shared, acknowledged: &[(String, Seq)]) {
    for (name, seq) in acknowledged {
        shared.release_for(name, seq.next());
    }
}

impl Shared {
    /// The seq of a position that this log has had.
    pub(crate) fn seq_of(&self, position: Position) -> Result<Seq, ReadError> {
        if position.epoch != self.log.epoch() {
            return Err(other_epoch(position, self.log.epoch()));
        }
        let tail = self.log.tail();
        if tail <= position.seq {
            return Err(ReadError::BeyondTail { wanted: position.seq, tail });
        }
        Ok(position.seq)
    }
}
