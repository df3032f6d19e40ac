//! Every bound of a torture of all there is, with its unit, its reason and what happens when it is reached.

use std::time::Duration;

/// Clients that follow channels; more is refused, as they would take the machine from the others.
pub const CLIENTS_MAX: u32 = 1_000;

/// About how long a life lasts: what the moments of cuts and stalls are drawn from.
pub const LIFE: Duration = Duration::from_millis(1_500);

/// Publications a second, by all publishers together: beside events and jobs, so that no kind starves.
pub const PUBLICATIONS_PER_S: u64 = 400;

/// Publications and acknowledged writes without which a life is not ended.
pub const PUBLICATIONS_MIN: u64 = 50;

/// One life in so many is one in which the system fails the server, if strace is there.
pub const FAULT_EVERY: u64 = 5;

/// Which call is failed at most, counted in each thread: so late that clients are at work.
pub const NTH_MAX: u64 = 60;

/// How long is waited for a fault. Then the life ends by a kill; that is counted apart.
pub const FAULT_TIME_MAX: Duration = Duration::from_secs(8);

/// How long clients go on behind a fault that did not end the server.
pub const BEHIND_FAULT: Duration = Duration::from_secs(1);

/// Batches whose syncs are looked at.
pub const SYNC_RECORDS: u64 = 4_000;
