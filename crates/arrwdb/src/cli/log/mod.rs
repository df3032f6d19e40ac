//! `arrwdb log`: tools for the log itself.

mod append;
mod cat;
mod inspect;
mod repair;
mod verify;

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use arrw_log::FileStorage;
use clap::Subcommand;
use serde_json::Value;

use super::exit::Exit;

pub(crate) use cat::open_existing;

/// Look at a log, check and repair it, read and write it
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Append(append::Append),
    Cat(cat::Cat),
    Inspect(inspect::Inspect),
    Verify(verify::Verify),
    Repair(repair::Repair),
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Append(command) => command.run(),
            Self::Cat(command) => command.run(),
            Self::Inspect(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Repair(command) => command.run(),
        }
    }
}

/// The files of a log in a folder that must exist.
pub(crate) fn storage(folder: &Path) -> anyhow::Result<FileStorage> {
    FileStorage::existing(folder)
        .with_context(|| format!("cannot open the folder `{}`", folder.display()))
}

/// Prints an object as one line.
fn print_json(value: &Value) -> io::Result<()> {
    print(&format!("{value}\n"))
}

fn print(text: &str) -> io::Result<()> {
    io::stdout().lock().write_all(text.as_bytes())
}
