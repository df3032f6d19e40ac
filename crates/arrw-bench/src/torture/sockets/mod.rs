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

use super::outcome::{Judge, Outcome};
use super::{EVIDENCE, is_done_with};
use crate::history::ChannelSummary;
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

/// Tortures the server and checks what its clients saw. Blocks for a little longer than all kills take.
///
/// # Errors
/// When the folder is not empty, or when the server cannot be started at all.
pub fn torture_sockets(
    torture: &SocketTorture,
    progress: &mut dyn Write,
) -> anyhow::Result<Outcome<ChannelSummary>> {
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
    if is_done_with(&outcome, torture.keep) {
        std::fs::remove_file(&settings)?;
        folder.remove()?;
        return Ok(outcome);
    }
    let path = folder.path.join(EVIDENCE);
    let fault = outcome.fault();
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

fn judge(torture: &SocketTorture, seen: &Seen) -> Outcome<ChannelSummary> {
    let mut judge = Judge::new(seen.fault.clone());
    let channels = judge.take(seen.history.check(&driver::demand(torture)));
    judge.judge(channels)
}
