//! What is kept of a torture, for whoever looks into a fault.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::json;

use crate::history::{History, Sent, Session, Written};

/// A line of the file.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Line<'a> {
    Write(&'a Sent),
    Saw { reader: &'a str, seq: u64, event: Written },
    Opened { consumer: &'a str, cursor: u64, asked: u64, acknowledged: u64 },
}

/// Writes all that was seen as lines of JSON: first what was tortured, then a line for each write, for each
/// event that a reader saw, and for each time that a consumer was opened.
pub(super) fn write(path: &Path, seed: u64, fault: &str, history: &History) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    let head = json!({ "seed": seed, "fault": fault, "acknowledged_by_round": history.rounds });
    writeln!(out, "{head}")?;
    for sent in &history.writes {
        line(&mut out, &Line::Write(sent))?;
    }
    for stream in history.streams.iter().chain([&history.log]) {
        for (seq, event) in &stream.events {
            line(&mut out, &Line::Saw { reader: &stream.name, seq: *seq, event: *event })?;
        }
    }
    for consumer in &history.consumers {
        let name = &*consumer.name;
        for Session { cursor, events, asked, acknowledged } in &consumer.sessions {
            let (cursor, asked, acknowledged) = (*cursor, *asked, *acknowledged);
            line(&mut out, &Line::Opened { consumer: name, cursor, asked, acknowledged })?;
            for (seq, event) in events {
                line(&mut out, &Line::Saw { reader: name, seq: *seq, event: *event })?;
            }
        }
    }
    out.flush()
}

fn line(out: &mut impl Write, line: &Line<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}
