//! Finds every stretch of intact frames in the files of a log, whatever stands between them.

use std::io;
use std::sync::Arc;

use crate::frame::{FrameHeader, FrameKind};
use crate::position::{Seq, Tip};
use crate::recovery::{Head, SCAN_BYTES, Surveyed, tip_before};
use crate::segment::{FrameSource, Probe, SEGMENT_HEADER_BYTES};

/// Frames that follow each other without a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Which file.
    pub(crate) ordinal: u64,
    /// First byte of the first frame.
    pub(crate) from: u64,
    /// First byte behind the last.
    pub(crate) to: u64,
    pub(crate) start: Tip,
    pub(crate) end: Tip,
    pub(crate) frames: u64,
    pub(crate) records: u64,
    /// Records that an earlier repair gave up.
    pub(crate) given_up: u64,
    /// The last seq that a frame of it says was synced.
    pub(crate) durable: Seq,
}

/// All runs of one file, in order. `until` is the number of the frame that the next file starts with.
pub(crate) fn runs_of(surveyed: &Surveyed, until: Option<u64>) -> io::Result<Vec<Run>> {
    let nonce = surveyed.header.map(|header| header.nonce);
    let mut source = FrameSource::new(Arc::clone(&surveyed.file), nonce, SCAN_BYTES);
    let limit = surveyed.footer.as_ref().map_or(surveyed.len, |footer| footer.end.at);
    let Head::Start(mut tip, _) = surveyed.head else {
        return runs_after(surveyed, &mut source, SEGMENT_HEADER_BYTES as u64, Tip::NOTHING, limit);
    };
    let mut runs = Vec::new();
    let mut at = SEGMENT_HEADER_BYTES as u64;
    loop {
        let run = one_run(surveyed.ordinal, &mut source, &Place { at, tip, limit, until })?;
        let (end, to) = (run.end, run.to);
        if run.frames > 0 {
            runs.push(run);
        }
        if until == Some(end.next_frame) {
            return Ok(runs);
        }
        match source.find_later(to, &end, limit)? {
            Some((found, frame)) if until.is_none_or(|until| frame.number < until) => {
                at = found;
                tip = tip_before(&frame);
            }
            _ => return Ok(runs),
        }
    }
}

/// The runs of a file whose first frame is not where it should be.
fn runs_after(
    surveyed: &Surveyed,
    source: &mut FrameSource,
    from: u64,
    after: Tip,
    limit: u64,
) -> io::Result<Vec<Run>> {
    let mut runs = Vec::new();
    let (mut from, mut after) = (from, after);
    while let Some((at, frame)) = source.find_later(from, &after, limit)? {
        let place = Place { at, tip: tip_before(&frame), limit, until: None };
        let run = one_run(surveyed.ordinal, source, &place)?;
        (from, after) = (run.to, run.end);
        runs.push(run);
    }
    Ok(runs)
}

/// Where a run starts and what may not be read.
struct Place {
    at: u64,
    tip: Tip,
    limit: u64,
    until: Option<u64>,
}

/// The frames from `place` on, as far as they follow each other.
fn one_run(ordinal: u64, source: &mut FrameSource, place: &Place) -> io::Result<Run> {
    let Place { at, tip, limit, until } = *place;
    let mut run = Run {
        ordinal,
        from: at,
        to: at,
        start: tip,
        end: tip,
        frames: 0,
        records: 0,
        given_up: 0,
        durable: Seq::ZERO,
    };
    while until != Some(run.end.next_frame)
        && let Probe::Next(header, _, tip) = source.probe(run.to, &run.end, limit)?
    {
        run.add(&header, tip);
    }
    Ok(run)
}

impl Run {
    fn add(&mut self, header: &FrameHeader, tip: Tip) {
        self.to += u64::from(header.len);
        self.end = tip;
        self.frames += 1;
        self.durable = self.durable.max(header.durable);
        match header.kind {
            FrameKind::Records => self.records += u64::from(header.count),
            FrameKind::Gap => self.given_up += u64::from(header.count),
            FrameKind::Mark => (),
        }
    }
}
