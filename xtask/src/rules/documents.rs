//! Rules for documents: links, names of decisions, the changelog.

use std::path::{Component, Path, PathBuf};

/// The problems of the links in a Markdown file that point into the repository.
///
/// `at` is the file's path from the root; `exists` answers for paths from the root.
#[must_use]
pub fn check_links(at: &str, markdown: &str, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let folder = Path::new(at).parent().unwrap_or(Path::new(""));
    let mut problems = Vec::new();
    for (line, target) in links(markdown) {
        let path = target.split('#').next().unwrap_or_default();
        let outside = path.contains("://") || path.starts_with("mailto:");
        if path.is_empty() || outside {
            continue;
        }
        let Some(resolved) = resolve(folder, path) else {
            problems.push(format!("{at}:{line}: the link `{target}` leaves the repository"));
            continue;
        };
        if !exists(&resolved) {
            problems.push(format!("{at}:{line}: the link `{target}` points to no file"));
        }
    }
    problems
}

/// The problems of the file names in `docs/decisions`: `NNNN-words.md`, each number once, and `README.md`.
#[must_use]
pub fn check_decision_names(names: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut numbers: Vec<&str> = Vec::new();
    for name in names.iter().filter(|name| *name != "README.md") {
        let Some(number) = decision_number(name) else {
            problems.push(format!(
                "docs/decisions/{name}: name it `NNNN-words.md`, words in lower case with `-` between"
            ));
            continue;
        };
        if numbers.contains(&number) {
            problems.push(format!("docs/decisions/{name}: the number {number} is taken"));
        }
        numbers.push(number);
    }
    problems
}

/// The problem of a changelog that has no place for the next change.
#[must_use]
pub fn check_changelog(text: &str) -> Option<String> {
    let found =
        text.lines().any(|line| matches!(line.trim_end(), "## Unreleased" | "## [Unreleased]"));
    (!found).then(|| "CHANGELOG.md: needs the heading `## Unreleased`".to_owned())
}

/// The problems of a code map: each crate's folder must stand in it as code, such as `crates/arrw-log`.
#[must_use]
pub fn check_code_map(architecture: &str, crate_folders: &[String]) -> Vec<String> {
    let missing = crate_folders.iter().filter(|at| !architecture.contains(&format!("`{at}`")));
    missing.map(|at| format!("ARCHITECTURE.md: the code map does not name `{at}`")).collect()
}

fn decision_number(name: &str) -> Option<&str> {
    let (number, words) = name.strip_suffix(".md")?.split_once('-')?;
    let digits = number.len() == 4 && number.bytes().all(|b| b.is_ascii_digit());
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    (digits && words.split('-').all(word)).then_some(number)
}

/// The targets of `[text](target)`, with their lines from 1, outside code.
fn links(markdown: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in markdown.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            found.extend(links_of_line(line).into_iter().map(|target| (index + 1, target)));
        }
    }
    found
}

fn links_of_line(line: &str) -> Vec<String> {
    // Every second part between backticks is code.
    let text: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
    let starts = text.split("](").skip(1);
    let targets = starts.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets.filter_map(|target| target.split_whitespace().next()).map(str::to_owned).collect()
}

/// The path from the root without `.` and `..`; `None` when it leaves the root.
fn resolve(folder: &Path, target: &str) -> Option<PathBuf> {
    let mut resolved = PathBuf::new();
    for component in folder.join(target).components() {
        match component {
            Component::Normal(name) => resolved.push(name),
            Component::CurDir => (),
            Component::ParentDir => {
                if !resolved.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a file in `docs/` of a repository that has `README.md` and `docs/a.md`.
    fn check(markdown: &str, expected: &[&str]) {
        let exists = |path: &Path| [Path::new("README.md"), Path::new("docs/a.md")].contains(&path);
        let problems = check_links("docs/x.md", markdown, exists);
        assert_eq!(problems, expected, "{markdown}");
    }

    #[test]
    fn links_into_the_repository_are_followed() {
        check("[a](a.md), [a](./a.md#part), [r](../README.md \"title\")", &[]);
        check("[u](https://example.org/x), [m](mailto:a@example.org), [p](#part)", &[]);
        check("x\n[b](b.md)", &["docs/x.md:2: the link `b.md` points to no file"]);
        check("![b](b.png#x)", &["docs/x.md:1: the link `b.png#x` points to no file"]);
        check("[b](../../b.md)", &["docs/x.md:1: the link `../../b.md` leaves the repository"]);
        check("[b](/b.md)", &["docs/x.md:1: the link `/b.md` leaves the repository"]);
    }

    #[test]
    fn links_in_code_do_not_count() {
        check("`[b](b.md)` and [`a`](a.md)\n```text\n[b](b.md)\n```", &[]);
        check("`a` [b](b.md)", &["docs/x.md:1: the link `b.md` points to no file"]);
    }

    #[test]
    fn decisions_have_a_number_and_words() {
        let problems = |names: &[&str]| {
            check_decision_names(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())
        };
        assert!(problems(&["README.md", "0001-one-log.md", "0002-2-clocks.md"]).is_empty());
        for name in ["1-one.md", "0001_one.md", "0001-One.md", "0001-.md", "0001-a--b.md", "0001-a"]
        {
            assert_eq!(problems(&[name]).len(), 1, "{name}");
        }
        assert!(problems(&["0001-a.md", "0001-b.md"])[0].contains("0001 is taken"));
    }

    #[test]
    fn the_changelog_has_a_place_for_the_next_change() {
        assert_eq!(check_changelog("# Changelog\n\n## Unreleased\n"), None);
        assert!(check_changelog("# Changelog\n\n## 1.0.0\n").is_some());
    }

    #[test]
    fn the_code_map_names_every_crate() {
        let folders = ["crates/a".to_owned(), "xtask".to_owned()];
        assert!(check_code_map("| `crates/a` | A. |\n| `xtask` | X. |", &folders).is_empty());
        assert_eq!(check_code_map("`crates/a-b`, `xtask`", &folders).len(), 1);
    }
}
