//! Waiting while a load runs.

use std::thread;
use std::time::Duration;

/// For how long nothing must come, though something is due, to be a stall: 250 ms, in nanoseconds.
pub(crate) const STALL: u64 = 250_000_000;

/// Lets the load run for some time.
pub(crate) fn wait(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "a load is measured over time")]
    thread::sleep(time);
}
