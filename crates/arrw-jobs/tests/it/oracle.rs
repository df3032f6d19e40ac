//! Schedules against an oracle that steps by real minutes and looks at the clock on the wall.

use arrw_jobs::{Schedule, Zone};
use arrw_log::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, ToSpan as _};
use proptest::prelude::*;

use crate::{at, cron, minus, text};

const MINUTE_MICROS: u64 = 60_000_000;
const DAY_MINUTES: u64 = 24 * 60;

/// A cron as lists of what its fields allow, and its text.
#[derive(Clone, Debug)]
struct Fields {
    text: String,
    minutes: Vec<i8>,
    hours: Vec<i8>,
    days: Vec<i8>,
    months: Vec<i8>,
    weekdays: Vec<i8>,
    /// Neither day begins with a star.
    is_either: bool,
}

impl Fields {
    fn mean(&self, time: DateTime) -> bool {
        let day = self.days.contains(&time.day());
        let weekday = self.weekdays.contains(&time.weekday().to_sunday_zero_offset());
        self.minutes.contains(&time.minute())
            && self.hours.contains(&time.hour())
            && self.months.contains(&time.month())
            && if self.is_either { day || weekday } else { day && weekday }
    }
}

/// The slots after an instant of whole minutes, for so many minutes.
fn oracle(fields: &Fields, zone: &TimeZone, after: Timestamp, minutes: u64) -> Vec<Timestamp> {
    let is_every_hour = fields.hours.len() == 24;
    // It must have seen what the clock showed before, in case it is just being set back.
    let warm = minus(after, 2 * DAY_MINUTES * MINUTE_MICROS);
    let real = |minute: u64| {
        let micros = warm.micros() + minute * MINUTE_MICROS;
        jiff::Timestamp::from_microsecond(micros.try_into().unwrap()).unwrap()
    };
    let mut highest = zone.to_datetime(real(0));
    let mut slots = Vec::new();
    for minute in 1..=2 * DAY_MINUTES + minutes {
        let shown = zone.to_datetime(real(minute));
        let is_slot =
            if is_every_hour { fields.mean(shown) } else { passes(fields, highest, shown) };
        highest = highest.max(shown);
        if is_slot && 2 * DAY_MINUTES < minute {
            slots.push(Timestamp::from_micros(real(minute).as_microsecond().try_into().unwrap()));
        }
    }
    slots
}

/// Whether the clock shows, or leaps over, a minute that is meant and was not shown before.
fn passes(fields: &Fields, highest: DateTime, shown: DateTime) -> bool {
    let mut minute = highest;
    while minute < shown {
        minute = minute.checked_add(1.minute()).unwrap();
        if fields.mean(minute) {
            return true;
        }
    }
    false
}

fn schedule_slots(schedule: &Schedule, after: Timestamp, minutes: u64) -> Vec<Timestamp> {
    let until = after.micros() + minutes * MINUTE_MICROS;
    let slots =
        std::iter::successors(schedule.next_after(after), |slot| schedule.next_after(*slot));
    slots.take_while(|slot| slot.micros() <= until).collect()
}

fn compare(fields: &Fields, zone: &str, after: Timestamp, minutes: u64) {
    let rules = TimeZoneDatabase::bundled().get(zone).unwrap();
    let expected = oracle(fields, &rules, after, minutes);
    let found = schedule_slots(&cron(&fields.text, zone), after, minutes);
    let differs = expected.iter().zip(&found).find(|(expected, found)| expected != found);
    let readable = differs.map(|(expected, found)| (text(*expected), text(*found)));
    let counts = (expected.len(), found.len());
    assert!(
        expected == found,
        "{} in {zone} after {}: oracle, found {readable:?}, {counts:?}",
        fields.text,
        text(after)
    );
}

/// What a field allows, its text, and whether that begins with a star.
type Field = (String, Vec<i8>, bool);

fn field(low: i8, high: i8) -> impl Strategy<Value = Field> {
    let all: Vec<i8> = (low..=high).collect();
    let steps = all.clone();
    prop_oneof![
        Just(("*".to_owned(), all.clone(), true)),
        (2..=6_usize).prop_map(move |step| {
            (format!("*/{step}"), steps.iter().copied().step_by(step).collect(), true)
        }),
        prop::sample::subsequence(all, 1..=6).prop_map(|some| {
            let texts: Vec<String> = some.iter().map(i8::to_string).collect();
            (texts.join(","), some, false)
        }),
    ]
}

/// Mostly all, so that the few days that are looked at have slots.
fn mostly_all(low: i8, high: i8) -> impl Strategy<Value = Field> {
    let all = ("*".to_owned(), (low..=high).collect(), true);
    prop_oneof![3 => Just(all), 1 => field(low, high)]
}

fn fields() -> impl Strategy<Value = Fields> {
    let parts =
        (field(0, 59), mostly_all(0, 23), mostly_all(1, 28), mostly_all(1, 12), mostly_all(0, 6));
    parts.prop_map(|(minutes, hours, days, months, weekdays)| {
        let all_days = (1..=31).collect();
        let texts = [&minutes.0, &hours.0, &days.0, &months.0, &weekdays.0];
        Fields {
            text: texts.map(String::as_str).join(" "),
            minutes: minutes.1,
            hours: hours.1,
            is_either: !days.2 && !weekdays.2,
            // Steps go on to the 31st.
            days: match days.0.strip_prefix("*/") {
                Some(step) => (1..=31).step_by(step.parse().unwrap()).collect(),
                None if days.2 => all_days,
                None => days.1,
            },
            months: months.1,
            weekdays: weekdays.1,
        }
    })
}

/// Instants a week before clocks change in each zone, and some where they do not.
const PLACES: [(&str, &str); 14] = [
    ("UTC", "2026-02-22T00:00:00Z"),
    ("Asia/Kolkata", "2026-03-22T00:00:00Z"),
    ("Europe/Berlin", "2026-03-26T00:00:00Z"),
    ("Europe/Berlin", "2026-10-22T00:00:00Z"),
    ("America/New_York", "2026-03-05T00:00:00Z"),
    ("America/New_York", "2026-10-29T00:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-02T00:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-01T00:00:00Z"),
    ("Africa/Casablanca", "2026-02-12T00:00:00Z"),
    ("Africa/Casablanca", "2026-03-19T00:00:00Z"),
    ("Pacific/Apia", "2011-12-27T00:00:00Z"),
    ("America/Sao_Paulo", "2018-11-01T00:00:00Z"),
    ("Asia/Kathmandu", "1985-12-29T00:00:00Z"),
    ("America/Godthab", "2024-03-28T00:00:00Z"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn random_crons_agree_with_the_oracle(fields in fields(), place in 0..PLACES.len(), shift in 0..4 * DAY_MINUTES) {
        let (zone, after) = PLACES[place];
        let after = Timestamp::from_micros(at(after).micros() + shift * MINUTE_MICROS);
        compare(&fields, zone, after, 6 * DAY_MINUTES);
    }

    #[test]
    fn any_instant_finds_the_slot_that_stepping_finds(fields in fields(), place in 0..PLACES.len(), micros in prop::collection::vec(0..6 * DAY_MINUTES * MINUTE_MICROS, 20)) {
        let (zone, after) = PLACES[place];
        let schedule = cron(&fields.text, zone);
        let slots = schedule_slots(&schedule, at(after), 6 * DAY_MINUTES);
        for micros in micros {
            let from = Timestamp::from_micros(at(after).micros() + micros);
            let expected = slots.iter().copied().find(|slot| from < *slot);
            if expected.is_some() {
                prop_assert_eq!(schedule.next_after(from), expected);
            }
        }
    }
}

fn whole_years(text: &str, minutes: &[i8], hours: &[i8], weekdays: &[i8]) {
    let fields = Fields {
        text: text.to_owned(),
        minutes: minutes.to_vec(),
        hours: hours.to_vec(),
        days: (1..=31).collect(),
        months: (1..=12).collect(),
        weekdays: weekdays.to_vec(),
        is_either: false,
    };
    for (zone, from) in
        [("Europe/Berlin", "2025"), ("Africa/Casablanca", "2025"), ("Pacific/Apia", "2010")]
    {
        let from = at(&format!("{from}-01-01T00:00:00Z"));
        compare(&fields, zone, from, 3 * 365 * DAY_MINUTES);
    }
}

#[test]
fn a_fixed_time_agrees_with_the_oracle_for_years() {
    whole_years("30 2 * * *", &[30], &[2], &[0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn each_hour_agrees_with_the_oracle_for_years() {
    let hours: Vec<i8> = (0..24).collect();
    whole_years("7,37 * * * MON-FRI", &[7, 37], &hours, &[1, 2, 3, 4, 5]);
}

#[test]
fn slots_of_every_zone_only_go_forward_across_changes() {
    let names: Vec<String> =
        TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect();
    assert!(400 < names.len());
    for name in names.iter().filter(|name| *name != "Etc/Unknown") {
        let zone = Zone::parse(name).unwrap();
        let rules = TimeZoneDatabase::bundled().get(name).unwrap();
        let changes = rules.following(jiff::Timestamp::UNIX_EPOCH + SignedDuration::from_hours(72));
        for change in changes.take(30) {
            let micros: u64 = (change.timestamp() - SignedDuration::from_hours(1))
                .as_microsecond()
                .try_into()
                .unwrap();
            for fields in ["*/20 * * * *", "*/20 0-22 * * *"] {
                let cron = fields.parse().unwrap();
                let schedule = Schedule::Cron { cron, zone: zone.clone() };
                let runs = schedule.next_runs(Timestamp::from_micros(micros), 8);
                assert_eq!(runs.len(), 8, "{name} {fields}");
                assert!(runs.is_sorted_by(|left, right| left < right), "{name} {fields} {runs:?}");
            }
        }
    }
}
