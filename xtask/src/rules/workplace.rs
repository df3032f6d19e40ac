//! The rule that no file knows the machine on which somebody wrote it.

/// Parts of paths and names that exist on one machine only. (Joined, so that this file passes its own rule.)
const FORBIDDEN: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("far", "m-"),
    concat!("://crates", ".io"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
];

/// The problems of one text file. `at` is its path from the workspace's root.
#[must_use]
pub fn check(at: &str, text: &str) -> Vec<String> {
    // Where packages come from is for cargo to say, in its own file.
    if at == "Cargo.lock" {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for name in FORBIDDEN.iter().filter(|name| line.contains(**name)) {
            problems.push(format!("{at}:{}: `{name}` is of one machine; leave it out", index + 1));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_one_machine_is_found() {
        for name in FORBIDDEN {
            let text = format!("a\nsee {name}x\n");
            assert_eq!(check("docs/a.md", &text).len(), 1, "{name}");
        }
        assert!(check("docs/a.md", "data in ./work and https://docs.rs\n").is_empty());
    }

    #[test]
    fn the_lock_file_may_name_the_registry() {
        assert!(check("Cargo.lock", FORBIDDEN[5]).is_empty());
    }
}
