//! Rules for Rust files.

/// Product lines a file may have, tests not counted.
const LINES_MAX: usize = 600;

/// File names that say nothing about what is inside.
const VAGUE_NAMES: &[&str] =
    &["util", "utils", "helper", "helpers", "common", "misc", "shared", "types"];

/// Marks of unfinished work: they belong into an issue.
const UNFINISHED: &[&str] = &[concat!("FIX", "ME"), concat!("XX", "X")];

/// What code may hold only under an `#[expect(..)]` with a reason, and what to do instead.
const NEED_A_REASON: &[(&str, &str)] = &[
    (concat!("thread::", "sleep"), "wait on a condition, not on time"),
    (concat!("#[", "ignore"), "a test runs or does not exist"),
    (concat!("to", "do!("), "finish it or leave it out"),
    (concat!("un", "implemented!("), "finish it or leave it out"),
];

/// All problems of one file. `at` is its path from the workspace's root, with `/`.
#[must_use]
pub fn check(at: &str, source: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if !source.starts_with("//! ") {
        problems.push(format!("{at}: the first line must be `//! ` and say what the file is for"));
    }
    let lines = product_lines(at, source);
    if LINES_MAX < lines {
        problems.push(format!("{at}: {lines} lines; split it by topic (limit {LINES_MAX})"));
    }
    let name = at.rsplit('/').next().unwrap_or(at).trim_end_matches(".rs");
    if VAGUE_NAMES.contains(&name) {
        problems.push(format!("{at}: name the file after what it holds, not `{name}`"));
    }
    if has_discarded_matches(source) {
        problems
            .push(format!("{at}: `matches!(..);` checks nothing; write `assert!(matches!(..))`"));
    }
    problems.extend(unfinished(at, source));
    problems.extend(without_a_reason(at, source));
    problems
}

/// The problem of a crate whose folder has no front door. `front_doors` are the texts of its
/// `src/lib.rs` and `src/main.rs`, as far as they exist.
#[must_use]
pub fn check_front_door(crate_folder: &str, front_doors: &[String]) -> Option<String> {
    let described = front_doors.iter().any(|text| text.starts_with("//! "));
    (!described).then(|| {
        format!("{crate_folder}: needs a `src/lib.rs` or `src/main.rs` that begins with `//! `")
    })
}

/// Lines outside tests: a file of tests has none, and a `mod tests {` ends the product part.
fn product_lines(at: &str, source: &str) -> usize {
    if at.contains("/tests/") || at.ends_with("/tests.rs") {
        return 0;
    }
    let lines: Vec<&str> = source.lines().collect();
    let tests = lines.windows(2).position(|pair| {
        pair[0].trim() == "#[cfg(test)]" && pair[1].contains("mod ") && pair[1].ends_with('{')
    });
    tests.unwrap_or(lines.len())
}

fn unfinished(at: &str, source: &str) -> Vec<String> {
    let marked = |line: &str| UNFINISHED.iter().any(|mark| line.contains(mark));
    let lines = source.lines().enumerate().filter(|(_, line)| marked(line));
    lines.map(|(index, _)| format!("{at}:{}: finish it or file an issue", index + 1)).collect()
}

fn without_a_reason(at: &str, source: &str) -> Vec<String> {
    let lines: Vec<&str> = source.lines().collect();
    let mut problems = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        for (found, instead) in NEED_A_REASON {
            if line.contains(found) && !has_a_reason(&lines[..=index]) {
                problems.push(format!(
                    "{at}:{}: `{found}`: {instead}, or give `#[expect(.., reason = \"..\")]` just before",
                    index + 1
                ));
            }
        }
    }
    problems
}

/// True when the last of these lines, or the attribute that ends just before it, is an `#[expect(..)]` with a reason.
fn has_a_reason(lines: &[&str]) -> bool {
    let Some((last, before)) = lines.split_last() else { return false };
    let expects = |text: &str| text.contains("#[expect(") && text.contains("reason =");
    if expects(last) {
        return true;
    }
    // rustfmt may have broken the attribute over several lines.
    if !before.last().is_some_and(|line| line.trim_end().ends_with(")]")) {
        return false;
    }
    let start = before.iter().rposition(|line| line.trim_start().starts_with("#["));
    start.is_some_and(|start| expects(&before[start..].join(" ")))
}

/// True when a `matches!(..)` stands as a statement of its own, its answer thrown away.
///
/// Neither rustc nor clippy reports it, and a test that holds only this passes whatever happens.
fn has_discarded_matches(source: &str) -> bool {
    let starts = source.match_indices("matches!(").filter(|(at, _)| {
        let line = source[..*at].rsplit('\n').next().unwrap_or_default();
        line.trim().is_empty()
    });
    starts.map(|(at, _)| &source[at..]).any(|rest| after_parentheses(rest).starts_with(';'))
}

/// What follows the first balanced pair of parentheses.
fn after_parentheses(text: &str) -> &str {
    let mut depth = 0_u32;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' if depth == 1 => return &text[at + 1..],
            ')' => depth -= 1,
            _ => (),
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The problems of a file with this text after a proper first line, which must hold this word; none if empty.
    fn check_source(text: &str, expected: &str) {
        check_file("crates/a/src/b.rs", &format!("//! B.\n{text}\n"), expected);
    }

    fn check_file(at: &str, source: &str, expected: &str) {
        let problems = check(at, source);
        if expected.is_empty() {
            assert!(problems.is_empty(), "{problems:?}");
        } else {
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].contains(expected), "{problems:?}");
        }
    }

    #[test]
    fn a_file_says_what_it_is_for() {
        check_file("crates/a/src/b.rs", "//! B.\n", "");
        check_file("crates/a/src/b.rs", "fn b() {}\n", "first line");
    }

    #[test]
    fn a_long_file_is_split() {
        check_source(&"\n".repeat(LINES_MAX - 2), "");
        check_source(&"\n".repeat(LINES_MAX - 1), "split it by topic");
        let tests = format!("#[cfg(test)]\nmod tests {{{}}}", "\n".repeat(LINES_MAX));
        check_source(&tests, "");
        let declared = format!("#[cfg(test)]\nmod tests;{}", "\n".repeat(LINES_MAX));
        check_source(&declared, "split it by topic");
        let source = format!("//! T.\n{}", "\n".repeat(LINES_MAX));
        check_file("crates/a/tests/it/main.rs", &source, "");
        check_file("crates/a/src/b/tests.rs", &source, "");
    }

    #[test]
    fn a_vague_name_is_refused() {
        check_file("crates/a/src/utils.rs", "//! Things.\n", "not `utils`");
    }

    #[test]
    fn a_discarded_matches_is_found() {
        check_source("fn f() {\n    matches!(g(x), Some(_));\n}", "checks nothing");
        check_source("fn f() -> bool {\n    matches!(g(x), Some(_))\n}", "");
        check_source("fn f() {\n    assert!(matches!(x, Some(_)));\n}", "");
    }

    #[test]
    fn unfinished_work_is_found() {
        check_source(concat!("// FIX", "ME: later"), ":2: finish it");
    }

    #[test]
    fn a_ban_needs_a_reason_to_be_broken() {
        for (found, instead) in NEED_A_REASON {
            check_source(&format!("fn f() {{ {found} }}"), instead);
            check_source(&format!("// {found}"), "");
            check_source(&format!("#[expect(l, reason = \"r\")]\n{found}"), "");
            check_source(&format!("#[expect(\n    l,\n    reason = \"r\"\n)]\n{found}"), "");
            check_source(&format!("#[expect(l)]\n{found}"), instead);
            check_source(&format!("#[expect(l, reason = \"r\")]\n\n{found}"), instead);
        }
    }

    #[test]
    fn a_crate_has_a_front_door() {
        assert_eq!(check_front_door("crates/a", &["//! A.\n".to_owned()]), None);
        for doors in [vec![], vec!["fn main() {}".to_owned()]] {
            assert!(
                check_front_door("crates/a", &doors).is_some_and(|p| p.starts_with("crates/a"))
            );
        }
    }
}
