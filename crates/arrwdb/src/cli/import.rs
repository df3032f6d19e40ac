//! `arrwdb import`: publishes the lines of a file, once if it is told who they are from.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use arrw_server::{Client, ClientError, Receipt};
use clap::Args;
use serde_json::value::RawValue;

use super::compression::Compression;
use super::exit::{Advised, Exit};
use super::progress::Progress;
use super::remote::{EventIn, Reading, Remote, block_on};
use super::text;

/// Lines and bytes of one request: what the server commits together.
const REQUEST_LINES: usize = 1_000;
const REQUEST_BYTES: usize = 1024 * 1024;

/// Bytes of a line: the most that a server can be set to take.
const LINE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Tries of one request when a producer makes it harmless, and the wait before the second, which doubles:
/// half a minute in all, in which a server can be started again.
const TRIES_MAX: u32 = 8;
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// Publish each line of a file
///
/// A line is the event's data as JSON, or with --text plain text. Without --topic and --topic-field a line
/// is a whole event with its topic. Blank lines are left out. A file whose name ends in .gz or .zst is read as
/// what is in it.
///
/// With --producer each line is published once, however often and wherever the import was cut off: run it
/// again, tomorrow or on a file that has grown. A producer is a name for this one file: the server keeps
/// the number of its last line.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  $ printf '{\"city\": \"Oslo\", \"c\": 4}\\n' | arrwdb import - --topic weather --key-field city
  $ seq 1000 > numbers; arrwdb import numbers --topic numbers --producer numbers-2026"
)]
pub(crate) struct Import {
    /// The file, or `-` for the standard input
    file: PathBuf,
    /// Topic of all events
    #[arg(long, group = "topics")]
    topic: Option<String>,
    /// Field of each line that has its topic
    #[arg(long, value_name = "FIELD", conflicts_with = "text", group = "topics")]
    topic_field: Option<String>,
    /// Field of each line that has its key
    #[arg(long, value_name = "FIELD", conflicts_with = "text", requires = "topics")]
    key_field: Option<String>,
    /// Name under which the server remembers how far it came
    #[arg(long, value_name = "NAME")]
    producer: Option<String>,
    /// Lines are plain text, not JSON
    #[arg(long, requires = "topic")]
    text: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

/// The fields of a line.
type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Lines on their way.
#[derive(Debug, Default)]
struct Request {
    body: Vec<u8>,
    /// The number of each line in the file.
    lines: Vec<u64>,
}

/// What was done.
#[derive(Debug, Default, serde::Serialize)]
struct Done {
    /// Lines that were not blank.
    lines: u64,
    /// Those of them that were new.
    published: u64,
    first: Option<u64>,
    last: Option<u64>,
}

impl Import {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let input = open(&self.file)?;
        let mut client = self.remote.client()?;
        let done = block_on(self.import(input, &mut client))?;
        let report = if self.json {
            serde_json::to_string(&done)?
        } else {
            let lines = text::count(done.lines, "line");
            let at = match (done.first, done.last) {
                (Some(first), Some(last)) => format!(", seq {first} to {last}"),
                _ => String::new(),
            };
            format!("{lines} read, {} published{at}", done.published)
        };
        io::stdout().lock().write_all(format!("{report}\n").as_bytes())?;
        Ok(Exit::Fine)
    }

    async fn import(&self, mut input: Input, client: &mut Client) -> anyhow::Result<Done> {
        let mut done = Done::default();
        let mut request = Request::default();
        let mut line = String::new();
        let mut progress = Progress::of("line");
        for number in 1_u64.. {
            line.clear();
            let read = (&mut input.lines).take(LINE_BYTES_MAX + 1).read_line(&mut line);
            let read = read.with_context(|| {
                format!("cannot read line {number} of `{}`", self.file.display())
            })?;
            if LINE_BYTES_MAX < line.len() as u64 {
                self.send(&mut request, client, &mut done).await?;
                let what = format!("the line has more than {}", text::bytes(LINE_BYTES_MAX));
                let help = "keep what is so large elsewhere, and import where it is".to_owned();
                let error = anyhow::Error::from(Advised { what, help });
                return Err(error.context(self.place(number, &done)));
            }
            let text = line.trim_end_matches(['\n', '\r']);
            if !text.trim().is_empty() {
                if let Err(error) = self.add(text, &mut request.body) {
                    // What came before it is not held back by it.
                    self.send(&mut request, client, &mut done).await?;
                    return Err(error.context(self.place(number, &done)));
                }
                request.lines.push(number);
            }
            let is_full =
                REQUEST_LINES <= request.lines.len() || REQUEST_BYTES <= request.body.len();
            if read == 0 || is_full {
                self.send(&mut request, client, &mut done).await?;
                progress.show(done.lines, input.part());
            }
            if read == 0 {
                break;
            }
        }
        Ok(done)
    }

    fn place(&self, line: u64, done: &Done) -> String {
        let published = text::count(done.published, "event");
        format!("line {line} of `{}` ({published} published before it)", self.file.display())
    }

    /// Adds a line of the file as an event.
    pub(super) fn add(&self, line: &str, body: &mut Vec<u8>) -> anyhow::Result<()> {
        let fields = if self.topic_field.is_some() || self.key_field.is_some() {
            serde_json::from_str(line).map_err(|error| Advised {
                what: format!("the line is not a JSON object: {error}"),
                help: "leave --topic-field and --key-field out, or give it objects".to_owned(),
            })?
        } else {
            Fields::new()
        };
        let topic = match (&self.topic, &self.topic_field) {
            (Some(topic), _) => Cow::Borrowed(topic.as_str()),
            (None, Some(field)) => value(&fields, field)?,
            (None, None) => {
                // A whole event, which is for the server to judge.
                body.extend_from_slice(line.trim().as_bytes());
                body.push(b'\n');
                return Ok(());
            }
        };
        let key = self.key_field.as_deref().map(|field| value(&fields, field)).transpose()?;
        let data = Some(Reading::of(self.text).data(line)?);
        let event = EventIn { topic: &topic, key: key.as_deref(), data, ..EventIn::default() };
        serde_json::to_writer(&mut *body, &event)?;
        body.push(b'\n');
        Ok(())
    }

    /// Sends what is there, and notes what came of it.
    async fn send(
        &self,
        request: &mut Request,
        client: &mut Client,
        done: &mut Done,
    ) -> anyhow::Result<()> {
        let Request { body, lines } = std::mem::take(request);
        if lines.is_empty() {
            return Ok(());
        }
        let headers = match &self.producer {
            Some(name) => vec![
                ("arrw-producer", name.clone()),
                ("arrw-producer-seq", (done.lines + 1).to_string()),
            ],
            None => Vec::new(),
        };
        match self.ask(client, &body.into(), &headers).await {
            Ok(receipt) => {
                done.lines += lines.len() as u64;
                done.published += receipt.count;
                done.first = done.first.or(receipt.first);
                done.last = receipt.last.or(done.last);
                Ok(())
            }
            Err(error) => Err(self.explained(error, &lines, done)),
        }
    }

    /// Sends a request, again if that is harmless.
    async fn ask(
        &self,
        client: &mut Client,
        body: &bytes::Bytes,
        headers: &[(&'static str, String)],
    ) -> Result<Receipt, ClientError> {
        let mut wait = TRY_AGAIN_AFTER;
        let mut tried = 0;
        loop {
            tried += 1;
            let answered = client.publish_lines(body.clone(), headers).await;
            let may_help = match &answered {
                Ok(_) => false,
                Err(ClientError::Connect { .. }) => tried > 1,
                Err(ClientError::Lost { .. }) => true,
                Err(ClientError::Refused(refusal)) => refusal.retry,
                Err(ClientError::Address { .. } | ClientError::Foreign { .. } | _) => false,
            };
            if !may_help || self.producer.is_none() || tried == TRIES_MAX {
                return answered;
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }

    /// The error of a request, with the line of the file that it is about and what was published.
    fn explained(&self, error: ClientError, lines: &[u64], done: &Done) -> anyhow::Error {
        if let ClientError::Refused(refusal) = &error
            && let Some(line) = refusal.line
        {
            let at = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
            let number = lines.get(at).copied().unwrap_or_default();
            let published = done.published + refusal.count.unwrap_or_default();
            let before = Done { published, ..Done::default() };
            return anyhow::Error::from(error).context(self.place(number, &before));
        }
        let published = text::count(done.published, "event");
        let doubt = match (&error, &self.producer) {
            (ClientError::Lost { .. }, None) => {
                format!(" and perhaps up to {} more", lines.len())
            }
            _ => String::new(),
        };
        anyhow::Error::from(error).context(format!("{published}{doubt} published, not all"))
    }
}

/// What is imported, and how much of it was read.
struct Input {
    lines: Box<dyn BufRead>,
    read: Arc<AtomicU64>,
    /// All of it; 0 when nobody knows.
    bytes: u64,
}

impl Input {
    fn part(&self) -> (u64, u64) {
        (self.read.load(Ordering::Relaxed), self.bytes)
    }
}

/// A file that counts what is read of it.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

fn open(file: &Path) -> anyhow::Result<Input> {
    if file == Path::new("-") {
        let lines = Box::new(BufReader::new(io::stdin()));
        return Ok(Input { lines, read: Arc::default(), bytes: 0 });
    }
    let opened = File::open(file).map_err(|error| Advised {
        what: format!("cannot open `{}`: {error}", file.display()),
        help: "give a file, or `-` for the standard input".to_owned(),
    })?;
    let bytes = opened.metadata().map_or(0, |about| about.len());
    let read = Arc::new(AtomicU64::new(0));
    let counted = Counted { file: opened, read: Arc::clone(&read) };
    let lines = Compression::of(file).reader(counted);
    let lines = lines.with_context(|| format!("cannot read `{}`", file.display()))?;
    Ok(Input { lines, read, bytes })
}

/// The text in a field of a line.
fn value<'a>(fields: &Fields<'a>, field: &str) -> Result<Cow<'a, str>, Advised> {
    let Some(raw) = fields.get(field) else {
        let names: Vec<&str> = fields.keys().map(AsRef::as_ref).collect();
        return Err(Advised {
            what: format!("the line has no field `{field}`"),
            help: format!("it has `{}`", names.join("`, `")),
        });
    };
    // What is no string stands as it is: a number makes a fine key.
    match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => Ok(Cow::Owned(text)),
        Err(_) => Ok(Cow::Borrowed(raw.get())),
    }
}
