//! A schedule of equal steps from an instant.

use std::fmt;

use arrw_log::Timestamp;

use crate::limits::{INTERVAL_BYTES_MAX, INTERVAL_MICROS_MAX, INTERVAL_MICROS_MIN};
use crate::schedule::quoted;

/// The units of an interval, the largest first, with their length in microseconds.
const UNITS: [(&str, u64); 4] =
    [("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000), ("ms", 1_000)];

const SHAPE: &str = "write a whole number and `ms`, `s`, `min` or `h`, as in `90s`";

const BOUNDS: &str = "an interval is 1 s to 8784 h (366 days)";

/// Every so many milliseconds, seconds, minutes or hours: its slots are anchor, anchor + step, anchor + 2 steps.
///
/// The step is 1 s to 8,784 h (366 days). It knows no zone and no day: 24 h are 24 hours also on the day on
/// which clocks change; for "each day at 3" use a [`Cron`](crate::Cron).
///
/// ```
/// use arrw_jobs::Interval;
/// use arrw_log::Timestamp;
/// # fn main() -> Result<(), arrw_jobs::IntervalError> {
/// let interval = Interval::parse("90s", Timestamp::from_micros(0))?;
/// assert_eq!(interval.step_micros(), 90_000_000);
/// assert_eq!(Interval::parse("120s", Timestamp::default())?.to_string(), "2min");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    step: u64,
    anchor: Timestamp,
}

impl Interval {
    /// Reads a number and its unit, `ms`, `s`, `min` or `h`, as in `90s`. The first slot is `anchor`.
    ///
    /// # Errors
    /// [`IntervalError`], with what is wrong and what to write instead.
    pub fn parse(text: &str, anchor: Timestamp) -> Result<Self, IntervalError> {
        match step(text.trim()) {
            Ok(step) => Ok(Self { step, anchor }),
            Err(why) => Err(IntervalError { interval: quoted(text), why }),
        }
    }

    /// Microseconds between two slots.
    #[must_use]
    pub fn step_micros(self) -> u64 {
        self.step
    }

    /// The first slot.
    #[must_use]
    pub fn anchor(self) -> Timestamp {
        self.anchor
    }

    /// The first slot after an instant; `None` at the end of time. Cost: a division.
    pub(crate) fn next_after(self, after: Timestamp) -> Option<Timestamp> {
        let Some(since) = after.micros().checked_sub(self.anchor.micros()) else {
            return Some(self.anchor);
        };
        let steps = since / self.step + 1;
        let next = self.anchor.micros().checked_add(steps.checked_mul(self.step)?)?;
        Some(Timestamp::from_micros(next))
    }
}

/// The step in the largest unit that needs no fraction. The anchor is not part of the text.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, micros): &&(&str, u64)| self.step.is_multiple_of(*micros);
        let (unit, micros) =
            UNITS.iter().find(whole).expect("a step was read as whole milliseconds");
        f.pad(&format!("{}{unit}", self.step / micros))
    }
}

/// A text that is not an interval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{interval}` is not an interval: {why}")]
#[non_exhaustive]
pub struct IntervalError {
    /// The text. A very long one is cut.
    pub interval: String,
    /// What is wrong with it, and what to write instead.
    pub why: &'static str,
}

fn step(text: &str) -> Result<u64, &'static str> {
    if INTERVAL_BYTES_MAX < text.len() {
        return Err(SHAPE);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(SHAPE);
    }
    let unit = match unit.trim_start() {
        "m" => return Err("`m` may be minutes or months; write `min`"),
        "d" => return Err("a day is not always 24 hours; write `24h`, or a cron as `0 3 * * *`"),
        unit => UNITS.iter().find(|(name, _)| *name == unit).ok_or(SHAPE)?,
    };
    let step = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit.1));
    step.filter(|step| (INTERVAL_MICROS_MIN..=INTERVAL_MICROS_MAX).contains(step)).ok_or(BOUNDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn an_interval_survives_its_text() {
        let check = |text: &str, step, printed: &str| {
            let interval = Interval::parse(text, at(5)).unwrap();
            assert_eq!((interval.step_micros(), interval.anchor()), (step, at(5)), "{text}");
            assert_eq!(interval.to_string(), printed);
            assert_eq!(Interval::parse(printed, at(5)).unwrap(), interval);
        };
        check("1s", 1_000_000, "1s");
        check("1500ms", 1_500_000, "1500ms");
        check(" 60000 ms ", 60_000_000, "1min");
        check("90min", 5_400_000_000, "90min");
        check("8784h", INTERVAL_MICROS_MAX, "8784h");
    }

    #[test]
    fn what_is_no_interval_is_refused_with_what_to_write() {
        let check = |text: &str, expected: &str| {
            let error = Interval::parse(text, at(0)).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        };
        for text in ["", "s", "90", "-1s", "+1s", "1.5s", "1 week", "\u{0663}s", "1S"] {
            check(text, "write a whole number and `ms`");
        }
        check("5m", "write `min`");
        check("1d", "write `24h`");
        for text in ["999ms", "0s", "8785h", "99999999999999999999h"] {
            check(text, "1 s to 8784 h");
        }
        check(&"9".repeat(10_000), "write a whole number");
        assert!(
            Interval::parse(&"\u{fe}".repeat(10_000), at(0)).unwrap_err().to_string().len() < 400
        );
    }

    #[test]
    fn slots_are_the_anchor_and_whole_steps_from_it() {
        let interval = Interval::parse("10s", at(3_000_000)).unwrap();
        let check = |after, expected: Option<u64>| {
            assert_eq!(interval.next_after(at(after)), expected.map(at), "{after}");
        };
        check(0, Some(3_000_000));
        check(2_999_999, Some(3_000_000));
        check(3_000_000, Some(13_000_000));
        check(12_999_999, Some(13_000_000));
        check(13_000_000, Some(23_000_000));
        check(u64::MAX, None);
        check(u64::MAX - 10_000_000, Some(u64::MAX - (u64::MAX - 3_000_000) % 10_000_000));
    }
}
