//! The disk to measure on: that it is one, a folder of our own on it, and what a sync costs (F).

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hdrhistogram::Histogram;

use crate::plan::Load;
use crate::runs::micros;

/// Size of the file in which a sync is measured.
const PROBE_BYTES: u64 = 16 * 1024 * 1024;
const PROBE_WRITE_BYTES: u64 = 4096;
const ZERO_BYTES: usize = 256 * 1024;
const ZERO_SYNC_BYTES: u64 = 4 * 1024 * 1024;

/// File systems in memory: a sync costs nothing there, so no figure would mean anything.
const IN_MEMORY: &[&str] = &["tmpfs", "ramfs", "devtmpfs"];

/// A folder of our own, removed at the end.
#[derive(Debug)]
pub(crate) struct WorkFolder {
    path: PathBuf,
    /// The outermost folder that had to be made.
    made: PathBuf,
}

impl WorkFolder {
    /// Makes a new folder in `parent`, which must be on a real disk.
    pub(crate) fn make(parent: &Path) -> anyhow::Result<Self> {
        let parent = std::path::absolute(parent)?;
        let path = parent.join(format!("run-{}", std::process::id()));
        let absent = path.ancestors().take_while(|folder| !folder.exists()).last();
        let made = absent.with_context(|| {
            format!(
                "`{}` is there already; remove it, or choose another with `--dir`",
                path.display()
            )
        })?;
        let made = made.to_owned();
        fs::create_dir_all(&path)
            .with_context(|| format!("cannot make the folder `{}`", path.display()))?;
        let folder = Self { path, made };
        let kind = file_system(&folder.path.canonicalize()?)?;
        if IN_MEMORY.contains(&kind.as_str()) {
            bail!(
                "`{}` is on {kind}, in memory; give a folder on a real disk with `--dir`",
                parent.display()
            );
        }
        Ok(folder)
    }

    /// An empty folder inside.
    pub(crate) fn fresh(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        remove(&path)?;
        fs::create_dir(&path)?;
        Ok(path)
    }

    pub(crate) fn file_system(&self) -> anyhow::Result<String> {
        file_system(&self.path.canonicalize()?)
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // What is left behind is a folder in the place the user gave; the figures stand.
        let _unheard = fs::remove_dir_all(&self.made);
    }
}

/// Removes a folder that a run has used, and lets the disk finish that before the next run.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_dir_all(folder)?;
    folder.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// The type of the file system that holds a canonical path: that of the longest mount point above it.
fn file_system(path: &Path) -> anyhow::Result<String> {
    let mounts = fs::read_to_string("/proc/mounts").context("cannot read `/proc/mounts`")?;
    let kind = kind_in(&mounts, path);
    kind.with_context(|| format!("no mount point holds `{}`", path.display()))
}

fn kind_in(mounts: &str, path: &Path) -> Option<String> {
    let parse = |line: &str| {
        let mut words = line.split(' ');
        let point = words.nth(1)?.replace("\\040", " ");
        Some((PathBuf::from(point), words.next()?.to_owned()))
    };
    let holding = mounts.lines().filter_map(parse).filter(|(point, _)| path.starts_with(point));
    // Of two mounts at the same point the later one covers the other.
    holding.max_by_key(|(point, _)| point.components().count()).map(|(_, kind)| kind)
}

/// Makes a file of zeros as the log does: synced a few pieces at a time.
pub(crate) fn zeroed(path: &Path, bytes: u64) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    let zeros = vec![0; ZERO_BYTES];
    let mut at = 0;
    while at < bytes {
        let count = usize::try_from(bytes - at).unwrap_or(ZERO_BYTES).min(ZERO_BYTES);
        file.write_all_at(&zeros[..count], at)?;
        at += count as u64;
        if at.is_multiple_of(ZERO_SYNC_BYTES) {
            file.sync_data()?;
        }
    }
    file.sync_all()?;
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())?;
    Ok(file)
}

/// 50th and 99th percentile, in microseconds, of a 4 KiB write with its `fdatasync` into a zeroed file.
pub(crate) fn sync_cost(folder: &WorkFolder, load: Load) -> anyhow::Result<(f64, f64)> {
    let path = folder.path.join("sync-probe");
    let file = zeroed(&path, PROBE_BYTES)?;
    let page = vec![0x5A; 4096];
    let mut latencies = Histogram::<u64>::new(3)?;
    let time = match load {
        Load::Full => Duration::from_secs(2),
        Load::Quick | Load::Brief => Duration::from_millis(500),
    };
    let start = Instant::now();
    let mut at = 0;
    while start.elapsed() < time {
        let before = Instant::now();
        file.write_all_at(&page, at)?;
        file.sync_data()?;
        latencies.record(nanos(before.elapsed()))?;
        at = (at + PROBE_WRITE_BYTES) % PROBE_BYTES;
    }
    drop(file);
    fs::remove_file(&path)?;
    Ok((micros(latencies.value_at_quantile(0.5)), micros(latencies.value_at_quantile(0.99))))
}

/// A duration as the histograms hold it.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_point_tells_the_file_system() {
        let mounts = "\
/dev/vda / ext4 rw 0 0
tmpfs /run tmpfs rw 0 0
/dev/vdb /run/a\\040disk xfs rw 0 0
tmpfs /r tmpfs rw 0 0
";
        let check = |path: &str, expected: &str| {
            assert_eq!(kind_in(mounts, Path::new(path)).as_deref(), Some(expected), "{path}");
        };
        check("/data", "ext4");
        check("/runs", "ext4");
        check("/run/x", "tmpfs");
        check("/run/a disk/x", "xfs");
    }
}
