//! Looks at every file of the folder before anything is decided: which hold frames, and where they start.

use std::io;
use std::sync::Arc;

use super::scan::SCAN_BYTES;
use crate::frame::FrameHeader;
use crate::position::{Seq, Timestamp, Tip};
use crate::segment::{
    Footer, FrameSource, Probe, SEGMENT_HEADER_BYTES, SegmentHeader, file_name, ordinal_of,
};
use crate::storage::{Storage, StorageFile};

/// What the frames of a file say about its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// The log's end before its first frame, and that frame's time.
    Start(Tip, Timestamp),
    /// There are frames, but none where the first should be; where one was found.
    Stray(u64, Seq),
    /// No frames.
    Unused,
}

/// A segment's file as it was found.
#[derive(Debug)]
pub(crate) struct Surveyed {
    pub(crate) ordinal: u64,
    pub(crate) file: Arc<dyn StorageFile>,
    pub(crate) len: u64,
    /// `None` when it cannot be read or is that of another file.
    pub(crate) header: Option<SegmentHeader>,
    pub(crate) footer: Option<Footer>,
    pub(crate) head: Head,
}

impl Surveyed {
    pub(crate) fn name(&self) -> String {
        file_name(self.ordinal)
    }
}

/// Looks at all segments from `first_ordinal` on, in order.
pub(crate) fn survey(storage: &dyn Storage, first_ordinal: u64) -> io::Result<Vec<Surveyed>> {
    let mut found = Vec::new();
    for name in storage.list()? {
        if let Some(ordinal) = ordinal_of(&name).filter(|ordinal| first_ordinal <= *ordinal) {
            found.push(look_at(storage, ordinal)?);
        }
    }
    found.sort_by_key(|surveyed| surveyed.ordinal);
    Ok(found)
}

/// Looks at one segment.
fn look_at(storage: &dyn Storage, ordinal: u64) -> io::Result<Surveyed> {
    let file = storage.open(&file_name(ordinal))?;
    let len = file.len()?;
    // With the header of another file all frames would seem to be leftovers, and the file free to use.
    let header = SegmentHeader::read(file.as_ref())?.filter(|header| header.ordinal == ordinal);
    let footer = match &header {
        Some(header) => Footer::read(file.as_ref(), header)?,
        None => None,
    };
    let head = match &footer {
        Some(footer) => Head::Start(footer.start, footer.start_time),
        None => head_of(&file, header.as_ref(), len)?,
    };
    Ok(Surveyed { ordinal, file, len, header, footer, head })
}

fn head_of(
    file: &Arc<dyn StorageFile>,
    header: Option<&SegmentHeader>,
    len: u64,
) -> io::Result<Head> {
    let nonce = header.map(|header| header.nonce);
    let mut source = FrameSource::new(Arc::clone(file), nonce, SCAN_BYTES);
    let at = SEGMENT_HEADER_BYTES as u64;
    if let Probe::Next(frame, ..) | Probe::Elsewhere(frame) =
        source.probe(at, &Tip::NOTHING, len)?
    {
        return Ok(Head::Start(tip_before(&frame), frame.time));
    }
    Ok(match source.find_later(at, &Tip::NOTHING, len)? {
        Some((at, frame)) => Head::Stray(at, frame.first),
        None => Head::Unused,
    })
}

/// The log's end before a frame, as the frame itself tells it.
pub(crate) fn tip_before(frame: &FrameHeader) -> Tip {
    Tip { next_seq: frame.first, next_frame: frame.number, chain: frame.chain }
}
