//! How long the events of some topics are kept, and from where on those of a topic still are.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arrw_log::{Seq, crc64};

use crate::summed::Weigh;

/// How long the events of a topic are kept: as long as every one of these allows. `None` allows all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TopicRetention {
    /// Age since the commit.
    pub age_max: Option<Duration>,
    /// How many of a topic.
    pub count_max: Option<u64>,
    /// Bytes of the keys, headers and payloads of a topic.
    pub bytes_max: Option<u64>,
}

/// Stands for no limit.
const NONE: u64 = u64::MAX;

impl TopicRetention {
    /// Its bytes in a record: milliseconds, count, bytes, of 8 bytes each.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let millis = |age: Duration| u64::try_from(age.as_millis()).unwrap_or(NONE);
        let numbers = [
            self.age_max.map_or(NONE, millis),
            self.count_max.unwrap_or(NONE),
            self.bytes_max.unwrap_or(NONE),
        ];
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    /// The policy in a record's bytes; `None` when it was taken away.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut numbers = bytes.chunks_exact(8).map(|number| {
            let number = number.try_into().map_or(NONE, u64::from_le_bytes);
            (number != NONE).then_some(number)
        });
        let (age, count_max, bytes_max) = (numbers.next()?, numbers.next()?, numbers.next()?);
        Some(Self { age_max: age.map(Duration::from_millis), count_max, bytes_max })
    }

    /// The stricter of both in each part.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        fn least<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
            match (a, b) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            }
        }
        Self {
            age_max: least(self.age_max, other.age_max),
            count_max: least(self.count_max, other.count_max),
            bytes_max: least(self.bytes_max, other.bytes_max),
        }
    }
}

impl Weigh for TopicRetention {
    fn weigh(&self) -> u64 {
        crc64(&self.encode())
    }
}

/// For each topic that retention or a purge has cut, the seq before which its events are gone.
pub type FloorMap = BTreeMap<String, Seq>;

/// Floors of the writer beyond twice those of the readers from which on it looks which of them to forget.
const FORGET_FLOORS_MIN: usize = 64;

/// The floors as they are on the disk, for all readers. A reader that is beyond all of them pays one load.
#[derive(Debug, Default)]
pub struct Floors {
    highest: AtomicU64,
    /// Floors up to here were forgotten.
    forgotten: AtomicU64,
    map: RwLock<Arc<FloorMap>>,
}

impl Floors {
    /// Those of a memory.
    #[must_use]
    pub fn new(map: FloorMap) -> Self {
        let highest = map.values().max().copied().unwrap_or_default();
        let (highest, forgotten) = (AtomicU64::new(highest.get()), AtomicU64::new(0));
        Self { highest, forgotten, map: RwLock::new(Arc::new(map)) }
    }

    /// What a reader of records from `seq` on must know; `None` when no floor is above it.
    #[must_use]
    pub fn above(&self, seq: Seq) -> Option<Arc<FloorMap>> {
        (seq.get() < self.highest.load(Ordering::Acquire))
            .then(|| Arc::clone(&self.map.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// The seq before which the events of a topic are gone.
    #[must_use]
    pub fn of(&self, topic: &str) -> Seq {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        map.get(topic).copied().unwrap_or_default()
    }

    /// Takes in floors that were committed.
    pub(crate) fn raise<'a>(&self, floors: impl Iterator<Item = (&'a str, Seq)>) {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        let map = Arc::make_mut(&mut map);
        for (topic, seq) in floors {
            map.insert(topic.to_owned(), seq);
            self.highest.fetch_max(seq.get(), Ordering::AcqRel);
        }
    }

    /// Forgets floors up to the oldest record that is kept: they say nothing.
    pub fn forget(&self, first: Seq) {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        if map.values().any(|floor| *floor <= first) {
            Arc::make_mut(&mut map).retain(|_, floor| first < *floor);
        }
        self.forgotten.store(first.get(), Ordering::Release);
    }

    /// Forgets the same in the map of the writer, now and then.
    pub(crate) fn forget_in(&self, floors: &mut FloorMap) {
        let kept = self.map.read().unwrap_or_else(PoisonError::into_inner).len();
        if 2 * kept + FORGET_FLOORS_MIN < floors.len() {
            let first = Seq::new(self.forgotten.load(Ordering::Acquire));
            floors.retain(|_, floor| first < *floor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_that_say_nothing_are_forgotten_in_both_places() {
        let floors = Floors::default();
        let mut of_writer = FloorMap::new();
        let count = 2 * FORGET_FLOORS_MIN as u64;
        for seq in 1..=count {
            of_writer.insert(format!("t.{seq}"), Seq::new(seq));
        }
        floors.raise(of_writer.iter().map(|(topic, seq)| (topic.as_str(), *seq)));
        floors.forget_in(&mut of_writer);
        assert_eq!(of_writer.len() as u64, count);
        floors.forget(Seq::new(count - 1));
        floors.forget_in(&mut of_writer);
        assert_eq!(of_writer.len(), 1);
        let last = format!("t.{count}");
        assert_eq!((floors.of(&last), floors.of("t.1")), (Seq::new(count), Seq::ZERO));
        assert_eq!(floors.above(Seq::FIRST).unwrap().len(), 1);
    }
}
