//! The real server under writers and readers, frozen and killed at moments from a seed, again and again.

mod cadence;
mod clients;
mod consumer;
mod driver;
mod event;
mod evidence;
mod host;
mod jobs;
pub mod limits;
mod lives;
mod outcome;
mod page;
mod party;
mod reader;
pub(crate) mod soak;
pub(crate) mod sockets;
pub(crate) mod whole;
mod writer;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::history::{JobSummary, Summary};
use crate::place::{Folder, Keep};
use driver::{Driver, Seen};
use limits::WRITES_MAX;
use outcome::Judge;
pub use outcome::Outcome;

/// All that clients saw, as lines of JSON.
const EVIDENCE: &str = "history.ndjson";

/// A torture that was asked for.
#[derive(Clone, Debug)]
pub struct Torture {
    /// The program whose `serve` is the server.
    pub program: OsString,
    /// Folder to work in: one that is empty, or not there yet.
    pub folder: PathBuf,
    /// Kills.
    pub rounds: u64,
    /// From which sizes, texts and moments follow. What the scheduler does is its own.
    pub seed: u64,
    /// Acknowledged writes in each round before the kill; at most [`limits::WRITES_MAX`] in all rounds.
    pub acks_min: u64,
    /// How long a round may take for them; by default [`limits::ROUND_TIME_MAX`].
    pub round_time_max: Duration,
    /// Whether folder and evidence stay when nothing is wrong.
    pub keep: Keep,
}

/// Tortures the server and checks what its clients saw. Blocks for about a second a round.
///
/// # Errors
/// When the folder is not empty, when more than [`limits::WRITES_MAX`] writes are asked for, or when the server
/// cannot be started at all.
pub fn torture(
    torture: &Torture,
    progress: &mut dyn Write,
) -> anyhow::Result<Outcome<(Summary, JobSummary)>> {
    check_size(torture.rounds, torture.acks_min)?;
    let folder = Folder::make(&torture.folder)?;
    let seen = Driver::new(torture, &folder.path)?.run(progress)?;
    let outcome = judge(torture, &seen);
    if is_done_with(&outcome, torture.keep) {
        folder.remove()?;
        return Ok(outcome);
    }
    let path = folder.path.join(EVIDENCE);
    let fault = outcome.fault();
    evidence::write(&path, (torture.seed, fault), &seen.events, &seen.jobs)
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(outcome)
}

/// An error when more writes are asked for than can be checked.
fn check_size(rounds: u64, acks_min: u64) -> anyhow::Result<()> {
    let writes = rounds.saturating_mul(acks_min);
    ensure!(
        writes <= WRITES_MAX,
        "{rounds} rounds of {acks_min} writes are {writes}, and at most {WRITES_MAX} can be checked; ask for fewer"
    );
    Ok(())
}

/// True when nothing is to be kept of it.
fn is_done_with<Summary>(outcome: &Outcome<Summary>, keep: Keep) -> bool {
    matches!(outcome, Outcome::Sound(_)) && keep == Keep::Faults
}

fn judge(torture: &Torture, seen: &Seen) -> Outcome<(Summary, JobSummary)> {
    let mut judge = Judge::new(seen.fault.clone());
    let events = seen.events.check(&clients::demand(torture.rounds, torture.acks_min));
    let jobs = seen.jobs.check(&clients::job_demand(torture.rounds));
    let both = judge.take(events).zip(judge.take(jobs));
    judge.judge(both)
}
