//! The house rules that neither rustc, clippy nor rustfmt checks. STYLE.md says why.

use std::fs;
use std::path::{Path, PathBuf};

/// Product lines a file may have, tests not counted.
const LINES_MAX: usize = 600;

/// File names that say nothing about what is inside.
const VAGUE_NAMES: &[&str] =
    &["util", "utils", "helper", "helpers", "common", "misc", "shared", "types"];

#[test]
fn every_file_is_tidy() {
    let mut files = Vec::new();
    collect_rust_files(&root().join("crates"), &mut files);
    assert!(!files.is_empty(), "no sources found under {}", root().display());
    let problems: Vec<String> = files.iter().flat_map(|path| problems_in(path)).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

fn problems_in(path: &Path) -> Vec<String> {
    let source = fs::read_to_string(path).expect("source files are UTF-8");
    let at = path.strip_prefix(root()).unwrap_or(path).display().to_string();
    let mut problems = Vec::new();
    if !source.starts_with("//!") {
        problems.push(format!("{at}: the first line must be `//! ` and say what the file is for"));
    }
    let lines = source.lines().take_while(|line| !line.contains("#[cfg(test)]")).count();
    if LINES_MAX < lines {
        problems.push(format!("{at}: {lines} lines; split it by topic (limit {LINES_MAX})"));
    }
    let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    if VAGUE_NAMES.contains(&stem) {
        problems.push(format!("{at}: name the file after what it holds, not `{stem}`"));
    }
    if has_discarded_matches(&source) {
        problems
            .push(format!("{at}: `matches!(..);` checks nothing; write `assert!(matches!(..))`"));
    }
    for (index, line) in source.lines().enumerate() {
        if line.contains("FIXME") || line.contains("XXX") {
            problems.push(format!("{at}:{}: finish it or file an issue", index + 1));
        }
    }
    problems
}

/// True when a `matches!(..)` stands as a statement of its own, its answer thrown away.
///
/// Neither rustc nor clippy reports it, and a test that holds only this passes whatever happens.
fn has_discarded_matches(source: &str) -> bool {
    source.split("\n").enumerate().any(|(index, line)| {
        if !line.trim_start().starts_with("matches!(") {
            return false;
        }
        let rest = source.split("\n").skip(index).collect::<Vec<_>>().join("\n");
        statement_after_parentheses(&rest).starts_with(';')
    })
}

/// What follows the first balanced pair of parentheses.
fn statement_after_parentheses(text: &str) -> &str {
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

fn collect_rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("folder is readable") {
        let path = entry.expect("entry is readable").path();
        if path.is_dir() {
            collect_rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask sits in the workspace")
}
