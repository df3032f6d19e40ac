//! Events, jobs and channels at once, on one server that is frozen, killed and failed by the system, again and again.

mod discipline;
mod driver;
mod fault;
pub mod limits;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;

use super::sockets::write_settings;
use super::{EVIDENCE, clients, evidence};
use crate::history::{ChannelFault, ChannelSummary, Fault, JobFault, JobSummary, Summary};
use crate::place::{Folder, Keep};
pub use discipline::Discipline;
pub use driver::Happened;
use driver::{Driver, Seen};

/// All that the clients of channels saw; the others' is in [`EVIDENCE`].
const CHANNEL_EVIDENCE: &str = "channels.ndjson";
/// What the system did to the server, as strace wrote it, in the last life in which it failed it.
const FAULTS: &str = "faults.txt";
/// What the sync-discipline check looked at.
const SYNCS: &str = "syncs";

/// A torture of all there is that was asked for.
#[derive(Clone, Debug)]
pub struct WholeTorture {
    /// The program whose `serve` is the server, and whose `torture writer` is the writer of the log.
    pub program: OsString,
    /// Folder to work in: one that is empty, or not there yet.
    pub folder: PathBuf,
    /// Lives of the server, at most [`super::limits::ROUNDS_MAX`].
    pub rounds: u64,
    /// From which sizes, texts, moments and faults follow. What the scheduler does is its own.
    pub seed: u64,
    /// Acknowledged writes of events in each life that the system does not fail.
    pub acks_min: u64,
    /// Clients that follow channels, and as many channels.
    pub clients: u32,
    /// Whether folder and evidence stay when nothing is wrong.
    pub keep: Keep,
}

/// What it came to.
#[derive(Clone, Debug)]
pub enum WholeOutcome {
    /// All that was seen can be true.
    Sound(Box<WholeSummary>),
    /// The server did what it must not.
    Faulty {
        /// What that was.
        fault: String,
    },
    /// Too little was seen to prove anything.
    Thin {
        /// What there was too little of.
        what: String,
    },
}

/// What a sound torture did and saw.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct WholeSummary {
    /// What was done to the server.
    pub happened: Happened,
    /// What was seen of syncs; `None` without strace.
    pub discipline: Option<Discipline>,
    /// Of events.
    pub events: Summary,
    /// Of jobs.
    pub jobs: JobSummary,
    /// Of channels.
    pub channels: ChannelSummary,
}

/// Tortures the server with all kinds of clients, and checks what they saw. Blocks for about a second and a half a life.
///
/// # Errors
/// When the folder is not empty, when more than [`super::limits::WRITES_MAX`] writes are asked for, or when the server
/// cannot be started at all.
pub fn torture_all(
    torture: &WholeTorture,
    progress: &mut dyn Write,
) -> anyhow::Result<WholeOutcome> {
    super::check_size(torture.rounds, torture.acks_min)?;
    let folder = Folder::make(&torture.folder)?;
    let settings = write_settings(&folder.path)?;
    let has_strace = fault::has_strace();
    let discipline = if has_strace {
        writeln!(progress, "looking at each sync of a writer of the log")?;
        Some(discipline::check(torture, &folder.path.join(SYNCS)))
    } else {
        writeln!(progress, "there is no strace: the system does not fail the server")?;
        None
    };
    let (discipline, broken) = match discipline.transpose() {
        Ok(discipline) => (discipline, None),
        Err(error) => (None, Some(format!("{error:#}"))),
    };
    let mut seen = Driver::new(torture, &folder.path, has_strace)?.run(progress)?;
    seen.fault = broken.or(seen.fault);
    let outcome = judge(torture, has_strace, discipline, &seen);
    let fault = match &outcome {
        WholeOutcome::Sound(_) if torture.keep == Keep::Faults => {
            std::fs::remove_file(&settings)?;
            if has_strace {
                std::fs::remove_dir_all(folder.path.join(SYNCS))?;
                std::fs::remove_file(folder.path.join(FAULTS)).or_else(absent)?;
            }
            folder.remove()?;
            return Ok(outcome);
        }
        WholeOutcome::Sound(_) => "none",
        WholeOutcome::Faulty { fault: what } | WholeOutcome::Thin { what } => what,
    };
    let path = folder.path.join(EVIDENCE);
    evidence::write(&path, (torture.seed, fault), &seen.events, &seen.jobs)
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    let path = folder.path.join(CHANNEL_EVIDENCE);
    super::sockets::write_evidence(&path, (torture.seed, fault), &seen.channels)
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(outcome)
}

/// What is not there needs not be removed.
fn absent(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// The one judgement: a fault comes before what there was too little of, whoever saw it.
fn judge(
    torture: &WholeTorture,
    has_strace: bool,
    discipline: Option<Discipline>,
    seen: &Seen,
) -> WholeOutcome {
    if let Some(fault) = seen.fault.clone() {
        return WholeOutcome::Faulty { fault };
    }
    let happened = seen.happened;
    let events = seen.events.check(&clients::demand(happened.fair, torture.acks_min));
    let jobs = seen.jobs.check(&clients::job_demand(happened.fair));
    let channels = seen.channels.check(&driver::channel_demand(torture, happened));
    let mut thin = driver::too_little(torture, has_strace, happened);
    let mut faults = Vec::new();
    match &events {
        Err(what @ Fault::Thin { .. }) => thin = thin.or(Some(what.to_string())),
        Err(fault) => faults.push(fault.to_string()),
        Ok(_) => (),
    }
    match &jobs {
        Err(what @ JobFault::Thin { .. }) => thin = thin.or(Some(what.to_string())),
        Err(fault) => faults.push(fault.to_string()),
        Ok(_) => (),
    }
    match &channels {
        Err(what @ ChannelFault::Thin { .. }) => thin = thin.or(Some(what.to_string())),
        Err(fault) => faults.push(fault.to_string()),
        Ok(_) => (),
    }
    if let Some(fault) = faults.into_iter().next() {
        return WholeOutcome::Faulty { fault };
    }
    match (events, jobs, channels, thin) {
        (Ok(events), Ok(jobs), Ok(channels), None) => {
            let summary = WholeSummary { happened, discipline, events, jobs, channels };
            WholeOutcome::Sound(Box::new(summary))
        }
        (_, _, _, thin) => WholeOutcome::Thin { what: thin.unwrap_or_default() },
    }
}
