//! Every bound of the jobs, with its unit, its reason and what happens when it is reached.

/// Bytes of a cron's text; the longest canonical one has fewer than 400. A longer one is refused.
pub const CRON_BYTES_MAX: usize = 512;

/// Characters of what was written that an error repeats. The rest is cut.
pub const QUOTED_CHARS_MAX: usize = 80;

/// Bytes of a time zone's name; the longest that exists has 30. A longer one is refused.
pub const ZONE_BYTES_MAX: usize = 64;

/// Years ahead in which the next slot of a cron is looked for. The rarest day, 29 February on one day of
/// the week, comes after 40 years at most, across a year as 2100 that is no leap year.
pub const YEARS_AHEAD_MAX: i16 = 41;

/// Changes of a zone's offset that the search for one slot looks across: 100 years where they are most
/// frequent, four a year. After as many there is no next slot.
pub const OFFSETS_MAX: usize = 400;

/// Microseconds of the shortest interval. Whoever needs less wants a loop, not a job for each round.
pub const INTERVAL_MICROS_MIN: u64 = 1_000_000;

/// Microseconds of the longest interval: a leap year.
pub const INTERVAL_MICROS_MAX: u64 = 366 * 24 * 3_600 * 1_000_000;

/// Bytes of an interval's text. A longer one is refused.
pub const INTERVAL_BYTES_MAX: usize = 24;

/// Slots that are listed at once. Of a larger wish so many are listed.
pub const NEXT_RUNS_MAX: usize = 100;

/// Slots without a job that are counted at once, at about half a microsecond each. The count of more is this number.
pub const MISSED_MAX: u64 = 1_000;

/// Microseconds after its slot in which a job is still in time, as in Quartz: a timer that wakes late, or a
/// quick restart, is no misfire. Later, [`Misfire`](crate::Misfire) says what happens.
pub const LATE_MICROS_MAX: u64 = 60 * 1_000_000;

/// Jobs that are known at once, finished ones that are kept included (about 100 B of memory each). One more is
/// refused until others are done and forgotten.
pub const JOBS_MAX: usize = 50_000_000;

/// Queues that are known at once (about 1 KiB each). A job of one more is refused.
pub const QUEUES_MAX: usize = 10_000;

/// Kinds of jobs, and names of workers that hold leases, that are known since the start (about 100 B each). A kind is a
/// program's handler, so more mean that something else was put into it; one more is refused.
pub const NAMES_MAX: usize = 65_536;

/// Plans (attempts, timeout, backoff) that are known since the start (about 100 B each). One more is refused.
pub const PLANS_MAX: usize = 65_536;

/// Bytes of the name of a queue, kind, or worker: with the longest state it makes a topic. A longer one is refused.
pub const NAME_BYTES_MAX: usize = 128;

/// Bytes of a job's args, and of a result or an error: what the log takes in one record with room for the rest.
/// More is refused; put it elsewhere and enqueue where it is.
pub const ARGS_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of the progress of a job as JSON, which goes with the record that ends its lease. More is refused.
pub const PROGRESS_BYTES_MAX: usize = 1_024;

/// Bytes of the text of a record that are kept for the next one; of a longer one the memory is given back.
pub(crate) const SCRATCH_BYTES_MAX: usize = 64 * 1024;

/// Tags of a job, each of at most [`NAME_BYTES_MAX`] bytes. More are refused.
pub const TAGS_MAX: usize = 16;

/// Bytes of a job's metadata as JSON. More is refused.
pub const METADATA_BYTES_MAX: usize = 16 * 1024;

/// Attempts of a job. A plan with more is refused.
pub const ATTEMPTS_MAX: u16 = 1_000;

/// Milliseconds that a plan may have a job wait between two attempts: a year, to which a backoff that grows adds up to a
/// quarter. A plan with a longer wait is refused.
pub const BACKOFF_MS_MAX: u64 = 366 * 24 * 3_600 * 1_000;

/// Waits in the list of a backoff. A longer one is refused.
pub const BACKOFF_STEPS_MAX: usize = 32;

/// Commands that are decided together, in one batch of the log, so that one call does not hold up all others. More are
/// refused.
pub const COMMANDS_MAX: usize = 10_000;

/// Jobs that one claim gets. Of a larger wish so many are given.
pub const CLAIM_MAX: usize = 1_000;

/// Queues that one claim looks at. More are refused.
pub const CLAIM_QUEUES_MAX: usize = 64;

/// Microseconds of log time for which the id of a job is remembered.
pub const IDS_MICROS: u64 = 10 * 60 * 1_000_000;

/// Ids of jobs that are remembered at once (about 80 B each); the oldest makes room.
pub const IDS_MAX: usize = 1_000_000;

/// Finished jobs of a queue that may be kept, of each final state. A control with more is refused.
pub const KEPT_MAX: u32 = 10_000_000;

/// Milliseconds for which finished jobs may be kept: ten years. A control with more is refused.
pub const KEPT_MS_MAX: u64 = 10 * 366 * 24 * 3_600 * 1_000;

/// Jobs that are listed at once. Of a larger wish so many are listed.
pub const LISTED_MAX: usize = 1_000;

/// Schedules, and triggers, that stand at once (their templates are in memory). One more is refused.
pub const ORDERS_MAX: usize = 10_000;

/// Bytes of the filter of a trigger, which is a topic's name with wildcards. A longer one is refused.
pub const FILTER_BYTES_MAX: usize = 255;

/// Slots that come next and are shown of a schedule.
pub const RUNS_SHOWN: usize = 5;

/// How many triggers may follow one on another, each on an event of the job of the one before. An event that is deeper
/// gets no job, so that triggers that lead to each other end.
pub const TRIGGER_DEPTH_MAX: u8 = 8;

/// Bytes of a record that tells of a change of a job, without what its worker tells: its names at their longest.
pub const LEASE_BYTES_MAX: usize = 1_024;
