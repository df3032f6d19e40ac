//! Events that a subscription hands over together, without a copy of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrw_bus::{Event, Filter, FloorMap, Subscriber};
use arrw_log::{Epoch, Frame, Position, Records, Seq};

/// Events that were committed together, or published shortly after each other; one at least. Those that the
/// subscription does not want are left out.
///
/// Cloning shares the bytes.
#[derive(Debug)]
pub struct Events {
    /// Whose they are.
    subscriber: Arc<Subscriber>,
    /// How many of them were looked at, from the first one on.
    seen: AtomicU64,
    frame: Frame,
    /// Behind `frame`, when a conflating subscription was behind.
    more: Vec<Frame>,
    /// The only ones to show of them, in order; `None` for all.
    picked: Option<Vec<Seq>>,
    /// Events before these are gone.
    floors: Option<Arc<FloorMap>>,
    epoch: Epoch,
}

impl Events {
    /// The events of `frame` that the subscriber wants and that are not below `floors`; `None` when there are none.
    pub(crate) fn of(
        frame: Frame,
        subscriber: &Arc<Subscriber>,
        floors: Option<Arc<FloorMap>>,
        epoch: Epoch,
    ) -> Option<Self> {
        let (subscriber, seen) = (Arc::clone(subscriber), AtomicU64::new(0));
        let events =
            Self { subscriber, seen, frame, more: Vec::new(), picked: None, floors, epoch };
        let has_any = events.search().next().is_some();
        has_any.then_some(events)
    }

    /// Those of some frames that are in `picked`, which is in order.
    pub(crate) fn picked(
        mut frames: Vec<Frame>,
        picked: Vec<Seq>,
        subscriber: &Arc<Subscriber>,
        epoch: Epoch,
    ) -> Option<Self> {
        if picked.is_empty() {
            return None;
        }
        let more = frames.split_off(1);
        let frame = frames.pop()?;
        let (subscriber, seen) = (Arc::clone(subscriber), AtomicU64::new(0));
        // What was picked is not below any floor.
        Some(Self { subscriber, seen, frame, more, picked: Some(picked), floors: None, epoch })
    }

    /// The events, in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { events: self, search: self.search(), found: 0 }
    }

    fn search(&self) -> Search<'_> {
        Search {
            filter: self.subscriber.filter(),
            records: self.frame.records(),
            more: self.more.iter(),
            picked: self.picked.as_deref(),
            floors: self.floors.as_deref(),
            topic: None,
        }
    }

    /// Tells those apart that show the same events to subscribers of the same filter, so that what is made of them
    /// can be shared. `None` when that depends on more: on what was left out of them, or is gone.
    #[must_use]
    pub fn shared_key(&self) -> Option<SharedKey> {
        let is_plain = self.picked.is_none() && self.floors.is_none();
        is_plain.then(|| SharedKey {
            epoch: self.epoch.get(),
            first: self.frame.first(),
            last: self.frame.last(),
        })
    }

    /// Says that the subscriber was shown the first `count` of them in another way than by iterating, for the
    /// [stats](crate::SubscriptionStats::delivered).
    pub fn were_seen(&self, count: u64) {
        let seen = self.seen.fetch_max(count, Ordering::Relaxed);
        if seen < count {
            self.subscriber.add_delivered(count - seen);
        }
    }

    /// The position that goes on behind them.
    #[must_use]
    pub fn position(&self) -> Position {
        let last = self.more.last().unwrap_or(&self.frame).last();
        Position { epoch: self.epoch, seq: last }
    }

    /// The life of the log that they are in: with an event's seq, its position.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }
}

impl Clone for Events {
    /// A clone tells the [stats](crate::SubscriptionStats::delivered) only of what the first one did not until now.
    fn clone(&self) -> Self {
        Self {
            subscriber: Arc::clone(&self.subscriber),
            seen: AtomicU64::new(self.seen.load(Ordering::Relaxed)),
            frame: self.frame.clone(),
            more: self.more.clone(),
            picked: self.picked.clone(),
            floors: self.floors.clone(),
            epoch: self.epoch,
        }
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = Event<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// What [`Events`] were made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SharedKey {
    epoch: u64,
    first: Seq,
    last: Seq,
}

/// The events of [`Events`], in order.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    events: &'a Events,
    search: Search<'a>,
    found: u64,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Event<'a>;

    #[inline]
    fn next(&mut self) -> Option<Event<'a>> {
        let event = self.search.next();
        self.found += u64::from(event.is_some());
        event
    }
}

/// Counts what was looked at for the first time.
impl Drop for Iter<'_> {
    fn drop(&mut self) {
        self.events.were_seen(self.found);
    }
}

/// Looks for what the subscriber wants.
#[derive(Clone, Debug)]
struct Search<'a> {
    filter: &'a Filter,
    records: Records<'a>,
    more: std::slice::Iter<'a, Frame>,
    picked: Option<&'a [Seq]>,
    floors: Option<&'a FloorMap>,
    /// The topic that was looked at last, and whether it is wanted: the next is often the same.
    topic: Option<(&'a str, bool)>,
}

impl<'a> Iterator for Search<'a> {
    type Item = Event<'a>;

    #[inline]
    fn next(&mut self) -> Option<Event<'a>> {
        loop {
            let Some(record) = self.records.next() else {
                self.records = self.more.next()?.records();
                continue;
            };
            let topic = record.topic();
            let is_wanted = match self.topic {
                Some((last, is_wanted)) if std::ptr::eq(last, topic) || last == topic => is_wanted,
                _ => {
                    let is_wanted = self.filter.matches(topic);
                    self.topic = Some((topic, is_wanted));
                    is_wanted
                }
            };
            if let Some(floors) = self.floors
                && floors.get(topic).is_some_and(|floor| record.seq() < *floor)
            {
                continue;
            }
            let Some(event) = is_wanted.then(|| Event::of(record)).flatten() else { continue };
            match &mut self.picked {
                None => return Some(event),
                Some([next, rest @ ..]) if *next == event.seq() => {
                    self.picked = Some(rest);
                    return Some(event);
                }
                Some(_) => (),
            }
        }
    }
}
