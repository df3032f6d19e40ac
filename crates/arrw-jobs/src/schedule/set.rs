//! A set of small numbers: what one field of a cron allows.

/// Numbers from 0 to 63, one bit each. All operations are a few instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Set(u64);

impl Set {
    /// All numbers from `first` to `last`, both below 64.
    pub(crate) fn between(first: u8, last: u8) -> Self {
        let mut set = Self::default();
        (first..=last).for_each(|value| set.insert(value));
        set
    }

    /// Adds a number below 64.
    pub(crate) fn insert(&mut self, value: u8) {
        self.0 |= bit(value);
    }

    pub(crate) fn contains(self, value: u8) -> bool {
        self.0 & bit(value) != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The smallest number that is in the set and not below `value`.
    pub(crate) fn at_or_after(self, value: u8) -> Option<u8> {
        let from = u64::MAX.checked_shl(u32::from(value)).unwrap_or(0);
        let found = (self.0 & from).trailing_zeros();
        u8::try_from(found).ok().filter(|&found| found < 64)
    }

    /// Its numbers, the smallest first.
    pub(crate) fn iter(self) -> impl Iterator<Item = u8> {
        (0..64).filter(move |&value| self.contains(value))
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl FromIterator<u8> for Set {
    fn from_iter<I: IntoIterator<Item = u8>>(values: I) -> Self {
        let mut set = Self::default();
        values.into_iter().for_each(|value| set.insert(value));
        set
    }
}

fn bit(value: u8) -> u64 {
    1_u64.checked_shl(u32::from(value)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_number_is_found_from_any_place() {
        let set: Set = [0, 7, 59, 63].into_iter().collect();
        let check = |from, expected| assert_eq!(set.at_or_after(from), expected, "{from}");
        check(0, Some(0));
        check(1, Some(7));
        check(8, Some(59));
        check(60, Some(63));
        check(64, None);
        assert_eq!(Set::default().at_or_after(0), None);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 7, 59, 63]);
        assert_eq!(Set::between(3, 5).iter().collect::<Vec<_>>(), [3, 4, 5]);
    }
}
