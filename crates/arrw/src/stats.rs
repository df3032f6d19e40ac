//! What can be told of the bus at a moment: of all of it, of the topics of a pattern, of each subscription.

use std::time::Duration;

use arrw_bus::{Delivered, Filter, Listed};
use arrw_log::{Epoch, ReadError, Seq};

use crate::db::Shared;
use crate::memory::Alarm;

/// What can be told of the bus at a moment. Counts are since the database was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BusStats {
    /// The life of the log.
    pub epoch: Epoch,
    /// The oldest record that is kept.
    pub first: Seq,
    /// The seq that the next record will get.
    pub tail: Seq,
    /// Of durable topics.
    pub durable: Traffic,
    /// Of volatile topics.
    pub volatile: Traffic,
    /// Batches, acknowledgements and openings that were refused where their place is decided: an id with
    /// another body, a consumer that was taken over, one too many. That all of a batch was published before is
    /// no refusal.
    pub refused: u64,
    /// What an operator must know of, if there is anything.
    pub alarm: Option<Alarm>,
}

/// What went through, and what did not yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Events that were published. Those of a commit count right after its answers.
    pub published: u64,
    /// Events that subscribers looked at, each counted once a subscriber.
    pub delivered: u64,
    /// Gaps that subscribers were told of, ends because they were slow, and reads that failed.
    pub errors: u64,
    /// Subscriptions there are.
    pub subscriptions: u64,
    /// What the slowest of them has not read.
    pub pending: Pending,
}

/// What a reader has not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pending {
    /// Records of the whole log or of all volatile topics, wanted or not.
    pub records: u64,
    /// About how many bytes they take where they are kept: whole batches, and on the disk up to 64 KiB more.
    pub bytes: u64,
    /// How long ago the oldest of them was published.
    pub age: Duration,
}

/// What can be told of the topics of a pattern at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PatternStats {
    /// Topics that it matches: durable ones of which an event is kept, volatile ones of this start (the
    /// first 65,536 of them).
    pub topics: u64,
    /// `published` counts the events of these topics: durable ones since their first one, volatile ones since
    /// the database was opened. The rest is of the subscriptions there are whose filter matches nothing else.
    pub traffic: Traffic,
}

/// What can be told of a subscription at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriptionStats {
    /// What it wants.
    pub filter: Filter,
    /// The record that it reads next, of the log or of all volatile topics.
    pub next: Seq,
    /// Events that it looked at. Those of [`Events`](crate::Events) that were never iterated over are not counted,
    /// and those that were iterated over again are counted once.
    pub delivered: u64,
    /// Gaps and ends that it was told of, and reads that failed.
    pub errors: u64,
    /// What it has not read.
    pub pending: Pending,
}

pub(crate) fn of_bus(shared: &Shared) -> Result<BusStats, ReadError> {
    let mut durable = Sum::default();
    let gone = shared.dispatch.list(|listed| durable.add(&listed));
    let mut volatile = Sum::default();
    let gone_volatile = shared.tail.list(|listed| volatile.add(&listed));
    Ok(BusStats {
        epoch: shared.log.epoch(),
        first: shared.log.first(),
        tail: shared.log.tail(),
        durable: durable.traffic(shared, (false, shared.dispatch.published()), gone)?,
        volatile: volatile.traffic(shared, (true, shared.tail.published()), gone_volatile)?,
        refused: shared.keeper.committed.refused(),
        alarm: shared.alarms.get().copied(),
    })
}

pub(crate) fn of_pattern(shared: &Shared, pattern: &Filter) -> Result<PatternStats, ReadError> {
    let (mut topics, mut published) = (0, 0);
    let mut count = |topic: &str, events: u64| {
        if pattern.matches(topic) {
            (topics, published) = (topics + 1, published + events);
        }
    };
    let mut sum = Sum::default();
    if pattern.is_volatile() {
        let all = shared.tail.published_by_topic();
        all.iter().for_each(|(topic, events)| count(topic, *events));
    } else {
        let all = shared.log.topics();
        all.iter().for_each(|(topic, end)| count(topic, end.last_offset));
    }
    list_within(shared, pattern, |listed| sum.add(&listed));
    let published = (pattern.is_volatile(), published);
    Ok(PatternStats { topics, traffic: sum.traffic(shared, published, Delivered::default())? })
}

pub(crate) fn of_subscriptions(
    shared: &Shared,
    pattern: &Filter,
    limit: usize,
) -> Result<Vec<SubscriptionStats>, ReadError> {
    let mut all = Vec::new();
    list_within(shared, pattern, |listed| {
        all.push(listed);
        // Now and then only those are kept that are still in question.
        if limit.saturating_mul(2).max(1_024) < all.len() {
            keep_slowest(&mut all, limit);
        }
    });
    keep_slowest(&mut all, limit);
    all.iter().map(|listed| of_subscription(shared, listed)).collect()
}

/// Shows the subscriptions to `each` that want nothing but what a pattern matches.
fn list_within(shared: &Shared, pattern: &Filter, mut each: impl FnMut(Listed)) {
    let within = |listed: Listed| {
        if listed.0.filter().is_within(pattern) {
            each(listed);
        }
    };
    if pattern.is_volatile() {
        shared.tail.list(within);
    } else {
        shared.dispatch.list(within);
    }
}

fn keep_slowest(all: &mut Vec<Listed>, limit: usize) {
    all.sort_by_key(|(_, next)| *next);
    all.truncate(limit);
}

pub(crate) fn of_subscription(
    shared: &Shared,
    (subscriber, next): &Listed,
) -> Result<SubscriptionStats, ReadError> {
    let Delivered { events, errors, .. } = subscriber.delivered();
    let filter = subscriber.filter().clone();
    let pending = pending(shared, filter.is_volatile(), *next)?;
    Ok(SubscriptionStats { filter, next: *next, delivered: events, errors, pending })
}

/// What a reader has not read whose next record is `next`.
pub(crate) fn pending(shared: &Shared, is_volatile: bool, next: Seq) -> Result<Pending, ReadError> {
    let since = |time: arrw_log::Timestamp| {
        let now = shared.environment.clock.now();
        Duration::from_micros(now.micros().saturating_sub(time.micros()))
    };
    if is_volatile {
        let tail = shared.tail.position().seq.next();
        return Ok(match shared.tail.bytes_from(next) {
            None => Pending::default(),
            Some((bytes, time)) => {
                Pending { records: tail.get().saturating_sub(next.get()), bytes, age: since(time) }
            }
        });
    }
    let tail = shared.log.tail();
    let mut oldest = next.max(shared.log.first());
    while oldest < tail {
        match shared.log.frame_of(oldest) {
            Ok(Some(frame)) => {
                return Ok(Pending {
                    records: tail.get() - oldest.get(),
                    bytes: shared.log.bytes_from(oldest)?,
                    age: since(frame.time()),
                });
            }
            Ok(None) => break,
            Err(ReadError::Trimmed { first, .. }) => oldest = first.max(oldest.next()),
            Err(ReadError::Lost { last, .. }) => oldest = last.next().max(oldest.next()),
            Err(other) => return Err(other),
        }
    }
    Ok(Pending::default())
}

/// Of some subscriptions.
#[derive(Debug, Default)]
struct Sum {
    subscriptions: u64,
    delivered: u64,
    errors: u64,
    slowest: Option<Seq>,
}

impl Sum {
    fn add(&mut self, (subscriber, next): &Listed) {
        let delivered = subscriber.delivered();
        self.subscriptions += 1;
        self.delivered += delivered.events;
        self.errors += delivered.errors;
        self.slowest = Some(self.slowest.map_or(*next, |slowest| slowest.min(*next)));
    }

    fn traffic(
        &self,
        shared: &Shared,
        (is_volatile, published): (bool, u64),
        gone: Delivered,
    ) -> Result<Traffic, ReadError> {
        let slowest = self.slowest.map(|next| pending(shared, is_volatile, next));
        Ok(Traffic {
            published,
            delivered: self.delivered + gone.events,
            errors: self.errors + gone.errors,
            subscriptions: self.subscriptions,
            pending: slowest.transpose()?.unwrap_or_default(),
        })
    }
}
