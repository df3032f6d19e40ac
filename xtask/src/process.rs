//! Starts other programs and says which one failed.

use std::process::{Command, Output, Stdio};

use anyhow::Context as _;

use crate::report;
use crate::stage::Failure;

/// Shows the command, runs it with its output on the terminal, and fails when its exit code is not 0.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = describe(command);
    report::line(&format!("$ {shown}"));
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("start `{shown}`"))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::Check(format!("`{shown}` failed: {status}")))
}

/// Runs all of them, whatever fails, and then reports every failure.
pub(crate) fn run_each(commands: Vec<Command>) -> Result<(), Failure> {
    let results = commands.into_iter().map(|mut command| run(&mut command)).collect();
    Failure::all(results)
}

/// Shows the command and keeps its output.
pub(crate) fn capture(command: &mut Command) -> anyhow::Result<Output> {
    let shown = describe(command);
    report::line(&format!("$ {shown}"));
    command.stdin(Stdio::null()).output().with_context(|| format!("start `{shown}`"))
}

/// What the command prints to standard output, without showing it; `None` when it cannot be started or fails.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command as a person would type it, environment apart.
pub(crate) fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_fails_is_named() {
        let mut command = Command::new("cargo");
        command.arg("no-such-command").stderr(Stdio::null());
        let failure = run(&mut command).expect_err("it fails");
        assert!(failure.to_string().contains("`cargo no-such-command` failed"), "{failure}");
    }

    #[test]
    fn a_program_that_is_missing_has_no_answer() {
        assert_eq!(answer(&mut Command::new("arrw-no-such-program")), None);
    }
}
