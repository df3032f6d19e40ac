//! What the bus remembers of the log, and how what was placed is taken back.

use std::collections::BTreeMap;

use arrw_log::{Record, Seq};

use super::{CONSUMER, FLOOR, PRODUCER, RETENTION, set};
use crate::consumers::{Consumer, ConsumerFact, Consumers};
use crate::event::Event;
use crate::ids::{Ids, IdsUndo, body_of, key_of};
use crate::planted::{Bug, is_planted};
use crate::retention::{FloorMap, TopicRetention};
use crate::summed::{Summed, mix};

/// All that the bus remembers of the log, besides the log: a function of its records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub(crate) ids: Ids,
    pub(crate) producers: Summed<String, u64>,
    pub(crate) consumers: Consumers,
    pub(crate) retention: Summed<String, TopicRetention>,
    pub(crate) floors: FloorMap,
}

/// How to take back what was placed.
#[derive(Debug)]
pub(super) enum Undo {
    Producer(String, Option<u64>),
    Consumer(String, Option<Consumer>),
    Retention(String, Option<TopicRetention>),
    Floor(String, Option<Seq>),
}

impl Memory {
    /// Takes in a record. It must come behind all that were taken in before.
    pub fn apply(&mut self, record: &Record<'_>) {
        let is_forgotten = is_planted(Bug::ForgetIds) && record.kind() == crate::event::EVENT
            || is_planted(Bug::ForgetFloors) && record.kind() == FLOOR;
        if !is_forgotten {
            self.apply_with(record, &mut Vec::new(), &mut Vec::new());
        }
    }

    /// The consumers.
    #[must_use]
    pub fn consumers(&self) -> &Consumers {
        &self.consumers
    }

    /// The highest number that a producer has published.
    #[must_use]
    pub fn producer(&self, name: &str) -> Option<u64> {
        self.producers.map().get(name).copied()
    }

    /// How long topics are kept, by their pattern.
    #[must_use]
    pub fn retention(&self) -> &BTreeMap<String, TopicRetention> {
        self.retention.map()
    }

    /// Before which seq the events of topics are gone.
    #[must_use]
    pub fn floors(&self) -> &FloorMap {
        &self.floors
    }

    /// Forgets floors below the oldest record that is kept: they say nothing.
    pub fn forget_floors(&mut self, first: Seq) {
        self.floors.retain(|_, floor| first < *floor);
    }

    /// How many ids are remembered.
    #[must_use]
    pub fn ids(&self) -> usize {
        self.ids.len()
    }

    /// A number for all of it save the floors, which are forgotten in one memory before they are in another.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let sums =
            [self.ids.sum(), self.producers.sum(), self.consumers.sum(), self.retention.sum()];
        sums.into_iter().fold(0, |digest, sum| mix(digest).wrapping_add(sum))
    }

    pub(super) fn apply_with(
        &mut self,
        record: &Record<'_>,
        undo: &mut Vec<Undo>,
        ids: &mut IdsUndo,
    ) {
        if let Some(event) = Event::of(*record) {
            if let Some(id) = event.id() {
                self.ids.add(&event, key_of(event.topic(), id), body_of(record), ids);
            }
            return;
        }
        let Ok(name) = std::str::from_utf8(record.key()) else { return };
        if record.kind() == PRODUCER
            && let Ok(number) = record.payload().try_into()
        {
            let before = self.producers.set(name.to_owned(), Some(u64::from_le_bytes(number)));
            undo.push(Undo::Producer(name.to_owned(), before));
        } else if record.kind() == CONSUMER
            && let Some(fact) = ConsumerFact::decode(record.payload())
        {
            let before = self.consumers.set(name, self.consumers.after(name, fact));
            undo.push(Undo::Consumer(name.to_owned(), before));
        } else if record.kind() == RETENTION {
            let policy = TopicRetention::decode(record.payload());
            let before = self.retention.set(name.to_owned(), policy);
            undo.push(Undo::Retention(name.to_owned(), before));
        } else if record.kind() == FLOOR
            && let Ok(seq) = record.payload().try_into()
        {
            let before = self.floors.get(name).copied();
            let floor = Seq::new(u64::from_le_bytes(seq)).max(before.unwrap_or_default());
            set(&mut self.floors, name, Some(floor));
            undo.push(Undo::Floor(name.to_owned(), before));
        }
    }
}
