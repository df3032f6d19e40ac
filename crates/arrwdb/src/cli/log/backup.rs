//! `arrwdb log backup`: copies a log.

use std::path::PathBuf;

use anyhow::Context;
use arrw_log::FileStorage;
use clap::Args;

use super::{open_existing, print, print_json};
use crate::cli::exit::Exit;
use crate::cli::{json, text};

/// Copy a log that no process has open, and check the copy
///
/// The copy cannot be opened as it is: `arrwdb log restore` makes a log of it.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb log backup ./data ./backup
  $ arrwdb log backup ./data ./backup-2 --json"
)]
pub(crate) struct Backup {
    /// Folder of the log
    folder: PathBuf,
    /// Folder for the copy: a new or an empty one
    target: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Backup {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let log = open_existing(&self.folder)?;
        let target = FileStorage::new(&self.target)
            .with_context(|| format!("cannot make the folder `{}`", self.target.display()))?;
        let report = log.backup(&target)?;
        log.close()?;
        if self.json {
            print_json(&json::Backup::from(&report))?;
        } else {
            let (first, last) = (report.first, report.last);
            let (bytes, place) = (text::bytes(report.bytes), self.target.display());
            print(&format!("copied records {first} to {last}, {bytes}, to `{place}`\n"))?;
        }
        Ok(Exit::Fine)
    }
}
