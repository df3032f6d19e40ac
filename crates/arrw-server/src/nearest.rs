//! The name that somebody meant.

/// The known name that is most like `name`; `None` when none is close. Cost: O(name x all known).
#[must_use]
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let close = |candidate: &&str| distance(name, candidate);
    let best = known.iter().copied().min_by_key(close)?;
    let most = best.len().max(name.len()) / 3;
    (distance(name, best) <= most.max(1)).then_some(best)
}

/// How many characters must be added, left out or changed. Names longer than any of ours count as far.
fn distance(from: &str, to: &str) -> usize {
    if 64 < from.len() {
        return usize::MAX;
    }
    let from = from.to_ascii_lowercase();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, byte) in from.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in to.bytes().enumerate() {
            let changed = diagonal + usize::from(byte != other.to_ascii_lowercase());
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
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
        check(&"x".repeat(1000), None);
    }
}
