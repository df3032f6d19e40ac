//! Maps that know a number for all that is in them, so that two memories can be compared without looking
//! at either's entries.

use std::collections::BTreeMap;

use arrw_log::crc64;

/// What a [`Summed`] map holds.
pub(crate) trait Weigh {
    /// A number that tells this value from others.
    fn weigh(&self) -> u64;
}

impl Weigh for u64 {
    fn weigh(&self) -> u64 {
        *self
    }
}

/// A map and the sum of the numbers of its entries, whatever the order in which they came and went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summed<K, V> {
    map: BTreeMap<K, V>,
    sum: u64,
}

impl<K, V> Default for Summed<K, V> {
    fn default() -> Self {
        Self { map: BTreeMap::new(), sum: 0 }
    }
}

impl<K: Ord + AsRef<[u8]>, V: Weigh> Summed<K, V> {
    /// The map, to be read.
    pub(crate) fn map(&self) -> &BTreeMap<K, V> {
        &self.map
    }

    /// The sum of its entries.
    pub(crate) fn sum(&self) -> u64 {
        self.sum
    }

    /// Puts an entry in or takes it out; answers what was there.
    pub(crate) fn set(&mut self, key: K, value: Option<V>) -> Option<V> {
        let weight = |value: &V, key: &K| mix(mix(crc64(key.as_ref())).wrapping_add(value.weigh()));
        let added = value.as_ref().map_or(0, |value| weight(value, &key));
        let (before, removed) = match value {
            Some(value) => {
                let before = self.map.get(&key);
                let removed = before.map_or(0, |before| weight(before, &key));
                (self.map.insert(key, value), removed)
            }
            None => {
                let before = self.map.remove(&key);
                let removed = before.as_ref().map_or(0, |before| weight(before, &key));
                (before, removed)
            }
        };
        self.sum = self.sum.wrapping_add(added).wrapping_sub(removed);
        before
    }
}

/// Spreads each bit over all: without it the numbers of neighbours would cancel out in a sum. The finisher
/// of `SplitMix64`.
pub(crate) fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Numbers = Summed<String, u64>;

    fn of(entries: &[(&str, u64)]) -> Numbers {
        let mut map = Numbers::default();
        for (key, value) in entries {
            map.set((*key).to_owned(), Some(*value));
        }
        map
    }

    #[test]
    fn the_sum_is_of_what_is_there_and_of_nothing_else() {
        let map = of(&[("a", 1), ("b", 2)]);
        assert_eq!(map, of(&[("b", 7), ("a", 1), ("c", 3), ("b", 2)]).without("c"));
        assert_eq!(of(&[]).sum(), map.without("a").without("b").sum());
        for other in [
            of(&[("a", 2), ("b", 1)]),
            of(&[("a", 1)]),
            of(&[("a", 1), ("c", 2)]),
            of(&[("a", 1), ("b", 3)]),
            of(&[("a", 0), ("b", 3)]),
        ] {
            assert_ne!(of(&[("a", 1), ("b", 2)]).sum(), other.sum(), "{other:?}");
        }
    }

    impl Numbers {
        fn without(mut self, key: &str) -> Self {
            self.set(key.to_owned(), None);
            self
        }
    }
}
