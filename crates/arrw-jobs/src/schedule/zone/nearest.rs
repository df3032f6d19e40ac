//! The name of a time zone that somebody meant.

/// The known name that is most like `name`; `None` when none is close. A place alone is its zone: `berlin` is
/// `Europe/Berlin`. Cost: O(name x all known), under a millisecond, and only for an error.
pub(super) fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let name = plain(name);
    let best = known.map(|known| (distance(&name, &known), known)).min()?;
    let (distance, known) = best;
    (distance <= (name.len() / 4).min(4)).then_some(known).filter(|_| !name.is_empty())
}

/// Changes from what was written to the zone, or to its place when no region was written.
fn distance(name: &str, known: &str) -> usize {
    let known = plain(known);
    let whole = changes(name, &known);
    match known.rsplit_once('/') {
        Some((_, place)) if !name.contains('/') => whole.min(changes(name, place)),
        _ => whole,
    }
}

fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace([' ', '-'], "_")
}

/// How many bytes must be added, left out or changed.
fn changes(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, byte) in from.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in to.bytes().enumerate() {
            let changed = diagonal + usize::from(byte != other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}
