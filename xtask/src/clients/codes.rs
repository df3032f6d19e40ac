//! The codes of the protocol, as the table in `arrw-wire` lists them.

use anyhow::{Context as _, ensure};

/// One line of that table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) number: u16,
    pub(super) kind: String,
    pub(super) name: String,
    /// What a client does next: `Again` or `Ends`.
    pub(super) then: String,
}

/// Reads the lines between `codes! {` and `}`, such as `Error 100 INTERNAL "internal" "internal server error" Again;`.
pub(super) fn read(source: &str) -> anyhow::Result<Vec<Code>> {
    let (_, table) = source.split_once("\ncodes! {\n").context("code.rs has no `codes! {`")?;
    let (table, _) = table.split_once("\n}\n").context("the table of code.rs has no end")?;
    let lines = table.lines().filter(|line| !line.trim().is_empty());
    let codes: Vec<Code> = lines.map(line).collect::<anyhow::Result<_>>()?;
    ensure!(!codes.is_empty(), "the table of code.rs is empty");
    Ok(codes)
}

fn line(line: &str) -> anyhow::Result<Code> {
    let wrong = || format!("no line of the table of codes: `{}`", line.trim());
    let parts: Vec<&str> = line.split('"').collect();
    let [head, name, _, _, then] = parts[..] else { anyhow::bail!(wrong()) };
    let head: Vec<&str> = head.split_whitespace().collect();
    let [kind, number, _constant] = head[..] else { anyhow::bail!(wrong()) };
    Ok(Code {
        number: number.parse().with_context(wrong)?,
        kind: kind.to_lowercase(),
        name: name.to_owned(),
        then: then.trim().trim_end_matches(';').to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_line_by_line() {
        let source = "x\ncodes! {\n    Error 100 A \"a\" \"text of a\" Again;\n\n    Disconnect 3500 B \"b\" \"b\" Ends;\n}\ny";
        let codes = read(source).expect("it is a table");
        let shown: Vec<String> = codes
            .iter()
            .map(|it| format!("{} {} {} {}", it.kind, it.number, it.name, it.then))
            .collect();
        assert_eq!(shown, ["error 100 a Again", "disconnect 3500 b Ends"]);
    }

    #[test]
    fn a_line_of_another_form_is_a_fault() {
        for source in ["", "\ncodes! {\n}\n", "\ncodes! {\n    Error 100 A \"a\" Again;\n}\n"] {
            assert!(read(source).is_err(), "{source}");
        }
    }
}
