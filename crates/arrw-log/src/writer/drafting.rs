//! What goes into a frame: each batch is decided and gets its place, with what the decider makes for it.

use crate::decide::{Decision, Place, Question};
use crate::error::AppendError;
use crate::frame::{FRAME_HEADER_BYTES, Records};
use crate::intake::{Chunk, Entry};
use crate::limits::{BATCH_RECORDS_MAX, FRAME_BYTES_TARGET, TOPICS_MAX};
use crate::planted::{Bug, is_planted};
use crate::position::{Seq, Timestamp};
use crate::record::{Batch, Urgency, set_place, topic_of};
use crate::ticket::{Answer, Committed};

use super::{Room, Writer};

/// When a turn is, and what is kept then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// The time of its frame.
    pub(super) time: Timestamp,
    /// The oldest record that is kept.
    pub(super) oldest: Seq,
}

/// Records that come next in the frame.
#[derive(Clone, Copy, Debug)]
struct Piece {
    bytes: usize,
    records: u32,
}

/// A frame that is being put together, in the memory in which its batches came.
///
/// What is left out makes a gap, over which those behind it are moved. What is made needs room: then all that
/// is still to come goes into other memory, and comes back batch by batch.
#[derive(Debug)]
struct Sheet<'a> {
    frame: &'a mut Vec<u8>,
    /// Where the records end that are in the frame for good.
    end: usize,
    /// How many they are.
    count: u32,
    /// Where the next batch stands: in the frame, or behind it.
    at: usize,
    /// The batches that went into other memory, if `is_moved`.
    behind: Vec<u8>,
    is_moved: bool,
}

impl<'a> Sheet<'a> {
    fn new(frame: &'a mut Vec<u8>, behind: Vec<u8>) -> Self {
        let (end, at) = (FRAME_HEADER_BYTES, FRAME_HEADER_BYTES);
        Self { frame, end, count: 0, at, behind, is_moved: false }
    }

    /// Puts the records of the next batch where the frame ends.
    fn bring(&mut self, entry: &Entry) -> Piece {
        let next = self.at..self.at + entry.bytes;
        self.at = next.end;
        if self.is_moved {
            self.frame.truncate(self.end);
            self.frame.extend_from_slice(&self.behind[next]);
        } else if self.end != next.start {
            self.frame.copy_within(next, self.end);
        }
        Piece { bytes: entry.bytes, records: entry.records }
    }

    /// Leaves out the first records of a piece.
    fn skip(&mut self, skip: u32, piece: Piece) -> Piece {
        let (start, piece_end) = (self.end, self.end + piece.bytes);
        let skip = skip.min(piece.records);
        let mut from = start;
        for _ in 0..skip {
            from += topic_of(&self.frame[from..]).0;
        }
        self.frame.copy_within(from..piece_end, start);
        Piece { bytes: piece_end - from, records: piece.records - skip }
    }

    /// Puts records that were made behind a piece.
    fn add(&mut self, made: &Batch, piece: Piece) -> Piece {
        if !self.is_moved {
            self.behind.clear();
            self.behind.extend_from_slice(&self.frame[self.at..]);
            (self.at, self.is_moved) = (0, true);
        }
        self.frame.truncate(self.end + piece.bytes);
        self.frame.extend_from_slice(made.bytes());
        let bytes = piece.bytes + made.stored_bytes();
        Piece { bytes, records: piece.records + made.records() }
    }

    /// Has a piece stay in the frame for good.
    fn keep(&mut self, piece: Piece) {
        self.end += piece.bytes;
        self.count += piece.records;
    }

    fn piece(&mut self, piece: Piece) -> &mut [u8] {
        &mut self.frame[self.end..self.end + piece.bytes]
    }

    /// Cuts off what is not in the frame. Answers the memory of what had to make room.
    fn finish(mut self) -> Vec<u8> {
        self.frame.truncate(self.end);
        self.behind.clear();
        self.behind.shrink_to(2 * FRAME_BYTES_TARGET);
        self.behind
    }

    /// The records that are in the frame for good.
    fn kept(&mut self) -> &mut [u8] {
        &mut self.frame[FRAME_HEADER_BYTES..self.end]
    }
}

impl Writer {
    /// Decides the batches one after the other, each on the state that those before it leave, and then asks
    /// the decider for more. What is refused leaves the frame. Answers how many records are in it, and the
    /// answers.
    pub(super) fn decide_all(
        &mut self,
        chunk: &mut Chunk,
        room: Room,
        moment: Moment,
    ) -> (u32, Vec<Answer>) {
        let mut answers = Vec::with_capacity(chunk.entries.len());
        let mut sheet = Sheet::new(&mut chunk.frame, std::mem::take(&mut self.behind));
        for entry in &mut chunk.entries {
            let own = sheet.bring(entry);
            let answer = if room.urgency == Urgency::Reserved && entry.urgency == Urgency::Ordinary
            {
                Err(AppendError::Full)
            } else {
                self.decide(entry, own, &mut sheet, moment)
            };
            answers.push(answer);
            // Who asked has it as well, and gives its memory back where it took it.
            entry.question = None;
        }
        if room.more > 0 {
            self.add_more(room.more, &mut sheet, moment);
        }
        let count = sheet.count;
        self.behind = sheet.finish();
        (count, answers)
    }

    /// Gives the records of a batch, and what is made for it, their places, if nothing speaks against it.
    fn decide(
        &mut self,
        entry: &Entry,
        own: Piece,
        sheet: &mut Sheet<'_>,
        moment: Moment,
    ) -> Answer {
        let place = Place { seq: self.next_seq(sheet), time: moment.time };
        let (first, before) = (place.seq, place.seq.previous());
        if let Some(expected) = entry.expected_last.filter(|last| *last != before) {
            return Err(AppendError::Conflict { expected, actual: before });
        }
        let mut piece = own;
        if let Some(question) = &entry.question {
            piece = match self.ask(question, place) {
                None => own,
                Some(Decision::Commit { skip }) => self.add_made(entry, skip, own, sheet)?,
                Some(Decision::Nothing) => Piece { bytes: 0, records: 0 },
                Some(Decision::Answer(committed)) => return Ok(committed),
                Some(Decision::Refuse(refusal)) => return Err(AppendError::Refused(refusal)),
            };
        }
        let last = first.plus(u64::from(piece.records)).previous();
        let Some(last_offset) = self.place_piece(piece, sheet, moment.oldest) else {
            return Err(AppendError::TooManyTopics { max: TOPICS_MAX });
        };
        if entry.question.is_some() {
            self.tell(piece, sheet, place);
        }
        sheet.keep(piece);
        Ok(Committed { epoch: self.epoch, first, last, last_offset, time: place.time })
    }

    /// Asks the decider, if there is one.
    fn ask(&mut self, question: &Question, place: Place) -> Option<Decision> {
        let decider = self.decider.as_deref_mut()?;
        self.is_unsettled = true;
        self.made.clear();
        Some(decider.decide(question, place, &mut self.made))
    }

    /// Leaves out the first records of a batch, and puts what was made for it behind the others.
    fn add_made(
        &self,
        entry: &Entry,
        skip: u32,
        own: Piece,
        sheet: &mut Sheet<'_>,
    ) -> Result<Piece, AppendError> {
        let left = if skip > 0 { sheet.skip(skip, own) } else { own };
        if self.made.is_empty() {
            return Ok(left);
        }
        let (actual, max) = (self.made.stored_bytes(), entry.reserved);
        if max < actual {
            return Err(AppendError::OverReserved { actual, max, unit: "bytes" });
        }
        let (records, max) =
            (left.records as usize + self.made.records() as usize, BATCH_RECORDS_MAX as usize);
        if max < records {
            return Err(AppendError::OverReserved { actual: records, max, unit: "records" });
        }
        Ok(sheet.add(&self.made, left))
    }

    /// Asks the decider for at most `bytes` of records of its own, and places them.
    fn add_more(&mut self, bytes: usize, sheet: &mut Sheet<'_>, moment: Moment) {
        let place = Place { seq: self.next_seq(sheet), time: moment.time };
        let Some(decider) = self.decider.as_deref_mut() else { return };
        self.is_unsettled = true;
        self.made.clear();
        decider.more(place, bytes, &mut self.made);
        if self.made.is_empty() {
            return;
        }
        if self.made.stored_bytes() <= bytes {
            let piece = sheet.add(&self.made, Piece { bytes: 0, records: 0 });
            if self.place_piece(piece, sheet, moment.oldest).is_some() {
                self.tell(piece, sheet, place);
                sheet.keep(piece);
                return;
            }
        }
        if let Some(decider) = &mut self.decider {
            decider.not_placed();
        }
    }

    /// Tells the decider of records that have their places.
    fn tell(&mut self, piece: Piece, sheet: &mut Sheet<'_>, place: Place) {
        if is_planted(Bug::MadeUntold) && !self.made.is_empty() || piece.records == 0 {
            return;
        }
        if let Some(decider) = &mut self.decider {
            let bytes = sheet.piece(piece);
            decider.place(Records::bare(bytes, piece.records, place.seq, place.time));
        }
    }

    /// The seq that comes after all that is in the frame.
    fn next_seq(&self, sheet: &Sheet<'_>) -> Seq {
        self.tip.next_seq.plus(u64::from(sheet.count))
    }

    /// Gives the records of a piece their places, all of them or none. Answers the offset of the last one; `None` when a topic
    /// finds no place.
    fn place_piece(&mut self, piece: Piece, sheet: &mut Sheet<'_>, oldest: Seq) -> Option<u64> {
        let first = self.next_seq(sheet);
        let placed = self.place(sheet.piece(piece), first, oldest);
        if placed.is_none() {
            // Its first records may have found places. They go with the rest; those before it stay.
            self.topics.roll_back(self.active.segment.header.ordinal);
            self.place(sheet.kept(), self.tip.next_seq, oldest)
                .expect("these records found their places before");
        }
        placed
    }

    /// Gives `records`, from `first` on, their places; `None` when a topic finds none.
    fn place(&mut self, records: &mut [u8], first: Seq, oldest: Seq) -> Option<u64> {
        let ordinal = self.active.segment.header.ordinal;
        let (mut at, mut seq, mut last_offset) = (0, first, 0);
        while at < records.len() {
            let (len, topic) = topic_of(&records[at..]);
            last_offset = 0;
            if !topic.is_empty() {
                let place = self.topics.place(topic, seq, oldest, ordinal).ok()?;
                last_offset = place.offset;
                set_place(&mut records[at..], place);
            }
            at += len;
            seq = seq.next();
        }
        Some(last_offset)
    }
}
