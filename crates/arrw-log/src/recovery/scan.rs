//! Reads a segment without footer from its start: how far it holds, and what of it is proven.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::frame::{FrameHeader, FrameKind, Records};
use crate::limits::INDEX_EVERY_BYTES;
use crate::position::{Seq, Timestamp, Tip};
use crate::segment::{
    Footer, FrameSource, IndexEntry, Probe, SEGMENT_HEADER_BYTES, SegmentEnd, SegmentHeader,
};
use crate::storage::StorageFile;
use crate::topics::Topics;

/// Bytes that recovery reads at once: it reads whole files.
pub(crate) const SCAN_BYTES: usize = 1024 * 1024;

/// A frame that was read, and where it stands.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) entry: IndexEntry,
    pub(crate) header: FrameHeader,
    pub(crate) bytes: Bytes,
}

impl Kept {
    pub(crate) fn is_mark(&self) -> bool {
        self.header.kind == FrameKind::Mark
    }
}

/// Why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The next segment starts here.
    NextSegment,
    /// There is no frame.
    Nothing,
    /// There is a frame that is not what was written, or not the next one; its length.
    BadFrame(u32),
}

/// How far a segment holds.
#[derive(Debug)]
pub(crate) struct Scan {
    /// The segment as its footer would describe it, up to the last proven frame; topics left out.
    pub(crate) proven: Footer,
    /// Frames behind that: whole, but perhaps only in the page cache.
    pub(crate) unproven: VecDeque<Kept>,
    /// The log's end behind all of them.
    pub(crate) tip: Tip,
    /// First byte behind all of them.
    pub(crate) at: u64,
    /// The last seq that a frame or the superblock says was synced.
    pub(crate) durable: Seq,
    pub(crate) stop: Stop,
    end: End,
    pub(crate) source: FrameSource,
}

/// Where a scan starts and ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    /// The log's end before the segment.
    pub(crate) start: Tip,
    /// Time of the last frame before the segment.
    pub(crate) time: Timestamp,
    /// Number of the frame that the next segment starts with.
    pub(crate) until: Option<u64>,
    /// The last seq that is known to be synced.
    pub(crate) durable: Seq,
    pub(crate) end: End,
}

/// What is known of the last frame of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It was synced: another segment follows, or the log was closed.
    Synced,
    /// Its sync may have failed or never been. Of a mark nothing else would tell: it proves what is
    /// before it and not itself.
    InDoubt,
}

impl Scan {
    /// Reads the frames of `file` and takes the proven ones' records into `topics`.
    pub(crate) fn run(
        file: &Arc<dyn StorageFile>,
        header: &SegmentHeader,
        range: Range,
        topics: &mut Topics,
    ) -> io::Result<Self> {
        let at = SEGMENT_HEADER_BYTES as u64;
        let end = SegmentEnd { at, tip: range.start, time: range.time };
        let mut scan = Self {
            proven: Footer {
                start: range.start,
                start_time: range.time,
                end,
                index: Vec::new(),
                topics: Vec::new(),
            },
            unproven: VecDeque::new(),
            tip: range.start,
            at,
            durable: range.durable,
            stop: Stop::Nothing,
            end: range.end,
            source: FrameSource::new(Arc::clone(file), Some(header.nonce), SCAN_BYTES),
        };
        let limit = file.len()?;
        loop {
            if range.until == Some(scan.tip.next_frame) {
                scan.stop = Stop::NextSegment;
                break;
            }
            match scan.source.probe(scan.at, &scan.tip, limit)? {
                Probe::Next(frame, bytes, tip) => {
                    scan.keep(frame, bytes, tip);
                    scan.prove(header.ordinal, topics);
                }
                Probe::BadBody(frame) | Probe::Elsewhere(frame) => {
                    scan.stop = Stop::BadFrame(frame.len);
                    break;
                }
                Probe::Nothing => break,
            }
        }
        scan.prove(header.ordinal, topics);
        Ok(scan)
    }

    fn keep(&mut self, header: FrameHeader, bytes: Bytes, tip: Tip) {
        let entry = IndexEntry { at: self.at, tip: self.tip, time: header.time };
        self.at += u64::from(header.len);
        self.tip = tip;
        self.durable = self.durable.max(header.durable);
        self.unproven.push_back(Kept { entry, header, bytes });
    }

    /// Moves the frames that are known to be synced from `unproven` to `proven`.
    pub(crate) fn prove(&mut self, ordinal: u64, topics: &mut Topics) {
        while let Some(kept) = self.unproven.front()
            && kept.header.end_seq().previous() <= self.durable
            && (self.end == End::Synced || self.unproven.len() > 1 || !kept.is_mark())
        {
            let Some(kept) = self.unproven.pop_front() else { break };
            take_in(&kept, ordinal, topics);
            let footer = &mut self.proven;
            if footer.end.at == SEGMENT_HEADER_BYTES as u64 {
                footer.start_time = kept.entry.time;
            }
            if footer.index.last().is_none_or(|last| last.at + INDEX_EVERY_BYTES <= kept.entry.at) {
                footer.index.push(kept.entry);
            }
            let tip = self.unproven.front().map_or(self.tip, |next| next.entry.tip);
            let at = self.unproven.front().map_or(self.at, |next| next.entry.at);
            footer.end = SegmentEnd { at, tip, time: kept.header.time };
        }
    }
}

/// Takes the records of a frame into the table of topics.
pub(crate) fn take_in(kept: &Kept, ordinal: u64, topics: &mut Topics) {
    for record in Records::of(&kept.header, &kept.bytes).filter(|record| !record.topic().is_empty())
    {
        topics.apply(record.topic(), record.seq(), record.place(), ordinal);
    }
    topics.commit();
}
