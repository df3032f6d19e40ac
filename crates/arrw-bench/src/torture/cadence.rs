//! When things are due that are to come evenly over a time, whoever does them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::disk::nanos;

/// Things that are due one after the other.
#[derive(Debug, Default)]
pub(super) struct Cadence {
    /// Nanoseconds between two of them; 0 for as fast as can be.
    interval: u64,
    /// How many were begun.
    begun: AtomicU64,
    /// When the first was due: nanoseconds on the clock that is given.
    first_due: AtomicU64,
}

impl Cadence {
    /// So many over this time.
    pub(super) fn of(count: u64, time: Duration) -> Self {
        Self { interval: nanos(time) / count.max(1), ..Self::default() }
    }

    /// The first one is due now.
    pub(super) fn begin(&self, now: u64) {
        self.first_due.store(now, Ordering::Relaxed);
    }

    /// Waits until so many more are due.
    pub(super) async fn due(&self, count: usize, now: impl Fn() -> u64) {
        if self.interval == 0 {
            return;
        }
        let before = self.begun.fetch_add(count as u64, Ordering::Relaxed);
        let due = self.first_due.load(Ordering::Relaxed) + before.saturating_mul(self.interval);
        if let Some(early) = due.checked_sub(now()) {
            tokio::time::sleep(Duration::from_nanos(early)).await;
        }
    }
}
