//! The real server under clients that follow channels over WebSockets, with links that are cut and stall, killed again and again.

mod calm;
pub(super) mod crowd;
mod driver;
mod evidence;
pub(super) mod field;
mod follower;
pub mod limits;
mod payload;
mod publisher;
mod stranger;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::EVIDENCE;
use crate::history::{ChannelFault, ChannelSummary};
use crate::place::{Folder, Keep};
use driver::{Driver, Seen};
pub(super) use evidence::write as write_evidence;

/// The file of settings that the server reads where it runs, and what is in it: anybody may do anything, messages are compressed
/// for those who want it, and it is known who is subscribed.
const SETTINGS_FILE: &str = "arrwdb.toml";
const SETTINGS: &str =
    "[client]\ncompression = true\n\n[channel.without_namespace]\npresence = true\n";

/// A torture of WebSockets that was asked for.
#[derive(Clone, Debug)]
pub struct SocketTorture {
    /// The program whose `serve` is the server.
    pub program: OsString,
    /// Folder to work in: one that is empty, or not there yet.
    pub folder: PathBuf,
    /// From which channels, sizes and moments follow. What the scheduler does is its own.
    pub seed: u64,
    /// Clients, at most [`limits::CLIENTS_MAX`]; each follows [`limits::FOLLOWED`] channels.
    pub clients: u32,
    /// Channels, at least one and at most [`limits::CHANNELS_MAX`].
    pub channels: u32,
    /// Publications to be acknowledged.
    pub publications: u64,
    /// Kills at least.
    pub kills: u64,
    /// From one kill to the next, about.
    pub kill_every: Duration,
    /// Whether folder and evidence stay when nothing is wrong.
    pub keep: Keep,
}

/// What a torture of WebSockets came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelOutcome {
    /// All that was seen can be true.
    Sound(ChannelSummary),
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

/// Tortures the server and checks what its clients saw. Blocks for a little longer than all kills take.
///
/// # Errors
/// When the folder is not empty, or when the server cannot be started at all.
pub fn torture_sockets(
    torture: &SocketTorture,
    progress: &mut dyn Write,
) -> anyhow::Result<ChannelOutcome> {
    let covered = u64::from(torture.clients) * u64::from(limits::FOLLOWED.min(torture.channels));
    ensure!(
        u64::from(torture.channels) <= covered,
        "{} clients follow {covered} of {} channels at most; ask for more clients or fewer channels",
        torture.clients,
        torture.channels
    );
    let folder = Folder::make(&torture.folder)?;
    let settings = write_settings(&folder.path)?;
    let seen = Driver::new(torture, &folder.path)?.run(progress)?;
    let outcome = judge(torture, &seen);
    let fault = match &outcome {
        ChannelOutcome::Sound(_) if torture.keep == Keep::Faults => {
            std::fs::remove_file(&settings)?;
            folder.remove()?;
            return Ok(outcome);
        }
        ChannelOutcome::Sound(_) => "none",
        ChannelOutcome::Faulty { fault: what } | ChannelOutcome::Thin { what } => what,
    };
    let path = folder.path.join(EVIDENCE);
    evidence::write(&path, (torture.seed, fault), &seen.history)
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(outcome)
}

/// Writes the settings of the server where it runs; answers the file.
pub(super) fn write_settings(folder: &Path) -> anyhow::Result<PathBuf> {
    let settings = folder.join(SETTINGS_FILE);
    std::fs::write(&settings, SETTINGS)
        .with_context(|| format!("cannot write `{}`", settings.display()))?;
    Ok(settings)
}

fn judge(torture: &SocketTorture, seen: &Seen) -> ChannelOutcome {
    if let Some(fault) = seen.fault.clone() {
        // What the server was seen to do comes before what it cut off.
        return ChannelOutcome::Faulty { fault };
    }
    match seen.history.check(&driver::demand(torture)) {
        Ok(summary) => ChannelOutcome::Sound(summary),
        Err(thin @ ChannelFault::Thin { .. }) => ChannelOutcome::Thin { what: thin.to_string() },
        Err(fault) => ChannelOutcome::Faulty { fault: fault.to_string() },
    }
}
