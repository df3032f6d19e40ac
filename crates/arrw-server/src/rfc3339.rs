//! Times as people and JSON have them.

use arrw::Timestamp;

/// A time as RFC 3339 in UTC with microseconds, such as `2026-01-31T23:59:59.000001Z`.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    let (seconds, micros) = (time.micros() / 1_000_000, time.micros() % 1_000_000);
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Year, month and day of a day since 1970. After Howard Hinnant, `civil_from_days`: years begin in
/// March, so that the leap day is the last.
fn date(days: u64) -> (u64, u64, u64) {
    let since_march_0 = days + 719_468;
    let (era, of_era) = (since_march_0 / 146_097, since_march_0 % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        let check =
            |micros, expected| assert_eq!(rfc3339(Timestamp::from_micros(micros)), expected);
        check(0, "1970-01-01T00:00:00.000000Z");
        check(951_782_400_000_001, "2000-02-29T00:00:00.000001Z");
        check(951_868_799_999_999, "2000-02-29T23:59:59.999999Z");
        check(4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z");
        check(1_735_689_599_000_000, "2024-12-31T23:59:59.000000Z");
    }
}
