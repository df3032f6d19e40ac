//! `arrwdb log cat`: prints records.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrw_log::limits::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use arrw_log::{Drive, Environment, Frame, Log, Options, ReadError, Reader, Seq, Start, inspect};
use clap::Args;

use super::storage;
use crate::cli::exit::Exit;
use crate::cli::json;

/// Print the records of a log, one JSON object a line
///
/// Fields: seq, topic, offset, time, key, data. A payload or key that is not UTF-8 stands in data_base64
/// or key_base64 instead. Opens the log, so no other process may have it.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb log cat ./data
  $ arrwdb log cat ./data --from 2 --limit 10"
)]
pub(crate) struct Cat {
    /// Folder of the log
    folder: PathBuf,
    /// First record to print [default: the oldest that is kept]
    #[arg(long, value_name = "SEQ")]
    from: Option<u64>,
    /// Print at most so many
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    limit: u64,
}

impl Cat {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let log = open_existing(&self.folder)?;
        let start = self.from.map_or(Start::Earliest, |seq| Start::At(Seq::new(seq)));
        let mut out = BufWriter::new(io::stdout().lock());
        let printed = print_records(&log, start, self.limit, &mut out);
        // What could be read is printed before what could not is reported.
        out.flush()?;
        printed?;
        log.close()?;
        Ok(Exit::Fine)
    }
}

fn print_records(log: &Log, start: Start, limit: u64, out: &mut impl Write) -> anyhow::Result<()> {
    let mut reader = log.reader(start)?;
    let mut left = limit;
    while left > 0 {
        let Some(frame) = next_frame(&mut reader)? else { break };
        for record in frame.records() {
            if left == 0 {
                break;
            }
            serde_json::to_writer(&mut *out, &json::Record::from(&record))?;
            out.write_all(b"\n")?;
            left -= 1;
        }
    }
    Ok(())
}

/// Opens a log that must exist, for a short time: without threads, and with files of the size it has.
pub(crate) fn open_existing(folder: &Path) -> anyhow::Result<Log> {
    let storage = storage(folder)?;
    // Opening makes a log where there is none. Looking first tells that there is one.
    let sizes = inspect(&storage)?.segments.into_iter().map(|segment| segment.file_bytes);
    let mut options = Options { drive: Drive::Callers, ..Options::default() };
    if let Some(size) = sizes.max() {
        let size = size.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
        options.segment_bytes = size.next_multiple_of(4096).min(SEGMENT_BYTES_MAX);
    }
    Ok(Log::open_with(Environment::with_storage(Arc::new(storage)), options)?)
}

/// The next frame that is there; says on stderr which records before it a repair gave up.
pub(crate) fn next_frame(reader: &mut Reader) -> anyhow::Result<Option<Frame>> {
    loop {
        match reader.try_next() {
            Err(lost @ ReadError::Lost { .. }) => writeln!(io::stderr().lock(), "note: {lost}")?,
            other => return Ok(other?),
        }
    }
}
