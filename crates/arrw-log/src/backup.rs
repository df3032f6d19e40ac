//! Copies of a log: made while it is in use, put back as a new life of it.

use std::io;
use std::sync::Arc;

use crate::checkpoint;
use crate::environment::Environment;
use crate::error::{OpenError, UpkeepError};
use crate::log::Log;
use crate::offline::{Verification, examine};
use crate::opened::Opened;
use crate::position::{Epoch, Seq};
use crate::recovery::{io_error, read_superblock_of, survey, take_lock};
use crate::segment::{Footer, Segment, ordinal_of};
use crate::storage::{Storage, StorageFile, read_up_to, write_all_at};
use crate::superblock::{LeftAs, SUPERBLOCK_NAMES, Superblock};
use crate::sync::lock;

/// Bytes copied at once.
const COPY_BYTES: usize = 1024 * 1024;

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupReport {
    /// First record in the backup.
    pub first: Seq,
    /// Last record in the backup; before `first` when it holds none.
    pub last: Seq,
    /// Bytes copied.
    pub bytes: u64,
}

/// A backup that cannot be put back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The backup or the target cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is something in the way.
    #[error("`{place}` already holds a log; restore into an empty folder")]
    NotEmpty {
        /// Where it was to be put.
        place: String,
    },
    /// The backup was never finished, or is a log in use.
    #[error("`{place}` holds no finished backup; make one with `arrwdb log backup`")]
    NotABackup {
        /// Where it was looked for.
        place: String,
    },
    /// The backup is damaged.
    #[error("the backup in `{place}` is damaged: {} records are affected; use another one, or run `arrwdb log repair` on it", found.affected_records())]
    Damaged {
        /// Where the backup is.
        place: String,
        /// What was found.
        found: Box<Verification>,
    },
}

impl Log {
    /// Copies all that is committed now to `target`, which must be empty, and checks the copy.
    ///
    /// Appends and reads go on meanwhile; retention keeps what is being copied, within its budget for
    /// holds. The copy is put back with [`restore`]; it cannot be opened as it is, because two logs that
    /// go on from the same place would hand out the same positions for different records.
    ///
    /// # Errors
    /// When the target is not empty, either disk refuses, or what was copied is damaged. The target is
    /// then no backup; remove it.
    pub fn backup(&self, target: &dyn Storage) -> Result<BackupReport, UpkeepError> {
        let failed = |source: io::Error| UpkeepError::Io {
            action: format!("back up to `{}`", target.place()),
            source: Arc::new(source),
        };
        if !is_empty(target).map_err(failed)? {
            return Err(failed(io::ErrorKind::DirectoryNotEmpty.into()));
        }
        let _hold = self.hold(self.first())?;
        let shared = self.shared();
        // Before the end of the copy is known, so that none of them knows more than the copy.
        let mut bytes =
            copy_checkpoints(shared.environment.storage.as_ref(), target).map_err(failed)?;
        let (mut block, segments) = snapshot(shared);
        for (segment, len) in &segments {
            let name = segment.name();
            let from = shared.environment.storage.open(&name).map_err(failed)?;
            bytes += copy(from.as_ref(), *len, target, &name).map_err(failed)?;
            if segment.end().is_some_and(|end| end.at == *len) {
                bytes += copy_footer(from.as_ref(), segment, target).map_err(failed)?;
            }
        }
        target.sync_folder().map_err(failed)?;
        block.left_as = LeftAs::Backup;
        block.write(target).map_err(failed)?;
        let found = examine(target).map_err(|error| failed(io::Error::other(error)))?.found;
        if let Some(damage) = found.damages.first() {
            return Err(damage.clone().into());
        }
        Ok(BackupReport { first: block.start.next_seq, last: block.durable, bytes })
    }
}

/// What there is to copy: each segment, up to where it is committed now.
fn snapshot(shared: &Opened) -> (Superblock, Vec<(Arc<Segment>, u64)>) {
    // The tail is read first: what it covers is in the segments that are listed after it.
    let tail = shared.ring.tail();
    let superblock = lock(&shared.superblock);
    let mut block = *superblock;
    let segments = shared.segments.all();
    drop(superblock);
    block.durable = tail.previous();
    let with_len = segments.into_iter().map(|segment| {
        let len = segment.committed();
        (segment, len)
    });
    (block, with_len.collect())
}

/// Puts a backup back into an empty folder, as a new life of the log: positions of the old one are
/// refused from then on. The log is then ready to be opened.
///
/// Reads the backup in full before it writes, so that a damaged one is noticed now and not later.
///
/// # Errors
/// See [`RestoreError`].
pub fn restore(from: &dyn Storage, into: &Environment) -> Result<Epoch, RestoreError> {
    let target = into.storage.as_ref();
    let failed = |source| {
        let action = format!("restore `{}` to `{}`", from.place(), target.place());
        RestoreError::Open(io_error(action, source))
    };
    let _locks = (take_lock(from)?, take_lock(target)?);
    if !is_empty(target).map_err(failed)? {
        return Err(RestoreError::NotEmpty { place: target.place() });
    }
    let mut block = match read_superblock_of(from)? {
        Some((block, _)) if block.left_as == LeftAs::Backup => block,
        Some(_) | None => return Err(RestoreError::NotABackup { place: from.place() }),
    };
    let found = examine(from)?.found;
    if !found.damages.is_empty() {
        return Err(RestoreError::Damaged { place: from.place(), found: Box::new(found) });
    }
    let files = survey(from, block.first_ordinal).map_err(failed)?;
    for file in files {
        copy(file.file.as_ref(), file.len, target, &file.name()).map_err(failed)?;
    }
    copy_checkpoints(from, target).map_err(failed)?;
    target.sync_folder().map_err(failed)?;
    block.epoch = Epoch::from_random(into.entropy.draw());
    block.left_as = LeftAs::Open;
    block.write(target).map_err(failed)?;
    Ok(block.epoch)
}

/// True when a folder holds nothing of a log.
fn is_empty(storage: &dyn Storage) -> io::Result<bool> {
    let of_a_log = |name: &String| {
        ordinal_of(name).is_some()
            || SUPERBLOCK_NAMES.contains(&name.as_str())
            || name.ends_with(checkpoint::SUFFIX)
    };
    Ok(!storage.list()?.iter().any(of_a_log))
}

/// Copies the checkpoints of all views. One that is replaced meanwhile is read as it was opened.
fn copy_checkpoints(from: &dyn Storage, target: &dyn Storage) -> io::Result<u64> {
    let mut bytes = 0;
    for name in from.list()?.iter().filter(|name| name.ends_with(checkpoint::SUFFIX)) {
        let file = from.open(name)?;
        bytes += copy(file.as_ref(), file.len()?, target, name)?;
    }
    Ok(bytes)
}

/// Gives the copy of a sealed segment its footer, so that the first start of the restored log need not
/// read the frames. One that is still to be written is left out, and that start writes it.
fn copy_footer(from: &dyn StorageFile, segment: &Segment, target: &dyn Storage) -> io::Result<u64> {
    let Some(footer) = Footer::read(from, &segment.header)? else { return Ok(0) };
    let to = target.open(&segment.name())?;
    let before = to.len()?;
    footer.write(to.as_ref(), &segment.header, 0)?;
    to.sync_data()?;
    Ok(to.len()? - before)
}

/// Copies the first `len` bytes of a file and syncs the copy.
fn copy(from: &dyn StorageFile, len: u64, target: &dyn Storage, name: &str) -> io::Result<u64> {
    let to = target.create(name)?;
    let mut buffer = vec![0; COPY_BYTES];
    let mut at = 0;
    while at < len {
        let wanted = usize::try_from(len - at).unwrap_or(COPY_BYTES).min(COPY_BYTES);
        let count = read_up_to(from, &mut buffer[..wanted], at)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        write_all_at(to.as_ref(), &buffer[..count], at)?;
        at += count as u64;
    }
    to.sync_data()?;
    Ok(at)
}
