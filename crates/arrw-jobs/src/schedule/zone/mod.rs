//! Time zones: what the wall clock shows, by rules that are part of the program.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use crate::limits::{OFFSETS_MAX, ZONE_BYTES_MAX};
use crate::schedule::quoted;

mod nearest;

/// A time zone of the IANA database, which is compiled in: no file and no variable of the environment is read.
///
/// The rules are those of the program's version. A government may change them, and then a newer program finds other
/// slots. That changes no history: a slot is logged when its job is made, and never computed again from the log.
///
/// ```
/// use arrw_jobs::Zone;
/// # fn main() -> Result<(), arrw_jobs::ZoneError> {
/// assert_eq!(Zone::parse("europe/berlin")?.to_string(), "Europe/Berlin");
/// assert_eq!(Zone::default(), Zone::UTC);
///
/// let error = Zone::parse("Berlin").unwrap_err().to_string();
/// assert_eq!(error, "`Berlin` is not a time zone: write a name of the IANA database; did you mean `Europe/Berlin`?");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Where clocks never change.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// Finds a zone by its name, in any case.
    ///
    /// The first use of a zone reads its rules, some 10 us, and keeps them while the program runs (there are
    /// about 600, of 1 to 3 KiB).
    ///
    /// # Errors
    /// [`ZoneError`], with the known name that is nearest.
    pub fn parse(name: &str) -> Result<Self, ZoneError> {
        let refused = |nearest| ZoneError { zone: quoted(name), nearest };
        if ZONE_BYTES_MAX < name.len() {
            return Err(refused(None));
        }
        let database = TimeZoneDatabase::bundled();
        // `Etc/Unknown` is there, and stands for no zone.
        let found = database.get(name).ok().filter(|zone| !zone.is_unknown());
        found.map(Self).ok_or_else(|| {
            let known = database.available().map(|name| name.as_str().to_owned());
            refused(nearest::nearest(name, known))
        })
    }

    /// Its name, as the database writes it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// What a clock on the wall shows at this instant.
    pub(crate) fn local(&self, at: jiff::Timestamp) -> DateTime {
        self.0.to_datetime(at)
    }

    /// The first instant at which a clock on the wall shows this, or the first after it when the clock leaps
    /// over it. A later local time never gives an earlier instant. `None` at the end of time.
    pub(crate) fn first_instant(&self, local: DateTime) -> Option<jiff::Timestamp> {
        match self.0.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
            AmbiguousOffset::Gap { after, .. } => {
                // By the later offset, local lies before the leap, so the leap is the next change to that offset.
                let before_leap = after.to_timestamp(local).ok()?;
                let mut changes = self.0.following(before_leap).take(OFFSETS_MAX);
                changes.find(|change| change.offset() == after).map(|leap| leap.timestamp())
            }
        }
    }

    /// The stretches of time with one offset each, from an instant on: at most [`OFFSETS_MAX`].
    pub(crate) fn stretches(&self, from: jiff::Timestamp) -> impl Iterator<Item = Stretch> {
        let mut changes = self.0.following(from);
        let mut begin = Some((from, self.0.to_offset(from)));
        let stretches = std::iter::from_fn(move || {
            let (from, offset) = begin?;
            let change = changes.next();
            begin = change.as_ref().map(|change| (change.timestamp(), change.offset()));
            Some(Stretch { from, offset, until: change.map(|change| change.timestamp()) })
        });
        stretches.take(OFFSETS_MAX)
    }
}

/// A time in which the wall clock is a fixed number of seconds from UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) from: jiff::Timestamp,
    pub(crate) offset: jiff::tz::Offset,
    /// The first instant after it; `None` when the offset stays.
    pub(crate) until: Option<jiff::Timestamp>,
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name only: the rules are long.
impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Zone").field(&self.name()).finish()
    }
}

/// A text that is no name of a time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ZoneError {
    /// The text. A very long one is cut.
    pub zone: String,
    /// The known name that is most like it, if one is near.
    pub nearest: Option<String>,
}

impl std::error::Error for ZoneError {}

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a time zone: write a name of the IANA database", self.zone)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => write!(f, ", as `UTC` or `Europe/Berlin`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        let check = |text: &str, name: &str| assert_eq!(Zone::parse(text).unwrap().name(), name);
        check("utc", "UTC");
        check("EUROPE/berlin", "Europe/Berlin");
        check("america/argentina/buenos_aires", "America/Argentina/Buenos_Aires");
    }

    #[test]
    fn a_name_that_is_none_finds_the_one_that_was_meant() {
        let check = |text: &str, nearest: Option<&str>| {
            let error = Zone::parse(text).unwrap_err();
            assert_eq!(error.nearest.as_deref(), nearest, "{text}");
            assert!(error.to_string().len() < 400, "{error}");
        };
        check("Europe/Berln", Some("Europe/Berlin"));
        check("new york", Some("America/New_York"));
        check("Asia/Calcuta", Some("Asia/Calcutta"));
        check("", None);
        check("Etc/Unknown", None);
        check("+02:00", None);
        check("no such place at all", None);
        check(&"Europe/".repeat(1_000), None);
        check(&"\u{1f550}".repeat(16), None);
    }
}
