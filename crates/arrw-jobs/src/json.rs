//! Parts of the JSON that people see of a job's events.

use arrw_log::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

/// Adds a member whose text needs no escapes.
pub(crate) fn member(out: &mut String, name: &str, text: &str) {
    for part in [",\"", name, "\":\"", text, "\""] {
        out.push_str(part);
    }
}

/// Adds a time as RFC 3339 with microseconds.
pub(crate) fn time_member(out: &mut String, name: &str, time: Timestamp) {
    member(out, name, &rfc3339(time));
}

/// A time as RFC 3339 in UTC with microseconds, such as `2026-01-31T23:59:59.000001Z`. After the year 9999, which
/// RFC 3339 does not know, its last microsecond.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
    // As microseconds it would not take those of its last second.
    let nanos = i128::from(time.micros()) * 1_000;
    let time = jiff::Timestamp::from_nanosecond(nanos).unwrap_or(jiff::Timestamp::MAX);
    PRINTER.timestamp_to_string(&time)
}
