//! Every bound of a torture, with its unit, its reason and what happens when it is reached.

use std::time::Duration;

/// Writes in all rounds together. What the clients saw of them is in memory until it is checked, about 2 KiB a
/// write; more is refused.
pub const WRITES_MAX: u64 = 2_000_000;

/// Rounds; more is refused, as [`WRITES_MAX`] leaves each too few writes.
pub const ROUNDS_MAX: u64 = 10_000;

/// Acknowledged writes that a round must have; more is refused, as they do not come in [`ROUND_TIME_MAX`].
pub const ACKS_MIN_MAX: u64 = 100_000;

/// How long a round may take to get its acknowledged writes. Then it ends, and the history is too thin.
pub const ROUND_TIME_MAX: Duration = Duration::from_secs(60);

/// How long the server may take to answer a write or to give a page, or be silent in a stream: longer than
/// its heartbeat, and than it is ever frozen. Then the torture has found a fault.
pub const ANSWER_TIME_MAX: Duration = Duration::from_secs(45);

/// How long writers and readers may take to end once the last round is over. Then those readers saw less
/// than there is, which is a fault.
pub const ENDING_TIME_MAX: Duration = Duration::from_secs(90);

/// How often those who wait look whether the torture was given up.
pub const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How often the driver looks at how far a round is: finer than a round of a thousand writes.
pub const TICK: Duration = Duration::from_millis(1);

/// Milliseconds for which the server is frozen at most: the system's queues fill up in it.
pub const FROZEN_MS_MAX: u64 = 150;

/// Milliseconds after which a start is cut off at most: recovery takes less, so it is hit at all its places.
pub const START_CUT_MS_MAX: u64 = 40;

/// Events of an array, and of lines, at most: a few times what a commit takes in beside them.
pub const BATCH_MAX: u64 = 12;
/// See [`BATCH_MAX`].
pub const LINES_MAX: u64 = 40;

/// Characters of an event's text at most.
pub const TEXT_MAX: u64 = 160;

/// Bytes of a segment: small, so that there are many, and yet larger than any batch.
pub const SEGMENT_BYTES: u64 = 1024 * 1024;

/// Jobs of an array at most; see [`BATCH_MAX`].
pub const ARRAY_JOBS_MAX: u64 = 8;

/// Jobs that a worker claims at once at most: more than one, and so few that all workers have some.
pub const CLAIM_JOBS_MAX: u64 = 5;

/// Milliseconds that a worker waits for jobs at most.
pub const CLAIM_WAIT_MS_MAX: u64 = 300;

/// Milliseconds that a worker may be silent: the least that the server allows, so that leases are lost in a life.
pub const LEASE_MS_MIN: u64 = 1_000;
/// At most; see [`LEASE_MS_MIN`].
pub const LEASE_MS_MAX: u64 = 3_000;

/// Milliseconds for which a job is put off at most: it comes back in the same life.
pub const DELAY_MS_MAX: u64 = 50;

/// Milliseconds for which a job is put off at most that is to come back in another life.
pub const LONG_DELAY_MS_MAX: u64 = 1_500;

/// Unique keys that clients enqueue with: so few that they are held often.
pub const KEYS: u64 = 4;

/// Seconds between two slots of the schedule: the least that the server allows.
pub const SCHEDULE_STEP_S: u64 = 1;

/// Jobs that the schedule must have made: fewer are waited for at the end, also when the rounds were few.
pub const SLOTS_MIN: u64 = 2;

/// Tokens of leases that have ended which a worker keeps, to come too late with; older ones are forgotten.
pub const TOKENS_KEPT: usize = 32;

/// How long it may take until all jobs are done once nothing is killed any more. Then the torture has found a fault.
pub const JOBS_TIME_MAX: Duration = Duration::from_secs(60);

/// Jobs that are asked for one by one at the end, the newest: the server forgets those that are done for long.
pub const JOBS_SHOWN_MAX: usize = 20_000;

/// Leases that are given back in one call: fewer than a call may end.
pub const RELEASED_AT_ONCE: usize = 500;
