//! The subscribers of one filter.

use std::collections::BTreeSet;

/// A set that costs no memory of its own while it has at most one member, as most filters do.
#[derive(Debug)]
pub(super) enum Subscribers<T> {
    None,
    One(T),
    /// A tree, because a filter that everybody has must not make leaving slow. It has at least two
    /// members, and is boxed to keep the nodes of the index small.
    #[expect(clippy::box_collection, reason = "24 bytes less in each node that has no such set")]
    Many(Box<BTreeSet<T>>),
}

impl<T: Copy + Ord> Subscribers<T> {
    /// False when it was there.
    pub(super) fn insert(&mut self, subscriber: T) -> bool {
        match self {
            Self::None => *self = Self::One(subscriber),
            Self::One(first) if *first == subscriber => return false,
            Self::One(first) => {
                *self = Self::Many(Box::new(BTreeSet::from([*first, subscriber])));
            }
            Self::Many(all) => return all.insert(subscriber),
        }
        true
    }

    /// False when it was not there.
    pub(super) fn remove(&mut self, subscriber: T) -> bool {
        match self {
            Self::One(first) if *first == subscriber => *self = Self::None,
            Self::None | Self::One(_) => return false,
            Self::Many(all) => {
                if !all.remove(&subscriber) {
                    return false;
                }
                if let (1, Some(&last)) = (all.len(), all.first()) {
                    *self = Self::One(last);
                }
            }
        }
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::One(_) | Self::Many(_) => false,
        }
    }

    /// In order.
    pub(super) fn for_each(&self, each: &mut impl FnMut(T)) {
        match self {
            Self::None => (),
            Self::One(subscriber) => each(*subscriber),
            Self::Many(all) => all.iter().copied().for_each(each),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(set: &Subscribers<u32>, expected: &[u32]) {
        let mut found = Vec::new();
        set.for_each(&mut |subscriber| found.push(subscriber));
        assert_eq!(found, expected);
        assert_eq!(set.is_empty(), expected.is_empty());
    }

    #[test]
    fn it_is_a_set_in_order() {
        let mut set = Subscribers::None;
        check(&set, &[]);
        assert!(!set.remove(1));
        assert!(set.insert(3) && !set.insert(3) && !set.remove(1));
        check(&set, &[3]);
        assert!(set.insert(1) && set.insert(2) && !set.insert(2));
        check(&set, &[1, 2, 3]);
        assert!(set.remove(2) && !set.remove(2) && set.remove(3));
        assert!(matches!(set, Subscribers::One(1)), "{set:?}");
        assert!(set.remove(1));
        check(&set, &[]);
    }

    #[test]
    fn it_is_small() {
        assert_eq!(size_of::<Subscribers<u64>>(), 16);
    }
}
