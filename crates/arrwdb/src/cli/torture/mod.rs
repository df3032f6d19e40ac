//! `arrwdb torture`: writers and servers to be killed, and checks of what they left.

mod check;
mod payload;
mod server;
mod writer;

use clap::Subcommand;

use super::exit::Exit;

/// Kill a server or a writer of the log, and check what is left
///
/// For tests of durability on real machines and disks. Nothing else needs these commands.
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Command {
    Server(server::Server),
    Writer(writer::Writer),
    Check(check::Check),
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Server(command) => command.run(),
            Self::Writer(command) => command.run(),
            Self::Check(command) => command.run(),
        }
    }
}
