//! Gives up what is damaged and keeps the rest, in a new life of the log.
//!
//! Where frames are missing a gap takes their place: the seqs of the records that were there are never
//! used again, and a reader that comes to them is told. A file that is not as it was is written anew
//! beside the old one and then takes its name.

use std::io;
use std::sync::Arc;

use super::runs::Run;
use super::verify::{Examined, Verification, examine};
use crate::environment::Environment;
use crate::error::OpenError;
use crate::frame::{FrameKind, FrameStamp, decode_header, gap, rehome};
use crate::limits::GIVEN_UP_MAX;
use crate::position::{Epoch, Timestamp, Tip};
use crate::recovery::{Surveyed, take_lock};
use crate::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, file_name};
use crate::storage::{StorageFile, read_exact_at, write_all_at};
use crate::superblock::{LeftAs, Superblock};

/// Whether to go through with a repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Only say what would be lost.
    Refuse,
    /// Give it up.
    Accept,
}

/// What a repair found, and did if it was told to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairReport {
    /// What was damaged.
    pub found: Verification,
    /// Files that were written anew, or would be.
    pub files: Vec<String>,
    /// The new life of the log; `None` when nothing was done.
    pub epoch: Option<Epoch>,
}

/// A repair that failed. What it had done so far is done again by the next one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// The log cannot be read at all.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No file tells which log this is.
    #[error("nothing in `{place}` tells which log it was; put back a backup")]
    NothingLeft {
        /// Where the log is.
        place: String,
    },
    /// A file says of more records that they were there than a log can have lost.
    #[error("`{place}` says that {lost} records were there that are not; put back a backup")]
    TooMuch {
        /// Where the log is.
        place: String,
        /// How many.
        lost: u64,
    },
    /// The disk refused.
    #[error("cannot write the repaired log in `{place}`")]
    Io {
        /// Where the log is.
        place: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Finds all damage in the log of `environment` and, if told to, gives it up.
///
/// Reads all of the log. Needs space for a copy of each damaged segment.
///
/// # Errors
/// See [`RepairError`]. A log without damage is none: the report says so, and nothing is changed.
pub fn repair(environment: &Environment, loss: Loss) -> Result<RepairReport, RepairError> {
    let storage = environment.storage.as_ref();
    let _lock = take_lock(storage)?;
    let examined = examine(storage)?;
    let place = || storage.place();
    let block =
        superblock_of(&examined).ok_or_else(|| RepairError::NothingLeft { place: place() })?;
    let plan = plan(&examined, &block);
    if let Some(lost) = most_lost(&plan).filter(|lost| GIVEN_UP_MAX < *lost) {
        return Err(RepairError::TooMuch { place: place(), lost });
    }
    let files = plan.iter().map(|file| file_name(file.ordinal)).collect();
    let damaged = !examined.found.damages.is_empty() || examined.superblock.is_none();
    let sound = plan.is_empty() && !damaged;
    if sound || loss == Loss::Refuse {
        return Ok(RepairReport { found: examined.found, files, epoch: None });
    }
    let epoch = carry_out(environment, &examined, block, &plan)
        .map_err(|source| RepairError::Io { place: place(), source })?;
    Ok(RepairReport { found: examined.found, files, epoch: Some(epoch) })
}

/// The superblock, or what it must have said.
fn superblock_of(examined: &Examined) -> Option<Superblock> {
    if examined.superblock.is_some() {
        return examined.superblock;
    }
    let header = examined.files.iter().find_map(|file| file.header)?;
    let first = examined.files.first()?;
    Some(Superblock {
        generation: 0,
        log_id: header.log_id,
        epoch: Epoch::from_random(0),
        left_as: LeftAs::Open,
        first_ordinal: first.ordinal,
        start: examined.start,
        durable: examined.durable,
        segment_bytes: first.len,
        open_ordinal: 0,
    })
}

/// A piece of a file that is written anew.
#[derive(Debug)]
enum Piece {
    /// Frames as they are.
    Frames(Run),
    /// A gap from one end of the log to another.
    Gap(Tip, Tip),
}

/// A file that is written anew.
#[derive(Debug)]
struct NewFile {
    ordinal: u64,
    pieces: Vec<Piece>,
}

/// Which files to write anew, with what.
fn plan(examined: &Examined, block: &Superblock) -> Vec<NewFile> {
    let mut plan = Vec::new();
    let mut tip = examined.start;
    let last = examined.files.last().map_or(block.first_ordinal, |file| file.ordinal);
    for ordinal in block.first_ordinal..=last {
        let file = examined.files.iter().find(|file| file.ordinal == ordinal);
        let runs: Vec<&Run> = examined.runs.iter().filter(|run| run.ordinal == ordinal).collect();
        let mut pieces = Vec::new();
        let mut sound = file.is_some_and(|file| {
            file.header
                .is_some_and(|header| header.ordinal == ordinal && header.log_id == block.log_id)
        });
        let mut at = SEGMENT_HEADER_BYTES as u64;
        for run in &runs {
            if run.start != tip {
                pieces.push(Piece::Gap(tip, run.start));
            }
            sound &= run.start == tip && run.from == at;
            at = run.to;
            pieces.push(Piece::Frames((*run).clone()));
            tip = run.end;
        }
        let cut =
            file.and_then(|file| file.footer.as_ref()).is_some_and(|footer| footer.end.tip != tip);
        if !sound || cut {
            plan.push(NewFile { ordinal, pieces });
        }
    }
    if tip.next_seq <= examined.durable {
        // How many frames that were is not known; each had a record, and a mark may have followed it.
        let next_seq = examined.durable.next();
        let lost = next_seq.get() - tip.next_seq.get();
        let resume = Tip { next_seq, next_frame: tip.next_frame + 2 * lost + 1, chain: tip.chain };
        match plan.last_mut().filter(|file| file.ordinal == last) {
            Some(file) => file.pieces.push(Piece::Gap(tip, resume)),
            None => {
                let own = examined.runs.iter().filter(|run| run.ordinal == last).cloned();
                let mut pieces: Vec<Piece> = own.map(Piece::Frames).collect();
                pieces.push(Piece::Gap(tip, resume));
                plan.push(NewFile { ordinal: last, pieces });
            }
        }
    }
    plan
}

/// Records of the largest gap.
fn most_lost(plan: &[NewFile]) -> Option<u64> {
    let pieces = plan.iter().flat_map(|file| &file.pieces);
    let lost = pieces.filter_map(|piece| match piece {
        Piece::Gap(from, to) => Some(to.next_seq.get().saturating_sub(from.next_seq.get())),
        Piece::Frames(_) => None,
    });
    lost.max()
}

/// Writes the planned files and begins the new life.
fn carry_out(
    environment: &Environment,
    examined: &Examined,
    mut block: Superblock,
    plan: &[NewFile],
) -> io::Result<Epoch> {
    let storage = environment.storage.as_ref();
    // The new life begins before its first change: cut off anywhere, a repair never leaves files that are
    // sound again and yet of the life in which the records that they lost were seen.
    block.epoch = Epoch::from_random(environment.entropy.draw());
    block.write(storage)?;
    for new in plan {
        let header = SegmentHeader {
            log_id: block.log_id,
            ordinal: new.ordinal,
            nonce: environment.entropy.draw(),
        };
        let old = examined.files.iter().find(|file| file.ordinal == new.ordinal);
        let name = file_name(new.ordinal);
        let temporary = format!("{name}.tmp");
        match storage.remove(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => (),
        }
        let file = storage.create(&temporary)?;
        let mut writing = Writing { file, header, block, at: SEGMENT_HEADER_BYTES as u64 };
        header.write(writing.file.as_ref())?;
        for piece in &new.pieces {
            match (piece, old) {
                (Piece::Frames(run), Some(old)) => writing.copy(old, run)?,
                (Piece::Frames(_), None) => (),
                (Piece::Gap(from, to), _) => writing.gap(*from, *to)?,
            }
        }
        writing.file.sync_data()?;
        storage.rename(&temporary, &name)?;
        storage.sync_folder()?;
    }
    block.left_as = LeftAs::Open;
    block.open_ordinal = 0;
    block.durable = examined.durable;
    block.write(storage)?;
    Ok(block.epoch)
}

/// A file that is being written anew.
#[derive(Debug)]
struct Writing {
    file: Arc<dyn StorageFile>,
    header: SegmentHeader,
    block: Superblock,
    at: u64,
}

impl Writing {
    /// Copies the frames of a run one by one, each at home in the new file.
    fn copy(&mut self, old: &Surveyed, run: &Run) -> io::Result<()> {
        let mut from = run.from;
        while from < run.to {
            let mut head = [0; crate::frame::FRAME_HEADER_BYTES];
            read_exact_at(old.file.as_ref(), &mut head, from)?;
            let header = decode_header(&head).ok_or(io::ErrorKind::InvalidData)?;
            let mut bytes = vec![0; header.len as usize];
            read_exact_at(old.file.as_ref(), &mut bytes, from)?;
            rehome(&mut bytes, self.header.nonce, header.durable);
            self.write(&bytes)?;
            from += u64::from(header.len);
        }
        Ok(())
    }

    /// Writes gaps for all between two ends of the log.
    fn gap(&mut self, from: Tip, to: Tip) -> io::Result<()> {
        let mut from = from;
        loop {
            let lost = to.next_seq.get().saturating_sub(from.next_seq.get());
            let count = u32::try_from(lost).unwrap_or(u32::MAX);
            let resume = if u64::from(count) == lost {
                to
            } else {
                let next_seq = from.next_seq.plus(u64::from(count));
                Tip { next_seq, next_frame: from.next_frame + 1, chain: from.chain }
            };
            let stamp = FrameStamp {
                kind: FrameKind::Gap,
                nonce: self.header.nonce,
                durable: from.next_seq.previous(),
                time: Timestamp::default(),
                epoch: self.block.epoch,
                count,
            };
            self.write(&gap(stamp, from, resume))?;
            from = resume;
            if from.next_seq >= to.next_seq {
                return Ok(());
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        write_all_at(self.file.as_ref(), bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}
