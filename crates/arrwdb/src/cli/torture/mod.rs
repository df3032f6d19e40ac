//! `arrwdb torture`: a writer to be killed, and a check of what it left.

mod check;
mod payload;
mod writer;

use clap::Subcommand;

use super::exit::Exit;

/// Write a log that will be killed, and check what is left of it
///
/// For tests of durability on real machines and disks. Nothing else needs these commands.
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Command {
    Writer(writer::Writer),
    Check(check::Check),
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Writer(command) => command.run(),
            Self::Check(command) => command.run(),
        }
    }
}
