//! `arrwdb log restore`: makes a log of a backup.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use arrw_log::{Environment, FileStorage, restore};
use clap::Args;
use serde_json::json;

use super::{print, print_json, storage};
use crate::cli::exit::Exit;

/// Make a log of a backup, in another folder
///
/// The log begins a new life: positions from before the backup no longer fit, so that no reader takes other
/// records for those that it has seen. The backup stays as it is.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb log restore ./backup ./restored
  $ arrwdb log restore ./backup-2 ./restored-2 --json"
)]
pub(crate) struct Restore {
    /// Folder of the backup
    backup: PathBuf,
    /// Folder for the log: a new or an empty one
    folder: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Restore {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let backup = storage(&self.backup)?;
        let target = FileStorage::new(&self.folder)
            .with_context(|| format!("cannot make the folder `{}`", self.folder.display()))?;
        let epoch = restore(&backup, &Environment::with_storage(Arc::new(target)))?;
        if self.json {
            print_json(&json!({ "epoch": epoch.to_string() }))?;
        } else {
            let place = self.folder.display();
            print(&format!("restored into `{place}`; the log's new epoch is {epoch}\n"))?;
        }
        Ok(Exit::Fine)
    }
}
