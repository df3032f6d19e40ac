//! The event bus: publish, subscribe.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrw_bus::limits::{NAME_BYTES_MAX, PRODUCER_NUMBER_MAX};
use arrw_bus::{Ask, EventError, Filter, IdAsk, IdAsks, NewEvent, TopicRetention, producer_record};
use arrw_log::{Batch, Position, ReadError, Seq};

use crate::consumer::{self, Acknowledge, Consumer, ConsumerLag, ConsumerStatus};
use crate::db::Shared;
use crate::error::{ConsumerError, PublishError, SubscribeError};
use crate::history::{self, History, HistoryError, HistoryQuery, Order, Topic};
use crate::publish::{Publish, Published, Shape};
use crate::retention::{Removed, RetentionError};
use crate::stats::{self, BusStats, PatternStats, SubscriptionStats};
use crate::subscription::{Policy, Start, Subscription};

/// The event bus of a database. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Bus {
    shared: Arc<Shared>,
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
            refuse_ours(&event)?;
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
        refuse_volatile(events)?;
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
        refuse_volatile(events)?;
        let batch = batch_of(events)?.expecting(last);
        Ok(Publish::durable(self.shared.log.append(batch), Shape::Events))
    }

    /// Publishes the events of a producer that numbers them: the first has the number `first`, the next one
    /// more. Those up to the highest number that the producer has published are left out, so the same
    /// again, at any time, adds nothing. All new ones are one batch.
    ///
    /// The answer says how many were new; it may be none. Ids of the events are kept and not looked at.
    ///
    /// # Errors
    /// When the producer's name, a number or an event cannot be as it is, or an event is volatile.
    pub fn publish_from(
        &self,
        producer: &str,
        first: u64,
        events: &[NewEvent<'_>],
    ) -> Result<Publish, PublishError> {
        if !arrw_bus::is_name(producer) {
            let (name, max) = (producer.to_owned(), NAME_BYTES_MAX);
            return Err(PublishError::Producer { name, max });
        }
        refuse_volatile(events)?;
        let mut batch = Batch::new();
        for event in events {
            event.push_to(&mut batch)?;
        }
        let count = batch.records();
        let last = first.saturating_add(u64::from(count)).saturating_sub(1);
        if PRODUCER_NUMBER_MAX < last {
            return Err(PublishError::Number { last, max: PRODUCER_NUMBER_MAX });
        }
        if count > 0 {
            batch.push(producer_record(producer, &last.to_le_bytes())).map_err(EventError::from)?;
            // Without events nothing asks, and the batch is refused as empty.
            let ask = Ask::Producer { name: producer.to_owned(), first, count };
            batch = batch.asking(Arc::new(ask));
        }
        let append = self.shared.log.append(batch);
        Ok(Publish::durable(append, Shape::Produced(self.shared.log.epoch())))
    }

    fn append(&self, events: &[NewEvent<'_>]) -> Result<Publish, PublishError> {
        Ok(Publish::durable(self.shared.log.append(batch_of(events)?), Shape::Events))
    }

    /// Sets how long the events of all topics of a pattern are kept, or takes that away. A topic of several
    /// patterns is kept as long as all of them allow. Waits for a commit.
    ///
    /// Events that are over it are not seen any more once the policy was enforced: by this program itself
    /// about once a segment, and by [`enforce_retention`](Self::enforce_retention). A topic's offsets go on,
    /// and readers pass over what is gone. Its space is freed when nothing else is left in its segment.
    ///
    /// # Errors
    /// When the pattern cannot be, or there are too many.
    pub fn set_retention(
        &self,
        pattern: &str,
        policy: Option<TopicRetention>,
    ) -> Result<(), RetentionError> {
        self.shared.keeper.set(pattern, policy)
    }

    /// How long topics are kept, by pattern.
    #[must_use]
    pub fn retention(&self) -> BTreeMap<String, TopicRetention> {
        self.shared.keeper.committed.retention()
    }

    /// The policies that say how long a topic is kept, by pattern; it is kept as long as all of them allow.
    #[must_use]
    pub fn retention_of(&self, topic: &str) -> BTreeMap<String, TopicRetention> {
        let mut policies = self.retention();
        policies.retain(|pattern, _| Filter::parse(pattern).is_ok_and(|it| it.matches(topic)));
        policies
    }

    /// Durable topics that a filter matches and of which an event is kept in the log, by name behind `after`, at most
    /// `limit`. Looks at all topics and sorts those that it matches.
    #[must_use]
    pub fn topics(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Vec<Topic> {
        history::topics(&self.shared, filter, after, limit)
    }

    /// Keeps all topics to their retention now, and frees what is not needed any more.
    ///
    /// By count and age costs a search for each topic; by bytes reads what is kept of it.
    ///
    /// # Errors
    /// When the log cannot be read, or refuses.
    pub fn enforce_retention(&self) -> Result<Removed, RetentionError> {
        self.shared.keeper.enforce()
    }

    /// Removes all events that a topic has now: nobody sees them any more. Waits for a commit.
    ///
    /// # Errors
    /// When the topic cannot be, or the log refuses.
    pub fn purge(&self, topic: &str) -> Result<(), RetentionError> {
        self.shared.keeper.purge(topic)
    }

    /// The last event of a durable topic, its value now; `None` when it has none.
    ///
    /// # Errors
    /// When the topic cannot be, or the log cannot be read there.
    pub fn last(&self, topic: &str) -> Result<Option<History>, HistoryError> {
        let query = HistoryQuery { limit: 1, order: Order::NewestFirst, since: None };
        let last = history::read(&self.shared, topic, query)?;
        Ok((!last.is_empty()).then_some(last))
    }

    /// Events of one durable topic, with where it ends.
    ///
    /// # Errors
    /// When the topic cannot be, or the log cannot be read there.
    pub fn history(&self, topic: &str, query: HistoryQuery) -> Result<History, HistoryError> {
        history::read(&self.shared, topic, query)
    }

    /// Opens a named consumer: makes it, to start at `start`, or takes it over, to go on where it
    /// acknowledged. Whoever had it open is fenced off. Waits for a commit.
    ///
    /// # Errors
    /// When the name, filter or position cannot be, or the consumer reads another filter.
    pub fn consumer(
        &self,
        name: &str,
        filter: &str,
        start: Start,
    ) -> Result<Consumer, ConsumerError> {
        let filter = Filter::parse(filter).map_err(SubscribeError::from)?;
        Consumer::open(Arc::clone(&self.shared), name, &filter, start)
    }

    /// All consumers, by name. Looks at what each of them reads next, on the disk when it is there.
    ///
    /// # Errors
    /// When the disk cannot be read there.
    pub fn consumers(&self) -> Result<Vec<ConsumerStatus>, ReadError> {
        consumer::list(&self.shared)
    }

    /// How far each consumer is behind, by name. Looks at memory alone: less than a microsecond for each.
    #[must_use]
    pub fn consumer_lags(&self) -> Vec<ConsumerLag> {
        consumer::lags(&self.shared)
    }

    /// How many consumers there are.
    #[must_use]
    pub fn count_consumers(&self) -> usize {
        self.shared.keeper.committed.count()
    }

    /// What a consumer reads; `None` when there is none of that name.
    #[must_use]
    pub fn consumer_filter(&self, name: &str) -> Option<Filter> {
        self.shared.keeper.committed.get(name).map(|present| present.filter)
    }

    /// One consumer; `None` when there is none of that name. Looks at what it reads next, on the disk when it is
    /// there.
    ///
    /// # Errors
    /// When the disk cannot be read there.
    pub fn consumer_status(&self, name: &str) -> Result<Option<ConsumerStatus>, ReadError> {
        consumer::status(&self.shared, name)
    }

    /// Makes a consumer that starts at `start`, without reading it; if it is there already, with the same filter,
    /// nothing changes. Waits for a commit.
    ///
    /// # Errors
    /// As [`consumer`](Self::consumer).
    pub fn create_consumer(
        &self,
        name: &str,
        filter: &str,
        start: Start,
    ) -> Result<ConsumerStatus, ConsumerError> {
        let filter = Filter::parse(filter).map_err(SubscribeError::from)?;
        consumer::create(&self.shared, name, &filter, start)
    }

    /// Takes a consumer over for somebody who reads it by [`read_consumer`](Self::read_consumer) and acknowledges by
    /// [`acknowledge`](Self::acknowledge), with the generation that this answers. Whoever had it open is fenced
    /// off. Waits for a commit.
    ///
    /// # Errors
    /// When there is none of that name, or the log refuses.
    pub fn take_over_consumer(&self, name: &str) -> Result<ConsumerStatus, ConsumerError> {
        consumer::take_over(&self.shared, name, None)
    }

    /// Takes a consumer over and has it go on from `start`, which may be before what was acknowledged. Waits for a
    /// commit.
    ///
    /// # Errors
    /// When there is none of that name, the position cannot be, or the log refuses.
    pub fn reset_consumer(
        &self,
        name: &str,
        start: Start,
    ) -> Result<ConsumerStatus, ConsumerError> {
        consumer::take_over(&self.shared, name, Some(start))
    }

    /// What a consumer has not acknowledged, or what is behind `after`, for who has taken it over as this
    /// generation.
    ///
    /// # Errors
    /// When there is none of that name, another reader took over, or the position cannot be.
    pub fn read_consumer(
        &self,
        name: &str,
        generation: u64,
        after: Option<Position>,
    ) -> Result<Subscription, ConsumerError> {
        consumer::read(&self.shared, name, generation, after)
    }

    /// Acknowledges all up to a position for who has taken the consumer over as this generation.
    ///
    /// # Errors
    /// When the position is from another life of the log, or of a record that does not exist. That another
    /// reader took over is the answer's to say.
    pub fn acknowledge(
        &self,
        name: &str,
        generation: u64,
        position: Position,
    ) -> Result<Acknowledge, ConsumerError> {
        consumer::acknowledge(&self.shared, name, generation, position)
    }

    /// Forgets a consumer and lets go of its history; false when there is none. Waits for a commit.
    ///
    /// # Errors
    /// When the log refuses, or does not know.
    pub fn delete_consumer(&self, name: &str) -> Result<bool, ConsumerError> {
        consumer::delete(&self.shared, name)
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

    /// What can be told of the bus now. Looks at all subscriptions (some 20 ns each) and at what the slowest one
    /// reads next, on the disk when it is there.
    ///
    /// # Errors
    /// When the disk cannot be read there.
    pub fn stats(&self) -> Result<BusStats, ReadError> {
        stats::of_bus(&self.shared)
    }

    /// What can be told now of the topics that a pattern matches, written as a filter. Looks at all topics and
    /// all subscriptions.
    ///
    /// # Errors
    /// When the disk cannot be read where the slowest subscription is.
    pub fn pattern_stats(&self, pattern: &Filter) -> Result<PatternStats, ReadError> {
        stats::of_pattern(&self.shared, pattern)
    }

    /// The subscriptions whose filter matches only what `pattern` matches (`>`: all of durable topics, `~.>`: all of
    /// volatile ones), those that are furthest behind first, at most `limit`. Looks at what each of these reads
    /// next, on the disk when it is there.
    ///
    /// # Errors
    /// When the disk cannot be read there.
    pub fn slowest_subscriptions(
        &self,
        pattern: &Filter,
        limit: usize,
    ) -> Result<Vec<SubscriptionStats>, ReadError> {
        stats::of_subscriptions(&self.shared, pattern, limit)
    }
}

fn batch_of(events: &[NewEvent<'_>]) -> Result<Batch, PublishError> {
    let (batch, ids) = records_of(events)?;
    Ok(match ids {
        Some(ids) => batch.asking(Arc::new(Ask::Ids(ids))),
        None => batch,
    })
}

/// The records of events, and what these ask if any has an id.
pub(crate) fn records_of(events: &[NewEvent<'_>]) -> Result<(Batch, Option<IdAsks>), PublishError> {
    let mut batch = Batch::new();
    for event in events {
        event.push_to(&mut batch)?;
    }
    if events.iter().all(|event| event.id.is_none()) {
        return Ok((batch, None));
    }
    let ids = events.iter().zip(&batch).filter_map(|(event, record)| IdAsk::of(event, &record));
    let ids = IdAsks::new(ids);
    Ok((batch, Some(ids)))
}

/// The topics on which jobs tell how far they are are not the user's to write.
fn refuse_ours(event: &NewEvent<'_>) -> Result<(), EventError> {
    const FIRST: &str = "~.jobs";
    let is_ours = |rest: &str| rest.is_empty() || rest.starts_with('.');
    match event.topic.strip_prefix(FIRST).is_some_and(is_ours) {
        false => Ok(()),
        true => Err(EventError::Reserved { topic: event.topic.to_owned(), first: FIRST }),
    }
}

pub(crate) fn refuse_volatile(events: &[NewEvent<'_>]) -> Result<(), PublishError> {
    match events.iter().find(|event| event.is_volatile()) {
        Some(event) => Err(PublishError::Volatile { topic: event.topic.to_owned() }),
        None => Ok(()),
    }
}
