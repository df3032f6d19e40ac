//! `arrwdb job`: enqueue jobs and look after them.

mod change;
mod enqueue;
pub(super) mod incoming;
mod show;
mod tail;

use clap::Subcommand;

use super::exit::Exit;

/// Enqueue jobs, list, follow, cancel and retry them
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Enqueue(enqueue::Enqueue),
    Show(show::Show),
    List(show::List),
    Tail(tail::Tail),
    Cancel(change::Cancel),
    Retry(change::Retry),
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
        }
    }
}
