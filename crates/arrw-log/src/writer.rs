//! The writer: decides what is waiting, writes one frame, syncs it, publishes it, and then answers.
//!
//! It is a role and not a thread: whoever holds its lock is the writer. See
//! `docs/decisions/0002-the-writer-is-a-role.md`.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use crate::environment::Clock;
use crate::error::AppendError;
use crate::frame::{
    FRAME_HEADER_BYTES, Frame, FrameKind, FrameStamp, decode_header, frame_len, seal,
};
use crate::intake::Pending;
use crate::limits::{FRAME_BYTES_MAX, FRAME_BYTES_TARGET, TOPICS_MAX};
use crate::planted::{Bug, is_planted};
use crate::position::{Epoch, Seq, Timestamp, Tip};
use crate::record::{Batch, Urgency, set_place, split_first};
use crate::recovery::Active;
use crate::ring::Ring;
use crate::segment::{Footer, IndexEntry, SEGMENT_HEADER_BYTES, Segment, SegmentEnd, Segments};
use crate::storage::write_all_at;
use crate::ticket::{Answer, Committed, Ticket};
use crate::topics::{TopicEnd, Topics};
use crate::upkeep::{FileLen, NoSpare, Seal, Spare, Upkeep};

/// What the writer needs from the rest of the log while it has its turn.
pub(crate) struct Surroundings<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) ring: &'a Ring,
    pub(crate) segments: &'a Segments,
    pub(crate) upkeep: &'a Upkeep,
    /// The oldest record that is kept.
    pub(crate) first: Seq,
    /// Gets a spare when none is ready: waits for it, or makes it.
    pub(crate) next_spare: &'a dyn Fn(Urgency) -> Result<Spare, NoSpare>,
}

/// What became of a turn.
#[derive(Debug)]
pub(crate) enum Turn {
    /// All is well.
    Done,
    /// A write or a sync failed: the log must stop.
    Failed(Arc<io::Error>),
}

/// The state of the one who writes.
#[derive(Debug)]
pub(crate) struct Writer {
    epoch: Epoch,
    active: Active,
    tip: Tip,
    time: Timestamp,
    /// The last record that is synced.
    durable: Seq,
    topics: Topics,
    frame: Vec<u8>,
    answers: Vec<(Arc<Ticket>, Answer)>,
    /// True when the last frame is not yet proven by a mark.
    unmarked: bool,
    /// Frames written, for telling whether there was any.
    frames: u64,
}

impl Writer {
    pub(crate) fn new(
        epoch: Epoch,
        active: Active,
        topics: Topics,
        tip: Tip,
        time: Timestamp,
    ) -> Self {
        let durable = tip.next_seq.previous();
        Self {
            epoch,
            active,
            tip,
            time,
            durable,
            topics,
            frame: Vec::new(),
            answers: Vec::new(),
            unmarked: false,
            frames: 0,
        }
    }

    /// Commits what fits of `pending` as one frame and answers it; the rest stays in `pending`.
    pub(crate) fn turn(
        &mut self,
        pending: &mut VecDeque<Pending>,
        around: &Surroundings<'_>,
    ) -> Turn {
        self.topics.make_room(around.first);
        self.frame.clear();
        self.frame.resize(FRAME_HEADER_BYTES, 0);
        let mut count = 0;
        while let Some(next) = pending.front() {
            let bytes = next.batch.stored_bytes();
            let len = frame_len(self.frame.len() - FRAME_HEADER_BYTES + bytes);
            if count > 0 && (FRAME_BYTES_TARGET < len || self.room() < len as u64) {
                break;
            }
            let Some(Pending { batch, ticket }) = pending.pop_front() else { break };
            let answer = self.decide(&batch, count, around);
            count += answer.as_ref().map_or(0, |_| batch.records());
            self.answers.push((ticket, answer));
        }
        let turn =
            if count > 0 { self.commit(FrameKind::Records, count, around) } else { Turn::Done };
        for (ticket, answer) in self.answers.drain(..) {
            ticket.answer(answer);
        }
        turn
    }

    /// Adds a batch to the frame at hand, which has `count` records so far, or refuses it.
    fn decide(&mut self, batch: &Batch, count: u32, around: &Surroundings<'_>) -> Answer {
        let next = self.tip.next_seq.plus(u64::from(count));
        if batch.is_empty() {
            return Err(AppendError::Empty);
        }
        if let Some(expected) = batch.expected_last().filter(|last| *last != next.previous()) {
            return Err(AppendError::Conflict { expected, actual: next.previous() });
        }
        let len = frame_len(batch.stored_bytes());
        let max = frame_bytes_max(around.upkeep.segment_bytes());
        if max < len {
            let actual = batch.stored_bytes();
            return Err(AppendError::TooLarge { actual, max: max - FRAME_HEADER_BYTES });
        }
        if count == 0 && self.room() < len as u64 {
            self.roll(batch.urgency(), around)?;
        }
        let start = self.frame.len();
        self.frame.extend_from_slice(batch.bytes());
        let placed = self.place(start, next, around.first);
        let Some(last_offset) = placed else {
            // Its first records may have found a place already: theirs goes with the whole batch.
            self.frame.truncate(start);
            self.take_back(around.first);
            return Err(AppendError::TooManyTopics { max: TOPICS_MAX });
        };
        let last = next.plus(u64::from(batch.records())).previous();
        Ok(Committed { epoch: self.epoch, first: next, last, last_offset, time: self.time })
    }

    /// Gives the records behind `start` in the frame their places; `None` when a topic finds none.
    fn place(&mut self, start: usize, first: Seq, oldest: Seq) -> Option<u64> {
        let ordinal = self.active.segment.header.ordinal;
        let (mut at, mut seq, mut last_offset) = (start, first, 0);
        while at < self.frame.len() {
            let stored = split_first(&self.frame[at..]).expect("a batch holds whole records");
            let (len, topic) = (stored.len(), stored.topic());
            last_offset = 0;
            if !topic.is_empty() {
                let place = self.topics.place(topic, seq, oldest, ordinal).ok()?;
                last_offset = place.offset;
                set_place(&mut self.frame[at..], place.offset, place.previous);
            }
            at += len;
            seq = seq.next();
        }
        Some(last_offset)
    }

    /// Undoes the places of a batch that was refused halfway, and keeps those of the batches before it.
    fn take_back(&mut self, oldest: Seq) {
        let ordinal = self.active.segment.header.ordinal;
        self.topics.roll_back(ordinal);
        self.place(FRAME_HEADER_BYTES, self.tip.next_seq, oldest)
            .expect("these records found their places before");
    }

    /// Writes, syncs and publishes the frame at hand. On failure the answers say so.
    fn commit(&mut self, kind: FrameKind, count: u32, around: &Surroundings<'_>) -> Turn {
        let time = around.clock.now().max(Timestamp::from_micros(self.time.micros() + 1));
        let (epoch, durable) = (self.epoch, self.durable);
        let nonce = self.active.segment.header.nonce;
        let stamp = FrameStamp { kind, nonce, durable, time, epoch, count };
        let before = self.tip;
        let after = seal(&mut self.frame, stamp, before);
        let header = decode_header(&self.frame).expect("what was just sealed is a frame");
        let frame = || Frame::new(header, self.frame.clone().into());
        if is_planted(Bug::PublishBeforeCommit) && kind == FrameKind::Records {
            around.ring.push(frame());
        }
        if is_planted(Bug::AckBeforeSync) {
            for (ticket, answer) in self.answers.drain(..) {
                ticket.answer(answer);
            }
        }
        if let Err(error) = write_all_at(self.active.file.as_ref(), &self.frame, self.active.at) {
            return self.refuse(error);
        }
        if let Err(error) = self.active.file.sync_data() {
            return self.fail(error);
        }
        self.tip = after;
        self.time = time;
        self.durable = after.next_seq.previous();
        self.frames += 1;
        self.topics.commit();
        let entry = IndexEntry { at: self.active.at, tip: before, time };
        self.active.at += self.frame.len() as u64;
        self.active.segment.commit(entry, self.active.at);
        self.unmarked = kind == FrameKind::Records;
        if kind == FrameKind::Records && !is_planted(Bug::PublishBeforeCommit) {
            around.ring.push(frame());
        }
        for (_, answer) in &mut self.answers {
            if let Ok(committed) = answer {
                committed.time = time;
            }
        }
        Turn::Done
    }

    /// A write failed before anything was synced. On a full disk nothing has happened; else all stops.
    fn refuse(&mut self, error: io::Error) -> Turn {
        if error.kind() != io::ErrorKind::StorageFull {
            return self.fail(error);
        }
        self.topics.roll_back(self.active.segment.header.ordinal);
        for (_, answer) in &mut self.answers {
            if answer.is_ok() {
                *answer = Err(AppendError::Full);
            }
        }
        Turn::Done
    }

    /// Nobody can say what is on the disk. Those who were refused on that state do not know either.
    fn fail(&mut self, error: io::Error) -> Turn {
        let error = Arc::new(error);
        for (_, answer) in &mut self.answers {
            *answer = Err(AppendError::Unknown(Arc::clone(&error)));
        }
        Turn::Failed(error)
    }

    /// Adds a mark, the proof that the last frame was synced, if there is none yet.
    pub(crate) fn mark(&mut self, around: &Surroundings<'_>) -> Turn {
        if !self.unmarked || self.room() < frame_len(0) as u64 {
            // Without room for it, the first frame of the next segment is the proof.
            self.unmarked = false;
            return Turn::Done;
        }
        self.frame.clear();
        self.frame.resize(FRAME_HEADER_BYTES, 0);
        self.commit(FrameKind::Mark, 0, around)
    }

    /// Seals the segment and goes on in the next one.
    pub(crate) fn roll(
        &mut self,
        urgency: Urgency,
        around: &Surroundings<'_>,
    ) -> Result<(), AppendError> {
        let spare = match (around.next_spare)(urgency) {
            Ok(spare) => spare,
            Err(NoSpare::Full) => return Err(AppendError::Full),
            Err(NoSpare::Closed) => return Err(AppendError::Closed),
            Err(NoSpare::Stopped(error)) => return Err(AppendError::Poisoned(error)),
        };
        let segment = Arc::clone(&self.active.segment);
        let end = SegmentEnd { at: self.active.at, tip: self.tip, time: self.time };
        let footer = Footer {
            start: segment.start,
            start_time: segment.start_time,
            end,
            index: segment.index(),
            topics: self.topics.finish_segment(),
        };
        segment.seal(end);
        if is_planted(Bug::ReuseSeq) {
            self.tip.next_seq = self.tip.next_seq.previous();
        }
        let new = Arc::new(Segment::open(spare.header, self.tip, self.time));
        around.segments.push(Arc::clone(&new));
        around.upkeep.seal(Seal { segment, footer, len: FileLen::Keep });
        let at = SEGMENT_HEADER_BYTES as u64;
        let limit = around.upkeep.segment_bytes();
        self.active = Active { segment: new, file: spare.file, at, limit };
        Ok(())
    }

    /// Bytes left in the segment.
    fn room(&self) -> u64 {
        // A frame that was written again may be larger than the segments of today.
        self.active.limit.saturating_sub(self.active.at)
    }

    /// True when the last frame is not proven yet.
    pub(crate) fn is_unmarked(&self) -> bool {
        self.unmarked
    }

    /// Frames written since the log was opened.
    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }

    /// The last record that is synced.
    pub(crate) fn durable(&self) -> Seq {
        self.durable
    }

    /// When the last frame was committed.
    pub(crate) fn time(&self) -> Timestamp {
        self.time
    }

    /// True when the segment being filled holds no record.
    pub(crate) fn segment_is_empty(&self) -> bool {
        self.active.segment.start.next_seq == self.tip.next_seq
    }

    /// Where a topic ends.
    pub(crate) fn topic(&self, name: &str, first: Seq) -> Option<TopicEnd> {
        self.topics.end(name, first)
    }

    /// Topics in the table.
    pub(crate) fn topics(&self) -> usize {
        self.topics.len()
    }
}

/// Bytes of the largest frame that a segment holds.
fn frame_bytes_max(segment_bytes: u64) -> usize {
    let bytes = segment_bytes - SEGMENT_HEADER_BYTES as u64;
    usize::try_from(bytes).unwrap_or(FRAME_BYTES_MAX).min(FRAME_BYTES_MAX)
}
