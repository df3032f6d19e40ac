//! What a log consists of, from its superblock, headers and footers alone.

use crate::error::OpenError;
use crate::position::{Epoch, Seq, Timestamp};
use crate::recovery::{Head, io_error, read_superblock_of, survey, take_lock};
use crate::storage::Storage;
use crate::superblock::LeftAs;

/// What a log consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// The log's identity.
    pub log_id: u128,
    /// Its present life.
    pub epoch: Epoch,
    /// `open` (in use, or ended by a crash), `closed` or `backup`.
    pub left_as: &'static str,
    /// The oldest record that is kept.
    pub first: Seq,
    /// A record that the superblock knows to be synced.
    pub durable: Seq,
    /// Its files, in order.
    pub segments: Vec<SegmentSummary>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentSummary {
    /// Its name.
    pub file: String,
    /// Its length.
    pub file_bytes: u64,
    /// `sealed` (with a footer), `open` (without), `spare` or `damaged`.
    pub state: &'static str,
    /// Its first record, if it says so.
    pub first: Option<Seq>,
    /// Its last record, if its footer says so.
    pub last: Option<Seq>,
    /// Time of its first frame.
    pub first_time: Option<Timestamp>,
    /// Time of its last frame.
    pub last_time: Option<Timestamp>,
    /// Bytes of its frames, if its footer says so.
    pub frame_bytes: Option<u64>,
    /// Topics with a record in it, if its footer says so.
    pub topics: Option<usize>,
}

/// Looks at the log in `storage`. Reads no frame but the first of each file, and changes nothing.
///
/// # Errors
/// When there is no log, another process has it, its superblocks are damaged, or the disk cannot be
/// read.
pub fn inspect(storage: &dyn Storage) -> Result<Inspection, OpenError> {
    let _lock = take_lock(storage)?;
    let place = || storage.place();
    let Some((block, _)) = read_superblock_of(storage)? else {
        return Err(OpenError::NoSuperblock { place: place() });
    };
    let files = survey(storage, block.first_ordinal)
        .map_err(|source| io_error(format!("read the segments in `{}`", place()), source))?;
    let segments = files
        .iter()
        .map(|file| {
            let footer = file.footer.as_ref();
            let (first, first_time) = match file.head {
                Head::Start(start, time) => (Some(start.next_seq), Some(time)),
                Head::Stray(..) | Head::Unused => (None, None),
            };
            let state = match (file.head, file.header.is_some(), footer.is_some()) {
                (Head::Stray(..), _, _) | (Head::Start(..), false, _) => "damaged",
                (Head::Start(..), true, true) => "sealed",
                (Head::Start(..), true, false) => "open",
                (Head::Unused, _, _) => "spare",
            };
            SegmentSummary {
                file: file.name(),
                file_bytes: file.len,
                state,
                first,
                last: footer.map(|footer| footer.end.tip.next_seq.previous()),
                first_time,
                last_time: footer.map(|footer| footer.end.time),
                frame_bytes: footer.map(|footer| footer.end.at - 4096),
                topics: footer.map(|footer| footer.topics.len()),
            }
        })
        .collect();
    let left_as = match block.left_as {
        LeftAs::Open => "open",
        LeftAs::Closed => "closed",
        LeftAs::Backup => "backup",
    };
    let (log_id, epoch, first, durable) =
        (block.log_id, block.epoch, block.start.next_seq, block.durable);
    Ok(Inspection { log_id, epoch, left_as, first, durable, segments })
}
