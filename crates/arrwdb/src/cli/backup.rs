//! `arrwdb backup` and `arrwdb restore`: a copy of all data of a server, and a folder of data made of it.

use std::path::PathBuf;
use std::time::Duration;

use arrw::Db;
use clap::Args;
use serde_json::json;

use super::exit::Exit;
use super::remote::{Remote, block_on};
use super::report::Report;
use super::table::text_of;
use super::text;

/// How long it may take: 100 GB on a slow disk.
const BACKUP_TIME_MAX: Duration = Duration::from_secs(3_600);

/// Copy all data of a server while it is in use
///
/// The server makes the copy in a folder of this name below the one of its setting `backups`, checks every
/// byte of it, and says where it is. `arrwdb restore` makes a folder of data of it; it is not opened as it is.
/// Without a server, `arrwdb log backup` copies a folder.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb backup nightly
  $ arrwdb backup before-the-upgrade --json"
)]
pub(crate) struct Backup {
    /// Name of the backup: letters, digits, `.`, `_` and `-`
    name: String,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    remote: Remote,
}

impl Backup {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let mut client = self.remote.client()?.waiting(BACKUP_TIME_MAX);
        let body = json!({ "name": self.name }).to_string();
        let made = block_on(async { Ok(client.call("POST", "/v1/backups", Some(body)).await?) })?;
        let number = |name: &str| made[name].as_u64().unwrap_or_default();
        let (first, last) = (number("first"), number("last"));
        let (bytes, folder) = (text::bytes(number("bytes")), text_of(&made["folder"]));
        let said =
            format!("copied records {first} to {last}, {bytes}, to `{folder}` on the server");
        self.report.say(&said, &made)
    }
}

/// Make a folder of data of a backup
///
/// The log in it begins a new life: positions from before the backup no longer fit, so that no reader takes
/// other events for those that it has seen. The backup stays as it is.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb restore ./arrwdb-backups/nightly ./restored
  $ arrwdb restore ./arrwdb-backups/nightly ./restored-2 --json"
)]
pub(crate) struct Restore {
    #[command(flatten)]
    restoring: Restoring,
}

// Not a doc comment: it would become the text of the commands that have it.
// From where to where a backup is put back.
#[derive(Debug, Args)]
pub(crate) struct Restoring {
    /// Folder of the backup
    backup: PathBuf,
    /// Folder for the data: a new or an empty one
    folder: PathBuf,
    #[command(flatten)]
    report: Report,
}

impl Restore {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        self.restoring.run()
    }
}

impl Restoring {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let epoch = Db::restore(&self.backup, &self.folder)?;
        let place = self.folder.display();
        let said = format!("restored into `{place}`; the log's new epoch is {epoch}");
        self.report.say(&said, &json!({ "epoch": epoch.to_string() }))
    }
}
