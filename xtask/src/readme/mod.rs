//! The stage that runs the commands of README.md and of the tour, and compares what they print.
//!
//! A fenced block marked `console` holds what a person types and sees:
//!
//! ```text
//! $ arrwdb --version          a command; the lines up to the next one are what it prints
//! arrwdb ...                  `...` at the end of a line stands for the rest of it
//! ...                         alone, for any number of lines
//! $ arrwdb --nonsense         # exits 2
//! $ arrwdb pub \              a backslash at the end goes on in the next line
//!     greetings hello
//! $ arrwdb serve &            goes on in the background; the next command waits until it has printed its lines
//! ```
//!
//! All commands of a file run in one shell and one fresh folder, in order, so `cd`, `export` and `&` work.
//! A command without lines after it may print what it likes. The `arrwdb` of the dev profile is on `PATH`.

mod compare;
mod parse;
mod session;

use std::fs;

use anyhow::Context as _;

use crate::cargo;
use crate::context::Context;
use crate::report;
use crate::stage::Failure;
use parse::Step;
use session::{Answer, Session};

/// The files whose commands are run.
const FILES: &[&str] = &["README.md", "docs/tour.md"];

/// Commands that are shown but not run from here, because this run or CI is that command.
const RUN_BY_CI: &[&str] = &["cargo xtask test", "cargo xtask test --core"];

/// Every command of every file must do what the file says.
pub(crate) fn check(context: &Context) -> Result<String, Failure> {
    cargo::product(context)?;
    let mut results = Vec::new();
    let mut count = 0;
    for file in FILES {
        let path = context.workspace.root.join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("read {file}"))?;
        let steps = parse::steps(&text)
            .map_err(|fault| Failure::Check(format!("{file}:{}: {}", fault.line, fault.reason)))?;
        count += steps.len();
        results.extend(run(context, file, &steps)?);
    }
    Failure::all(results)?;
    Ok(format!("{count} commands"))
}

fn run(context: &Context, file: &str, steps: &[Step]) -> anyhow::Result<Vec<Result<(), Failure>>> {
    let mut session = Session::start(context, &context.fresh_folder(file)?)?;
    let mut results = Vec::new();
    for step in steps {
        if RUN_BY_CI.contains(&step.command.as_str()) {
            report::line(&format!("{file}:{}: `{}` is run by CI", step.line, step.command));
            continue;
        }
        report::line(&format!("{file}:{}: $ {}", step.line, step.command));
        let answer = if step.command.ends_with('&') {
            let is_printed =
                |output: &str| step.expected.is_empty() || compare::fits(&step.expected, output);
            session.run_in_background(&step.command, is_printed)?
        } else {
            session.run(&step.command)?
        };
        results.push(judge(step, &answer).map_err(|reason| {
            Failure::Check(format!("{file}:{}: `{}` {reason}", step.line, step.command))
        }));
    }
    Ok(results)
}

/// Whether a command did what the file says; the error continues "the command ...".
fn judge(step: &Step, answer: &Answer) -> Result<(), String> {
    let printed = match answer.output.trim_end() {
        "" => "it printed nothing".to_owned(),
        output => format!("it printed:\n{}", compare::indented(output)),
    };
    if answer.exit_code != step.exit_code {
        return Err(format!(
            "exits with {}, the file says {}; {printed}",
            answer.exit_code, step.exit_code
        ));
    }
    if step.expected.is_empty() || compare::fits(&step.expected, &answer.output) {
        return Ok(());
    }
    let expected = compare::indented(&step.expected.join("\n"));
    Err(format!("prints something else; the file says:\n{expected}\n{printed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(block: &str, exit_code: i32, output: &str) -> Result<(), String> {
        let steps = parse::steps(&format!("```console\n{block}\n```\n")).expect("it parses");
        judge(&steps[0], &Answer { exit_code, output: output.to_owned() })
    }

    #[test]
    fn the_exit_code_must_be_the_one_in_the_file() {
        assert_eq!(judged("$ a", 0, "anything"), Ok(()));
        assert_eq!(judged("$ a # exits 2", 2, ""), Ok(()));
        assert!(
            judged("$ a", 1, "why").is_err_and(|e| e.contains("exits with 1") && e.contains("why"))
        );
        assert!(judged("$ a # exits 2", 0, "").is_err());
    }

    #[test]
    fn the_output_must_be_the_one_in_the_file() {
        assert_eq!(judged("$ a\nb ...", 0, "b c\n"), Ok(()));
        assert!(judged("$ a\nb", 0, "c\n").is_err_and(|e| e.contains("prints something else")));
    }
}
