//! What schedules promise, against an oracle that steps by minutes, where clocks change, and over restarts; what jobs do, against a model.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod clocks;
mod model;
mod oracle;
mod refusals;
mod restarts;
mod standing;
mod tables;

use arrw_jobs::{Cron, Schedule, Zone};
use arrw_log::Timestamp;

fn cron(text: &str, zone: &str) -> Schedule {
    Schedule::Cron { cron: Cron::parse(text).unwrap(), zone: Zone::parse(zone).unwrap() }
}

/// An instant from its text in RFC 3339.
fn at(text: &str) -> Timestamp {
    let time: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_micros(time.as_microsecond().try_into().unwrap())
}

fn plus(time: Timestamp, micros: u64) -> Timestamp {
    Timestamp::from_micros(time.micros() + micros)
}

fn minus(time: Timestamp, micros: u64) -> Timestamp {
    Timestamp::from_micros(time.micros() - micros)
}

fn text(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.micros().try_into().unwrap()).unwrap().to_string()
}
