//! `arrwdb log`: tools for the log itself.

mod append;
mod backup;
mod cat;
mod inspect;
mod repair;
mod restore;
mod verify;

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use arrw_log::{FileStorage, OpenError};
use clap::Subcommand;
use serde::Serialize;

use super::exit::Exit;

pub(crate) use cat::{next_frame, open_existing};

/// Look at a log, check and repair it, read and write it
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Command {
    Append(append::Append),
    Cat(cat::Cat),
    Inspect(inspect::Inspect),
    Verify(verify::Verify),
    Repair(repair::Repair),
    Backup(backup::Backup),
    Restore(restore::Restore),
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Append(command) => command.run(),
            Self::Cat(command) => command.run(),
            Self::Inspect(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Repair(command) => command.run(),
            Self::Backup(command) => command.run(),
            Self::Restore(command) => command.run(),
        }
    }
}

/// The files of a log in a folder that must exist.
pub(crate) fn storage(folder: &Path) -> anyhow::Result<FileStorage> {
    let place = folder.display();
    match FileStorage::existing(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(OpenError::NotFound { place: place.to_string() }.into())
        }
        other => other.with_context(|| format!("cannot open the folder `{place}`")),
    }
}

/// Prints an object as one line.
fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string(value)?;
    Ok(print(&format!("{text}\n"))?)
}

fn print(text: &str) -> io::Result<()> {
    io::stdout().lock().write_all(text.as_bytes())
}
