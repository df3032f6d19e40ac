//! The event bus: publish, subscribe.

use std::sync::Arc;

use arrw_bus::{Filter, NewEvent};
use arrw_log::{Batch, Epoch, Seq};

use crate::db::Shared;
use crate::error::{PublishError, SubscribeError};
use crate::publish::{Publish, Published};
use crate::subscription::{Policy, Start, Subscription};

/// The event bus of a database. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Bus {
    shared: Arc<Shared>,
}

/// What can be told of the bus at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BusStats {
    /// The life of the log.
    pub epoch: Epoch,
    /// The oldest record that is kept.
    pub first: Seq,
    /// The seq that the next record will get.
    pub tail: Seq,
    /// Subscriptions to durable topics.
    pub subscriptions: usize,
    /// Events that were published to volatile topics since the start.
    pub volatile_published: u64,
    /// Subscriptions to volatile topics.
    pub volatile_subscriptions: usize,
}

impl Bus {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Publishes an event: wait for it with [`Publish::wait`], or await it.
    ///
    /// Of a durable topic the answer comes when it is on the disk, and nobody sees it before. Of a volatile
    /// one it is published when this returns, and lost with the process.
    ///
    /// # Errors
    /// When the event cannot be as it is.
    pub fn publish(&self, event: NewEvent<'_>) -> Result<Publish, PublishError> {
        if event.is_volatile() {
            let time = self.shared.environment.clock.now();
            let seq = self.shared.tail.publish(&event, time)?;
            let epoch = self.shared.tail.epoch();
            let done = Published { epoch, first: seq, last: seq, count: 1, last_offset: 0, time };
            return Ok(Publish::done(done));
        }
        self.append(std::slice::from_ref(&event))
    }

    /// Publishes events as one batch: all of them, next to each other, or none, and nobody sees some
    /// without the others.
    ///
    /// # Errors
    /// When an event cannot be as it is, or is volatile. Then none is published.
    pub fn publish_all(&self, events: &[NewEvent<'_>]) -> Result<Publish, PublishError> {
        if let Some(event) = events.iter().find(|event| event.is_volatile()) {
            return Err(PublishError::Volatile { topic: event.topic.to_owned() });
        }
        self.append(events)
    }

    /// As [`publish_all`](Self::publish_all), if `last` is then the last record of the log.
    ///
    /// # Errors
    /// The same; that there are later records is the answer's to say.
    pub fn publish_expecting(
        &self,
        last: Seq,
        events: &[NewEvent<'_>],
    ) -> Result<Publish, PublishError> {
        if let Some(event) = events.iter().find(|event| event.is_volatile()) {
            return Err(PublishError::Volatile { topic: event.topic.to_owned() });
        }
        Ok(Publish::durable(self.shared.log.append(batch_of(events)?.expecting(last))))
    }

    fn append(&self, events: &[NewEvent<'_>]) -> Result<Publish, PublishError> {
        Ok(Publish::durable(self.shared.log.append(batch_of(events)?)))
    }

    /// Subscribes to the topics of a filter. A subscription that is behind reads the disk and comes back.
    ///
    /// # Errors
    /// When the filter or the position cannot be, or there are too many subscriptions.
    pub fn subscribe(&self, filter: &str, start: Start) -> Result<Subscription, SubscribeError> {
        self.subscribe_with(&Filter::parse(filter)?, start, Policy::Durable)
    }

    /// Subscribes with a policy of your own for when the subscriber is slow.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe).
    pub fn subscribe_with(
        &self,
        filter: &Filter,
        start: Start,
        policy: Policy,
    ) -> Result<Subscription, SubscribeError> {
        Subscription::open(Arc::clone(&self.shared), filter.clone(), start, policy)
    }

    /// What can be told of the bus now.
    #[must_use]
    pub fn stats(&self) -> BusStats {
        let shared = &self.shared;
        BusStats {
            epoch: shared.log.epoch(),
            first: shared.log.first(),
            tail: shared.log.tail(),
            subscriptions: shared.dispatch.subscribers(),
            volatile_published: shared.tail.position().seq.get(),
            volatile_subscriptions: shared.tail.subscribers(),
        }
    }
}

fn batch_of(events: &[NewEvent<'_>]) -> Result<Batch, PublishError> {
    let mut batch = Batch::new();
    for event in events {
        event.push_to(&mut batch)?;
    }
    Ok(batch)
}
