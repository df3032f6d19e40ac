//! A clock that moves only when told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrw_log::{Clock, Timestamp};

/// A clock for tests, in microseconds since the Unix epoch. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    micros: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock that shows `micros`.
    #[must_use]
    pub fn new(micros: u64) -> Self {
        Self { micros: Arc::new(AtomicU64::new(micros)) }
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub fn now_micros(&self) -> u64 {
        self.micros.load(Ordering::SeqCst)
    }

    /// Moves the clock on; answers the new time.
    ///
    /// # Panics
    /// When `by` is more than 584,000 years.
    #[expect(clippy::must_use_candidate, reason = "it is called to move the clock")]
    pub fn advance(&self, by: Duration) -> u64 {
        let by = u64::try_from(by.as_micros()).expect("a test moves the clock by less than an age");
        self.micros.fetch_add(by, Ordering::SeqCst).wrapping_add(by)
    }

    /// Sets the clock, backwards as well: that is what a wall clock does.
    pub fn set_micros(&self, micros: u64) {
        self.micros.store(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now_micros())
    }
}
