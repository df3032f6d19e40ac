//! `export`: writes all events that there are now and that a filter wants into a file, as lines of JSON.

use std::io::{BufWriter, Write};

use arrw::{Attempt, Encoder, Failure, JobArgs, Progress, Start, SubscriptionError};
use serde::{Deserialize, Serialize};

use super::Work;

/// What is exported, and where to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Export {
    /// Which topics. Default all.
    #[serde(default = "all")]
    filter: String,
    /// The file's name, below the setting `files`.
    file: String,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(super) struct Exported {
    events: u64,
    bytes: u64,
    /// The position behind which the next export may go on.
    last: String,
}

impl JobArgs for Export {
    const KIND: &'static str = "export";
}

fn all() -> String {
    ">".to_owned()
}

pub(super) fn run(work: &Work, args: &Export, job: &Attempt) -> Result<Exported, Failure> {
    let bus = work.db.bus();
    // What comes later is the next one's.
    let end = work.db.position();
    let mut events = bus.subscribe(&args.filter, Start::Earliest).map_err(Failure::discard)?;
    let partial = work.folder.create(&args.file)?;
    let mut out = BufWriter::new(&partial.file);
    let mut line = Vec::new();
    let mut done = Exported { events: 0, bytes: 0, last: end.to_string() };
    loop {
        if job.is_cancelled() {
            return Err(Failure::new("it was cancelled or took too long"));
        }
        let found = match events.try_next() {
            Ok(Some(found)) => found,
            Ok(None) => break,
            // Retention was faster: what is there now is exported.
            Err(SubscriptionError::Gap { .. }) => continue,
            Err(error) => return Err(Failure::new(error)),
        };
        let encoder = Encoder::new(found.epoch());
        for event in found.iter().take_while(|event| event.seq() <= end.seq) {
            line.clear();
            encoder.event(&event, &mut line);
            line.push(b'\n');
            out.write_all(&line)?;
            done.events += 1;
            done.bytes += line.len() as u64;
        }
        let position = events.position().seq.get().min(end.seq.get());
        let message = format!("{} events", done.events);
        job.progress(Progress { message, ..Progress::of(position, end.seq.get()) })?;
        if end.seq <= events.position().seq {
            break;
        }
    }
    out.flush()?;
    drop(out);
    partial.keep()?;
    Ok(done)
}
