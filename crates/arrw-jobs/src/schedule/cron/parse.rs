//! Reads a cron, and says what is wrong with what is none.

use super::{Cron, CronError, Days, Field};
use crate::limits::CRON_BYTES_MAX;
use crate::schedule::quoted;
use crate::schedule::set::Set;

/// What may stand in place of the five fields, and what it means.
const MACROS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// The days of each month in the longest year.
const DAYS_OF_MONTHS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// What is wrong, and in which field.
type Fault = (Option<Field>, String);

/// One field as it was written.
struct Written {
    values: Set,
    /// It does not begin with `*` or `?`.
    is_restricted: bool,
}

/// Reads a cron. Cost: one pass over at most [`CRON_BYTES_MAX`] bytes.
pub(super) fn cron(text: &str) -> Result<Cron, CronError> {
    let fields = if CRON_BYTES_MAX < text.len() {
        Err((None, format!("a cron has at most {CRON_BYTES_MAX} bytes")))
    } else {
        expanded(text.trim())
    };
    let read = fields.and_then(five);
    read.map_err(|(field, why)| CronError { cron: quoted(text), field, why })
}

/// The fields that a macro stands for, or the text as it is.
fn expanded(text: &str) -> Result<&str, Fault> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    let known = MACROS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    let (_, fields) = known.ok_or_else(|| {
        let names = MACROS.map(|(name, _)| name).join(", ");
        (
            None,
            format!("of the names with `@` these are known: {names}; for `@every` use an interval"),
        )
    })?;
    Ok(fields)
}

fn five(text: &str) -> Result<Cron, Fault> {
    let count = text.split_whitespace().count();
    if count != Field::ALL.len() {
        let hint = match count {
            6 | 7 => "; leave out seconds and years",
            _ => "; write `*` for a field that may be anything",
        };
        let fields = "minute, hour, day of month, month, day of week";
        return Err((None, format!("it has {count} fields, and must have 5: {fields}{hint}")));
    }
    let mut texts = text.split_whitespace();
    let mut next = |field| {
        let text = texts.next().unwrap_or_default();
        written(field, text).map_err(|why| (Some(field), why))
    };
    let minutes = next(Field::Minute)?.values;
    let hours = next(Field::Hour)?.values;
    let days = next(Field::DayOfMonth)?;
    let months = next(Field::Month)?.values;
    let weekdays = next(Field::DayOfWeek)?;
    can_be(normal(Cron {
        minutes,
        hours,
        days: days.values,
        months,
        weekdays: weekdays.values,
        on: if days.is_restricted && weekdays.is_restricted { Days::Either } else { Days::Both },
    }))
}

/// The same days, said in one way.
fn normal(cron: Cron) -> Cron {
    let (days, weekdays) = (Field::DayOfMonth.full(), Field::DayOfWeek.full());
    let is_every_day = cron.days == days || cron.weekdays == weekdays;
    match cron.on {
        Days::Either if is_every_day => Cron { days, weekdays, on: Days::Both, ..cron },
        Days::Either | Days::Both => cron,
    }
}

/// Refuses what is never: a day that none of its months has. A day that is in a month is also on each
/// day of the week in some year.
fn can_be(cron: Cron) -> Result<Cron, Fault> {
    let first = cron.days.at_or_after(0).unwrap_or_default();
    let days_max = cron.months.iter().map(|month| DAYS_OF_MONTHS[usize::from(month) - 1]).max();
    let days_max = days_max.unwrap_or_default();
    match cron.on {
        Days::Both if days_max < first => Err((
            Some(Field::DayOfMonth),
            format!("no month that it names has a day {first}; the longest of them has {days_max}"),
        )),
        Days::Both | Days::Either => Ok(cron),
    }
}

fn written(field: Field, text: &str) -> Result<Written, String> {
    let mut values = Set::default();
    for item in text.split(',') {
        values = values.or(item_values(field, item)?);
    }
    Ok(Written { values, is_restricted: !text.starts_with(['*', '?']) })
}

/// The values of one item of a list: what it spans, and each so many of it.
fn item_values(field: Field, item: &str) -> Result<Set, String> {
    let (span, step) = match item.split_once('/') {
        None => (item, None),
        Some((span, step)) => (span, Some(step_value(field, step)?)),
    };
    let (first, last) = match span {
        "*" => (field.first(), field.last()),
        "?" if field.is_day() && step.is_none() => (field.first(), field.last()),
        _ => match span.split_once('-') {
            Some((first, last)) => range(field, value(field, first)?, value(field, last)?)?,
            None => {
                let first = value(field, span)?;
                (first, if step.is_some() { field.last().max(first) } else { first })
            }
        },
    };
    let values = (first..=last).step_by(usize::from(step.unwrap_or(1)));
    Ok(values.map(|value| if field == Field::DayOfWeek { value % 7 } else { value }).collect())
}

/// The ends of a range. Days of the week may go over the end of the week: then the last is over 7.
fn range(field: Field, first: u8, last: u8) -> Result<(u8, u8), String> {
    if first <= last {
        return Ok((first, last));
    }
    if field == Field::DayOfWeek {
        return Ok((first, last + 7));
    }
    let (low, high) = (field.first(), field.last());
    let tail = if first == high { format!("{high}") } else { format!("{first}-{high}") };
    let head = if last == low { format!("{low}") } else { format!("{low}-{last}") };
    Err(format!(
        "{field} `{first}-{last}` begins after its end; write `{tail},{head}` to go over it"
    ))
}

fn step_value(field: Field, text: &str) -> Result<u8, String> {
    let most = field.count();
    number(text).filter(|step| (1..=most).contains(step)).ok_or_else(|| {
        let text = quoted(text);
        format!("step `{text}` of {field} must be 1 to {most}; for steps over that use an interval")
    })
}

fn value(field: Field, text: &str) -> Result<u8, String> {
    if let Some(named) = field.named(text) {
        return Ok(named);
    }
    let (shown, values) = (quoted(text), field.values());
    if text.is_empty() {
        return Err(format!("a value of {field} is missing; write {values}, or `*` for all"));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let allowed = field.first()..=field.last_written();
        let value = number(text).filter(|value| allowed.contains(value));
        return value.ok_or_else(|| format!("{field} `{shown}` is out of range; write {values}"));
    }
    if let Some(foreign) = foreign(text) {
        let known = "known are values, `*`, lists `1,2`, ranges `1-5` and steps `*/2`";
        return Err(format!("`{foreign}` in {field} `{shown}` is not known here; {known}"));
    }
    Err(format!("{field} `{shown}` is not a value; write {values}, or `*` for all"))
}

/// A number of at most three digits, and nothing else.
fn number(text: &str) -> Option<u8> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The character by which this is a value of Quartz and not of cron, as `L`, `15W`, `FRI#2`, `5L`.
fn foreign(text: &str) -> Option<char> {
    if text.contains('#') {
        return Some('#');
    }
    let number = text.trim_start_matches(|character: char| character.is_ascii_digit());
    let rest = match text.get(..3).and_then(|name| Field::DayOfWeek.named(name)) {
        Some(_) => &text[3..],
        None => number,
    };
    let is_one = ["L", "W", "LW"].iter().any(|known| known.eq_ignore_ascii_case(rest));
    is_one.then(|| rest.chars().next()).flatten().map(|character| character.to_ascii_uppercase())
}
