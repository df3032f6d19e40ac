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
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
    let nanos = i128::from(time.micros()) * 1_000;
    let time = jiff::Timestamp::from_nanosecond(nanos).unwrap_or(jiff::Timestamp::MAX);
    member(out, name, &PRINTER.timestamp_to_string(&time));
}
