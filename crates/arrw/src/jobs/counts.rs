//! What is counted of leases while the database is open: how late they came, and how they went wrong.

use arrw_jobs::{Command, Done, Finish, Leased, Outcome, Refused};
use arrw_log::Timestamp;

use crate::jobs::Jobs;

/// Bounds of the waits that are counted apart, in milliseconds.
const BOUNDS_MS: [u64; 14] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 30_000, 60_000, 300_000];

/// How long jobs waited from when they were ready until they were leased, by steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// By the first bound that is not less; those beyond all bounds come last.
    counts: [u64; BOUNDS_MS.len() + 1],
    /// All waits together, in microseconds.
    pub sum_us: u64,
}

impl Waits {
    fn count(&mut self, wait_us: u64) {
        let step = BOUNDS_MS.partition_point(|bound| bound * 1_000 < wait_us);
        self.counts[step] += 1;
        self.sum_us = self.sum_us.saturating_add(wait_us);
    }

    /// How many waited for so many milliseconds at most, for each bound.
    pub fn up_to(&self) -> impl Iterator<Item = (u64, u64)> {
        let sum = |sum: &mut u64, count: &u64| {
            *sum += count;
            Some(*sum)
        };
        BOUNDS_MS.into_iter().zip(self.counts.iter().scan(0, sum))
    }

    /// All of them.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// True when nothing was leased.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What was counted of leases since the database was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaseCounts {
    /// From ready to leased. Of a job that was to be tried again or later: from then on.
    pub waits: Waits,
    /// Leases whose worker was not heard of in time, or did not have the job any more.
    pub lost: u64,
    /// Ends of leases that were refused, as the lease was over: the job is somebody else's, or ended.
    pub stale: u64,
}

impl LeaseCounts {
    /// Takes note of what became of a command.
    pub(crate) fn note(&mut self, command: &Command, answer: &Result<Done, Refused>) {
        let Command::Finish(Finish { outcome, .. }) = command else { return };
        let is_ours = matches!(outcome, Outcome::Lost | Outcome::Release);
        match answer {
            Ok(_) if *outcome == Outcome::Lost => self.lost += 1,
            Err(Refused::Stale { .. }) if !is_ours => self.stale += 1,
            Ok(_) | Err(_) => {}
        }
    }

    /// Takes note of jobs that were leased.
    pub(crate) fn leased(&mut self, leased: &[Leased], now: Timestamp) {
        for it in leased {
            self.waits.count(now.micros().saturating_sub(it.ready_at.micros()));
        }
    }
}

/// How many jobs are leased, and how many more are wanted now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Workers that are known.
    pub workers: usize,
    /// Jobs that they have.
    pub leased: usize,
    /// Jobs that waiting claims would take besides.
    pub wanted: usize,
}

impl Load {
    /// Busy over capacity, from 0 to 1; 0 when nobody works. The capacity is what workers have and would take.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
    pub fn utilisation(&self) -> f64 {
        let capacity = self.leased + self.wanted;
        if capacity == 0 { 0.0 } else { self.leased as f64 / capacity as f64 }
    }
}

impl Jobs {
    /// What was counted of leases since the database was opened.
    #[must_use]
    pub fn lease_counts(&self) -> LeaseCounts {
        self.shared.jobs.core.lock().leases
    }

    /// How busy workers are now.
    #[must_use]
    pub fn load(&self) -> Load {
        let state = self.shared.jobs.core.lock();
        let leased = state.jobs.count_leases();
        Load { workers: state.workers.len(), leased, wanted: state.wanted() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_counted_up_to_their_bounds() {
        let mut waits = Waits::default();
        for us in [0, 1_000, 1_001, 49_000, 300_000_001] {
            waits.count(us);
        }
        let found: Vec<(u64, u64)> = waits.up_to().collect();
        assert_eq!(found[..6], [(1, 2), (2, 3), (5, 3), (10, 3), (20, 3), (50, 4)]);
        assert_eq!((found[13], waits.len()), ((300_000, 4), 5));
        assert_eq!(waits.sum_us, 300_000_001 + 51_001);
    }

    #[test]
    fn utilisation_is_what_is_had_of_what_is_had_and_wanted() {
        let load =
            |leased, wanted| format!("{}", Load { workers: 1, leased, wanted }.utilisation());
        assert_eq!([load(0, 0), load(0, 3), load(3, 1), load(2, 0)], ["0", "0", "0.75", "1"]);
    }
}
