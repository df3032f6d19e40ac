//! The five fields of a cron: their names, and which values they may have.

use std::fmt;

use crate::schedule::set::Set;

const MONTHS: &[&str] =
    &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// One of the five fields, in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31.
    DayOfMonth,
    /// 1 to 12, or JAN to DEC.
    Month,
    /// 0 to 7, of which 0 and 7 are Sunday, or SUN to SAT.
    DayOfWeek,
}

impl Field {
    /// All fields, in the order in which they are written.
    pub(crate) const ALL: [Self; 5] =
        [Self::Minute, Self::Hour, Self::DayOfMonth, Self::Month, Self::DayOfWeek];

    pub(crate) fn first(self) -> u8 {
        match self {
            Self::Minute | Self::Hour | Self::DayOfWeek => 0,
            Self::DayOfMonth | Self::Month => 1,
        }
    }

    /// The largest value, where Sunday is 0.
    pub(crate) fn last(self) -> u8 {
        match self {
            Self::Minute => 59,
            Self::Hour => 23,
            Self::DayOfMonth => 31,
            Self::Month => 12,
            Self::DayOfWeek => 6,
        }
    }

    /// The largest number that may be written: Sunday is 7 too.
    pub(crate) fn last_written(self) -> u8 {
        if self == Self::DayOfWeek { 7 } else { self.last() }
    }

    /// How many different values there are, which is the longest step.
    pub(crate) fn count(self) -> u8 {
        self.last() - self.first() + 1
    }

    pub(crate) fn full(self) -> Set {
        Set::between(self.first(), self.last())
    }

    /// Days may be written `?`, as in Quartz; there it means what `*` means here.
    pub(crate) fn is_day(self) -> bool {
        matches!(self, Self::DayOfMonth | Self::DayOfWeek)
    }

    /// The value of a name, in any case.
    pub(crate) fn named(self, text: &str) -> Option<u8> {
        let at = self.names().iter().position(|name| name.eq_ignore_ascii_case(text))?;
        u8::try_from(at).ok().map(|at| at + self.first())
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => MONTHS,
            Self::DayOfWeek => WEEKDAYS,
            Self::Minute | Self::Hour | Self::DayOfMonth => &[],
        }
    }

    /// What a single value may be, to be read after "write".
    pub(crate) fn values(self) -> &'static str {
        match self {
            Self::Minute => "0 to 59",
            Self::Hour => "0 to 23",
            Self::DayOfMonth => "1 to 31",
            Self::Month => "1 to 12 or JAN to DEC",
            Self::DayOfWeek => "0 to 7 (0 and 7 are Sunday) or SUN to SAT",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of month",
            Self::Month => "month",
            Self::DayOfWeek => "day of week",
        })
    }
}
