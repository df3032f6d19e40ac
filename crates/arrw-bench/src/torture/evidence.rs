//! What is kept of a torture, for whoever looks into a fault.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use serde_json::json;

use super::{EVIDENCE, sockets};
use crate::history::{
    ChannelHistory, Enqueue, Finish, History, JobHistory, Lease, Sent, Session, Standing, Task,
    Told, Transition, Written,
};

/// All that clients of channels saw, where there were others.
const CHANNEL_EVIDENCE: &str = "channels.ndjson";

/// A line of the file.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Line<'a> {
    Write(&'a Sent),
    Saw { reader: &'a str, seq: u64, event: Written },
    Opened { consumer: &'a str, cursor: u64, asked: u64, acknowledged: u64 },
    Enqueue(&'a Enqueue),
    Lease(&'a Lease),
    Finish(&'a Finish),
    Job { job: u64, state: &'a str, seq: u64, time: u64, told: Told, task: Option<Task> },
    Standing(&'a Standing),
    Cancel { job: u64, acknowledged: bool },
}

/// Writes all that was seen as lines of JSON: first what was tortured, then a line for each write, for each
/// event that a reader saw, for each time that a consumer was opened, and for each thing that was seen of jobs.
pub(super) fn write(
    path: &Path,
    (seed, fault): (u64, &str),
    history: &History,
    jobs: &JobHistory,
) -> io::Result<()> {
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
    write_jobs(&mut out, jobs)?;
    out.flush()
}

/// The same of clients of all kinds: those of channels have a file of their own.
pub(super) fn write_all(
    folder: &Path,
    about: (u64, &str),
    (events, jobs, channels): (&History, &JobHistory, &ChannelHistory),
) -> anyhow::Result<()> {
    let path = folder.join(EVIDENCE);
    write(&path, about, events, jobs)
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    let path = folder.join(CHANNEL_EVIDENCE);
    sockets::write_evidence(&path, about, channels)
        .with_context(|| format!("cannot write `{}`", path.display()))
}

fn write_jobs(out: &mut impl Write, jobs: &JobHistory) -> io::Result<()> {
    for enqueue in &jobs.enqueues {
        line(out, &Line::Enqueue(enqueue))?;
    }
    for lease in &jobs.leases {
        line(out, &Line::Lease(lease))?;
    }
    for finish in &jobs.finishes {
        line(out, &Line::Finish(finish))?;
    }
    if let Some(standing) = &jobs.standing {
        line(out, &Line::Standing(standing))?;
    }
    for (job, acknowledged) in &jobs.cancels {
        line(out, &Line::Cancel { job: *job, acknowledged: *acknowledged })?;
    }
    for Transition { seq, job, state, task, time, told, .. } in &jobs.log {
        let (seq, job, state, task) = (*seq, *job, state.name(), *task);
        line(out, &Line::Job { job, state, seq, time: *time, told: *told, task })?;
    }
    Ok(())
}

fn line(out: &mut impl Write, line: &Line<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}
