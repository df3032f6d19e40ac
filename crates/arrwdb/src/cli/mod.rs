//! The command line: what may be asked, and who answers it.

mod bench;
mod completions;
mod exit;
mod json;
mod log;
mod text;
mod torture;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The back end of real-time applications, in one program.
///
/// Event bus, job queue and WebSocket manager on one durable, ordered log. What exists today is the log
/// and its tools.
#[derive(Debug, Parser)]
#[command(
    name = "arrwdb",
    version,
    verbatim_doc_comment,
    arg_required_else_help = true,
    after_help = "\
Examples:
  $ printf 'one\\ntwo\\n' | arrwdb log append ./data --topic greetings
  $ arrwdb log cat ./data

Exit codes: 0 done, 1 failed, 2 wrong usage, 65 data is damaged, 66 no log there, 74 the disk failed,
75 another process has the log.

`arrwdb help COMMAND` tells more about a command."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(subcommand)]
    Log(log::Command),
    #[command(subcommand)]
    Bench(bench::Command),
    #[command(subcommand)]
    Torture(torture::Command),
    Completions(completions::Completions),
}

/// Reads the arguments, runs one command and says how it ended.
pub(crate) fn main() -> ExitCode {
    let ran = match Cli::parse().command {
        Command::Log(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Torture(command) => command.run(),
        Command::Completions(command) => command.run(),
    };
    match ran {
        Ok(exit) => exit.into(),
        Err(error) => exit::report(&error),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_two_examples() {
        fn check(command: &clap::Command) {
            let is_leaf = command.get_subcommands().next().is_none();
            if is_leaf && !command.is_hide_set() && command.get_name() != "help" {
                let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                let examples = text.lines().filter(|line| line.starts_with("  $ ")).count();
                assert!(2 <= examples, "{} has {examples} examples", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
