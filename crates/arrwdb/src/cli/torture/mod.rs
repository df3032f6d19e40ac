//! `arrwdb torture`: writers and servers to be killed or attacked, and checks of what they left.

mod all;
mod check;
mod hostile;
mod payload;
mod said;
mod server;
mod soak;
mod sockets;
mod writer;

use clap::Subcommand;

use super::exit::Exit;

/// Kill or attack a server, kill a writer of the log, and check what is left
///
/// For tests of durability on real machines and disks. Nothing else needs these commands.
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Command {
    All(all::All),
    Server(server::Server),
    Sockets(sockets::Sockets),
    Hostile(hostile::Hostile),
    Soak(soak::Soak),
    Writer(writer::Writer),
    Check(check::Check),
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::All(command) => command.run(),
            Self::Server(command) => command.run(),
            Self::Sockets(command) => command.run(),
            Self::Hostile(command) => command.run(),
            Self::Soak(command) => command.run(),
            Self::Writer(command) => command.run(),
            Self::Check(command) => command.run(),
        }
    }
}
