//! The command line: what may be asked, and who answers it.

mod config;
mod logging;
mod open_files;
mod serve;
mod settings;

mod answer;
mod backup;
mod connections;
mod consumer;
mod export;
mod import;
mod job;
mod key;
mod order;
mod publish;
mod queue;
mod stats;
mod tail;
mod token;
mod top;
mod topic;
mod work;

mod bench;
mod completions;
mod demo;
mod log;
mod man;
mod torture;

mod compression;
mod exit;
#[cfg(feature = "fuzz")]
pub(crate) mod fuzz;
mod json;
mod keys;
mod listing;
mod misspelt;
mod progress;
mod remote;
mod report;
mod table;
mod text;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// The back end of real-time applications, in one program.
///
/// Event bus, job queue and WebSocket manager on one durable, ordered log. Without a command it runs the server.
#[derive(Debug, Parser)]
#[command(
    name = "arrwdb",
    version,
    verbatim_doc_comment,
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  $ arrwdb --data ./data
  $ arrwdb pub greetings.world '{\"text\": \"hello\"}'

Exit codes: 0 done, 1 failed, 2 wrong usage, 65 data is damaged, 66 no log there, 69 no server there or no
room for one, 74 the disk failed, 75 another process has the log, 78 the settings are wrong, 141 nobody
reads the output.

`arrwdb help COMMAND` tells more about a command."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Pub(publish::Pub),
    Tail(tail::Tail),
    Import(import::Import),
    Export(export::Export),
    #[command(subcommand)]
    Topic(topic::Command),
    #[command(subcommand)]
    Consumer(consumer::Command),
    #[command(subcommand)]
    Connections(connections::Command),
    #[command(subcommand)]
    Job(job::Command),
    #[command(subcommand)]
    Queue(queue::Command),
    #[command(subcommand)]
    Cron(order::CronCommand),
    #[command(subcommand)]
    Trigger(order::TriggerCommand),
    Work(work::Work),
    Stats(stats::Stats),
    Top(top::Top),
    Check(stats::Check),
    Backup(backup::Backup),
    Restore(backup::Restore),
    #[command(subcommand)]
    Key(key::Command),
    #[command(subcommand)]
    Token(token::Command),
    #[command(subcommand)]
    Config(config::Command),
    #[command(subcommand)]
    Log(log::Command),
    #[command(subcommand)]
    Bench(bench::Command),
    #[command(subcommand)]
    Torture(torture::Command),
    Completions(completions::Completions),
    Man(man::Manual),
}

/// Reads the arguments, runs one command and says how it ended.
pub(crate) fn main() -> ExitCode {
    let arguments = std::env::args_os().map(|it| it.to_string_lossy().into_owned());
    let advised =
        |error| misspelt::advised(error, &Cli::command(), &arguments.collect::<Vec<_>>()).exit();
    let cli = Cli::try_parse().unwrap_or_else(advised);
    let ran = match cli.command {
        None => cli.serve.run(),
        Some(Command::Serve(command)) => command.run(),
        Some(Command::Demo(command)) => command.run(),
        Some(Command::Pub(command)) => command.run(),
        Some(Command::Tail(command)) => command.run(),
        Some(Command::Import(command)) => command.run(),
        Some(Command::Export(command)) => command.run(),
        Some(Command::Topic(command)) => command.run(),
        Some(Command::Consumer(command)) => command.run(),
        Some(Command::Connections(command)) => command.run(),
        Some(Command::Job(command)) => command.run(),
        Some(Command::Queue(command)) => command.run(),
        Some(Command::Cron(command)) => command.run(),
        Some(Command::Trigger(command)) => command.run(),
        Some(Command::Work(command)) => command.run(),
        Some(Command::Stats(command)) => command.run(),
        Some(Command::Top(command)) => command.run(),
        Some(Command::Check(command)) => command.run(),
        Some(Command::Backup(command)) => command.run(),
        Some(Command::Restore(command)) => command.run(),
        Some(Command::Key(command)) => command.run(),
        Some(Command::Token(command)) => command.run(),
        Some(Command::Config(command)) => command.run(),
        Some(Command::Log(command)) => command.run(),
        Some(Command::Bench(command)) => command.run(),
        Some(Command::Torture(command)) => command.run(),
        Some(Command::Completions(command)) => command.run(),
        Some(Command::Man(command)) => command.run(),
    };
    match ran {
        Ok(exit) => exit.into(),
        Err(error) => exit::report(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Those that say nothing of what they did, or whose output is for programs already.
    const WITHOUT_JSON: &[&str] =
        &["serve", "append", "cat", "writer", "check", "completions", "man"];

    #[test]
    fn every_report_may_be_json() {
        fn check(command: &clap::Command) {
            let is_leaf = command.get_subcommands().next().is_none();
            let has_json = command.get_arguments().any(|it| it.get_long() == Some("json"));
            let is_for_programs = WITHOUT_JSON.contains(&command.get_name());
            let is_hidden = command.is_hide_set() || command.get_name() == "help";
            assert!(!is_leaf || has_json || is_for_programs || is_hidden, "{}", command.get_name());
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
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
