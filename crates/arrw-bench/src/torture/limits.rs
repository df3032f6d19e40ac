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
