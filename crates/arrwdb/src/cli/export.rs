//! `arrwdb export`: writes events as lines of JSON, and goes on where it was cut off.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use arrw_server::Client;
use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::compression::{Compression, End};
use super::exit::{Advised, Exit};
use super::progress::Progress;
use super::remote::{Remote, block_on, escaped};
use super::report::Report;
use super::text;

/// Events of one request, and of one part of a compressed file.
const PAGE_EVENTS: usize = 1_000;

/// How the line of every event begins.
const EVENT_BEGINS: &[u8] = br#"{"seq":"#;

/// Write events to a file, one line of JSON each
///
/// Ends behind the last event that there is when it begins. A file that is there already is gone on with,
/// behind its last whole line: so run it again after it was cut off, or tomorrow for what is new. A file whose
/// name ends in .gz or .zst is compressed.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ arrwdb export events.ndjson
  $ arrwdb export orders.zst 'orders.>'
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
    report: Report,
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
        let compression = Compression::of(&self.file);
        let (mut out, last): (Box<dyn Write>, Option<Place>) = if self.file == Path::new("-") {
            (Box::new(io::stdout().lock()), None)
        } else {
            let (file, last) = go_on(&self.file, compression)?;
            (Box::new(file), last)
        };
        let after = match &last {
            Some(Place { seq, epoch }) => format!("{epoch}:{seq}"),
            None => self.after.clone(),
        };
        let mut client = self.remote.client()?;
        let count = block_on(
            self.copy(&mut client, after, |lines| out.write_all(&compression.part(lines)?)),
        )?;
        out.flush()?;
        let said = format!("{} exported", text::count(count, "event"));
        let done = json!({ "events": count });
        if self.file == Path::new("-") {
            return self.report.say_to(&mut io::stderr().lock(), &said, &done);
        }
        self.report.say(&said, &done)
    }

    /// Hands on all lines behind a place, up to the end that the log has now; answers how many.
    async fn copy(
        &self,
        client: &mut Client,
        mut after: String,
        mut put: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> anyhow::Result<u64> {
        let end = seq_of(&client.position().await?).context("cannot read where the log ends")?;
        let filter = escaped(&self.filter).to_string();
        let (mut count, mut first) = (0_u64, None);
        let mut progress = Progress::of("event");
        loop {
            let place = escaped(&after).to_string();
            let target = format!("/v1/events?filter={filter}&limit={PAGE_EVENTS}&after={place}");
            let (lines, next) = client.lines(&target).await?;
            if !lines.is_empty() {
                put(&lines)?;
            }
            count += lines.iter().filter(|byte| **byte == b'\n').count() as u64;
            let at = seq_of(&next);
            if next == after || at.is_none_or(|at| end <= at) {
                return Ok(count);
            }
            let first = *first.get_or_insert(seq_of(&after).unwrap_or(0));
            let done = at.unwrap_or(end).saturating_sub(first);
            progress.show(count, (done, end.saturating_sub(first)));
            after = next;
        }
    }
}

/// The seq of a position.
fn seq_of(position: &str) -> Option<u64> {
    position.rsplit_once(':').and_then(|(_, seq)| seq.parse().ok())
}

/// Opens a file to go on behind its last whole line, and reads which event that is.
fn go_on(path: &Path, compression: Compression) -> anyhow::Result<(File, Option<Place>)> {
    let shown = path.display();
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let mut file = file.with_context(|| format!("cannot open `{shown}`"))?;
    let End { whole, line, torn } =
        compression.end(&file).with_context(|| format!("cannot read `{shown}`"))?;
    let foreign = |what: &str| Advised {
        what: format!("{what} of `{shown}` is no event, so it cannot be gone on with"),
        help: "name another file, or remove this one".to_owned(),
    };
    let is_ours = file.metadata()?.len() == 0 || !torn.is_empty() && begins_an_event(&torn);
    let place = match line.trim_ascii() {
        [] if whole == 0 && !is_ours => return Err(foreign("the beginning").into()),
        [] => None,
        line => {
            let place = serde_json::from_slice::<Place>(line);
            Some(place.map_err(|_not_an_event| foreign("the last line"))?)
        }
    };
    // What stands behind the last whole line was cut off in the middle.
    file.set_len(whole)?;
    file.seek(io::SeekFrom::End(0))?;
    Ok((file, place))
}

/// Whether this may be what is left of an event.
fn begins_an_event(torn: &[u8]) -> bool {
    torn.iter().zip(EVENT_BEGINS).all(|(byte, expected)| byte == expected)
}
