//! `arrwdb log repair`: gives up what is damaged and keeps the rest.

use std::path::PathBuf;
use std::sync::Arc;

use arrw_log::{Environment, Loss, RepairReport, repair};
use clap::Args;

use super::verify::{describe, has_no_superblock};
use super::{print, print_json, storage};
use crate::cli::exit::Exit;
use crate::cli::{json, text};

/// Give up what is damaged in a log and keep the rest
///
/// Without --accept-loss it only says what would be lost, changes nothing, and ends with 65 if there is
/// anything to repair. With it the damaged files are written anew, and the log begins a new life: readers
/// that come to the lost records are told, and positions from before no longer fit.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb log repair ./data
  $ arrwdb log repair ./data --accept-loss"
)]
pub(crate) struct Repair {
    /// Folder of the log
    folder: PathBuf,
    /// Go through with it
    #[arg(long)]
    accept_loss: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Repair {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let storage = storage(&self.folder)?;
        let nameless = has_no_superblock(&storage);
        let loss = if self.accept_loss { Loss::Accept } else { Loss::Refuse };
        let report = repair(&Environment::with_storage(Arc::new(storage)), loss)?;
        let wanting = nameless || !report.files.is_empty() || !report.found.damages.is_empty();
        let done = !wanting || report.epoch.is_some();
        if self.json {
            let state = if done { json::State::Sound } else { json::State::Damaged };
            print_json(&json::Repair::new(&report, state))?;
        } else if let Some(epoch) = report.epoch {
            print(&format!(
                "{}repaired: {} written anew; the log's new epoch is {epoch}\n",
                describe(&report.found),
                text::count(report.files.len() as u64, "file"),
            ))?;
        } else if wanting {
            print(&self.proposal(&report, nameless))?;
        } else {
            print(&format!("{}nothing to repair\n", describe(&report.found)))?;
        }
        Ok(if done { Exit::Fine } else { Exit::Damaged })
    }

    /// What would be lost, and how to go on.
    fn proposal(&self, report: &RepairReport, nameless: bool) -> String {
        let mut said = describe(&report.found);
        let lost = text::count(report.found.affected_records(), "record");
        said.push_str(&format!("\nA repair would lose {lost}:\n"));
        for damage in &report.found.damages {
            said.push_str(&format!("  {}\n", text::damage(damage)));
        }
        for file in &report.files {
            said.push_str(&format!("  `{file}` would be written anew\n"));
        }
        if nameless {
            said.push_str("  both superblocks would be written anew\n");
        }
        let folder = self.folder.display();
        said.push_str(&format!(
            "\nNothing was changed. Put back a backup if you have one. To lose the above and keep the rest:\n  arrwdb log repair {folder} --accept-loss\n"
        ));
        said
    }
}
