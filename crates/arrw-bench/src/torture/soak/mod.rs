//! The server under a steady load of all kinds for hours, killed now and then: whether it grows.

mod driver;
pub mod limits;
mod watch;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::evidence::write_all as write_all_evidence;
use super::outcome::{Judge, Outcome};
use super::sockets::write_settings;
use super::{clients, is_done_with};
use crate::history::{ChannelSummary, JobSummary, Summary};
use crate::place::{Folder, Keep};
use driver::{Driver, Soaked};
use limits::{FILES_MORE_MAX, SLOPE_MAX, WARM_MIN, WARM_UP};
pub use watch::Growth;

/// What was measured, a line of JSON for each look.
const LOOKS: &str = "looks.ndjson";

/// A soak that was asked for.
#[derive(Clone, Debug)]
pub struct Soak {
    /// The program whose `serve` is the server.
    pub program: OsString,
    /// Folder to work in: one that is empty, or not there yet.
    pub folder: PathBuf,
    /// For how long, at most [`limits::TIME_MAX`].
    pub time: Duration,
    /// From one kill to the next.
    pub kill_every: Duration,
    /// From which sizes, texts and moments follow.
    pub seed: u64,
    /// Writes of events and calls that enqueue jobs, a second.
    pub writes_per_s: u64,
    /// Publications a second.
    pub publications_per_s: u64,
    /// Clients that follow channels, and as many channels.
    pub clients: u32,
    /// Whether folder and evidence stay when nothing is wrong.
    pub keep: Keep,
}

/// What a sound soak saw.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SoakSummary {
    /// Kills.
    pub kills: u64,
    /// How the server grew in its lives.
    pub growth: Growth,
    /// Of events.
    pub events: Summary,
    /// Of jobs.
    pub jobs: JobSummary,
    /// Of channels.
    pub channels: ChannelSummary,
}

/// Soaks the server and checks what its clients saw, and whether it grew. Blocks for the whole time.
///
/// # Errors
/// When the folder is not empty, or when the server cannot be started at all.
pub fn soak(soak: &Soak, progress: &mut dyn Write) -> anyhow::Result<Outcome<SoakSummary>> {
    super::check_size(soak.time.as_secs(), soak.writes_per_s)?;
    let folder = Folder::make(&soak.folder)?;
    let settings = write_settings(&folder.path)?;
    let looks = folder.path.join(LOOKS);
    let soaked = Driver::new(soak, &folder.path)?.run(&looks, progress)?;
    let outcome = judge(&soaked);
    let seen = &soaked.seen;
    if is_done_with(&outcome, soak.keep) {
        std::fs::remove_file(&settings)?;
        std::fs::remove_file(&looks)?;
        folder.remove()?;
        return Ok(outcome);
    }
    write_all_evidence(
        &folder.path,
        (soak.seed, outcome.fault()),
        (&seen.events, &seen.jobs, &seen.channels),
    )?;
    Ok(outcome)
}

fn judge(soaked: &Soaked) -> Outcome<SoakSummary> {
    let Soaked { seen, kills, growth } = soaked;
    let (kills, growth) = (*kills, *growth);
    let mut judge = Judge::new(seen.fault.clone());
    let events = judge.take(seen.events.check(&clients::demand(kills, 1)));
    let jobs = judge.take(seen.jobs.check(&clients::job_demand(kills)));
    let channels = judge.take(seen.channels.check(&driver::channel_demand(kills)));
    if growth.warm_s < WARM_MIN.as_secs_f64() {
        let (warm_up, least) = (WARM_UP.as_secs() / 60, WARM_MIN.as_secs() / 60);
        judge.find_thin(Some(format!(
            "too short: a life says nothing of growth in its first {warm_up} minutes, and {least} are needed behind that; {growth}"
        )));
    } else {
        judge.find_fault(grown(growth));
    }
    let all = events.zip(jobs).zip(channels);
    judge.judge(all.map(|((events, jobs), channels)| SoakSummary {
        kills,
        growth,
        events,
        jobs,
        channels,
    }))
}

/// What of the server grew more than it may.
fn grown(growth: Growth) -> Option<String> {
    let is_grown = SLOPE_MAX < growth.rss_per_cent_h
        || FILES_MORE_MAX < growth.files
        || FILES_MORE_MAX < growth.threads;
    is_grown.then(|| format!("the server grows: {growth}"))
}
