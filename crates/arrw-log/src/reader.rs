//! Reads from a position and then follows the tail: from memory when it can, from the disk when it must.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::error::{Damage, ReadError};
use crate::frame::{Frame, FrameKind};
use crate::limits::READ_AHEAD_BYTES;
use crate::opened::Opened;
use crate::position::{Position, Seq, Timestamp, Tip};
use crate::ring::FromRing;
use crate::segment::{FrameSource, Probe, Segment};

/// Where reading starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record that is kept.
    Earliest,
    /// At the next record to be written.
    Latest,
    /// Behind the last record that was seen.
    After(Position),
    /// At this record of the present life of the log.
    At(Seq),
    /// At the first record that was committed at this time or later.
    Since(Timestamp),
}

/// A reader: about 100 bytes and, while it reads the disk, a buffer of 256 KiB.
///
/// Readers neither hold up the writer nor keep history from being trimmed; a [`Hold`](crate::Hold) does
/// the latter. A reader that fell behind reads the disk and comes back to memory by itself.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Opened>,
    next: Seq,
    disk: Option<DiskCursor>,
    number: u64,
}

/// A place in a file.
#[derive(Debug)]
struct DiskCursor {
    segment: Arc<Segment>,
    source: FrameSource,
    at: u64,
    tip: Tip,
}

impl Reader {
    pub(crate) fn open(shared: Arc<Opened>, start: Start) -> Result<Self, ReadError> {
        let (first, tail) = (shared.first(), shared.ring.tail());
        let next = match start {
            Start::Earliest => first,
            Start::Latest => tail,
            Start::At(seq) => seq.max(Seq::FIRST),
            Start::Since(time) => return Self::open_since(&shared, time),
            Start::After(position) if position.epoch == shared.epoch && tail <= position.seq => {
                return Err(ReadError::BeyondTail { wanted: position.seq, tail });
            }
            Start::After(position) if position.epoch == shared.epoch => position.seq.next(),
            Start::After(position) => {
                return Err(ReadError::OtherEpoch { position, epoch: shared.epoch });
            }
        };
        if next < first {
            return Err(ReadError::Trimmed { wanted: next, first });
        }
        if tail < next {
            return Err(ReadError::BeyondTail { wanted: next, tail });
        }
        Ok(Self::at(shared, next))
    }

    /// Starts at or shortly before `time`, by the index, and reads up to it.
    fn open_since(shared: &Arc<Opened>, time: Timestamp) -> Result<Self, ReadError> {
        let segment = shared.segments.holding_time(time).expect("a log has at least one segment");
        let mut reader = Self::at(Arc::clone(shared), shared.first());
        let storage = shared.environment.storage.as_ref();
        match shared.segments.entry_before_time(&segment, time, storage) {
            Ok(entry) => reader.skip_to(entry.tip.next_seq),
            // It may just have been trimmed: then the oldest record that is kept will do.
            Err(_) if segment.start.next_seq < shared.first() => reader.skip_to(shared.first()),
            Err(source) => return Err(io_error(&segment, source)),
        }
        loop {
            let before = reader.next;
            match reader.try_next() {
                Ok(None) => return Ok(reader),
                Ok(Some(frame)) if frame.time() < time => (),
                Ok(Some(_)) => {
                    (reader.next, reader.disk) = (before, None);
                    return Ok(reader);
                }
                Err(ReadError::Lost { .. }) => (),
                Err(ReadError::Trimmed { first, .. }) => reader.skip_to(first),
                Err(other) => return Err(other),
            }
        }
    }

    /// A reader whose next record is `next`, which is there or will be the next one.
    pub(crate) fn at(shared: Arc<Opened>, next: Seq) -> Self {
        let number = shared.waiter();
        Self { shared, next, disk: None, number }
    }

    /// The position that resumes behind what was read so far.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { epoch: self.shared.epoch, seq: self.next.previous() }
    }

    /// The record that comes next.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        self.next
    }

    /// Goes on at `seq` instead, if it is behind the next record: who knows that nothing between concerns
    /// it need not read that.
    pub fn skip_to(&mut self, seq: Seq) {
        self.next = self.next.max(seq);
    }

    /// The next records, all that were committed together, if there are any. Does not wait.
    ///
    /// Costs a lock and a reference count while the records are in memory, else a read of the disk.
    ///
    /// # Errors
    /// When records were trimmed before they were read, were given up by a repair (the next call goes on
    /// behind them), are damaged, or cannot be read. After any other than the second, the reader stays
    /// where it is.
    pub fn try_next(&mut self) -> Result<Option<Frame>, ReadError> {
        loop {
            match self.shared.ring.get(self.next) {
                FromRing::Tail => return Ok(None),
                FromRing::Frame(frame) => {
                    self.disk = None;
                    let frame = frame.starting_at(self.next);
                    self.next = frame.last().next();
                    return Ok(Some(frame));
                }
                FromRing::Older => {
                    if let Some(frame) = self.next_from_disk()? {
                        self.next = frame.last().next();
                        return Ok(Some(frame));
                    }
                }
            }
        }
    }

    /// The next records; waits for them on this thread, for at most `timeout` if that is given. `None`
    /// when the time is over, or when the log was closed or stopped and all of it was read.
    ///
    /// # Errors
    /// As [`try_next`](Self::try_next).
    pub fn next(&mut self, timeout: Option<Duration>) -> Result<Option<Frame>, ReadError> {
        match self.try_next()? {
            Some(frame) => Ok(Some(frame)),
            None if self.shared.ring.wait(self.next, timeout) => self.try_next(),
            None => Ok(None),
        }
    }

    /// The next records for a task, which is woken when there are some. Ready with `None` when the log
    /// was closed or stopped and all of it was read.
    ///
    /// # Errors
    /// As [`try_next`](Self::try_next). Reads the disk on the calling thread when the records are not in
    /// memory.
    pub fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame>, ReadError>> {
        loop {
            match self.try_next() {
                Ok(None) => (),
                other => return Poll::Ready(other),
            }
            if self.shared.ring.wake_at(self.next, self.number, context.waker()) {
                return Poll::Pending;
            }
            if self.shared.ring.is_closed() && self.shared.ring.tail() <= self.next {
                return Poll::Ready(Ok(None));
            }
        }
    }

    /// The frame with the next record from the disk; `None` when memory should be asked again.
    fn next_from_disk(&mut self) -> Result<Option<Frame>, ReadError> {
        let first = self.shared.first();
        if self.next < first {
            self.disk = None;
            return Err(ReadError::Trimmed { wanted: self.next, first });
        }
        let mut cursor = match self.disk.take() {
            Some(cursor) if cursor.tip.next_seq == self.next => cursor,
            _ => self.seek()?,
        };
        loop {
            if cursor.at < cursor.segment.committed() {
                if let Some(frame) = self.step(&mut cursor)? {
                    self.disk = Some(cursor);
                    return Ok(Some(frame));
                }
                continue;
            }
            match self.following(&cursor)? {
                Some(next) => {
                    cursor.segment.drop_index();
                    cursor = next;
                }
                None => return Ok(None),
            }
        }
    }

    /// Reads one frame; `None` when it holds nothing at or behind the next record.
    fn step(&mut self, cursor: &mut DiskCursor) -> Result<Option<Frame>, ReadError> {
        let limit = cursor.segment.committed();
        let probed = cursor.source.probe(cursor.at, &cursor.tip, limit);
        let probe = probed.map_err(|source| io_error(&cursor.segment, source))?;
        let Probe::Next(header, bytes, tip) = probe else {
            return Err(self.damage(cursor, limit, &probe).into());
        };
        cursor.at += u64::from(header.len);
        cursor.tip = tip;
        let last = header.end_seq().previous();
        match header.kind {
            FrameKind::Mark => Ok(None),
            FrameKind::Records if last < self.next => Ok(None),
            FrameKind::Records => Ok(Some(Frame::new(header, bytes).starting_at(self.next))),
            FrameKind::Gap if last < self.next => Ok(None),
            FrameKind::Gap => {
                let first = std::mem::replace(&mut self.next, last.next());
                Err(ReadError::Lost { first, last })
            }
        }
    }

    fn damage(&self, cursor: &mut DiskCursor, limit: u64, probe: &Probe) -> Damage {
        let (what, from) = match probe {
            Probe::Nothing => ("there is no frame where one was written", cursor.at),
            Probe::BadBody(_) => ("a frame is not what was written", cursor.at),
            Probe::Elsewhere(_) | Probe::Next(..) => ("a frame is not the next one", cursor.at),
        };
        let later = cursor.source.find_later(from + 1, &cursor.tip, limit).ok().flatten();
        let end = cursor.segment.end().map_or(self.shared.ring.tail(), |end| end.tip.next_seq);
        let (to, end) = later.map_or((limit, end), |(at, frame)| (at, frame.first));
        let (file, first, last) = (cursor.segment.name(), cursor.tip.next_seq, end.previous());
        Damage { file, from, to, first, last, what }
    }

    /// A cursor at or shortly before the next record.
    fn seek(&self) -> Result<DiskCursor, ReadError> {
        let segment = self.shared.segments.holding(self.next);
        let segment = segment.expect("a log has at least one segment");
        if self.next < segment.start.next_seq {
            // It was trimmed between the check and now.
            let (wanted, first) = (self.next, self.shared.first());
            return Err(ReadError::Trimmed { wanted, first });
        }
        let storage = self.shared.environment.storage.as_ref();
        let entry = self.shared.segments.entry_before(&segment, self.next, storage);
        let entry = entry.map_err(|source| self.gone_or(io_error(&segment, source)))?;
        self.cursor(segment, entry.at, entry.tip)
    }

    /// The start of the segment behind the one that `cursor` has read to its end.
    fn following(&self, cursor: &DiskCursor) -> Result<Option<DiskCursor>, ReadError> {
        if cursor.segment.end().is_none() {
            return Ok(None);
        }
        let after =
            |segment: &&Arc<Segment>| segment.header.ordinal == cursor.segment.header.ordinal + 1;
        let Some(next) = self.shared.segments.all().iter().find(after).cloned() else {
            return Ok(None);
        };
        if next.start != cursor.tip {
            let what = "it does not continue the segment before it";
            let (file, to) = (next.name(), next.committed());
            let (first, last) = (cursor.tip.next_seq, next.start.next_seq.previous());
            return Err(Damage { file, from: 0, to, first, last, what }.into());
        }
        let (at, tip) = (crate::segment::SEGMENT_HEADER_BYTES as u64, next.start);
        self.cursor(next, at, tip).map(Some)
    }

    /// A file that cannot be opened may just have been trimmed: then that is the error.
    fn gone_or(&self, error: ReadError) -> ReadError {
        let (wanted, first) = (self.next, self.shared.first());
        if wanted < first { ReadError::Trimmed { wanted, first } } else { error }
    }

    fn cursor(&self, segment: Arc<Segment>, at: u64, tip: Tip) -> Result<DiskCursor, ReadError> {
        let opened = self.shared.environment.storage.open(&segment.name());
        let file = opened.map_err(|source| self.gone_or(io_error(&segment, source)))?;
        let source = FrameSource::new(file, Some(segment.header.nonce), READ_AHEAD_BYTES);
        Ok(DiskCursor { segment, source, at, tip })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.ring.forget(self.number);
    }
}

fn io_error(segment: &Segment, source: std::io::Error) -> ReadError {
    ReadError::Io { file: segment.name(), source: Arc::new(source) }
}
