//! For tests of programs that use the engine: a database in memory, on a clock that is set by hand.
//!
//! ```
//! use std::time::Duration;
//!
//! use arrw::{Attempt, Failure, JobArgs, JobState, NewJob, testing};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Import;
//!
//! impl JobArgs for Import {
//!     const KIND: &'static str = "import";
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (db, clock) = testing::db()?;
//! let fails = |_: Import, _: Attempt| async { Err::<(), _>(Failure::new("no file")) };
//! let worker = db.jobs().worker("importer").queue("files").on(fails).build()?;
//!
//! let plan = arrw::Plan { max_attempts: 2, ..arrw::Plan::default() };
//! let args = Import.encode()?;
//! db.jobs().enqueue(&NewJob { plan, ..args.on("files") })?.wait()?;
//!
//! assert_eq!(worker.run_due()?[0].state, Some(JobState::Retrying));
//! assert_eq!(worker.run_due()?.len(), 0, "it waits");
//! clock.advance(Duration::from_secs(10));
//! assert_eq!(worker.run_due()?[0].state, Some(JobState::Dead));
//! # Ok(())
//! # }
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrw_log::limits::NUMBER_MAX;
use arrw_log::{Clock, Environment, MemoryStorage, OpenError, Timestamp};

use crate::db::{Db, Options};

/// What [`ManualClock`] shows at first: 2026-01-01T00:00:00Z.
const START_MICROS: u64 = 1_767_225_600_000_000;

/// A clock that goes on only when it is told to.
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl Default for ManualClock {
    /// At the beginning of 2026, UTC.
    fn default() -> Self {
        Self::at(Timestamp::from_micros(START_MICROS))
    }
}

impl ManualClock {
    /// A clock that shows this time.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(AtomicU64::new(time.micros()))
    }

    /// Lets time pass, up to the last time that the log takes for one ([`NUMBER_MAX`] microseconds).
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        let later = |now: u64| Some(now.saturating_add(by).min(NUMBER_MAX.max(now)));
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later).ok();
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// A database in memory, and its clock. Threads that wait for a time look again within a second of real time; what is
/// asked for sees the new time at once.
///
/// # Errors
/// When the system has no thread left.
pub fn db() -> Result<(Db, Arc<ManualClock>), OpenError> {
    let clock = Arc::new(ManualClock::default());
    let mut environment = Environment::with_storage(Arc::new(MemoryStorage::new()));
    environment.clock = Arc::<ManualClock>::clone(&clock);
    let mut options = Options::default();
    options.log.segment_bytes = 1024 * 1024;
    Ok((Db::open_with(environment, options)?, clock))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_back_however_far_it_is_moved() {
        let clock = ManualClock::default();
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now().micros(), START_MICROS + 2_000_000);
        for _ in 0..2 {
            clock.advance(Duration::MAX);
            assert_eq!(clock.now().micros(), NUMBER_MAX);
        }
    }
}
