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
