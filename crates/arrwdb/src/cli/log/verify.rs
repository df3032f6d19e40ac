//! `arrwdb log verify`: checks every byte.

use std::fmt::Write;
use std::path::PathBuf;

use arrw_log::{OpenError, Storage, Verification, inspect, verify};
use clap::Args;

use super::{print, print_json, storage};
use crate::cli::exit::Exit;
use crate::cli::{json, text};

/// Check every byte of a log that no process has open
///
/// Reads all of it and changes nothing. Ends with 0 when all is well and with 65 when acknowledged data is
/// damaged, after naming each damage by file and byte.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb log verify ./data
  $ arrwdb log verify ./data --json"
)]
pub(crate) struct Verify {
    /// Folder of the log
    folder: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let storage = storage(&self.folder)?;
        let found = verify(&storage)?;
        let nameless = has_no_superblock(&storage);
        let sound = found.damages.is_empty() && !nameless;
        if self.json {
            let state = if sound { json::State::Sound } else { json::State::Damaged };
            print_json(&json::Found::new(&found, state))?;
        } else {
            let mut said = describe(&found);
            if !sound {
                let folder = self.folder.display();
                said.push_str(&format!(
                    "\nPut back a backup, or see what a repair would lose:\n  arrwdb log repair {folder}\n"
                ));
            }
            print(&said)?;
        }
        Ok(if sound { Exit::Fine } else { Exit::Damaged })
    }
}

/// True when the frames may be sound but nothing says to which log they belong: it cannot be opened.
pub(super) fn has_no_superblock(storage: &dyn Storage) -> bool {
    matches!(inspect(storage), Err(OpenError::NoSuperblock { .. }))
}

/// What was found, for a person.
pub(super) fn describe(found: &Verification) -> String {
    let mut said = String::new();
    let records = text::count(found.records, "record");
    let files = text::count(found.segments, "file");
    let size = text::bytes(found.bytes);
    let (first, tail) = (found.first, found.tail);
    let mut line = |text: String| {
        // Writing to a string cannot fail.
        let _infallible = writeln!(said, "{text}");
    };
    line(format!("{records} intact in {files}, {size} of frames; first {first}, next {tail}"));
    if found.given_up > 0 {
        line(format!("{} given up by earlier repairs", text::count(found.given_up, "record")));
    }
    for note in &found.notes {
        line(format!("note: {note}"));
    }
    for damage in &found.damages {
        line(format!("damage: {}", text::damage(damage)));
    }
    match found.damages.len() as u64 {
        0 => line("no damage".to_owned()),
        count => line(format!(
            "{}, {} affected",
            text::count(count, "damage"),
            text::count(found.affected_records(), "record"),
        )),
    }
    said
}
