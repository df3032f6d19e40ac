//! What time it is for connections.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::Now;

/// The time of the system, or one that a test moves on.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    /// Since 1970 when it started, where it goes by the runtime's time alone.
    simulated: Option<Duration>,
}

impl Clock {
    pub(crate) fn system() -> Self {
        Self { started: Instant::now(), simulated: None }
    }

    /// Goes on as the time of a paused runtime is moved on.
    #[cfg(test)]
    pub(crate) fn simulated(since: Duration) -> Self {
        Self { started: Instant::now(), simulated: Some(since) }
    }

    fn since_1970(&self) -> Duration {
        match self.simulated {
            None => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            Some(since) => since + self.started.elapsed(),
        }
    }

    pub(super) fn now(&self) -> Now {
        let ticks = u32::try_from(self.started.elapsed().as_secs()).unwrap_or(u32::MAX);
        Now { ticks, unix: self.since_1970().as_secs() }
    }

    /// Microseconds since 1970.
    pub(super) fn now_us(&self) -> u64 {
        u64::try_from(self.since_1970().as_micros()).unwrap_or(u64::MAX)
    }
}
