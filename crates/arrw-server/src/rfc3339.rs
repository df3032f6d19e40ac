//! Times as people and JSON have them.

use std::str::FromStr;

use arrw::Timestamp;
pub use arrw::rfc3339;

/// The time that RFC 3339 writes so, with an offset or `Z`; `None` when it is none, or before 1970.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let time = jiff::Timestamp::from_str(text).ok()?;
    // Rounded up, so that what is asked for since then is not from before.
    let micros = u128::try_from(time.as_nanosecond()).ok()?.div_ceil(1_000);
    Some(Timestamp::from_micros(u64::try_from(micros).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        let check = |micros, expected| {
            assert_eq!(rfc3339(Timestamp::from_micros(micros)), expected);
            assert_eq!(parse(expected), Some(Timestamp::from_micros(micros)));
        };
        check(0, "1970-01-01T00:00:00.000000Z");
        check(951_782_400_000_001, "2000-02-29T00:00:00.000001Z");
        check(951_868_799_999_999, "2000-02-29T23:59:59.999999Z");
        check(4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z");
        check(253_402_207_200_900_000, "9999-12-30T22:00:00.900000Z");
        check(1_735_689_599_000_000, "2024-12-31T23:59:59.000000Z");
        assert_eq!(rfc3339(Timestamp::from_micros(u64::MAX)), "9999-12-30T22:00:00.999999Z");
    }

    #[test]
    fn offsets_and_fractions_are_read_and_nothing_else() {
        let check = |text, micros: Option<u64>| {
            assert_eq!(parse(text), micros.map(Timestamp::from_micros), "{text}");
        };
        check("1970-01-01T01:00:00+01:00", Some(0));
        check("1970-01-01t00:00:01z", Some(1_000_000));
        check("1970-01-01T00:00:00.0000001Z", Some(1));
        check("1970-01-01T00:00:00.1234565-00:30", Some(1_800_123_457));
        for wrong in ["", "42", "1970-01-01", "1970-01-01T00:00:00", "1969-12-31T23:59:59Z", "x"] {
            check(wrong, None);
        }
    }
}
