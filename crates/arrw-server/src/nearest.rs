//! The name that somebody meant.

/// The known name that is most like `name`; `None` when none is close. Cost: O(name x all known).
#[must_use]
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let close = |candidate: &&str| distance(name, candidate);
    let best = known.iter().copied().min_by_key(close)?;
    let most = best.len().max(name.len()) / 3;
    (distance(name, best) <= most.max(1)).then_some(best)
}

/// How many characters must be added, left out, changed, or swapped with the next. Names longer than any of ours count as far.
fn distance(from: &str, to: &str) -> usize {
    if 64 < from.len() {
        return usize::MAX;
    }
    let from = from.to_ascii_lowercase().into_bytes();
    let to = to.to_ascii_lowercase().into_bytes();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    let mut above = row.clone();
    for (at, byte) in from.iter().enumerate() {
        let mut next = vec![at + 1];
        for (column, other) in to.iter().enumerate() {
            let changed = row[column] + usize::from(byte != other);
            let least = changed.min(row[column + 1] + 1).min(next[column] + 1);
            let is_swapped =
                0 < at && 0 < column && from[at - 1] == *other && to[column - 1] == *byte;
            next.push(if is_swapped { least.min(above[column - 1] + 1) } else { least });
        }
        above = std::mem::replace(&mut row, next);
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_the_one_that_was_meant() {
        let known = ["topic", "key", "data", "headers", "id"];
        let check = |name, expected| assert_eq!(nearest(name, &known), expected, "{name}");
        check("topik", Some("topic"));
        check("Topic", Some("topic"));
        assert_eq!(nearest("topik", &["KEY", "TOPIC"]), Some("TOPIC"));
        check("header", Some("headers"));
        check("payload", None);
        check("x", None);
        check("tpoic", Some("topic"));
        check("di", Some("id"));
        check(&"x".repeat(1000), None);
    }
}
