//! Opens a log after whatever happened to it: finds its end, cuts what was torn, refuses what is damaged.
//!
//! Nothing is written before everything was judged, so a log that is refused stays as it was.

mod scan;
mod survey;
mod tail;
mod walk;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use crate::checkpoint;
use crate::environment::Environment;
use crate::error::OpenError;
use crate::options::Options;
use crate::position::{Epoch, Seq, Timestamp, Tip};
use crate::segment::{FORMAT, Segment, file_name, ordinal_of};
use crate::storage::{FolderLock, Storage, StorageFile};
use crate::superblock::{Found, LeftAs, Superblock};
use crate::topics::Topics;
use crate::upkeep::{Seal, Spare};

pub(crate) use scan::SCAN_BYTES;
pub(crate) use survey::{Head, Surveyed, survey, tip_before};
pub(crate) use walk::is_open_segment_there;

/// What a start found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenReport {
    /// True when the log did not exist and was made.
    pub created: bool,
    /// True when the log had been closed, so that nothing had to be judged.
    pub was_closed: bool,
    /// Bytes at the end that are no whole frame and were cut.
    pub cut: Option<CutTail>,
    /// Records that were whole but perhaps only in the page cache; they were written again and synced.
    pub rewritten_records: u64,
    /// Segments without a usable footer, which were read in full.
    pub scanned_segments: u64,
    /// Copies of the superblock that could not be read and were written again.
    pub damaged_superblocks: usize,
}

/// The end of the log that was cut.
///
/// Either a write that the crash tore, which nobody was answered for, or, if the disk was damaged as
/// well, a last commit that had been answered within the 50 ms before the crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutTail {
    /// The file.
    pub file: String,
    /// First byte that was cut.
    pub from: u64,
    /// First byte behind it; what is behind was never written in this life of the file.
    pub to: u64,
    /// The record that would have been there, which the next one now becomes.
    pub first: Seq,
}

/// A log that was judged and may be used.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) lock: FolderLock,
    pub(crate) superblock: Superblock,
    /// Oldest first; the last is the one being filled.
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) active: Active,
    pub(crate) topics: Topics,
    pub(crate) tip: Tip,
    pub(crate) time: Timestamp,
    pub(crate) spares: VecDeque<Spare>,
    pub(crate) seals: VecDeque<Seal>,
    pub(crate) report: OpenReport,
}

/// The segment being filled.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) segment: Arc<Segment>,
    pub(crate) file: Arc<dyn StorageFile>,
    /// Where the next frame goes.
    pub(crate) at: u64,
    /// First byte that frames may not use.
    pub(crate) limit: u64,
}

/// Opens the log of `environment`, making it when there is none.
pub(crate) fn recover(
    environment: &Environment,
    options: &Options,
) -> Result<Recovered, OpenError> {
    let storage = environment.storage.as_ref();
    let lock = take_lock(storage)?;
    let (superblock, damaged, created) = match read_superblock(storage)? {
        Some((superblock, damaged)) => (superblock, damaged, false),
        None => (create(environment, options)?, 0, true),
    };
    let files = survey(storage, superblock.first_ordinal).map_err(|source| {
        io_error(format!("read the segments in `{}`", storage.place()), source)
    })?;
    let mut walked = walk::walk(&superblock, files)?;
    walked.report.created = created;
    walked.report.damaged_superblocks = damaged;
    let recovered = tail::finish(environment, options, superblock, walked, lock)?;
    remove_leftovers(storage, &recovered)?;
    Ok(recovered)
}

/// Takes the folder for this process.
pub(crate) fn take_lock(storage: &dyn Storage) -> Result<FolderLock, OpenError> {
    storage.lock().map_err(|source| {
        if source.kind() == io::ErrorKind::WouldBlock {
            OpenError::Locked { place: storage.place() }
        } else {
            io_error(format!("lock `{}`", storage.place()), source)
        }
    })
}

/// The superblock of a log to be opened, and how many of its copies are unreadable; `None` when there
/// is no log yet.
fn read_superblock(storage: &dyn Storage) -> Result<Option<(Superblock, usize)>, OpenError> {
    match read_superblock_of(storage) {
        Ok(None) => Err(OpenError::NoSuperblock { place: storage.place() }),
        Ok(Some((block, _))) if block.left_as == LeftAs::Backup => {
            Err(OpenError::Backup { place: storage.place() })
        }
        Err(OpenError::NotFound { .. }) => Ok(None),
        other => other,
    }
}

/// The superblock, and how many of its copies are unreadable; `None` when both are.
pub(crate) fn read_superblock_of(
    storage: &dyn Storage,
) -> Result<Option<(Superblock, usize)>, OpenError> {
    let place = || storage.place();
    let names = storage.list().map_err(|e| io_error(format!("list `{}`", place()), e))?;
    let has_segments = names.iter().any(|name| ordinal_of(name).is_some());
    match Superblock::find(storage)
        .map_err(|source| io_error(format!("read the superblocks in `{}`", place()), source))?
    {
        Found::Format(found) => Err(OpenError::Format { found, known: FORMAT }),
        Found::Block { block, damaged } => Ok(Some((block, damaged))),
        // Without segments there was no record yet: at most the very first start was cut off.
        Found::Nothing | Found::Damaged if !has_segments => {
            Err(OpenError::NotFound { place: place() })
        }
        Found::Nothing | Found::Damaged => Ok(None),
    }
}

fn create(environment: &Environment, options: &Options) -> Result<Superblock, OpenError> {
    let draw = || environment.entropy.draw();
    let mut superblock = Superblock {
        generation: 0,
        log_id: u128::from(draw()) << 64 | u128::from(draw()),
        epoch: Epoch::from_random(draw()),
        left_as: LeftAs::Open,
        first_ordinal: 1,
        start: Tip::START,
        durable: Seq::ZERO,
        segment_bytes: options.segment_bytes,
        open_ordinal: 0,
    };
    superblock.write(environment.storage.as_ref()).map_err(|source| {
        io_error(format!("make a log in `{}`", environment.storage.place()), source)
    })?;
    Ok(superblock)
}

/// Removes files that trims left behind and those that were never finished.
fn remove_leftovers(storage: &dyn Storage, recovered: &Recovered) -> Result<(), OpenError> {
    let used = |name: &str| {
        recovered.segments.iter().any(|segment| segment.name() == name)
            || recovered.spares.iter().any(|spare| file_name(spare.header.ordinal) == name)
    };
    let remove = || -> io::Result<()> {
        for name in storage.list()? {
            if ordinal_of(&name).is_some() && !used(&name)
                || name.ends_with(".seg.tmp")
                || name.ends_with(checkpoint::UNFINISHED)
            {
                storage.remove(&name)?;
            }
        }
        storage.sync_folder()
    };
    remove().map_err(|source| io_error(format!("clean up `{}`", storage.place()), source))
}

pub(crate) fn io_error(action: String, source: io::Error) -> OpenError {
    OpenError::Io { action, source }
}
