//! What a cron is: which minutes of which days.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime};

use crate::limits::YEARS_AHEAD_MAX;
use crate::schedule::set::Set;

mod field;
mod parse;
mod print;

pub use field::Field;

/// Five fields, minute, hour, day of month, month and day of week, that say which minutes of the wall clock are meant.
///
/// | field | values |
/// | --- | --- |
/// | minute | 0 to 59 |
/// | hour | 0 to 23 |
/// | day of month | 1 to 31 |
/// | month | 1 to 12, or JAN to DEC |
/// | day of week | 0 to 7, of which 0 and 7 are Sunday, or SUN to SAT |
///
/// A field is a list, with commas, of `*` (all), `8`, `8-17` (both included), and any of these with a step:
/// `*/15`, `8-17/2`, `5/15` (from 5 to the last). Names may be in any case. Days may be `?`, which is `*`. Days of
/// the week may go over the end of the week, `FRI-MON`, because a week has no first day that all agree upon; other
/// ranges may not. In place of the fields: `@hourly`, `@daily` or `@midnight`, `@weekly` (Sunday), `@monthly`,
/// `@yearly` or `@annually`.
///
/// When both days are restricted a day is meant that is **either**, as in Vixie cron: `0 0 13 * FRI` is each 13th
/// and each Friday. As there, a field that begins with `*` is not restricted, and then a day must be both:
/// `0 0 */2 * MON` is each Monday whose date is odd.
///
/// `L`, `W`, `#` and seconds are not known, and a cron that can never be (30 February) is refused.
///
/// Two crons that mean the same minutes are equal, and their text, which `Display` writes with numbers and the
/// fewest characters it finds, is one: `parse(text) == cron`.
///
/// ```
/// use arrw_jobs::Cron;
/// # fn main() -> Result<(), arrw_jobs::CronError> {
/// assert_eq!(Cron::parse("0,15,30,45 8-17 * JAN-JUN Mon-Fri")?.to_string(), "*/15 8-17 * 1-6 1-5");
/// assert_eq!(Cron::parse("@daily")?, Cron::parse("0 0 * * *")?);
///
/// let error = Cron::parse("0 25 * * *").unwrap_err().to_string();
/// assert_eq!(error, "`0 25 * * *` is not a cron: hour `25` is out of range; write 0 to 23");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cron {
    minutes: Set,
    hours: Set,
    days: Set,
    months: Set,
    weekdays: Set,
    on: Days,
}

/// Which days are meant when both of their fields leave some out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Days {
    /// Those in both fields. It is so also when one of them is full.
    Both,
    /// Those in one of the fields at least. Both leave some out.
    Either,
}

impl Cron {
    /// Reads a cron.
    ///
    /// # Errors
    /// [`CronError`], with the field, what is wrong with it, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        parse::cron(text)
    }

    /// True when it means each hour of its days. Only such a cron follows the real clock where a zone's clock changes.
    pub(crate) fn is_every_hour(&self) -> bool {
        self.hours == Field::Hour.full()
    }

    /// The first minute of the wall clock that is meant and not before `from`, whose seconds must be 0. `None` when
    /// there is none in [`YEARS_AHEAD_MAX`] years or before the year 10000. Cost: a step for each month on the way.
    pub(crate) fn at_or_after(&self, from: DateTime) -> Option<DateTime> {
        let (hour, minute) = (unsigned(from.hour()), unsigned(from.minute()));
        if self.is_on(from.date())
            && let Some(found) = self.time_from(from.date(), hour, minute)
        {
            return Some(found);
        }
        let day = self.day_from(from.date().tomorrow().ok()?)?;
        self.time_from(day, 0, 0)
    }

    /// The first time that is meant on this day and not before this one.
    fn time_from(&self, day: Date, hour: u8, minute: u8) -> Option<DateTime> {
        let in_hour = self.hours.contains(hour).then(|| self.minutes.at_or_after(minute)).flatten();
        let (hour, minute) = match in_hour {
            Some(minute) => (hour, minute),
            None => (self.hours.at_or_after(hour + 1)?, self.minutes.at_or_after(0)?),
        };
        Some(day.at(signed(hour), signed(minute), 0, 0))
    }

    /// The first day that is meant and not before this one.
    fn day_from(&self, from: Date) -> Option<Date> {
        let last = from.year().saturating_add(YEARS_AHEAD_MAX);
        let (mut year, mut month, mut day) =
            (from.year(), unsigned(from.month()), unsigned(from.day()));
        while year <= last {
            let Some(found) = self.months.at_or_after(month) else {
                (year, month, day) = (year + 1, 1, 1);
                continue;
            };
            if found != month {
                (month, day) = (found, 1);
            }
            let first = Date::new(year, signed(month), 1).ok()?;
            if let Some(day) = self.days_of(first).at_or_after(day) {
                return Date::new(year, signed(month), signed(day)).ok();
            }
            (month, day) = (month + 1, 1);
        }
        None
    }

    fn is_on(&self, day: Date) -> bool {
        self.months.contains(unsigned(day.month()))
            && self.days_of(day.first_of_month()).contains(unsigned(day.day()))
    }

    /// The days that are meant in the month with this first day, its month field aside.
    fn days_of(&self, first: Date) -> Set {
        let month = Set::between(1, unsigned(first.days_in_month()));
        let weekday = unsigned(first.weekday().to_sunday_zero_offset());
        let on_weekdays =
            month.iter().filter(|day| self.weekdays.contains((weekday + day - 1) % 7));
        let on_weekdays: Set = on_weekdays.collect();
        match self.on {
            Days::Both => month.and(self.days).and(on_weekdays),
            Days::Either => month.and(self.days.or(on_weekdays)),
        }
    }

    fn set(&self, field: Field) -> Set {
        match field {
            Field::Minute => self.minutes,
            Field::Hour => self.hours,
            Field::DayOfMonth => self.days,
            Field::Month => self.months,
            Field::DayOfWeek => self.weekdays,
        }
    }
}

/// The one text of what it means.
impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&print::text(self))
    }
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        Self::parse(text)
    }
}

/// A text that is not a cron.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{cron}` is not a cron: {why}")]
#[non_exhaustive]
pub struct CronError {
    /// The text. A very long one is cut.
    pub cron: String,
    /// The field that is wrong; `None` when it is the whole.
    pub field: Option<Field>,
    /// What is wrong with it, and what to write instead.
    pub why: String,
}

/// A part of a date or time, none of which is negative here, as jiff counts it.
fn unsigned(value: i8) -> u8 {
    value.unsigned_abs()
}

/// The same the other way: no field of a cron is over 59.
fn signed(value: u8) -> i8 {
    i8::try_from(value).unwrap_or(i8::MAX)
}

#[cfg(test)]
mod tests;
