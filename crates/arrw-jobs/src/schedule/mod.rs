//! When a repeated job is due: slots, and what happens to those that were missed.

use arrw_log::Timestamp;

use crate::limits::{LATE_MICROS_MAX, MISSED_MAX, NEXT_RUNS_MAX, QUOTED_CHARS_MAX};

mod cron;
mod interval;
mod next;
mod set;
mod zone;

pub use cron::{Cron, CronError, Field};
pub use interval::{Interval, IntervalError};
pub use zone::{Zone, ZoneError};

/// When a repeated job is due: at its **slots**, which are instants.
///
/// The instant of a slot is its key: the same schedule always has the same slots, so whoever keeps the newest slot
/// that is settled makes exactly one job for each ([`due`](Self::due)).
///
/// # Where clocks change
///
/// A cron means minutes of the wall clock in its zone. Where that clock is set forward or back:
///
/// - **A cron that leaves out some hours** (`30 2 * * *`, `*/15 1-3 * * *`, `0 */6 * * *`) follows the wall clock: each
///   minute that it means is one slot in each day. When the clock leaps over it, its slot is the first instant after the
///   leap; minutes that fall into the same leap, and one that is meant there anyway, share that slot. When the clock
///   is set back and shows it twice, the first time is its slot.
/// - **A cron of every hour** (`*/15 * * * *`, `0 * * * *`) follows the real clock: each real minute at which the wall
///   clock shows what it means is a slot. So each real quarter of an hour has one, also in the hour that comes twice.
///
/// This is the rule of Vixie cron as Debian has it, where jobs at a fixed time run once whatever the clock does and
/// jobs with a wildcard go on by the real clock, with two differences. It holds for changes of any size (Vixie: less
/// than three hours), so a day that a zone skips loses no slot. And what decides is whether an hour is left out, not how
/// that is written: Vixie takes `*/15 2 * * *` for a wildcard, and runs it eight times in an hour that comes twice, and
/// never in one that is left out. Kubernetes leaves out what falls into a leap, so a backup at
/// 2:30 is missing once a year; Quartz warns that such a job may be left out or repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Schedule {
    /// Minutes of the wall clock.
    Cron {
        /// Which minutes.
        cron: Cron,
        /// Whose wall clock.
        zone: Zone,
    },
    /// Equal steps.
    Interval(Interval),
}

/// What to do with slots of which no job was made in time, because nobody was there to make it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Misfire {
    /// None of them gets a job.
    #[default]
    Skip,
    /// The newest of them gets a job, at once; the others get none.
    RunOnce,
}

/// What is to be done at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The slot that gets a job now.
    pub run: Option<Timestamp>,
    /// The next slot, which is when to ask again; `None` when there is none any more.
    pub next: Option<Timestamp>,
    /// How many slots get no job, counted up to [`MISSED_MAX`]: that number means as many or more.
    pub missed: u64,
    /// The newest slot that is settled, with or without a job: what the next call must be told. The job of
    /// `run` and this belong into one commit.
    pub settled: Timestamp,
}

impl Schedule {
    /// The first slot after an instant, which itself is never returned. `None` when there is none: after the year
    /// 9999, or as far as is looked ([`YEARS_AHEAD_MAX`](crate::limits::YEARS_AHEAD_MAX)), which no cron that can be
    /// parsed meets before that.
    ///
    /// Cost: about half a microsecond; for a cron that means one day in years, some 20 us, as it steps by months and
    /// by changes of the offset, never by minutes. Does not allocate.
    ///
    /// ```
    /// use arrw_jobs::{Cron, Schedule, Zone};
    /// use arrw_log::Timestamp;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let schedule = Schedule::Cron { cron: Cron::parse("@daily")?, zone: Zone::UTC };
    /// let day = 86_400_000_000;
    /// assert_eq!(schedule.next_after(Timestamp::from_micros(1)), Some(Timestamp::from_micros(day)));
    /// assert_eq!(schedule.next_after(Timestamp::from_micros(day)), Some(Timestamp::from_micros(2 * day)));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron { cron, zone } => next::after(cron, zone, after),
            Self::Interval(interval) => interval.next_after(after),
        }
    }

    /// The next `count` slots after an instant, at most [`NEXT_RUNS_MAX`]; fewer when there are no more.
    #[must_use]
    pub fn next_runs(&self, after: Timestamp, count: usize) -> Vec<Timestamp> {
        self.slots_after(after).take(count.min(NEXT_RUNS_MAX)).collect()
    }

    /// How many slots there are after `from` and up to `to`, counted up to [`MISSED_MAX`].
    #[must_use]
    pub fn slots_between(&self, from: Timestamp, to: Timestamp) -> u64 {
        let slots = self.slots_after(from).take_while(|slot| *slot <= to);
        (1..=MISSED_MAX).zip(slots).last().map_or(0, |(count, _)| count)
    }

    /// What is to be done now, when `last` is the newest slot that is settled ([`Due::settled`]), or, before the first,
    /// the instant at which the schedule begins.
    ///
    /// At most one slot gets a job: the newest that has come, if it came at most
    /// [`LATE_MICROS_MAX`] ago or `misfire` says so. Each slot is settled once: a slot that is returned
    /// as [`run`](Due::run) is after `last`, so one that has its job is never returned again, whatever the clock does.
    /// When the clock is before `last`, nothing is done until it is beyond it.
    ///
    /// Cost: when slots have come, some 50 times [`next_after`](Self::next_after), and once for each that is counted.
    ///
    /// ```
    /// use arrw_jobs::{Interval, Misfire, Schedule};
    /// use arrw_log::Timestamp;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let second = |n: u64| Timestamp::from_micros(n * 1_000_000);
    /// let schedule = Schedule::Interval(Interval::parse("10min", second(0))?);
    ///
    /// // The server was away from 0 to 1,500 s, and so for the slots 600 and 1,200.
    /// let due = schedule.due(second(0), second(1_500), Misfire::RunOnce);
    /// assert_eq!((due.run, due.missed), (Some(second(1_200)), 1));
    /// assert_eq!((due.settled, due.next), (second(1_200), Some(second(1_800))));
    ///
    /// let due = schedule.due(second(0), second(1_500), Misfire::Skip);
    /// assert_eq!((due.run, due.missed, due.settled), (None, 2, second(1_200)));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn due(&self, last: Timestamp, now: Timestamp, misfire: Misfire) -> Due {
        let Some(newest) = self.newest_between(last, now) else {
            return Due { run: None, next: self.next_after(last), missed: 0, settled: last };
        };
        let is_late = LATE_MICROS_MAX < now.micros() - newest.micros();
        let run = match misfire {
            Misfire::Skip if is_late => None,
            Misfire::Skip | Misfire::RunOnce => Some(newest),
        };
        let before_newest = Timestamp::from_micros(newest.micros() - 1);
        let missed = self.slots_between(last, before_newest) + u64::from(run.is_none());
        let next = self.next_after(newest);
        Due { run, next, missed: missed.min(MISSED_MAX), settled: newest }
    }

    fn slots_after(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.next_after(after), |slot| self.next_after(*slot))
    }

    /// The newest slot after `from` and up to `to`. Halves what is between, as the next slot never goes back.
    fn newest_between(&self, from: Timestamp, to: Timestamp) -> Option<Timestamp> {
        let up_to = |after| self.next_after(after).filter(|slot| *slot <= to);
        let mut newest = up_to(from)?;
        let mut none_after = to;
        while newest < none_after {
            let middle = newest.micros().midpoint(none_after.micros());
            match up_to(Timestamp::from_micros(middle)) {
                Some(slot) => newest = slot,
                None => none_after = Timestamp::from_micros(middle),
            }
        }
        Some(newest)
    }
}

/// What was written, for an error: a very long one is cut.
fn quoted(text: &str) -> String {
    text.chars().take(QUOTED_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
