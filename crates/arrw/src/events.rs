//! Events that a subscription hands over together, without a copy of them.

use std::sync::Arc;

use arrw_bus::{Event, Filter, FloorMap};
use arrw_log::{Epoch, Frame, Position, Records, Seq};

/// Events that were committed together, or published shortly after each other; one at least. Those that the
/// subscription does not want are left out.
///
/// Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Events {
    filter: Filter,
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
    /// The events of `frame` that `filter` wants and that are not below `floors`; `None` when there are none.
    pub(crate) fn of(
        frame: Frame,
        filter: &Filter,
        floors: Option<Arc<FloorMap>>,
        epoch: Epoch,
    ) -> Option<Self> {
        let filter = filter.clone();
        let events = Self { filter, frame, more: Vec::new(), picked: None, floors, epoch };
        events.iter().next().is_some().then_some(events)
    }

    /// Those of some frames that are in `picked`, which is in order.
    pub(crate) fn picked(
        mut frames: Vec<Frame>,
        picked: Vec<Seq>,
        filter: &Filter,
        epoch: Epoch,
    ) -> Option<Self> {
        if picked.is_empty() {
            return None;
        }
        let more = frames.split_off(1);
        let frame = frames.pop()?;
        let filter = filter.clone();
        // What was picked is not below any floor.
        Some(Self { filter, frame, more, picked: Some(picked), floors: None, epoch })
    }

    /// The events, in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            filter: &self.filter,
            records: self.frame.records(),
            more: self.more.iter(),
            picked: self.picked.as_deref(),
            floors: self.floors.as_deref(),
            topic: None,
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

impl<'a> IntoIterator for &'a Events {
    type Item = Event<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The events of [`Events`], in order.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    filter: &'a Filter,
    records: Records<'a>,
    more: std::slice::Iter<'a, Frame>,
    picked: Option<&'a [Seq]>,
    floors: Option<&'a FloorMap>,
    /// The topic that was looked at last, and whether it is wanted: the next is often the same.
    topic: Option<(&'a str, bool)>,
}

impl<'a> Iterator for Iter<'a> {
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
