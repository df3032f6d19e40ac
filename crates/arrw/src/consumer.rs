//! A named consumer: it goes on where it acknowledged, whoever reads it, and one at a time does.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrw_bus::{Ask, CONSUMER, ConsumerFact, EventError, Filter, RuleError};
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

/// How far a consumer is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerLag {
    /// Its name.
    pub name: String,
    /// What it reads.
    pub filter: Filter,
    /// Records of the log behind its cursor, wanted or not.
    pub records: u64,
}

impl Consumer {
    pub(crate) fn open(
        shared: Arc<Shared>,
        name: &str,
        filter: &Filter,
        start: Start,
    ) -> Result<Self, ConsumerError> {
        check(name, filter)?;
        let opened = advance(
            &shared,
            name,
            |present| match present {
                Some(present) if present.filter == *filter => Ok(present.cursor),
                Some(present) => Err(other_filter(name, &present)),
                None => first_cursor(&shared, start),
            },
            filter,
        )?;
        let subscription =
            Subscription::behind(Arc::clone(&shared), filter.clone(), opened.cursor)?;
        Ok(Self { shared, name: name.into(), generation: opened.generation, subscription })
    }

    /// How often it was opened up to now, which tells this reader from others.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
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
        acknowledge(&self.shared, &self.name, self.generation, position)
    }

    fn check_fence(&self) -> Result<(), ConsumerError> {
        let present = self.shared.keeper.committed.get(&self.name);
        if present.is_some_and(|present| present.generation == self.generation) {
            return Ok(());
        }
        Err(ConsumerError::Fenced { name: self.name.to_string() })
    }
}

/// Opens a consumer anew where `cursor` says, until nobody else did so at the same moment.
fn advance(
    shared: &Shared,
    name: &str,
    cursor: impl Fn(Option<arrw_bus::Consumer>) -> Result<Seq, ConsumerError>,
    filter: &Filter,
) -> Result<arrw_bus::Consumer, ConsumerError> {
    for _ in 0..OPEN_TRIES {
        let present = shared.keeper.committed.get(name);
        let before = present.as_ref().map_or(0, |present| present.generation);
        let (filter, cursor) = (filter.clone(), cursor(present)?);
        let opened = arrw_bus::Consumer { filter, cursor, generation: before + 1 };
        let fact = ConsumerFact::Opened(opened.clone());
        match shared.log.append(batch_of(name, before, &fact)?).wait().map_err(error_of) {
            Err(ConsumerError::Fenced { .. }) => continue,
            other => other?,
        };
        shared.hold_for(name, cursor.next())?;
        return Ok(opened);
    }
    Err(ConsumerError::Fenced { name: name.to_owned() })
}

/// Makes a consumer, if it is not there.
pub(crate) fn create(
    shared: &Shared,
    name: &str,
    filter: &Filter,
    start: Start,
) -> Result<ConsumerStatus, ConsumerError> {
    check(name, filter)?;
    loop {
        if let Some(present) = shared.keeper.committed.get(name) {
            if present.filter != *filter {
                return Err(other_filter(name, &present));
            }
            return Ok(status_of(shared, name, &present).map_err(SubscriptionError::Read)?);
        }
        let opened = advance(
            shared,
            name,
            |present| match present {
                // Somebody else made it meanwhile.
                Some(_) => Err(ConsumerError::Fenced { name: name.to_owned() }),
                None => first_cursor(shared, start),
            },
            filter,
        );
        match opened {
            Err(ConsumerError::Fenced { .. }) if shared.keeper.committed.get(name).is_some() => (),
            other => {
                let status = status_of(shared, name, &other?);
                return Ok(status.map_err(SubscriptionError::Read)?);
            }
        }
    }
}

/// Takes a consumer over, from where it acknowledged or from `start`.
pub(crate) fn take_over(
    shared: &Shared,
    name: &str,
    start: Option<Start>,
) -> Result<ConsumerStatus, ConsumerError> {
    let unknown = || ConsumerError::Unknown { name: name.to_owned() };
    let filter = shared.keeper.committed.get(name).ok_or_else(unknown)?.filter;
    let cursor = |present: Option<arrw_bus::Consumer>| match (present, start) {
        (None, _) => Err(unknown()),
        (Some(present), _) if present.filter != filter => Err(other_filter(name, &present)),
        (Some(present), None) => Ok(present.cursor),
        (Some(_), Some(start)) => first_cursor(shared, start),
    };
    let opened = advance(shared, name, cursor, &filter)?;
    Ok(status_of(shared, name, &opened).map_err(SubscriptionError::Read)?)
}

/// What is behind `after`, or behind the cursor.
pub(crate) fn read(
    shared: &Arc<Shared>,
    name: &str,
    generation: u64,
    after: Option<Position>,
) -> Result<Subscription, ConsumerError> {
    let present = present(shared, name)?;
    if present.generation != generation {
        return Err(ConsumerError::Fenced { name: name.to_owned() });
    }
    let after = match after {
        Some(position) => shared.seq_of(position).map_err(SubscriptionError::Read)?,
        None => present.cursor,
    };
    Subscription::behind(Arc::clone(shared), present.filter, after)
}

pub(crate) fn acknowledge(
    shared: &Arc<Shared>,
    name: &str,
    generation: u64,
    position: Position,
) -> Result<Acknowledge, ConsumerError> {
    let seq = shared.seq_of(position).map_err(SubscriptionError::Read)?;
    let fact = ConsumerFact::Acknowledged(seq);
    let append = shared.log.append(batch_of(name, generation, &fact)?);
    Ok(Acknowledge { append, shared: Arc::clone(shared), name: name.into(), seq })
}

fn present(shared: &Shared, name: &str) -> Result<arrw_bus::Consumer, ConsumerError> {
    let unknown = || ConsumerError::Unknown { name: name.to_owned() };
    shared.keeper.committed.get(name).ok_or_else(unknown)
}

fn other_filter(name: &str, present: &arrw_bus::Consumer) -> ConsumerError {
    ConsumerError::OtherFilter { name: name.to_owned(), actual: present.filter.to_string() }
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
    let consumers = shared.keeper.committed.all();
    consumers.iter().map(|(name, consumer)| status_of(shared, name, consumer)).collect()
}

/// How far each consumer is behind, by name.
pub(crate) fn lags(shared: &Shared) -> Vec<ConsumerLag> {
    let tail = shared.log.tail().get();
    let consumers = shared.keeper.committed.all();
    let lag = |(name, consumer): (&str, &arrw_bus::Consumer)| ConsumerLag {
        name: name.to_owned(),
        filter: consumer.filter.clone(),
        records: tail.saturating_sub(consumer.cursor.next().get()),
    };
    consumers.iter().map(lag).collect()
}

pub(crate) fn status(shared: &Shared, name: &str) -> Result<Option<ConsumerStatus>, ReadError> {
    let present = shared.keeper.committed.get(name);
    present.map(|present| status_of(shared, name, &present)).transpose()
}

fn status_of(
    shared: &Shared,
    name: &str,
    consumer: &arrw_bus::Consumer,
) -> Result<ConsumerStatus, ReadError> {
    Ok(ConsumerStatus {
        name: name.to_owned(),
        filter: consumer.filter.clone(),
        cursor: Position { epoch: shared.log.epoch(), seq: consumer.cursor },
        generation: consumer.generation,
        pending: stats::pending(shared, false, consumer.cursor.next())?,
    })
}

/// The cursor of a consumer that is made now.
fn first_cursor(shared: &Shared, start: Start) -> Result<Seq, ConsumerError> {
    let reader = shared.log.reader(start.of_log()).map_err(SubscriptionError::Read)?;
    Ok(reader.next_seq().previous())
}

/// Adds the control record of an acknowledgement to a batch.
pub(crate) fn push_acknowledgement(
    batch: &mut Batch,
    name: &str,
    seq: Seq,
) -> Result<(), EventError> {
    let payload = ConsumerFact::Acknowledged(seq).encode();
    Ok(batch.push(record_of(name, &payload))?)
}

fn record_of<'a>(name: &'a str, payload: &'a [u8]) -> NewRecord<'a> {
    NewRecord { kind: CONSUMER, key: name.as_bytes(), payload, ..NewRecord::default() }
}

fn batch_of(name: &str, generation: u64, fact: &ConsumerFact) -> Result<Batch, ConsumerError> {
    let batch = Batch::of(record_of(name, &fact.encode()))
        .map_err(|error| ConsumerError::Name { name: name.to_owned(), why: error.to_string() })?;
    Ok(batch.asking(Arc::new(Ask::Consumer { name: name.to_owned(), generation })))
}

fn check(name: &str, filter: &Filter) -> Result<(), ConsumerError> {
    check_consumer_name(name)?;
    if filter.is_volatile() {
        return Err(ConsumerError::Volatile { filter: filter.to_string() });
    }
    Ok(())
}

/// Whether a text can be the name of a consumer.
///
/// # Errors
/// [`ConsumerError::Name`].
pub fn check_consumer_name(name: &str) -> Result<(), ConsumerError> {
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
