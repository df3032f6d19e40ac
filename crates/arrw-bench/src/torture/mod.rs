//! The real server under writers and readers, frozen and killed at moments from a seed, again and again.

mod clients;
mod consumer;
mod driver;
mod event;
mod evidence;
mod host;
mod jobs;
pub mod limits;
mod lives;
mod page;
mod reader;
pub(crate) mod sockets;
pub(crate) mod whole;
mod writer;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::history::{Fault, JobFault, JobSummary, Summary};
use crate::place::{Folder, Keep};
use driver::{Driver, Seen};
use limits::WRITES_MAX;

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

/// What a torture came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All that was seen can be true.
    Sound(Summary, JobSummary),
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

/// Tortures the server and checks what its clients saw. Blocks for about a second a round.
///
/// # Errors
/// When the folder is not empty, when more than [`limits::WRITES_MAX`] writes are asked for, or when the server
/// cannot be started at all.
pub fn torture(torture: &Torture, progress: &mut dyn Write) -> anyhow::Result<Outcome> {
    check_size(torture.rounds, torture.acks_min)?;
    let folder = Folder::make(&torture.folder)?;
    let seen = Driver::new(torture, &folder.path)?.run(progress)?;
    let outcome = judge(torture, &seen);
    let fault = match &outcome {
        Outcome::Sound(..) if torture.keep == Keep::Faults => {
            folder.remove()?;
            return Ok(outcome);
        }
        Outcome::Sound(..) => "none",
        Outcome::Faulty { fault: what } | Outcome::Thin { what } => what,
    };
    let path = folder.path.join(EVIDENCE);
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

fn judge(torture: &Torture, seen: &Seen) -> Outcome {
    if let Some(fault) = seen.fault.clone() {
        // What the server was seen to do comes before what it cut off.
        return Outcome::Faulty { fault };
    }
    let events = seen.events.check(&clients::demand(torture.rounds, torture.acks_min));
    let jobs = seen.jobs.check(&clients::job_demand(torture.rounds));
    match (events, jobs) {
        (Err(fault), Ok(_) | Err(_)) if !matches!(fault, Fault::Thin { .. }) => {
            Outcome::Faulty { fault: fault.to_string() }
        }
        (Ok(_) | Err(_), Err(fault)) if !matches!(fault, JobFault::Thin { .. }) => {
            Outcome::Faulty { fault: fault.to_string() }
        }
        (Err(thin), Ok(_) | Err(_)) => Outcome::Thin { what: thin.to_string() },
        (Ok(_), Err(thin)) => Outcome::Thin { what: thin.to_string() },
        (Ok(events), Ok(jobs)) => Outcome::Sound(events, jobs),
    }
}
