//! Follows the chain from the oldest segment to the end of the log, and refuses it where data is missing.

use std::collections::VecDeque;
use std::sync::Arc;

use super::scan::{End, Range, Scan, Stop};
use super::survey::{Head, Surveyed};
use super::{OpenReport, io_error};
use crate::error::{Damage, OpenError};
use crate::position::{Seq, Timestamp, Tip};
use crate::segment::{Footer, SEGMENT_HEADER_BYTES, Segment, SegmentEnd, SegmentHeader, file_name};
use crate::superblock::{LeftAs, Superblock};
use crate::topics::Topics;
use crate::upkeep::{FileLen, Seal};

/// The log as far as it holds.
#[derive(Debug)]
pub(crate) struct Walked {
    /// Segments before the last, sealed.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Those of them whose footer must be written.
    pub(crate) seals: VecDeque<Seal>,
    /// The last segment with frames; `None` when no segment has any.
    pub(crate) last: Option<Last>,
    /// Files behind it, without frames.
    pub(crate) unused: VecDeque<Surveyed>,
    pub(crate) topics: Topics,
    /// The end of what is proven.
    pub(crate) tip: Tip,
    pub(crate) time: Timestamp,
    pub(crate) durable: Seq,
    pub(crate) report: OpenReport,
}

/// The last segment with frames.
#[derive(Debug)]
pub(crate) struct Last {
    pub(crate) surveyed: Surveyed,
    pub(crate) header: SegmentHeader,
    /// `None` when it has a footer.
    pub(crate) scan: Option<Scan>,
}

/// Walks over `files`, which come in order.
pub(crate) fn walk(superblock: &Superblock, files: Vec<Surveyed>) -> Result<Walked, OpenError> {
    if !is_open_segment_there(superblock, &files) {
        let (first, last) = (superblock.durable.next(), superblock.durable);
        return Err(missing(superblock.open_ordinal, first, last));
    }
    let used = files.iter().rposition(|file| file.head != Head::Unused).map_or(0, |at| at + 1);
    let mut files: VecDeque<Surveyed> = files.into();
    let unused = files.split_off(used);
    let mut walked = Walked {
        segments: Vec::new(),
        seals: VecDeque::new(),
        last: None,
        unused,
        topics: Topics::default(),
        tip: superblock.start,
        time: Timestamp::default(),
        durable: superblock.durable,
        report: OpenReport::default(),
    };
    let mut ordinal = superblock.first_ordinal;
    while let Some(surveyed) = files.pop_front() {
        let next = files.iter().find(|file| file.head != Head::Unused);
        walked.step(superblock, ordinal, surveyed, next)?;
        ordinal += 1;
    }
    let scanned = walked.last.as_ref().is_some_and(|last| last.scan.is_some());
    if !scanned && walked.tip.next_seq <= superblock.durable {
        let (first, last) = (walked.tip.next_seq, superblock.durable);
        return Err(missing(ordinal, first, last));
    }
    Ok(walked)
}

/// The segment that was being filled was named and synced before the superblock spoke of it. Only its
/// absence tells that it is gone: nothing else knows what was in it.
pub(crate) fn is_open_segment_there(superblock: &Superblock, files: &[Surveyed]) -> bool {
    superblock.open_ordinal == 0 || files.iter().any(|file| file.ordinal == superblock.open_ordinal)
}

/// The report that a whole file is not there.
fn missing(ordinal: u64, first: Seq, last: Seq) -> OpenError {
    let file = file_name(ordinal);
    OpenError::Damaged(Damage { file, from: 0, to: 0, first, last, what: "the file is missing" })
}

impl Walked {
    fn step(
        &mut self,
        superblock: &Superblock,
        ordinal: u64,
        surveyed: Surveyed,
        next: Option<&Surveyed>,
    ) -> Result<(), OpenError> {
        let damage = |from, to, last, what| {
            let (file, first) = (surveyed.name(), self.tip.next_seq);
            OpenError::Damaged(Damage { file, from, to, first, last, what })
        };
        let page = SEGMENT_HEADER_BYTES as u64;
        if surveyed.ordinal != ordinal {
            let last = head_seq(&surveyed.head).previous();
            return Err(missing(ordinal, self.tip.next_seq, last));
        }
        let Some(header) = surveyed.header else {
            return Err(damage(0, page, self.tip.next_seq, "its header is damaged"));
        };
        if header.ordinal != ordinal || header.log_id != superblock.log_id {
            return Err(damage(0, page, self.tip.next_seq, "it is another file of a log"));
        }
        match surveyed.head {
            Head::Start(start, _) if start == self.tip => (),
            Head::Start(start, _) => {
                let what = "it does not continue the segment before it";
                return Err(damage(page, surveyed.len, start.next_seq.previous(), what));
            }
            Head::Stray(at, seq) => {
                return Err(damage(page, at, seq.previous(), "its first frames are damaged"));
            }
            // A start found only unproven frames in it and wrote them to the next one.
            Head::Unused => {
                self.pass_empty(header);
                return Ok(());
            }
        }
        if let Some(footer) = surveyed.footer.clone() {
            self.pass_sealed(&header, &footer);
            if next.is_none() {
                self.last = Some(Last { surveyed, header, scan: None });
            }
            return Ok(());
        }
        self.report.scanned_segments += 1;
        self.scan(superblock, header, surveyed, next)
    }

    fn pass_empty(&mut self, header: SegmentHeader) {
        let (at, tip, time) = (SEGMENT_HEADER_BYTES as u64, self.tip, self.time);
        let end = SegmentEnd { at, tip, time };
        let (index, topics) = (Vec::new(), Vec::new());
        let empty = Footer { start: tip, start_time: time, end, index, topics };
        self.pass_scanned(header, empty, FileLen::Cut);
    }

    fn pass_sealed(&mut self, header: &SegmentHeader, footer: &Footer) {
        for topic in &footer.topics {
            self.topics.load(topic, header.ordinal);
        }
        self.tip = footer.end.tip;
        self.time = footer.end.time;
        self.durable = self.durable.max(footer.end.tip.next_seq.previous());
        self.segments.push(Arc::new(Segment::sealed(*header, footer)));
    }

    fn scan(
        &mut self,
        superblock: &Superblock,
        header: SegmentHeader,
        surveyed: Surveyed,
        next: Option<&Surveyed>,
    ) -> Result<(), OpenError> {
        let read = |source| io_error(format!("read `{}`", surveyed.name()), source);
        let until = match next.map(|next| next.head) {
            Some(Head::Start(start, _)) => Some(start.next_frame),
            Some(Head::Stray(..) | Head::Unused) | None => None,
        };
        let end = match (next, superblock.left_as) {
            (Some(_), _) | (None, LeftAs::Closed) => End::Synced,
            (None, LeftAs::Open | LeftAs::Backup) => End::InDoubt,
        };
        let (start, time, durable) = (self.tip, self.time, self.durable);
        let range = Range { start, time, until, durable, end };
        let mut scan = Scan::run(&surveyed.file, &header, range, &mut self.topics).map_err(read)?;
        self.durable = scan.durable;
        match next {
            None => {
                refuse_holes(&surveyed, &mut scan)?;
                self.tip = scan.proven.end.tip;
                self.time = scan.proven.end.time;
                self.last = Some(Last { surveyed, header, scan: Some(scan) });
            }
            Some(next) => {
                // What the next segment continues was synced before it was begun.
                let end = head_seq(&next.head);
                if let Head::Start(start, _) = next.head
                    && (scan.stop != Stop::NextSegment || scan.tip != start)
                {
                    let later = scan.source.find_later(scan.at, &scan.tip, surveyed.len);
                    let to = later.map_err(read)?.map_or(surveyed.len, |(at, _)| at);
                    return Err(hole(&surveyed, &scan, to, end.previous()));
                }
                self.durable = self.durable.max(end.previous());
                scan.durable = self.durable;
                scan.prove(header.ordinal, &mut self.topics);
                self.tip = scan.proven.end.tip;
                self.time = scan.proven.end.time;
                let short = surveyed.len < superblock.segment_bytes;
                let len = if short { FileLen::Cut } else { FileLen::Keep };
                self.pass_scanned(header, scan.proven, len);
            }
        }
        Ok(())
    }

    /// Adds a segment that was read, whose footer is to be written.
    pub(crate) fn pass_scanned(&mut self, header: SegmentHeader, mut footer: Footer, len: FileLen) {
        footer.topics = self.topics.finish_segment();
        let segment = Arc::new(filled(header, &footer));
        segment.seal(footer.end);
        self.segments.push(Arc::clone(&segment));
        self.seals.push_back(Seal { segment, footer, len });
    }
}

/// The segment that `footer` describes, not sealed.
pub(crate) fn filled(header: SegmentHeader, footer: &Footer) -> Segment {
    let segment = Segment::open(header, footer.start, footer.start_time);
    for entry in &footer.index {
        segment.commit(*entry, entry.at);
    }
    segment.commit_end(footer.end.at);
    segment
}

/// The seq with which a file's frames start, as far as it is known.
fn head_seq(head: &Head) -> Seq {
    match head {
        Head::Start(start, _) => start.next_seq,
        Head::Stray(_, seq) => *seq,
        Head::Unused => Seq::ZERO,
    }
}

/// Refuses the last segment when something behind its end proves that there was more.
fn refuse_holes(surveyed: &Surveyed, scan: &mut Scan) -> Result<(), OpenError> {
    let read = |source| io_error(format!("read `{}`", surveyed.name()), source);
    let mut from = scan.at;
    let mut first_later = None;
    while let Some((at, frame)) =
        scan.source.find_later(from, &scan.tip, surveyed.len).map_err(read)?
    {
        let (to, last) = *first_later.get_or_insert((at, frame.first.previous()));
        // A whole frame that does not go on from here was not torn: the one before it is not the one
        // that was written.
        if scan.tip.next_seq <= frame.durable || at == scan.at {
            return Err(hole(surveyed, scan, to, last));
        }
        from = at + u64::from(frame.len);
    }
    if scan.tip.next_seq <= scan.durable {
        return Err(hole(surveyed, scan, surveyed.len, scan.durable));
    }
    Ok(())
}

fn hole(surveyed: &Surveyed, scan: &Scan, to: u64, last: Seq) -> OpenError {
    let what = match scan.stop {
        Stop::BadFrame(_) if to == scan.at => "a frame does not continue the one before it",
        Stop::BadFrame(_) => "a frame is not what was written",
        Stop::Nothing | Stop::NextSegment => "there is no frame where one was written",
    };
    let (file, from, first) = (surveyed.name(), scan.at, scan.tip.next_seq);
    OpenError::Damaged(Damage { file, from, to, first, last, what })
}
