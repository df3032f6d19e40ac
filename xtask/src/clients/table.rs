//! The document of codes: each code, and for each client the test that meets it or why none can.

use std::collections::BTreeMap;

use super::CLIENTS;
use super::codes::Code;
use super::met::{Cell, Met};
use crate::stage::Failure;

/// What stands above the tables.
const HEAD: &str = "\
# Codes that clients meet

Made by `cargo xtask clients`, which fails when it is not so: each name below is a test of [tests/clients](../tests/clients) or, in the column
`cargo`, of [crates/arrwdb/tests/it/centrifuge_client](../crates/arrwdb/tests/it/centrifuge_client) that held, with a client as it is published.

## Codes

A code that a client does not act upon itself has a test where its application is told of it.
";

/// Makes the document.
///
/// # Errors
/// When a code and a client have neither a test nor a reason, both, or one of them is of no code.
pub(super) fn document(
    codes: &[Code],
    met: &Met,
    reasons: &BTreeMap<Cell, String>,
) -> Result<String, Failure> {
    let mut problems = strangers(codes, reasons);
    let mut text = HEAD.to_owned();
    text += &header(&["code", "is", "then"]);
    for code in codes {
        let then = if code.then == "Again" { "tries again" } else { "leaves it" };
        text += &format!("| {} {} | {} | {then} |", code.number, code.name, code.kind);
        for client in CLIENTS {
            match cell(met, reasons, &((*client).to_owned(), code.number)) {
                Ok(cell) => text += &format!(" {cell} |"),
                Err(problem) => problems.push(problem),
            }
        }
        text.push('\n');
    }
    text += "\n## Tests\n\n";
    text += header(&["test"]).trim_start();
    for (test, clients) in &met.tests {
        text += &format!("| {test} |");
        for client in CLIENTS {
            text += if clients.contains(*client) { " yes |" } else { " |" };
        }
        text.push('\n');
    }
    if problems.is_empty() { Ok(text) } else { Err(Failure::Check(problems.join("\n"))) }
}

/// The head of a table whose last columns are the clients.
fn header(first: &[&str]) -> String {
    let columns: Vec<&str> = first.iter().chain(CLIENTS).copied().collect();
    format!("\n| {} |\n|{}\n", columns.join(" | "), " --- |".repeat(columns.len()))
}

fn cell(met: &Met, reasons: &BTreeMap<Cell, String>, of: &Cell) -> Result<String, String> {
    let (client, number) = of;
    match (met.codes.get(of), reasons.get(of)) {
        (Some(tests), None) => Ok(tests.iter().cloned().collect::<Vec<_>>().join("; ")),
        (None, Some(reason)) => Ok(format!("*cannot: {reason}*")),
        (Some(_), Some(_)) => {
            Err(format!("{number}, {client}: it was met; take it out of tests/clients/unmet.json"))
        }
        (None, None) => Err(format!(
            "{number}, {client}: no test met it; write one, or say in tests/clients/unmet.json why none can"
        )),
    }
}

/// Reasons about what is no code.
fn strangers(codes: &[Code], reasons: &BTreeMap<Cell, String>) -> Vec<String> {
    let is_code = |number: u16| codes.iter().any(|code| code.number == number);
    let strange = reasons.keys().filter(|(_, number)| !is_code(*number));
    strange.map(|(client, number)| format!("{number}, {client}: there is no such code")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes() -> Vec<Code> {
        let code = |number, name: &str| Code {
            number,
            kind: "error".to_owned(),
            name: name.to_owned(),
            then: "Ends".to_owned(),
        };
        vec![code(100, "a"), code(101, "b")]
    }

    fn made(met: &str, reasons: &str) -> Result<String, Failure> {
        let met = super::super::met::read(met).expect("lines");
        let reasons = super::super::met::reasons(reasons).expect("reasons");
        document(&codes(), &met, &reasons)
    }

    /// Lines by which each client met both codes, but for one cell.
    fn all_but(client: &str, number: u16) -> String {
        let mut lines = String::new();
        for one in CLIENTS {
            let codes: Vec<u16> =
                [100, 101].into_iter().filter(|it| (*one, *it) != (client, number)).collect();
            lines += &format!("{{\"client\":\"{one}\",\"test\":\"t\",\"codes\":{codes:?}}}\n");
        }
        lines
    }

    #[test]
    fn each_cell_has_tests_or_a_reason() {
        let text = made(&all_but("PyPI", 101), "{\"PyPI\":{\"101\":\"so\"}}").expect("it is whole");
        assert!(text.contains("| 100 a | error | leaves it | t | t | t | t |\n"), "{text}");
        assert!(
            text.contains("| 101 b | error | leaves it | t | t | *cannot: so* | t |\n"),
            "{text}"
        );
        assert!(text.contains("| t | yes | yes | yes | yes |\n"), "{text}");
    }

    #[test]
    fn a_cell_that_is_missing_or_said_twice_is_a_problem() {
        let check = |met: &str, reasons: &str, expected: &str| {
            let failure = made(met, reasons).expect_err("it is not whole").to_string();
            assert!(failure.contains(expected), "{failure}");
        };
        check(&all_but("PyPI", 101), "{}", "101, PyPI: no test met it");
        check(&all_but("", 0), "{\"PyPI\":{\"101\":\"so\"}}", "101, PyPI: it was met");
        check(&all_but("", 0), "{\"PyPI\":{\"99\":\"so\"}}", "99, PyPI: there is no such code");
    }
}
