//! `arrwdb job`: enqueue jobs and look after them.

mod change;
mod enqueue;
pub(super) mod incoming;
mod show;
mod tail;

use clap::Subcommand;

use super::exit::Exit;

/// The states of a job.
pub(super) const STATES: [&str; 7] =
    ["scheduled", "ready", "leased", "retrying", "completed", "dead", "cancelled"];

/// Enqueue jobs, list and follow them, cancel, retry and delete them
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Enqueue(enqueue::Enqueue),
    Show(show::Show),
    List(show::List),
    Tail(tail::Tail),
    Cancel(change::Cancel),
    Retry(change::Retry),
    Discard(change::Discard),
    Delete(change::Delete),
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Enqueue(command) => command.run(),
            Self::Show(command) => command.run(),
            Self::List(command) => command.run(),
            Self::Tail(command) => command.run(),
            Self::Cancel(command) => command.run(),
            Self::Retry(command) => command.run(),
            Self::Discard(command) => command.run(),
            Self::Delete(command) => command.run(),
        }
    }
}
