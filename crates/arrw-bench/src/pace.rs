//! Waiting while a load runs.

use std::thread;
use std::time::Duration;

/// Lets the load run for some time.
pub(crate) fn wait(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "a load is measured over time")]
    thread::sleep(time);
}
