//! Slots of well-known crons in UTC, as tables that anybody can check by hand.

use arrw_jobs::limits::NEXT_RUNS_MAX;
use arrw_log::Timestamp;

use crate::{at, cron, text};

/// The slots of a cron after Wednesday, 25 November 2026, 12:00 UTC.
fn check(fields: &str, expected: &[&str]) {
    let slots = cron(fields, "UTC").next_runs(at("2026-11-25T12:00:00Z"), expected.len());
    let slots: Vec<String> = slots.into_iter().map(text).collect();
    let expected: Vec<String> = expected.iter().map(|slot| format!("{slot}:00Z")).collect();
    assert_eq!(slots, expected, "{fields}");
}

#[test]
fn minutes_and_hours() {
    check("* * * * *", &["2026-11-25T12:01", "2026-11-25T12:02"]);
    check("*/5 * * * *", &["2026-11-25T12:05", "2026-11-25T12:10"]);
    check("0 * * * *", &["2026-11-25T13:00", "2026-11-25T14:00"]);
    check("5 0 * * *", &["2026-11-26T00:05", "2026-11-27T00:05"]);
    check("5 4 * * *", &["2026-11-26T04:05", "2026-11-27T04:05"]);
    check(
        "5/20 12 * * *",
        &["2026-11-25T12:05", "2026-11-25T12:25", "2026-11-25T12:45", "2026-11-26T12:05"],
    );
    check("23 0-20/2 * * *", &["2026-11-25T12:23", "2026-11-25T14:23"]);
    check("0 9-17 * * MON-FRI", &["2026-11-25T13:00", "2026-11-25T14:00"]);
}

#[test]
fn days() {
    check("15 14 1 * *", &["2026-12-01T14:15", "2027-01-01T14:15"]);
    check(
        "0 22 * * 1-5",
        &["2026-11-25T22:00", "2026-11-26T22:00", "2026-11-27T22:00", "2026-11-30T22:00"],
    );
    check("5 4 * * sun", &["2026-11-29T04:05", "2026-12-06T04:05"]);
    check("0 4 8-14 * *", &["2026-12-08T04:00", "2026-12-09T04:00"]);
    check("0 0,12 1 */2 *", &["2027-01-01T00:00", "2027-01-01T12:00", "2027-03-01T00:00"]);
    check("0 0 31 * *", &["2026-12-31T00:00", "2027-01-31T00:00", "2027-03-31T00:00"]);
    check("@weekly", &["2026-11-29T00:00", "2026-12-06T00:00"]);
    check("@yearly", &["2027-01-01T00:00", "2028-01-01T00:00"]);
}

#[test]
fn either_day_or_both() {
    check(
        "0 0 1,15 * 3",
        &["2026-12-01T00:00", "2026-12-02T00:00", "2026-12-09T00:00", "2026-12-15T00:00"],
    );
    // The first Monday of the month, as far as cron can say it: the date begins with a star.
    check("0 0 */2 * MON", &["2026-12-07T00:00", "2026-12-21T00:00", "2027-01-11T00:00"]);
}

#[test]
fn rare_days() {
    check("0 0 29 2 *", &["2028-02-29T00:00", "2032-02-29T00:00"]);
    check("59 23 29 2 */7", &["2032-02-29T23:59", "2060-02-29T23:59", "2088-02-29T23:59"]);
    check("* * 29 2 */7", &["2032-02-29T00:00", "2032-02-29T00:01"]);
}

#[test]
fn months_that_are_left_out_leave_their_days_out() {
    let check = |fields, after, expected| {
        assert_eq!(cron(fields, "UTC").next_after(at(after)), Some(at(expected)), "{fields}");
    };
    check("0 0 5 6 *", "2026-01-25T00:00:00Z", "2026-06-05T00:00:00Z");
    check("0 0 5 6 *", "2026-06-25T00:00:00Z", "2027-06-05T00:00:00Z");
    check("0 0 5 1,6 *", "2026-01-25T00:00:00Z", "2026-06-05T00:00:00Z");
}

#[test]
fn slots_are_strictly_after_and_bounded_in_number() {
    let schedule = cron("* * * * *", "UTC");
    let noon = at("2026-11-25T12:00:00Z");
    let check = |micros: u64, expected: &str| {
        let after = Timestamp::from_micros(micros);
        assert_eq!(schedule.next_after(after), Some(at(expected)), "{micros}");
    };
    check(noon.micros() - 1, "2026-11-25T12:00:00Z");
    check(noon.micros(), "2026-11-25T12:01:00Z");
    check(noon.micros() + 1, "2026-11-25T12:01:00Z");
    check(0, "1970-01-01T00:01:00Z");
    assert_eq!(schedule.next_runs(noon, usize::MAX).len(), NEXT_RUNS_MAX);
    assert_eq!(schedule.next_runs(noon, 0), []);
}

#[test]
fn time_ends() {
    for zone in ["UTC", "Europe/Berlin", "Pacific/Apia"] {
        for fields in ["* * * * *", "0 5 * * *", "0 0 29 2 *"] {
            let schedule = cron(fields, zone);
            assert_eq!(schedule.next_after(Timestamp::from_micros(u64::MAX)), None);
            assert_eq!(schedule.next_after(at("9999-12-30T22:00:00Z")), None, "{fields} {zone}");
        }
    }
}
