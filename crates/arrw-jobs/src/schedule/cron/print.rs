//! Writes a cron as the one text of what it means.

use super::{Cron, Days, Field};
use crate::schedule::set::Set;

/// How a field must begin, which decides whether days are in both fields or in either.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// Either way.
    Free,
    /// With `*`, so that the days must be in both fields.
    Star,
    /// Not with `*`, so that the days may be in either.
    NoStar,
}

/// The text: shorter than [`CRON_BYTES_MAX`](crate::limits::CRON_BYTES_MAX). Cost: some microseconds.
pub(super) fn text(cron: &Cron) -> String {
    let texts = Field::ALL.map(|field| field_text(field, cron.set(field), begin(cron, field)));
    texts.join(" ")
}

fn begin(cron: &Cron, field: Field) -> Begin {
    if !field.is_day()
        || [Field::DayOfMonth, Field::DayOfWeek].map(|day| is_full(cron, day)).contains(&true)
    {
        return Begin::Free;
    }
    // The field that was read with a star holds its first value. One star is enough.
    let starred =
        if can_star(Field::DayOfMonth, cron.days) { Field::DayOfMonth } else { Field::DayOfWeek };
    match cron.on {
        Days::Either => Begin::NoStar,
        Days::Both if field == starred => Begin::Star,
        Days::Both => Begin::Free,
    }
}

fn is_full(cron: &Cron, field: Field) -> bool {
    cron.set(field) == field.full()
}

/// Whether the field can be written with `*` in front: `*/n` means its first value at least.
fn can_star(field: Field, set: Set) -> bool {
    set.contains(field.first())
}

fn field_text(field: Field, set: Set, begin: Begin) -> String {
    if set == field.full() {
        return "*".to_owned();
    }
    if let Some(step) = whole_step(field, set) {
        return match begin {
            Begin::Free | Begin::Star => format!("*/{step}"),
            Begin::NoStar => format!("{}-{}/{step}", field.first(), field.last()),
        };
    }
    match begin {
        Begin::Free | Begin::NoStar => items(set).join(","),
        Begin::Star => {
            let (step, covered) = widest_star(field, set);
            let mut texts = vec![format!("*/{step}")];
            texts.extend(items(set.without(covered)));
            texts.join(",")
        }
    }
}

/// The step by which the set is all of `*/step`. Two values are no step, as `0,6`, unless they halve the field, as `0,30`.
fn whole_step(field: Field, set: Set) -> Option<u8> {
    let second = set.iter().nth(1)?;
    let step = second.checked_sub(field.first())?;
    let is_steps = set.iter().nth(2).is_some() || field.count() == 2 * step;
    (is_steps && starred(field, step) == set).then_some(step)
}

/// The smallest step whose `*/step` lies in the set, and what it covers. The longest step covers the first value only.
fn widest_star(field: Field, set: Set) -> (u8, Set) {
    let steps = (2..=field.count()).map(|step| (step, starred(field, step)));
    let mut inside = steps.filter(|(_, covered)| covered.without(set).is_empty());
    inside.next().unwrap_or((field.count(), starred(field, field.count())))
}

fn starred(field: Field, step: u8) -> Set {
    (field.first()..=field.last()).step_by(usize::from(step.max(1))).collect()
}

/// Values and, where three or more follow one another, ranges. Five or more at equal steps are one item.
fn items(set: Set) -> Vec<String> {
    let values: Vec<u8> = set.iter().collect();
    if let [first, second, .., last] = values[..]
        && 5 <= values.len()
        && 1 < second - first
        && values.windows(2).all(|pair| pair[1] - pair[0] == second - first)
    {
        return vec![format!("{first}-{last}/{}", second - first)];
    }
    let mut texts = Vec::new();
    for run in values.chunk_by(|left, right| left + 1 == *right) {
        match run {
            [first, _, .., last] if 3 <= run.len() => texts.push(format!("{first}-{last}")),
            _ => texts.extend(run.iter().map(u8::to_string)),
        }
    }
    texts
}
