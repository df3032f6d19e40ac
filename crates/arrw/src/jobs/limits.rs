//! Every bound of the engine's jobs, with its unit, its reason and what happens when it is reached.

/// Milliseconds for which a worker may be silent when nothing else is set: then its jobs go back.
pub const LEASE_MS_DEFAULT: u64 = 60_000;

/// Milliseconds for which a worker may be silent at least. Less is taken as this: a busy machine is silent for as long.
pub const LEASE_MS_MIN: u64 = 1_000;

/// Milliseconds for which a worker may be silent at most: a day. More is taken as this.
pub const LEASE_MS_MAX: u64 = 24 * 3_600 * 1_000;

/// Frames that are kept because jobs of them were read lately, and their bytes; the oldest make room.
pub(crate) const RECENT_MAX: usize = 16;
/// See [`RECENT_MAX`]: as many as one frame may have.
pub(crate) const RECENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Transitions of a job that are told, the newest; older ones are left out, also when the job is carried forward. Each
/// attempt has two, so a job with all the errors that it may have fits twice.
pub const HISTORY_MAX: usize = 4_000;

/// Bytes of jobs that are carried forward together, about, and of the history of one: over it the errors are cut.
pub(crate) const CARRIED_BYTES_MAX: usize = 1024 * 1024;

/// Jobs that are carried forward for one checkpoint; the rest comes with the next (16 bytes of memory each meanwhile).
pub(crate) const CARRIED_MAX: usize = 1_000_000;

/// Bytes of the message of a job's progress; the rest is cut. Even if each takes six in JSON, it goes with the next record.
pub(crate) const PROGRESS_MESSAGE_BYTES_MAX: usize = 150;

/// Bytes of the log that are read for one trigger before the others have their turn.
pub(crate) const TRIPS_READ_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Jobs that a trigger has enqueued together at most, and about how many bytes of them.
pub(crate) const TRIPPED_AT_ONCE: usize = 1_000;
/// See [`TRIPPED_AT_ONCE`].
pub(crate) const TRIPPED_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of the log without an event for a trigger after which its cursor is written all the same, so that a start need not
/// look at them again.
pub(crate) const TRIGGER_IDLE_BYTES: u64 = 64 * 1024 * 1024;

/// Slots that get their jobs together.
pub(crate) const FIRED_AT_ONCE: usize = 100;

/// Commands of the engine itself that are decided together: what a frame takes in a millisecond or two.
pub(crate) const ASKED_AT_ONCE: usize = 1_000;

/// Bytes of them, about; a log of small segments takes fewer.
pub(crate) const ASKED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Segments of the log for one checkpoint of the jobs, which may be large: about what a start reads for them.
pub(crate) const JOBS_SAVED_EVERY: u64 = 4;

/// Milliseconds after which whoever minds the time looks again, even when nothing is due: the clock may have been set.
pub(crate) const LOOK_MS_MAX: u64 = 1_000;
