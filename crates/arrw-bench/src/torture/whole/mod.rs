//! Events, jobs and channels at once, on one server that is frozen, killed and failed by the system, again and again.

mod discipline;
mod driver;
mod fault;
pub mod limits;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use super::evidence::write_all as write_all_evidence;
use super::outcome::{Judge, Outcome};
use super::party::Seen;
use super::sockets::write_settings;
use super::{clients, is_done_with};
use crate::history::{ChannelSummary, JobSummary, Summary};
use crate::place::{Folder, Keep};
pub use discipline::Discipline;
use driver::Driver;
pub use driver::Happened;

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
) -> anyhow::Result<Outcome<WholeSummary>> {
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
    let (happened, mut seen) = Driver::new(torture, &folder.path, has_strace)?.run(progress)?;
    seen.fault = broken.or(seen.fault);
    let outcome = judge(torture, discipline, (happened, &seen));
    if is_done_with(&outcome, torture.keep) {
        std::fs::remove_file(&settings)?;
        if has_strace {
            std::fs::remove_dir_all(folder.path.join(SYNCS))?;
            std::fs::remove_file(folder.path.join(FAULTS)).or_else(absent)?;
        }
        folder.remove()?;
        return Ok(outcome);
    }
    write_all_evidence(
        &folder.path,
        (torture.seed, outcome.fault()),
        (&seen.events, &seen.jobs, &seen.channels),
    )?;
    Ok(outcome)
}

/// What is not there needs not be removed.
fn absent(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn judge(
    torture: &WholeTorture,
    discipline: Option<Discipline>,
    (happened, seen): (Happened, &Seen),
) -> Outcome<WholeSummary> {
    let mut judge = Judge::new(seen.fault.clone());
    judge.find_thin(driver::too_little(torture, discipline.is_some(), happened));
    let events = seen.events.check(&clients::demand(happened.fair, torture.acks_min));
    let events = judge.take(events);
    let jobs = judge.take(seen.jobs.check(&clients::job_demand(happened.fair)));
    let channels = seen.channels.check(&driver::channel_demand(torture, happened));
    let all = events.zip(jobs).zip(judge.take(channels));
    judge.judge(all.map(|((events, jobs), channels)| WholeSummary {
        happened,
        discipline,
        events,
        jobs,
        channels,
    }))
}
