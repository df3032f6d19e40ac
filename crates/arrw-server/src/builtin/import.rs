//! `import`: publishes the lines of a file as events, each once, however often it is tried.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use arrw::{Attempt, Failure, JobArgs, Progress};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Work;
use crate::events::incoming::{HeaderRefs, Incoming};
use crate::limits::{CHUNK_BYTES_MAX, CHUNK_LINES_MAX, IMPORT_LINE_BYTES_MAX};

/// What an event has from the log that it is in.
const OF_ITS_PLACE: [&str; 4] = ["seq", "epoch", "offset", "time"];

/// What is imported.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Import {
    /// The file's name, below the setting `files`.
    file: String,
    /// Who numbers the lines: what one producer has imported is not imported again. Default the job's number, so
    /// that each job imports the file once.
    producer: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(super) struct Imported {
    lines: u64,
    /// Those that had not been published before.
    new: u64,
}

impl JobArgs for Import {
    const KIND: &'static str = "import";
}

pub(super) fn run(work: &Work, args: Import, job: &Attempt) -> Result<Imported, Failure> {
    let file = work.folder.open(&args.file)?;
    let total = file.metadata()?.len();
    let producer = args.producer.unwrap_or_else(|| format!("arrwdb-import-{}", job.id()));
    let mut reader = BufReader::new(file);
    let (mut done, mut read) = (Imported { lines: 0, new: 0 }, 0_u64);
    loop {
        if job.is_cancelled() {
            return Err(Failure::new("it was cancelled or took too long"));
        }
        let (chunk, bytes) = next_chunk(&mut reader, done.lines)?;
        if chunk.is_empty() {
            return Ok(done);
        }
        read += bytes as u64;
        let first = done.lines + 1;
        done.lines += chunk.len() as u64;
        done.new += publish(work, &producer, first, &chunk)?;
        let message = format!("{} lines", done.lines);
        job.progress(Progress { message, ..Progress::of(read, total) })?;
    }
}

/// The next lines, as many as are published together, and the bytes that they had.
fn next_chunk(reader: &mut impl BufRead, before: u64) -> Result<(Vec<Vec<u8>>, usize), Failure> {
    let (mut chunk, mut bytes): (Vec<Vec<u8>>, usize) = Default::default();
    while chunk.len() < CHUNK_LINES_MAX && bytes < CHUNK_BYTES_MAX {
        let mut line = Vec::new();
        let most = IMPORT_LINE_BYTES_MAX + 1;
        let len = reader.by_ref().take(most).read_until(b'\n', &mut line)?;
        if len == 0 {
            break;
        }
        if most <= len as u64 {
            let number = before + chunk.len() as u64 + 1;
            let text = format!("line {number} has more than {IMPORT_LINE_BYTES_MAX} bytes");
            return Err(Failure::discard(text));
        }
        bytes += len;
        chunk.push(as_new(line));
    }
    Ok((chunk, bytes))
}

/// An event that was exported, as one that is to be published: without its place in the log that it was in. Any other
/// line as it is.
fn as_new(line: Vec<u8>) -> Vec<u8> {
    let Ok(mut members) = serde_json::from_slice::<BTreeMap<&str, &RawValue>>(&line) else {
        return line;
    };
    let had = members.len();
    members.retain(|name, _| !OF_ITS_PLACE.contains(name));
    if members.len() == had {
        return line;
    }
    serde_json::to_vec(&members).unwrap_or_default()
}

/// Publishes lines, of which the first has that number; answers how many were new. Lines without an event have a number
/// as well.
fn publish(work: &Work, producer: &str, first: u64, chunk: &[Vec<u8>]) -> Result<u64, Failure> {
    let mut new = 0;
    let mut parsed: Vec<(u64, Incoming<'_>)> = Vec::new();
    for (number, line) in (first..).zip(chunk) {
        if !line.trim_ascii().is_empty() {
            let event = Incoming::parse(line).map_err(|problem| {
                Failure::discard(format!("line {number} is no event: {}", problem.detail()))
            })?;
            parsed.push((number, event));
        }
    }
    // Runs of lines whose numbers have no gap.
    for run in parsed.chunk_by(|(one, _), (next, _)| one + 1 == *next) {
        let headers: Vec<HeaderRefs<'_>> = run.iter().map(|(_, it)| it.header_refs()).collect();
        let events: Vec<_> =
            run.iter().zip(&headers).map(|((_, it), headers)| it.new_event(headers)).collect();
        let Some((number, _)) = run.first() else { continue };
        let published = work.db.bus().publish_from(producer, *number, &events);
        let published = published.and_then(arrw::Publish::wait).map_err(Failure::new)?;
        new += published.count;
    }
    Ok(new)
}
