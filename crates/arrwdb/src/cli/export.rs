//! `arrwdb export`: writes events as lines of JSON, and goes on where it was cut off.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Deserialize;

use super::exit::{Advised, Exit};
use super::remote::{Remote, block_on, escaped};
use super::text;

/// Events of one request.
const PAGE_EVENTS: usize = 1_000;

/// Write events to a file, one line of JSON each
///
/// Ends behind the last event that there is when it begins. A file that is there already is gone on with,
/// behind its last whole line: so run it again after it was cut off, or tomorrow for what is new.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb export events.ndjson
  $ arrwdb export - 'orders.>' --after earliest"
)]
pub(crate) struct Export {
    /// The file, or `-` for the standard output
    file: PathBuf,
    /// Topics: `*` is one token, a final `>` the rest
    #[arg(default_value = ">")]
    filter: String,
    /// Where a new file starts: `earliest`, a position as the answers have it, or a time
    #[arg(long, value_name = "POSITION", default_value = "earliest")]
    after: String,
    #[command(flatten)]
    remote: Remote,
}

/// Where an event stands.
#[derive(Deserialize)]
struct Place {
    seq: u64,
    epoch: String,
}

impl Export {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let (mut out, last): (Box<dyn Write>, Option<Place>) = if self.file == Path::new("-") {
            (Box::new(io::stdout().lock()), None)
        } else {
            let (file, last) = go_on(&self.file)?;
            (Box::new(io::BufWriter::new(file)), last)
        };
        let mut after = match &last {
            Some(Place { seq, epoch }) => format!("{epoch}:{seq}"),
            None => self.after.clone(),
        };
        let mut client = self.remote.client()?;
        let count = block_on(async {
            let end = client.position().await?;
            let end = end.rsplit_once(':').and_then(|(_, seq)| seq.parse::<u64>().ok());
            let end = end.context("cannot read where the log ends")?;
            let filter = escaped(&self.filter).to_string();
            let mut count = 0_u64;
            loop {
                let place = escaped(&after).to_string();
                let target =
                    format!("/v1/events?filter={filter}&limit={PAGE_EVENTS}&after={place}");
                let (lines, next) = client.lines(&target).await?;
                out.write_all(&lines)?;
                count += lines.split(|byte| *byte == b'\n').count().saturating_sub(1) as u64;
                let at = next.rsplit_once(':').and_then(|(_, seq)| seq.parse::<u64>().ok());
                if next == after || at.is_none_or(|at| end <= at) {
                    break;
                }
                after = next;
            }
            out.flush()?;
            Ok(count)
        })?;
        let said = format!("{} exported\n", text::count(count, "event"));
        io::stderr().lock().write_all(said.as_bytes())?;
        Ok(Exit::Fine)
    }
}

/// Opens a file to go on behind its last whole line, and reads which event that is.
fn go_on(path: &Path) -> anyhow::Result<(File, Option<Place>)> {
    let shown = path.display();
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let mut file = file.with_context(|| format!("cannot open `{shown}`"))?;
    let (mut end, mut whole, mut last) = (0_u64, Vec::new(), Vec::new());
    let mut reader = BufReader::new(&file);
    loop {
        let read = reader.read_until(b'\n', &mut whole)?;
        if read == 0 || whole.last() != Some(&b'\n') {
            break;
        }
        end += read as u64;
        std::mem::swap(&mut whole, &mut last);
        whole.clear();
    }
    let place = match last.trim_ascii() {
        [] => None,
        line => Some(serde_json::from_slice::<Place>(line).map_err(|_not_an_event| Advised {
            what: format!("the last line of `{shown}` is no event, so it cannot be gone on with"),
            help: "name another file, or remove this one".to_owned(),
        })?),
    };
    // What stands behind the last whole line was cut off in the middle.
    file.set_len(end)?;
    file.seek(io::SeekFrom::End(0))?;
    Ok((file, place))
}
