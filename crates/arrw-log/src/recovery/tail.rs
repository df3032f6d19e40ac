//! Makes the end of a judged log safe to build on: cuts, writes again what is unproven, says so.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::scan::{Kept, Scan, Stop, take_in};
use super::survey::Surveyed;
use super::walk::{Last, Walked, filled};
use super::{Active, CutTail, Recovered, io_error};
use crate::environment::Environment;
use crate::error::OpenError;
use crate::frame::{FRAME_HEADER_BYTES, FrameKind, FrameStamp, rehome, seal};
use crate::options::Options;
use crate::position::Tip;
use crate::segment::{IndexEntry, SEGMENT_HEADER_BYTES, Segment, SegmentHeader, file_name};
use crate::storage::{FolderLock, Storage, StorageFile, write_all_at};
use crate::superblock::{LeftAs, Superblock};
use crate::upkeep::{FileLen, Spare, create};

/// Finishes the start: from here on the folder is written.
pub(crate) fn finish(
    environment: &Environment,
    options: &Options,
    mut superblock: Superblock,
    mut walked: Walked,
    lock: FolderLock,
) -> Result<Recovered, OpenError> {
    let failed = |source| {
        io_error(format!("bring the log in `{}` up to date", environment.storage.place()), source)
    };
    let mut spares = VecDeque::new();
    let mut ordinal = superblock.first_ordinal + walked.segments.len() as u64;
    let closed = superblock.left_as == LeftAs::Closed;
    let unused = std::mem::take(&mut walked.unused);
    let active = match walked.last.take() {
        Some(Last { surveyed, header, scan: Some(scan) })
            if closed && scan.unproven.is_empty() && scan.stop == Stop::Nothing =>
        {
            spares = usable(unused, ordinal + 1, options);
            resume(surveyed, header, &scan)
        }
        last => {
            if let Some(Last { header, scan: Some(_), .. }) = &last {
                ordinal = header.ordinal + 1;
            }
            spares.extend(usable(unused, ordinal, options));
            let doubtful =
                spares.iter().filter(|spare| superblock.open_ordinal < spare.header.ordinal);
            name_again(environment.storage.as_ref(), doubtful).map_err(failed)?;
            let spare = match spares.pop_front() {
                Some(spare) => spare,
                None if ordinal <= superblock.open_ordinal => {
                    // The file of that name is about to be made anew: for a moment it may not be there.
                    superblock.open_ordinal = 0;
                    superblock.write(environment.storage.as_ref()).map_err(failed)?;
                    fresh(environment, options, superblock.log_id, ordinal).map_err(failed)?
                }
                None => fresh(environment, options, superblock.log_id, ordinal).map_err(failed)?,
            };
            begin_anew(&mut walked, last, &superblock, spare).map_err(failed)?
        }
    };
    walked.report.was_closed =
        closed && walked.report.cut.is_none() && walked.report.rewritten_records == 0;
    let tip = walked.tip;
    superblock.left_as = LeftAs::Open;
    superblock.durable = tip.next_seq.previous();
    superblock.segment_bytes = options.segment_bytes;
    superblock.open_ordinal = active.segment.header.ordinal;
    superblock.write(environment.storage.as_ref()).map_err(failed)?;
    let mut segments = walked.segments;
    segments.push(Arc::clone(&active.segment));
    let (topics, time) = (walked.topics, walked.time);
    let (seals, report) = (walked.seals, walked.report);
    Ok(Recovered { lock, superblock, segments, active, topics, tip, time, spares, seals, report })
}

/// Goes on in the last segment of a log that was closed.
fn resume(surveyed: Surveyed, header: SegmentHeader, scan: &Scan) -> Active {
    let segment = Arc::new(filled(header, &scan.proven));
    Active { segment, file: surveyed.file, at: scan.at, limit: surveyed.len }
}

/// Seals what is proven and goes on in a new segment, with the unproven frames at its start.
fn begin_anew(
    walked: &mut Walked,
    last: Option<Last>,
    superblock: &Superblock,
    spare: Spare,
) -> io::Result<Active> {
    let mut unproven = VecDeque::new();
    if let Some(Last { surveyed, header, scan: Some(mut scan) }) = last {
        walked.report.cut = cut_of(&surveyed, &mut scan)?;
        unproven = std::mem::take(&mut scan.unproven);
        // A mark that may be lost must not be built upon; what it proves stays proven without it.
        while unproven.back().is_some_and(Kept::is_mark) {
            unproven.pop_back();
        }
        // The footer is written once the log is open: by then what it cuts off is safe elsewhere.
        walked.pass_scanned(header, scan.proven, FileLen::Cut);
    }
    let start_time = unproven.front().map_or(walked.time, |kept| kept.entry.time);
    let segment = Segment::open(spare.header, walked.tip, start_time);
    let limit = spare.file.len()?;
    let at = rewrite(walked, &segment, spare.file.as_ref(), unproven, superblock)?;
    Ok(Active { segment: Arc::new(segment), file: spare.file, at, limit })
}

/// Writes the unproven frames to a new segment, with a mark behind them, and syncs it.
fn rewrite(
    walked: &mut Walked,
    segment: &Segment,
    file: &dyn StorageFile,
    unproven: VecDeque<Kept>,
    superblock: &Superblock,
) -> io::Result<u64> {
    let mut at = SEGMENT_HEADER_BYTES as u64;
    if unproven.is_empty() {
        return Ok(at);
    }
    let nonce = segment.header.nonce;
    for kept in unproven {
        let mut bytes = kept.bytes.to_vec();
        rehome(&mut bytes, nonce, walked.durable);
        write_all_at(file, &bytes, at)?;
        let entry = IndexEntry { at, ..kept.entry };
        at += bytes.len() as u64;
        segment.commit(entry, at);
        take_in(&kept, segment.header.ordinal, &mut walked.topics);
        walked.report.rewritten_records += u64::from(kept.header.count);
        walked.tip = crate::frame::tip_after(&kept.header, &bytes).unwrap_or(walked.tip);
        walked.time = kept.header.time;
    }
    file.sync_data()?;
    let (mark, tip) = mark(walked, nonce, superblock);
    if file.len()? < at + mark.len() as u64 {
        // Without room for it, the superblock that is written next is the proof.
        return Ok(at);
    }
    write_all_at(file, &mark, at)?;
    file.sync_data()?;
    walked.tip = tip;
    at += mark.len() as u64;
    segment.commit_end(at);
    Ok(at)
}

/// A mark that says that all before it is synced.
fn mark(walked: &Walked, nonce: u64, superblock: &Superblock) -> (Vec<u8>, Tip) {
    let stamp = FrameStamp {
        kind: FrameKind::Mark,
        nonce,
        durable: walked.tip.next_seq.previous(),
        time: walked.time,
        epoch: superblock.epoch,
        count: 0,
    };
    let mut frame = vec![0; FRAME_HEADER_BYTES];
    let tip = seal(&mut frame, stamp, walked.tip);
    (frame, tip)
}

/// What of the file behind the last whole frame was written in this life of it, as far as it can be told.
fn cut_of(surveyed: &Surveyed, scan: &mut Scan) -> io::Result<Option<CutTail>> {
    let to = match scan.stop {
        Stop::BadFrame(len) => (scan.at + u64::from(len)).min(surveyed.len),
        Stop::Nothing | Stop::NextSegment => scan.source.last_nonzero(scan.at, surveyed.len)?,
    };
    let cut = CutTail { file: surveyed.name(), from: scan.at, to, first: scan.tip.next_seq };
    Ok((scan.at < to).then_some(cut))
}

/// Those of the unused files that can serve as spares: whole, and next to each other from `ordinal` on.
fn usable(unused: VecDeque<Surveyed>, ordinal: u64, options: &Options) -> VecDeque<Spare> {
    let fits = |(surveyed, ordinal): &(Surveyed, u64)| {
        surveyed.len == options.segment_bytes
            && surveyed.header.is_some_and(|header| header.ordinal == *ordinal)
    };
    let spare = |(surveyed, _): (Surveyed, u64)| {
        Some(Spare { header: surveyed.header?, file: surveyed.file })
    };
    unused.into_iter().zip(ordinal..).take_while(fits).filter_map(spare).collect()
}

/// Gives spares their names anew. The process before may have ended because the sync of a name failed;
/// such a name is seen and yet on no disk, and no sync but that of a new change writes it. Up to the
/// segment that the superblock speaks of, names are on the disk, and none of them may be missed.
fn name_again<'a>(
    storage: &dyn Storage,
    spares: impl Iterator<Item = &'a Spare>,
) -> io::Result<()> {
    for spare in spares {
        let name = file_name(spare.header.ordinal);
        let temporary = format!("{name}.tmp");
        storage.rename(&name, &temporary)?;
        storage.rename(&temporary, &name)?;
    }
    storage.sync_folder()
}

/// A new segment when no spare is there. A file of its name that was never finished goes first.
fn fresh(
    environment: &Environment,
    options: &Options,
    log_id: u128,
    ordinal: u64,
) -> io::Result<Spare> {
    let header = SegmentHeader { log_id, ordinal, nonce: environment.entropy.draw() };
    match environment.storage.remove(&file_name(ordinal)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let file = create(environment, &header, options.segment_bytes)?;
    Ok(Spare { header, file })
}
