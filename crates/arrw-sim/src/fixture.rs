//! Writes the logs that are kept as fixtures of the format: the same bytes whenever it runs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrw_log::{Entropy, Environment, Log, Loss, Options, Seq, Storage, repair};

use crate::model::{Expected, batch_of};
use crate::workload::options;
use crate::{ManualClock, Rng, SimDisk};

/// Counts from a seed instead of drawing.
#[derive(Debug)]
struct Counter(AtomicU64);

impl Entropy for Counter {
    fn draw(&self) -> u64 {
        Rng::new(self.0.fetch_add(1, Ordering::Relaxed)).next_u64()
    }
}

/// The names of the fixtures and how each came to be.
pub const FIXTURES: &[&str] = &["closed", "crashed", "repaired"];

/// Makes a fixture: its disk at rest.
///
/// # Errors
/// When the log refuses, which would be a fault of its own.
///
/// # Panics
/// For a name that is not in [`FIXTURES`].
pub fn make(name: &str) -> Result<SimDisk, Box<dyn std::error::Error>> {
    let disk = SimDisk::new();
    let mut environment = Environment::with_storage(Arc::new(disk.clone()));
    environment.clock = Arc::new(ManualClock::new(1_700_000_000_000_000));
    environment.entropy = Arc::new(Counter(AtomicU64::new(7)));
    let log = Log::open_with(environment.clone(), kept())?;
    write(&log, 1, 60)?;
    log.trim(Seq::new(50))?;
    match name {
        "closed" => log.close()?,
        "crashed" => disk.stop(),
        "repaired" => {
            log.close()?;
            damage(&disk);
            repair(&environment, Loss::Accept)?;
            let log = Log::open_with(environment.clone(), kept())?;
            write(&log, 2, 5)?;
            log.close()?;
        }
        _ => unreachable!("`{name}` is no fixture"),
    }
    Ok(disk)
}

/// As few spares as may be: what is never written need not be kept.
fn kept() -> Options {
    Options { spares: 2, ..options() }
}

fn write(log: &Log, seed: u64, batches: u64) -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = Rng::new(seed);
    for _ in 0..batches {
        let records: Vec<_> = (0..=rng.below(3)).map(|_| Expected::draw(&mut rng, 500)).collect();
        log.append(batch_of(&records)).wait()?;
    }
    log.mark();
    Ok(())
}

/// Flips a byte of a frame in the first segment.
fn damage(disk: &SimDisk) {
    let name = disk.files().into_iter().find(|name| name.ends_with(".seg"));
    let name = name.expect("a log has segments");
    let mut bytes = disk.read_file(&name);
    bytes[6_000] ^= 1;
    disk.write_file(&name, &bytes);
}

/// Writes all fixtures to folders below `target`.
///
/// # Errors
/// When a fixture cannot be made or written.
pub fn write_all(target: &Path) -> Result<(), Box<dyn std::error::Error>> {
    for name in FIXTURES {
        let disk = make(name)?;
        let folder = target.join(name);
        std::fs::create_dir_all(&folder)?;
        for file in disk.image().files() {
            std::fs::write(folder.join(&file), disk.read_file(&file))?;
        }
    }
    Ok(())
}

/// The folder of a fixture as a disk of its own, so that opening it changes nothing on the real one.
///
/// # Errors
/// When the folder cannot be read.
pub fn load(folder: &Path) -> std::io::Result<SimDisk> {
    let disk = SimDisk::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        disk.write_file(&name, &std::fs::read(entry.path())?);
    }
    disk.list()?;
    Ok(disk)
}
