//! What a cron does where clocks change, as tables that can be checked against any calendar.

use crate::{at, cron, text};

/// The slots of a cron in a zone after an instant, in UTC.
fn check(zone: &str, fields: &str, after: &str, expected: &[&str]) {
    let slots = cron(fields, zone).next_runs(at(after), expected.len());
    let slots: Vec<String> = slots.into_iter().map(text).collect();
    let expected: Vec<String> = expected.iter().map(|slot| format!("{slot}:00Z")).collect();
    assert_eq!(slots, expected, "{fields} in {zone} after {after}");
}

/// On 29 March 2026, 2:00 in Berlin is 3:00 at once: 1:00 UTC.
#[test]
fn berlin_leaps_an_hour() {
    let check = |fields, expected| check("Europe/Berlin", fields, "2026-03-29T00:00:00Z", expected);
    check("30 2 * * *", &["2026-03-29T01:00", "2026-03-30T00:30"]);
    check("0 3 * * *", &["2026-03-29T01:00", "2026-03-30T01:00"]);
    // Four minutes in the leap share a slot, and 3:00 is that slot too.
    check(
        "*/15 2-3 * * *",
        &[
            "2026-03-29T01:00",
            "2026-03-29T01:15",
            "2026-03-29T01:30",
            "2026-03-29T01:45",
            "2026-03-30T00:00",
        ],
    );
    check("*/15 2 * * *", &["2026-03-29T01:00", "2026-03-30T00:00"]);
    // Each hour: the real clock does not leap.
    check("*/30 * * * *", &["2026-03-29T00:30", "2026-03-29T01:00", "2026-03-29T01:30"]);
    check("10 * * * *", &["2026-03-29T00:10", "2026-03-29T01:10", "2026-03-29T02:10"]);
}

/// On 25 October 2026, 3:00 in Berlin is 2:00 once more: 1:00 UTC.
#[test]
fn berlin_has_an_hour_twice() {
    let check = |fields, after, expected| check("Europe/Berlin", fields, after, expected);
    check("30 2 * * *", "2026-10-24T12:00:00Z", &["2026-10-25T00:30", "2026-10-26T01:30"]);
    check("30 2 * * *", "2026-10-25T00:30:00Z", &["2026-10-26T01:30"]);
    check("30 2 * * *", "2026-10-25T01:10:00Z", &["2026-10-26T01:30"]);
    check(
        "*/30 2-3 * * *",
        "2026-10-24T12:00:00Z",
        &[
            "2026-10-25T00:00",
            "2026-10-25T00:30",
            "2026-10-25T02:00",
            "2026-10-25T02:30",
            "2026-10-26T01:00",
        ],
    );
    check(
        "*/30 * * * *",
        "2026-10-25T00:00:00Z",
        &["2026-10-25T00:30", "2026-10-25T01:00", "2026-10-25T01:30", "2026-10-25T02:00"],
    );
    check(
        "0 * * * *",
        "2026-10-24T23:30:00Z",
        &["2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00"],
    );
}

/// On 8 March 2026, 2:00 in New York is 3:00 at once, 7:00 UTC; on 1 November 2:00 is 1:00 once more, 6:00 UTC.
#[test]
fn new_york() {
    let check = |fields, after, expected| check("America/New_York", fields, after, expected);
    check("30 2 * * *", "2026-03-07T12:00:00Z", &["2026-03-08T07:00", "2026-03-09T06:30"]);
    check("30 1 * * *", "2026-10-31T12:00:00Z", &["2026-11-01T05:30", "2026-11-02T06:30"]);
    check(
        "*/20 * * * *",
        "2026-11-01T05:30:00Z",
        &["2026-11-01T05:40", "2026-11-01T06:00", "2026-11-01T06:20"],
    );
}

/// Half an hour: on 4 October 2026, 2:00 is 2:30 at once, 15:30 UTC the day before; on 5 April 2:00 is 1:30 once more, 15:00 UTC.
#[test]
fn lord_howe_leaps_half_an_hour() {
    let check = |fields, after, expected| check("Australia/Lord_Howe", fields, after, expected);
    check("15 2 * * *", "2026-10-03T12:00:00Z", &["2026-10-03T15:30", "2026-10-04T15:15"]);
    check("45 2 * * *", "2026-10-03T12:00:00Z", &["2026-10-03T15:45", "2026-10-04T15:45"]);
    check(
        "0 * * * *",
        "2026-10-03T14:00:00Z",
        &["2026-10-03T14:30", "2026-10-03T16:00", "2026-10-03T17:00"],
    );
    check("45 1 * * *", "2026-04-04T12:00:00Z", &["2026-04-04T14:45", "2026-04-05T15:15"]);
    check(
        "45 * * * *",
        "2026-04-04T14:00:00Z",
        &["2026-04-04T14:45", "2026-04-04T15:15", "2026-04-04T16:15"],
    );
}

/// The clock is set back for Ramadan: on 15 February 2026, 3:00 is 2:00 once more; on 22 March 2:00 is 3:00 at once. Both at 2:00 UTC, or 1:00 by summer's clock.
#[test]
fn casablanca_changes_around_ramadan() {
    let check = |fields, after, expected| check("Africa/Casablanca", fields, after, expected);
    check("30 2 * * *", "2026-02-14T12:00:00Z", &["2026-02-15T01:30", "2026-02-16T02:30"]);
    check("30 2 * * *", "2026-03-21T12:00:00Z", &["2026-03-22T02:00", "2026-03-23T01:30"]);
}

#[test]
fn kolkata_is_half_an_hour_off_and_never_changes() {
    check(
        "Asia/Kolkata",
        "0 9 * * *",
        "2026-03-28T12:00:00Z",
        &["2026-03-29T03:30", "2026-03-30T03:30"],
    );
    check(
        "Asia/Kolkata",
        "0 * * * *",
        "2026-03-28T12:00:00Z",
        &["2026-03-28T12:30", "2026-03-28T13:30"],
    );
}

/// Samoa went over the date line: 30 December 2011 is not there, and the 31st begins at 10:00 UTC on the 30th.
#[test]
fn apia_skips_a_day() {
    let check = |fields, after, expected| check("Pacific/Apia", fields, after, expected);
    check(
        "0 5 * * *",
        "2011-12-29T00:00:00Z",
        &["2011-12-29T15:00", "2011-12-30T10:00", "2011-12-30T15:00"],
    );
    check(
        "0 0 * * *",
        "2011-12-29T09:00:00Z",
        &["2011-12-29T10:00", "2011-12-30T10:00", "2011-12-31T10:00"],
    );
    check("0 12 30 12 *", "2011-12-01T00:00:00Z", &["2011-12-30T10:00", "2012-12-29T22:00"]);
    check("0 * 30 12 *", "2011-12-01T00:00:00Z", &["2012-12-29T10:00", "2012-12-29T11:00"]);
}
