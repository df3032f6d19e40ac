//! A named consumer: it goes on where it acknowledged, whoever reads it, and one at a time does.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrw_bus::{Ask, CONSUMER, ConsumerFact, Filter, RuleError};
use arrw_log::{Append, AppendError, Batch, NewRecord, Position, ReadError, Seq, Urgency};

use crate::db::Shared;
use crate::error::{ConsumerError, SubscriptionError};
use crate::events::Events;
use crate::stats::{self, Pending};
use crate::subscription::{Policy, Start, Subscription};

/// Times that opening a consumer is tried when others open it at the same moment.
const OPEN_TRIES: usize = 16;

/// The present reader of a named consumer. The next one to open it fences this one off.
///
/// Each event comes at least once until it is acknowledged. Acknowledging is cumulative and durable; history
/// behind it is kept for the consumer, within the budget of the retention policy.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    name: Arc<str>,
    generation: u64,
    subscription: Subscription,
}

/// What can be told of a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerStatus {
    /// Its name.
    pub name: String,
    /// What it reads.
    pub filter: Filter,
    /// All up to here is acknowledged.
    pub cursor: Position,
    /// How often it was opened.
    pub generation: u64,
    /// What is behind the cursor.
    pub pending: Pending,
}

impl Consumer {
    pub(crate) fn open(
        shared: Arc<Shared>,
        name: &str,
        filter: &Filter,
        start: Start,
    ) -> Result<Self, ConsumerError> {
        check_name(name)?;
        if filter.is_volatile() {
            return Err(ConsumerError::Volatile { filter: filter.to_string() });
        }
        for _ in 0..OPEN_TRIES {
            let present = shared.keeper.committed.get(name);
            if let Some(present) = &present
                && present.filter != *filter
            {
                let (name, actual) = (name.to_owned(), present.filter.to_string());
                return Err(ConsumerError::OtherFilter { name, actual });
            }
            let cursor = match &present {
                Some(present) => present.cursor,
                None => first_cursor(&shared, start)?,
            };
            let generation = present.map_or(0, |present| present.generation);
            let opened =
                arrw_bus::Consumer { filter: filter.clone(), cursor, generation: generation + 1 };
            let fact = ConsumerFact::Opened(opened);
            match shared.log.append(batch_of(name, generation, &fact)?).wait().map_err(error_of) {
                Err(ConsumerError::Fenced { .. }) => continue,
                other => other?,
            };
            shared.hold_for(name, cursor.next())?;
            let subscription = Subscription::behind(Arc::clone(&shared), filter.clone(), cursor)?;
            let generation = generation + 1;
            return Ok(Self { shared, name: name.into(), generation, subscription });
        }
        Err(ConsumerError::Fenced { name: name.to_owned() })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next events, if there are any. Does not wait.
    ///
    /// # Errors
    /// When another reader took over, and as [`Subscription::try_next`].
    pub fn try_next(&mut self) -> Result<Option<Events>, ConsumerError> {
        self.check_fence()?;
        Ok(self.subscription.try_next()?)
    }

    /// The next events; waits for them on this thread, for at most `timeout` if that is given.
    ///
    /// # Errors
    /// As [`try_next`](Self::try_next).
    pub fn next_within(
        &mut self,
        timeout: Option<Duration>,
    ) -> Result<Option<Events>, ConsumerError> {
        self.check_fence()?;
        Ok(self.subscription.next_within(timeout)?)
    }

    /// The next events, awaited.
    ///
    /// # Errors
    /// As [`try_next`](Self::try_next).
    pub async fn recv(&mut self) -> Result<Option<Events>, ConsumerError> {
        self.check_fence()?;
        Ok(self.subscription.recv().await?)
    }

    /// Acknowledges all up to a position. Wait for it with [`Acknowledge::wait`], or await it: then it is on
    /// the disk, and no reader of this consumer sees those events again.
    ///
    /// # Errors
    /// When the position is from another life of the log, or of a record that does not exist.
    pub fn acknowledge(&self, position: Position) -> Result<Acknowledge, ConsumerError> {
        let log = &self.shared.log;
        if position.epoch != log.epoch() {
            let error = crate::error::other_epoch(position, log.epoch());
            return Err(SubscriptionError::Read(error).into());
        }
        if log.tail() <= position.seq {
            let (wanted, tail) = (position.seq, log.tail());
            let error = ReadError::BeyondTail { wanted, tail };
            return Err(SubscriptionError::Read(error).into());
        }
        let fact = ConsumerFact::Acknowledged(position.seq);
        let append = log.append(batch_of(&self.name, self.generation, &fact)?);
        let (shared, name) = (Arc::clone(&self.shared), Arc::clone(&self.name));
        Ok(Acknowledge { append, shared, name, seq: position.seq })
    }

    fn check_fence(&self) -> Result<(), ConsumerError> {
        let present = self.shared.keeper.committed.get(&self.name);
        if present.is_some_and(|present| present.generation == self.generation) {
            return Ok(());
        }
        Err(ConsumerError::Fenced { name: self.name.to_string() })
    }
}

/// An acknowledgement that was asked for. It does nothing until it is waited for or polled.
#[derive(Debug)]
#[must_use = "an acknowledgement does nothing until it is waited for or awaited"]
pub struct Acknowledge {
    append: Append,
    shared: Arc<Shared>,
    name: Arc<str>,
    seq: Seq,
}

impl Acknowledge {
    /// Waits on this thread until it is on the disk.
    ///
    /// # Errors
    /// When another reader took over, or the log refuses or does not know.
    pub fn wait(self) -> Result<(), ConsumerError> {
        self.append.wait().map_err(error_of)?;
        self.shared.release_for(&self.name, self.seq.next());
        Ok(())
    }
}

impl Future for Acknowledge {
    type Output = Result<(), ConsumerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.append).poll(context).map(|answer| {
            answer.map_err(error_of)?;
            self.shared.release_for(&self.name, self.seq.next());
            Ok(())
        })
    }
}

/// Forgets a consumer; its reader is fenced off. False when there is none.
pub(crate) fn delete(shared: &Shared, name: &str) -> Result<bool, ConsumerError> {
    for _ in 0..OPEN_TRIES {
        let Some(present) = shared.keeper.committed.get(name) else { return Ok(false) };
        let batch = batch_of(name, present.generation, &ConsumerFact::Deleted)?;
        match shared.log.append(batch.with_urgency(Urgency::Reserved)).wait().map_err(error_of) {
            Err(ConsumerError::Fenced { .. }) => (),
            other => {
                other?;
                shared.let_go(name);
                return Ok(true);
            }
        }
    }
    Err(ConsumerError::Fenced { name: name.to_owned() })
}

/// All consumers, by name.
pub(crate) fn list(shared: &Shared) -> Result<Vec<ConsumerStatus>, ReadError> {
    let epoch = shared.log.epoch();
    let consumers = shared.keeper.committed.all();
    let status = |(name, consumer): (&str, &arrw_bus::Consumer)| {
        Ok(ConsumerStatus {
            name: name.to_owned(),
            filter: consumer.filter.clone(),
            cursor: Position { epoch, seq: consumer.cursor },
            generation: consumer.generation,
            pending: stats::pending(shared, false, consumer.cursor.next())?,
        })
    };
    consumers.iter().map(status).collect()
}

/// The cursor of a consumer that is made now.
fn first_cursor(shared: &Shared, start: Start) -> Result<Seq, ConsumerError> {
    let reader = shared.log.reader(start.of_log()).map_err(SubscriptionError::Read)?;
    Ok(reader.next_seq().previous())
}

fn batch_of(name: &str, generation: u64, fact: &ConsumerFact) -> Result<Batch, ConsumerError> {
    let payload = fact.encode();
    let record = NewRecord {
        kind: CONSUMER,
        key: name.as_bytes(),
        payload: &payload,
        ..NewRecord::default()
    };
    let batch = Batch::of(record)
        .map_err(|error| ConsumerError::Name { name: name.to_owned(), why: error.to_string() })?;
    Ok(batch.asking(Arc::new(Ask::Consumer { name: name.to_owned(), generation })))
}

fn check_name(name: &str) -> Result<(), ConsumerError> {
    if arrw_bus::is_name(name) {
        return Ok(());
    }
    let max = arrw_bus::limits::NAME_BYTES_MAX;
    let why = format!("it must have 1 to {max} characters of ASCII that can be seen");
    Err(ConsumerError::Name { name: name.to_owned(), why })
}

fn error_of(error: AppendError) -> ConsumerError {
    if let AppendError::Refused(refusal) = &error {
        match refusal.downcast_ref::<RuleError>() {
            Some(RuleError::Fenced { name }) => {
                return ConsumerError::Fenced { name: name.clone() };
            }
            Some(RuleError::TooMany { max, .. }) => return ConsumerError::TooMany { max: *max },
            Some(_) | None => (),
        }
    }
    ConsumerError::Append(error)
}

impl Subscription {
    /// A consumer's: behind its cursor, or behind what was trimmed of it, which is then told first.
    fn behind(shared: Arc<Shared>, filter: Filter, cursor: Seq) -> Result<Self, ConsumerError> {
        let position = Position { epoch: shared.log.epoch(), seq: cursor };
        let first = shared.log.first();
        if first <= cursor.next() {
            return Ok(Self::open(shared, filter, Start::After(position), Policy::Durable)?);
        }
        let mut subscription = Self::open(shared, filter, Start::Earliest, Policy::Durable)?;
        subscription.tell_gap(cursor.next());
        Ok(subscription)
    }
}
