//! How long the syncs of commits took, counted by steps.

use std::time::Duration;

/// Bounds of the times that are counted apart, in microseconds: close together where disks differ.
const BOUNDS_US: [u64; 18] = [
    50, 75, 100, 150, 200, 300, 500, 750, 1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 50_000,
    100_000, 500_000, 2_000_000,
];

/// How long the syncs of frames took since the log was opened: the time that each commit waits for the disk.
///
/// Figures for people: nothing is decided by them, so they come from the clock of the machine and not from the log's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncTimes {
    /// By the first bound that is not less; those beyond all bounds come last.
    counts: [u64; BOUNDS_US.len() + 1],
    /// All of them together, in microseconds.
    pub sum_us: u64,
}

impl SyncTimes {
    pub(crate) fn count(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let step = BOUNDS_US.partition_point(|bound| *bound < us);
        self.counts[step] += 1;
        self.sum_us = self.sum_us.saturating_add(us);
    }

    /// How many took so many microseconds at most, for each bound.
    pub fn up_to(&self) -> impl Iterator<Item = (u64, u64)> {
        let sum = |sum: &mut u64, count: &u64| {
            *sum += count;
            Some(*sum)
        };
        BOUNDS_US.into_iter().zip(self.counts.iter().scan(0, sum))
    }

    /// All of them.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// True when nothing was synced.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_for_every_bound_that_is_not_less() {
        let mut times = SyncTimes::default();
        assert!(times.is_empty());
        for us in [50, 51, 3_000_000] {
            times.count(Duration::from_micros(us));
        }
        let up_to: Vec<_> = times.up_to().collect();
        assert_eq!(up_to[..2], [(50, 1), (75, 2)]);
        assert_eq!(up_to.last(), Some(&(2_000_000, 2)));
        assert_eq!((times.len(), times.sum_us), (3, 3_000_101));
    }
}
