//! The writer: decides what is waiting, writes one frame, syncs it, publishes it, and then answers.
//!
//! It is a role and not a thread: whoever holds its lock is the writer. See
//! `docs/decisions/0002-the-writer-is-a-role.md`.

mod drafting;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use crate::blocks::Blocks;
use crate::decide::{Decider, Settled};
use crate::environment::Clock;
use crate::error::AppendError;
use crate::frame::{
    FRAME_HEADER_BYTES, Frame, FrameKind, FrameStamp, decode_header, frame_len, seal,
};
use crate::intake::{Chunk, Entry};
use crate::limits::{DECIDER_BYTES_MAX, FRAME_BYTES_MAX};
use crate::planted::{Bug, is_planted};
use crate::position::{Epoch, Seq, Timestamp, Tip};
use crate::record::{Batch, Urgency};
use crate::recovery::Active;
use crate::ring::Ring;
use crate::segment::{Footer, IndexEntry, SEGMENT_HEADER_BYTES, Segment, SegmentEnd, Segments};
use crate::storage::{is_full, write_all_at};
use crate::sync_times::SyncTimes;
use crate::topics::{TopicEnd, Topics};
use crate::upkeep::{FileLen, NoSpare, Seal, Spare, Upkeep};

use drafting::Moment;

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
    /// When the last frame was committed.
    time: Timestamp,
    /// The last time that was given to a frame or a decider, which may have come to nothing.
    last_time: Timestamp,
    /// The last record that is synced.
    durable: Seq,
    topics: Topics,
    /// Who decides on batches that ask.
    decider: Option<Box<dyn Decider>>,
    /// True when it was asked and does not know yet what came of it.
    is_unsettled: bool,
    /// Memory for what it makes.
    made: Batch,
    /// Memory for batches that had to make room for that.
    behind: Vec<u8>,
    /// Memory for frames that readers see.
    blocks: Blocks,
    /// True when the last frame is not yet proven by a mark.
    unmarked: bool,
    written: Written,
}

/// What was written since the log was opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Written {
    /// Frames, for telling whether there was any.
    pub(crate) frames: u64,
    /// Bytes of these.
    pub(crate) bytes: u64,
    /// How long their syncs took.
    pub(crate) syncs: SyncTimes,
}

/// What is said of a frame before it is written.
#[derive(Clone, Copy, Debug)]
struct Draft {
    kind: FrameKind,
    /// Records in it.
    count: u32,
    time: Timestamp,
}

/// What a frame may use.
#[derive(Clone, Copy, Debug)]
struct Room {
    /// Which batches may use the space that there is.
    urgency: Urgency,
    /// Bytes that the decider may add of its own.
    more: usize,
}

/// Why a frame was not committed.
#[derive(Debug)]
enum NotCommitted {
    /// The disk is full: nothing has happened.
    Full,
    /// Nobody can say what is on the disk.
    Failed(Arc<io::Error>),
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
            last_time: time,
            durable,
            topics,
            decider: None,
            is_unsettled: false,
            made: Batch::new(),
            behind: Vec::new(),
            blocks: Blocks::default(),
            unmarked: false,
            written: Written::default(),
        }
    }

    /// Has `decider` decide from now on; answers who did before.
    pub(crate) fn set_decider(&mut self, decider: Box<dyn Decider>) -> Option<Box<dyn Decider>> {
        self.decider.replace(decider)
    }

    /// Commits the batches of `chunk` as one frame and answers them.
    pub(crate) fn turn(&mut self, chunk: &mut Chunk, around: &Surroundings<'_>) -> Turn {
        self.topics.make_room(around.first);
        let draft = Draft { kind: FrameKind::Records, count: 0, time: self.next_time(around) };
        let (count, mut answers) = match self.make_room_for(chunk, around) {
            Ok(room) => {
                self.decide_all(chunk, room, Moment { time: draft.time, oldest: around.first })
            }
            Err(error) => (0, chunk.entries.iter().map(|_| Err(error.clone())).collect()),
        };
        if is_planted(Bug::AckBeforeSync) {
            chunk.answers.give(answers.clone());
        }
        let (mut turn, mut settled) = (Turn::Done, Settled::Committed);
        if count > 0 {
            let committed = self.commit(&mut chunk.frame, Draft { count, ..draft }, around);
            match committed {
                Ok(()) => (),
                // Those who were refused on a state that never came learn the same.
                Err(NotCommitted::Full) => {
                    answers.fill(Err(AppendError::Full));
                    settled = Settled::TakenBack;
                }
                Err(NotCommitted::Failed(error)) => {
                    // Those who were refused on that state do not know either.
                    answers.fill(Err(AppendError::Unknown(Arc::clone(&error))));
                    (turn, settled) = (Turn::Failed(error), Settled::TakenBack);
                }
            }
        }
        self.settle(settled);
        if !is_planted(Bug::AckBeforeSync) {
            chunk.answers.give(answers);
        }
        turn
    }

    /// Answers the batches of a log that stopped.
    pub(crate) fn refuse(chunk: &Chunk, error: &Arc<io::Error>) -> Turn {
        let refuse = |_: &Entry| Err(AppendError::Poisoned(Arc::clone(error)));
        chunk.answers.give(chunk.entries.iter().map(refuse).collect());
        Turn::Done
    }

    /// Goes on to the next segment when the frame does not fit into this one, with what the decider wants
    /// to add to it. Answers what the frame may use.
    fn make_room_for(
        &mut self,
        chunk: &Chunk,
        around: &Surroundings<'_>,
    ) -> Result<Room, AppendError> {
        let more = self.more_at_most(chunk, around.upkeep.segment_bytes());
        if self.has_room(chunk.bytes() + more) {
            return Ok(Room { urgency: Urgency::Ordinary, more });
        }
        match self.roll(Urgency::Ordinary, around) {
            Ok(()) => Ok(Room { urgency: Urgency::Ordinary, more }),
            // What the decider wants is no reason to refuse a batch.
            Err(_) if self.has_room(chunk.bytes()) => {
                Ok(Room { urgency: Urgency::Ordinary, more: 0 })
            }
            Err(AppendError::Full) => {
                let reserved = |entry: &Entry| entry.urgency == Urgency::Reserved;
                if chunk.entries.iter().any(reserved) {
                    self.roll(Urgency::Reserved, around)?;
                    return Ok(Room { urgency: Urgency::Reserved, more: 0 });
                }
                Err(AppendError::Full)
            }
            Err(other) => Err(other),
        }
    }

    /// Bytes that the decider may add to the frame of `chunk`, if there is room for them.
    fn more_at_most(&self, chunk: &Chunk, segment_bytes: u64) -> usize {
        let Some(wanted) = self.decider.as_ref().map(|decider| decider.wants()) else { return 0 };
        let frame_bytes = frame_bytes_max(segment_bytes);
        let left = frame_bytes.saturating_sub(FRAME_HEADER_BYTES + chunk.bytes());
        wanted.min(DECIDER_BYTES_MAX).min(frame_bytes / 4).min(left)
    }

    /// Tells the decider what became of what it was asked and told of.
    fn settle(&mut self, settled: Settled) {
        if std::mem::take(&mut self.is_unsettled)
            && let Some(decider) = &mut self.decider
        {
            let hides = is_planted(Bug::SettleUnwritten);
            decider.settle(if hides { Settled::Committed } else { settled });
        }
    }

    /// The time of the next frame: behind every time that was given before.
    fn next_time(&mut self, around: &Surroundings<'_>) -> Timestamp {
        let behind = Timestamp::from_micros(self.last_time.micros() + 1);
        self.last_time = around.clock.now().max(behind);
        self.last_time
    }

    /// Writes, syncs and publishes a frame.
    fn commit(
        &mut self,
        bytes: &mut Vec<u8>,
        draft: Draft,
        around: &Surroundings<'_>,
    ) -> Result<(), NotCommitted> {
        let Draft { kind, count, time } = draft;
        let (epoch, durable) = (self.epoch, self.durable);
        let nonce = self.active.segment.header.nonce;
        let before = self.tip;
        let after = seal(bytes, FrameStamp { kind, nonce, durable, time, epoch, count }, before);
        let has_records = kind == FrameKind::Records;
        if is_planted(Bug::PublishBeforeCommit) && has_records {
            self.publish(bytes, around);
        }
        if let Err(error) = write_all_at(self.active.file.as_ref(), bytes, self.active.at) {
            // Nothing was synced, and the next frame goes over what was written.
            self.topics.roll_back(self.active.segment.header.ordinal);
            return Err(match is_full(&error) {
                true => NotCommitted::Full,
                false => NotCommitted::Failed(Arc::new(error)),
            });
        }
        let sync_began = Instant::now();
        if let Err(error) = self.active.file.sync_data() {
            // Readers go on, and nobody knows whether these records stay.
            self.topics.roll_back(self.active.segment.header.ordinal);
            return Err(NotCommitted::Failed(Arc::new(error)));
        }
        self.written.syncs.count(sync_began.elapsed());
        (self.tip, self.time, self.durable) = (after, time, after.next_seq.previous());
        self.written.frames += 1;
        self.written.bytes += bytes.len() as u64;
        self.unmarked = has_records;
        self.topics.commit();
        let entry = IndexEntry { at: self.active.at, tip: before, time };
        self.active.at += bytes.len() as u64;
        self.active.segment.commit(entry, self.active.at);
        if has_records && !is_planted(Bug::PublishBeforeCommit) {
            self.publish(bytes, around);
        }
        Ok(())
    }

    /// Lets readers see a frame.
    fn publish(&mut self, bytes: &[u8], around: &Surroundings<'_>) {
        let header = decode_header(bytes).expect("what was just sealed is a frame");
        around.ring.push(Frame::new(header, self.blocks.copy(bytes)));
    }

    /// Adds a mark, the proof that the last frame was synced, if there is none yet.
    pub(crate) fn mark(&mut self, around: &Surroundings<'_>) -> Turn {
        if !self.unmarked || self.room() < frame_len(0) as u64 {
            // Without room for it, the first frame of the next segment is the proof.
            self.unmarked = false;
            return Turn::Done;
        }
        let mut frame = vec![0; FRAME_HEADER_BYTES];
        let draft = Draft { kind: FrameKind::Mark, count: 0, time: self.next_time(around) };
        match self.commit(&mut frame, draft, around) {
            Ok(()) | Err(NotCommitted::Full) => Turn::Done,
            Err(NotCommitted::Failed(error)) => Turn::Failed(error),
        }
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
        if is_planted(Bug::ReuseSeq) {
            self.tip.next_seq = self.tip.next_seq.previous();
        }
        let new = Arc::new(Segment::open(spare.header, self.tip, self.time));
        // Listed before the old one is sealed: a trim must never find that all are.
        around.segments.push(Arc::clone(&new));
        // Its footer is due before a trim can take it: upkeep removes no file while it owes a footer.
        let sealed = Arc::clone(&segment);
        around.upkeep.seal(Seal { segment, footer, len: FileLen::Keep });
        sealed.seal(end);
        let at = SEGMENT_HEADER_BYTES as u64;
        let limit = around.upkeep.segment_bytes();
        self.active = Active { segment: new, file: spare.file, at, limit };
        Ok(())
    }

    /// True when a frame with such a body fits into the segment. Nothing always does: no frame is written.
    fn has_room(&self, body_len: usize) -> bool {
        body_len == 0 || frame_len(body_len) as u64 <= self.room()
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
        self.written.frames
    }

    /// What was written since the log was opened.
    pub(crate) fn written(&self) -> &Written {
        &self.written
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

    /// Where a topic ends, and its first record in the newest segment that has one.
    pub(crate) fn topic_in_segment(&self, name: &str, first: Seq) -> Option<(TopicEnd, Seq)> {
        self.topics.in_segment(name, first)
    }

    /// All topics of which a record is kept.
    pub(crate) fn all_topics(&self, first: Seq) -> Vec<(Arc<str>, TopicEnd)> {
        self.topics.all(first)
    }

    /// Topics in the table.
    pub(crate) fn topics(&self) -> usize {
        self.topics.len()
    }
}

/// Bytes of the largest frame that a segment holds.
pub(crate) fn frame_bytes_max(segment_bytes: u64) -> usize {
    let bytes = segment_bytes - SEGMENT_HEADER_BYTES as u64;
    usize::try_from(bytes).unwrap_or(FRAME_BYTES_MAX).min(FRAME_BYTES_MAX)
}
