//! From minutes of the wall clock to instants: what a cron does where clocks change.

use arrw_log::Timestamp;
use jiff::civil::DateTime;
use jiff::{SignedDuration, ToSpan as _};

use super::cron::Cron;
use super::zone::Zone;

/// The first slot after an instant; `None` when there is none as far as is looked. Cost: about half a microsecond;
/// for crons that are rare, a step for each month and each change of the offset on the way.
pub(super) fn after(cron: &Cron, zone: &Zone, after: Timestamp) -> Option<Timestamp> {
    let micros = i64::try_from(after.micros()).ok()?;
    let after = jiff::Timestamp::from_microsecond(micros).ok()?;
    let next = if cron.is_every_hour() {
        by_real_clock(cron, zone, after)
    } else {
        by_wall_clock(cron, zone, after)
    };
    u64::try_from(next?.as_microsecond()).ok().map(Timestamp::from_micros)
}

/// Each minute that is meant has one slot: the first instant at which the wall clock shows it, or at which it has
/// leapt over it. Minutes in one leap share a slot.
///
/// Minutes up to what the clock shows now are over, because [`Zone::first_instant`] never goes back; of those that
/// come, some were shown already when the clock was set back.
fn by_wall_clock(cron: &Cron, zone: &Zone, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
    let mut minute = minute_after(zone.local(after))?;
    loop {
        minute = cron.at_or_after(minute)?;
        let slot = zone.first_instant(minute)?;
        if after < slot {
            return Some(slot);
        }
        minute = minute_after(minute)?;
    }
}

/// Each real minute at which the wall clock shows one that is meant is a slot.
fn by_real_clock(cron: &Cron, zone: &Zone, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
    let from = after.checked_add(SignedDuration::from_micros(1)).ok()?;
    for stretch in zone.stretches(from) {
        let minute = minute_from(stretch.offset.to_datetime(stretch.from))?;
        let slot =
            cron.at_or_after(minute).and_then(|minute| stretch.offset.to_timestamp(minute).ok());
        match (slot, stretch.until) {
            (Some(slot), None) => return Some(slot),
            (Some(slot), Some(until)) if slot < until => return Some(slot),
            (_, Some(_)) => (),
            (None, None) => return None,
        }
    }
    None
}

/// The first whole minute that is not before this time.
fn minute_from(time: DateTime) -> Option<DateTime> {
    let whole = whole_minute(time);
    if whole == time { Some(time) } else { minute_after(time) }
}

/// The first whole minute after this time.
fn minute_after(time: DateTime) -> Option<DateTime> {
    whole_minute(time).checked_add(1.minute()).ok()
}

fn whole_minute(time: DateTime) -> DateTime {
    time.date().at(time.hour(), time.minute(), 0, 0)
}
