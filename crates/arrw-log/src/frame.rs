//! One frame as bytes: what was decided together, with its checksums and its place in the chain.

use bytes::Bytes;

use crate::blocks::Blocks;
use crate::bytes_at::{put_at, u16_at, u32_at, u64_at};
use crate::checksum::{crc32c, crc64};
use crate::limits::{FRAME_BYTES_MAX, NUMBER_MAX};
use crate::position::{Epoch, Seq, Timestamp, Tip};
use crate::record::{Batch, RECORD_HEADER_BYTES, Record, split_first};

/// Bytes of a frame's header. `docs/log-format.md` draws them.
pub(crate) const FRAME_HEADER_BYTES: usize = 96;

/// Frames start at multiples of this, so that a search for the next one need not look at every byte.
pub(crate) const FRAME_ALIGN: usize = 64;

/// First bytes of every frame: `ARWF`.
const MAGIC: u32 = u32::from_le_bytes(*b"ARWF");
const VERSION: u16 = 1;

const MAGIC_AT: usize = 0;
const LEN_AT: usize = 4;
const NONCE_AT: usize = 8;
const DURABLE_AT: usize = 16;
const HEADER_CRC_AT: usize = 24;
const VERSION_AT: usize = 28;
const KIND_AT: usize = 30;
/// From here on a frame is the same in every copy of the log, and the chain covers it.
const PORTABLE_AT: usize = 32;
const NUMBER_AT: usize = 32;
const FIRST_SEQ_AT: usize = 40;
const TIME_AT: usize = 48;
const CHAIN_AT: usize = 56;
const BODY_CRC_AT: usize = 64;
const EPOCH_AT: usize = 72;
const COUNT_AT: usize = 80;
const BODY_LEN_AT: usize = 84;

/// Bytes of a gap's body: the number and the chain with which the log goes on behind it.
const GAP_BODY_BYTES: usize = 16;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// Records that were decided together.
    Records,
    /// No records: proof that all before it was synced.
    Mark,
    /// Stands for records that a repair gave up.
    Gap,
}

impl FrameKind {
    fn number(self) -> u16 {
        match self {
            Self::Records => 1,
            Self::Mark => 2,
            Self::Gap => 3,
        }
    }

    fn from_number(number: u16) -> Option<Self> {
        [Self::Records, Self::Mark, Self::Gap].into_iter().find(|kind| kind.number() == number)
    }
}

/// What a frame's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Bytes of the whole frame, padding included.
    pub(crate) len: u32,
    /// Which life of which file it was written in.
    pub(crate) nonce: u64,
    /// The last seq that was known to be synced when this frame was written.
    pub(crate) durable: Seq,
    pub(crate) kind: FrameKind,
    /// Dense over the log, marks included.
    pub(crate) number: u64,
    /// Its first record; for a mark, the one that would be next.
    pub(crate) first: Seq,
    pub(crate) time: Timestamp,
    /// The chain up to the frame before it.
    pub(crate) chain: u64,
    pub(crate) body_crc: u64,
    pub(crate) epoch: Epoch,
    /// Records in it, or given up with it.
    pub(crate) count: u32,
    /// Bytes of its body, without padding.
    pub(crate) body_len: u32,
}

impl FrameHeader {
    /// The seq that comes after its records.
    pub(crate) fn end_seq(&self) -> Seq {
        self.first.plus(u64::from(self.count))
    }

    /// True when the frame continues a log that ends at `tip`.
    pub(crate) fn continues(&self, tip: &Tip) -> bool {
        self.number == tip.next_frame && self.first == tip.next_seq && self.chain == tip.chain
    }
}

/// What goes into a frame's header besides what is computed from its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameStamp {
    pub(crate) kind: FrameKind,
    pub(crate) nonce: u64,
    pub(crate) durable: Seq,
    pub(crate) time: Timestamp,
    pub(crate) epoch: Epoch,
    pub(crate) count: u32,
}

/// Bytes that a frame with a body of `body_len` takes.
pub(crate) const fn frame_len(body_len: usize) -> usize {
    (FRAME_HEADER_BYTES + body_len).next_multiple_of(FRAME_ALIGN)
}

/// Finishes a frame in `frame`, whose body stands behind the room for a header: pads it, writes the
/// header, and answers where the log ends behind it.
pub(crate) fn seal(frame: &mut Vec<u8>, stamp: FrameStamp, tip: Tip) -> Tip {
    let body_len = frame.len() - FRAME_HEADER_BYTES;
    frame.resize(frame_len(body_len), 0);
    let len = u32::try_from(frame.len()).expect("a frame has at most 16 MiB");
    let body_len = u32::try_from(body_len).expect("a body is shorter than its frame");
    let body_crc = crc64(&frame[FRAME_HEADER_BYTES..]);
    put_at(frame, MAGIC_AT, MAGIC.to_le_bytes());
    put_at(frame, LEN_AT, len.to_le_bytes());
    put_at(frame, VERSION_AT, VERSION.to_le_bytes());
    put_at(frame, KIND_AT, stamp.kind.number().to_le_bytes());
    put_at(frame, NUMBER_AT, tip.next_frame.to_le_bytes());
    put_at(frame, FIRST_SEQ_AT, tip.next_seq.get().to_le_bytes());
    put_at(frame, TIME_AT, stamp.time.micros().to_le_bytes());
    put_at(frame, CHAIN_AT, tip.chain.to_le_bytes());
    put_at(frame, BODY_CRC_AT, body_crc.to_le_bytes());
    put_at(frame, EPOCH_AT, stamp.epoch.get().to_le_bytes());
    put_at(frame, COUNT_AT, stamp.count.to_le_bytes());
    put_at(frame, BODY_LEN_AT, body_len.to_le_bytes());
    rehome(frame, stamp.nonce, stamp.durable);
    let header = decode_header(frame).expect("what was just written is a header");
    tip_after(&header, frame).expect("what was just written is a frame")
}

/// Writes the part of the header that belongs to one file: a copied frame keeps all else.
pub(crate) fn rehome(frame: &mut [u8], nonce: u64, durable: Seq) {
    put_at(frame, NONCE_AT, nonce.to_le_bytes());
    put_at(frame, DURABLE_AT, durable.get().to_le_bytes());
    put_at(frame, HEADER_CRC_AT, [0; 4]);
    let crc = crc32c(&frame[..FRAME_HEADER_BYTES]);
    put_at(frame, HEADER_CRC_AT, crc.to_le_bytes());
}

/// A frame that stands for what a repair gave up: all from `tip` to where the log goes on at `resume`.
pub(crate) fn gap(stamp: FrameStamp, tip: Tip, resume: Tip) -> Vec<u8> {
    let mut frame = vec![0; FRAME_HEADER_BYTES];
    frame.extend_from_slice(&resume.next_frame.to_le_bytes());
    frame.extend_from_slice(&resume.chain.to_le_bytes());
    debug_assert_eq!(frame.len(), FRAME_HEADER_BYTES + GAP_BODY_BYTES);
    seal(&mut frame, stamp, tip);
    frame
}

/// The header at the start of `bytes`, if there is a valid one.
pub(crate) fn decode_header(bytes: &[u8]) -> Option<FrameHeader> {
    let bytes = bytes.get(..FRAME_HEADER_BYTES)?;
    if u32_at(bytes, MAGIC_AT) != MAGIC || u16_at(bytes, VERSION_AT) != VERSION {
        return None;
    }
    let mut copy = [0; FRAME_HEADER_BYTES];
    copy.copy_from_slice(bytes);
    put_at(&mut copy, HEADER_CRC_AT, [0; 4]);
    if crc32c(&copy) != u32_at(bytes, HEADER_CRC_AT) {
        return None;
    }
    let header = FrameHeader {
        len: u32_at(bytes, LEN_AT),
        nonce: u64_at(bytes, NONCE_AT),
        durable: Seq::new(u64_at(bytes, DURABLE_AT)),
        kind: FrameKind::from_number(u16_at(bytes, KIND_AT))?,
        number: u64_at(bytes, NUMBER_AT),
        first: Seq::new(u64_at(bytes, FIRST_SEQ_AT)),
        time: Timestamp::from_micros(u64_at(bytes, TIME_AT)),
        chain: u64_at(bytes, CHAIN_AT),
        body_crc: u64_at(bytes, BODY_CRC_AT),
        epoch: Epoch::stored(u64_at(bytes, EPOCH_AT))?,
        count: u32_at(bytes, COUNT_AT),
        body_len: u32_at(bytes, BODY_LEN_AT),
    };
    let fits = header.len as usize <= FRAME_BYTES_MAX
        && frame_len(header.body_len as usize) == header.len as usize;
    let numbers = [header.durable.get(), header.number, header.first.get(), header.time.micros()];
    (fits && numbers.iter().all(|number| *number <= NUMBER_MAX)).then_some(header)
}

/// True when the bytes behind the header are those that were written.
pub(crate) fn body_is_intact(header: &FrameHeader, frame: &[u8]) -> bool {
    frame
        .get(FRAME_HEADER_BYTES..header.len as usize)
        .is_some_and(|body| crc64(body) == header.body_crc)
}

/// Where the log ends behind a frame whose body is intact; `None` for a gap that does not say so.
pub(crate) fn tip_after(header: &FrameHeader, frame: &[u8]) -> Option<Tip> {
    let next_seq = header.end_seq();
    match header.kind {
        FrameKind::Records | FrameKind::Mark => Some(Tip {
            next_seq,
            next_frame: header.number + 1,
            chain: crc64(&frame[PORTABLE_AT..FRAME_HEADER_BYTES]),
        }),
        FrameKind::Gap => {
            let body = frame.get(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + GAP_BODY_BYTES)?;
            let next_frame = Some(u64_at(body, 0)).filter(|number| *number <= NUMBER_MAX)?;
            Some(Tip { next_seq, next_frame, chain: u64_at(body, 8) })
        }
    }
}

/// Committed records that were decided together, shared by all who read them.
///
/// Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Frame {
    header: FrameHeader,
    bytes: Bytes,
    /// First record to show: a reader that starts inside a frame skips those before.
    from: Seq,
    /// Where in `bytes` it starts, and where the last one ends.
    from_at: usize,
    end_at: usize,
}

impl Frame {
    /// A frame whose checksums were checked, or that was just made.
    pub(crate) fn new(header: FrameHeader, bytes: Bytes) -> Self {
        let end_at = FRAME_HEADER_BYTES + header.body_len as usize;
        Self { header, bytes, from: header.first, from_at: FRAME_HEADER_BYTES, end_at }
    }

    /// A frame of records that are in no log and live in memory alone: those of `batch`, from seq `first`
    /// on in a numbering of the caller's. Their offsets and links are 0.
    ///
    /// # Panics
    /// Never for a batch of at most 4 GiB.
    #[must_use]
    pub fn in_memory(batch: Batch, first: Seq, time: Timestamp, epoch: Epoch) -> Self {
        let count = batch.records();
        Self::of_bytes(Bytes::from(batch.into_bytes()), count, (first, time, epoch))
    }

    /// The same of a copy of `batch`, which is empty then and keeps its memory.
    #[must_use]
    pub fn in_memory_copy(
        (batch, blocks): (&mut Batch, &mut Blocks),
        first: Seq,
        time: Timestamp,
        epoch: Epoch,
    ) -> Self {
        let count = batch.records();
        let frame = Self::of_bytes(blocks.copy(batch.bytes()), count, (first, time, epoch));
        batch.clear();
        frame
    }

    fn of_bytes(bytes: Bytes, count: u32, (first, time, epoch): (Seq, Timestamp, Epoch)) -> Self {
        let len = u32::try_from(bytes.len()).expect("a batch in memory is smaller than 4 GiB");
        let header = FrameHeader {
            len,
            nonce: 0,
            durable: Seq::ZERO,
            kind: FrameKind::Records,
            number: 0,
            first,
            time,
            chain: 0,
            body_crc: 0,
            epoch,
            count,
            body_len: len,
        };
        let end_at = bytes.len();
        Self { header, bytes, from: first, from_at: 0, end_at }
    }

    /// The memory of its bytes, to be used again; `None` while somebody else has them.
    #[must_use]
    pub fn into_memory(self) -> Option<Vec<u8>> {
        self.bytes.is_unique().then(|| Vec::from(self.bytes))
    }

    /// The same frame without the records before `from`. O(n) in those that it showed before and now does not.
    #[must_use]
    pub fn starting_at(mut self, from: Seq) -> Self {
        let mut records = self.records();
        while records.next_seq < from && records.next().is_some() {}
        (self.from, self.from_at) = (records.next_seq, self.end_at - records.rest.len());
        self
    }

    pub(crate) fn header(&self) -> &FrameHeader {
        &self.header
    }

    /// First record in it.
    #[must_use]
    pub fn first(&self) -> Seq {
        self.from
    }

    /// Last record in it.
    #[must_use]
    pub fn last(&self) -> Seq {
        self.header.end_seq().previous()
    }

    /// When it was committed.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.header.time
    }

    /// The life of the log that it was written in.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.header.epoch
    }

    /// Its bytes as stored, header included; the records alone when it was never stored.
    #[must_use]
    pub fn stored(&self) -> &Bytes {
        &self.bytes
    }

    /// Its records, in order.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        let left = match self.header.kind {
            FrameKind::Records => self.header.end_seq().get() - self.from.get(),
            FrameKind::Mark | FrameKind::Gap => 0,
        };
        // Never more than the frame's count, which is one of 32 bits.
        let left = u32::try_from(left).unwrap_or(self.header.count);
        let bytes = self.bytes.get(self.from_at..self.end_at).unwrap_or_default();
        Records::bare(bytes, left, self.from, self.header.time)
    }
}

/// The records of a frame, in order.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
    next_seq: Seq,
    time: Timestamp,
    left: u32,
    /// Topic of the last record: the next one often has the same.
    topic: &'a str,
}

impl<'a> Records<'a> {
    pub(crate) fn of(header: &FrameHeader, frame: &'a [u8]) -> Self {
        let left = match header.kind {
            FrameKind::Records => header.count,
            FrameKind::Mark | FrameKind::Gap => 0,
        };
        let end = FRAME_HEADER_BYTES + header.body_len as usize;
        let bytes = frame.get(FRAME_HEADER_BYTES..end).unwrap_or_default();
        Self::bare(bytes, left, header.first, header.time)
    }

    /// Those in `bytes` and nothing else, from seq `first` on.
    pub(crate) fn bare(bytes: &'a [u8], count: u32, first: Seq, time: Timestamp) -> Self {
        Self { rest: bytes, next_seq: first, time, left: count, topic: "" }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        if self.left == 0 {
            return None;
        }
        let stored = split_first(self.rest, self.topic)?;
        self.topic = stored.topic();
        self.rest = &self.rest[stored.len()..];
        let record = Record::new(self.next_seq, self.time, stored);
        self.next_seq = self.next_seq.next();
        self.left -= 1;
        Some(record)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // A count from a disk: no more than there is room for, so that nobody makes room for it.
        let most = (self.left as usize).min(self.rest.len() / RECORD_HEADER_BYTES);
        (most, Some(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::NewRecord;

    fn stamp(kind: FrameKind, count: u32) -> FrameStamp {
        FrameStamp {
            kind,
            nonce: 77,
            durable: Seq::new(3),
            time: Timestamp::from_micros(1_000),
            epoch: Epoch::from_random(9),
            count,
        }
    }

    fn sample() -> (Vec<u8>, Tip) {
        let mut batch = Batch::new();
        for payload in [&b"one"[..], b"two"] {
            batch.push(NewRecord { topic: "t", payload, ..NewRecord::default() }).unwrap();
        }
        let mut frame = vec![0; FRAME_HEADER_BYTES];
        frame.extend_from_slice(batch.bytes());
        let tip = seal(&mut frame, stamp(FrameKind::Records, 2), Tip::START);
        (frame, tip)
    }

    #[test]
    fn a_count_that_is_too_large_promises_no_more_records_than_fit() {
        let (bytes, _) = sample();
        let records = Records::bare(&bytes, u32::MAX, Seq::FIRST, Timestamp::default());
        assert!(records.size_hint().0 <= bytes.len() / RECORD_HEADER_BYTES);
        let (bytes, _) = sample();
        let frame = Frame::new(decode_header(&bytes).unwrap(), bytes.into());
        assert_eq!(frame.records().size_hint(), (2, Some(2)));
    }

    #[test]
    fn a_frame_survives_its_bytes() {
        let (bytes, tip) = sample();
        let header = decode_header(&bytes).unwrap();
        assert!(header.continues(&Tip::START) && body_is_intact(&header, &bytes));
        assert_eq!((tip.next_seq, tip.next_frame), (Seq::new(3), 2));
        let frame = Frame::new(header, bytes.into());
        let seen: Vec<_> = frame.records().map(|r| (r.seq().get(), r.payload().to_vec())).collect();
        assert_eq!(seen, [(1, b"one".to_vec()), (2, b"two".to_vec())]);
        assert_eq!(frame.starting_at(Seq::new(2)).records().count(), 1);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (bytes, _) = sample();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                let intact =
                    decode_header(&bad).is_some_and(|header| body_is_intact(&header, &bad));
                assert!(!intact, "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn numbers_that_no_log_reaches_are_no_frame() {
        for at in [DURABLE_AT, NUMBER_AT, FIRST_SEQ_AT, TIME_AT] {
            let (mut bytes, _) = sample();
            put_at(&mut bytes, at, (NUMBER_MAX + 1).to_le_bytes());
            put_at(&mut bytes, HEADER_CRC_AT, [0; 4]);
            let crc = crc32c(&bytes[..FRAME_HEADER_BYTES]);
            put_at(&mut bytes, HEADER_CRC_AT, crc.to_le_bytes());
            assert_eq!(decode_header(&bytes), None, "byte {at}");
        }
        let resume = Tip { next_seq: Seq::new(6), next_frame: 40, chain: 99 };
        let mut bytes = gap(stamp(FrameKind::Gap, 5), Tip::START, resume);
        put_at(&mut bytes, FRAME_HEADER_BYTES, (NUMBER_MAX + 1).to_le_bytes());
        assert_eq!(tip_after(&decode_header(&bytes).unwrap(), &bytes), None);
    }

    #[test]
    fn a_copy_in_another_file_keeps_its_place_in_the_chain() {
        let (mut bytes, tip) = sample();
        rehome(&mut bytes, 1234, Seq::new(2));
        let header = decode_header(&bytes).unwrap();
        assert_eq!((header.nonce, header.durable), (1234, Seq::new(2)));
        assert_eq!(tip_after(&header, &bytes), Some(tip));
    }

    #[test]
    fn a_gap_leads_to_where_the_log_goes_on() {
        let resume = Tip { next_seq: Seq::new(6), next_frame: 40, chain: 99 };
        let bytes = gap(stamp(FrameKind::Gap, 5), Tip::START, resume);
        let header = decode_header(&bytes).unwrap();
        assert_eq!(tip_after(&header, &bytes), Some(resume));
        assert_eq!(Records::of(&header, &bytes).count(), 0);
    }
}
