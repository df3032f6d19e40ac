//! `arrwdb log inspect`: what a log consists of.

use std::fmt::Write;
use std::path::PathBuf;

use arrw_log::{Inspection, SegmentSummary, Seq, inspect};
use arrw_server::rfc3339;
use clap::Args;

use super::{print, print_json, storage};
use crate::cli::exit::Exit;
use crate::cli::{json, text};

/// Show the files of a log that no process has open
///
/// Reads headers and footers only, so it is quick for a log of any size, and changes nothing.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb log inspect ./data
  $ arrwdb log inspect ./data --segment 1 --json"
)]
pub(crate) struct Inspect {
    /// Folder of the log
    folder: PathBuf,
    /// Show only this file; 1 for `0000000001.seg`
    #[arg(long, value_name = "NUMBER")]
    segment: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let log = inspect(&storage(&self.folder)?)?;
        let wanted = |summary: &&SegmentSummary| {
            self.segment.is_none_or(|number| summary.file == format!("{number:010}.seg"))
        };
        let segments: Vec<&SegmentSummary> = log.segments.iter().filter(wanted).collect();
        if let (Some(number), true) = (self.segment, segments.is_empty()) {
            anyhow::bail!("the log in `{}` has no segment {number}", self.folder.display());
        }
        if self.json {
            print_json(&json::Log::new(&log, &segments))?;
        } else {
            print(&describe(&log, &segments)?)?;
        }
        Ok(Exit::Fine)
    }
}

fn describe(log: &Inspection, segments: &[&SegmentSummary]) -> Result<String, std::fmt::Error> {
    let mut said = String::new();
    writeln!(said, "log      {:032x}", log.log_id)?;
    writeln!(said, "epoch    {}", log.epoch)?;
    writeln!(said, "left as  {}", log.left_as)?;
    writeln!(said, "records  from {}; known to be synced up to {}", log.first, log.durable)?;
    writeln!(said)?;
    writeln!(
        said,
        "{:<16} {:<8} {:>10} {:>12} {:>12} {:>10} {:>7}  first time",
        "file", "state", "size", "first", "last", "frames", "topics"
    )?;
    for segment in segments {
        let seq = |seq: Option<Seq>| seq.map_or("-".to_owned(), |seq| seq.to_string());
        writeln!(
            said,
            "{:<16} {:<8} {:>10} {:>12} {:>12} {:>10} {:>7}  {}",
            segment.file,
            segment.state,
            text::bytes(segment.file_bytes),
            seq(segment.first),
            seq(segment.last),
            segment.frame_bytes.map_or("-".to_owned(), text::bytes),
            segment.topics.map_or("-".to_owned(), |topics| topics.to_string()),
            segment.first_time.map_or("-".to_owned(), rfc3339),
        )?;
    }
    Ok(said)
}
