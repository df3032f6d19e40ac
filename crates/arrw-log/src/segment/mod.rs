//! One file of the log: its name, its header, and what is known of it while it is in use.

mod footer;
mod source;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use crate::bytes_at::{put_at, u32_at, u64_at, u128_at};
use crate::checksum::crc32c;
use crate::limits::{INDEX_ENTRIES_MAX, INDEX_EVERY_BYTES};
use crate::position::{Seq, Timestamp, Tip};
use crate::storage::{Storage, StorageFile, read_exact_at, write_all_at};

pub(crate) use footer::{Footer, OfTopic, TopicEntry, tip_at, tip_bytes};
pub(crate) use source::{FrameSource, Probe};

/// Bytes before the first frame: one page, so that frames never share one with the header.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 4096;

/// Version of the files' layout. It changes only when an older program could not read the log.
pub(crate) const FORMAT: u32 = 2;

const MAGIC: u64 = u64::from_le_bytes(*b"ARRWSEG1");
const MAGIC_AT: usize = 0;
const FORMAT_AT: usize = 8;
const CRC_AT: usize = 12;
const LOG_ID_AT: usize = 16;
const ORDINAL_AT: usize = 32;
const NONCE_AT: usize = 40;

/// Ending of a segment's file name.
const SUFFIX: &str = ".seg";

/// Name of the file of a segment.
pub(crate) fn file_name(ordinal: u64) -> String {
    format!("{ordinal:010}{SUFFIX}")
}

/// The ordinal in a file name; `None` when it names no segment.
pub(crate) fn ordinal_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let plain = 10 <= digits.len() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let ordinal = digits.parse().ok()?;
    (plain && file_name(ordinal) == name).then_some(ordinal)
}

/// What a segment's first page says: which file of which log this is, and in which life.
///
/// Nothing about its contents, so that it can be written long before them; those tell themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) log_id: u128,
    /// Place among the files of the log, dense.
    pub(crate) ordinal: u64,
    /// Drawn anew whenever the file is used again, so that frames of its last life never match.
    pub(crate) nonce: u64,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut page = vec![0; SEGMENT_HEADER_BYTES];
        put_at(&mut page, MAGIC_AT, MAGIC.to_le_bytes());
        put_at(&mut page, FORMAT_AT, FORMAT.to_le_bytes());
        put_at(&mut page, LOG_ID_AT, self.log_id.to_le_bytes());
        put_at(&mut page, ORDINAL_AT, self.ordinal.to_le_bytes());
        put_at(&mut page, NONCE_AT, self.nonce.to_le_bytes());
        let crc = crc32c(&page);
        put_at(&mut page, CRC_AT, crc.to_le_bytes());
        page
    }

    pub(crate) fn decode(page: &[u8]) -> Option<Self> {
        let mut copy = page.get(..SEGMENT_HEADER_BYTES)?.to_vec();
        put_at(&mut copy, CRC_AT, [0; 4]);
        let intact = crc32c(&copy) == u32_at(page, CRC_AT)
            && u64_at(page, MAGIC_AT) == MAGIC
            && u32_at(page, FORMAT_AT) == FORMAT;
        intact.then(|| Self {
            log_id: u128_at(page, LOG_ID_AT),
            ordinal: u64_at(page, ORDINAL_AT),
            nonce: u64_at(page, NONCE_AT),
        })
    }

    /// Reads the header of a file; `None` when it has no valid one.
    pub(crate) fn read(file: &dyn StorageFile) -> io::Result<Option<Self>> {
        let mut page = vec![0; SEGMENT_HEADER_BYTES];
        match read_exact_at(file, &mut page, 0) {
            Ok(()) => Ok(Self::decode(&page)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn write(&self, file: &dyn StorageFile) -> io::Result<()> {
        write_all_at(file, &self.encode(), 0)
    }
}

/// Where a frame starts, and what must be known to check it and those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    /// Byte of the file.
    pub(crate) at: u64,
    /// The log's end before the frame.
    pub(crate) tip: Tip,
    /// The frame's time.
    pub(crate) time: Timestamp,
}

/// Where a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentEnd {
    /// First byte behind its last frame.
    pub(crate) at: u64,
    /// The log's end there.
    pub(crate) tip: Tip,
    /// Time of its last frame.
    pub(crate) time: Timestamp,
}

/// A segment that holds frames. Readers and the writer share it; what changes is behind atomics.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) header: SegmentHeader,
    /// The log's end before its first frame.
    pub(crate) start: Tip,
    /// Time of its first frame; that of the log's last frame before it when it has none.
    pub(crate) start_time: Timestamp,
    /// First byte behind the last committed frame: what readers may read.
    committed: AtomicU64,
    /// One entry every [`INDEX_EVERY_BYTES`], until the footer has it, and again when it was looked up.
    index: Mutex<Vec<IndexEntry>>,
    end: OnceLock<SegmentEnd>,
}

impl Segment {
    /// A segment that is being filled, so far up to `committed`.
    pub(crate) fn open(header: SegmentHeader, start: Tip, start_time: Timestamp) -> Self {
        Self {
            header,
            start,
            start_time,
            committed: AtomicU64::new(SEGMENT_HEADER_BYTES as u64),
            index: Mutex::new(Vec::new()),
            end: OnceLock::new(),
        }
    }

    /// A segment as its footer describes it. Its index stays on the disk until a reader asks.
    pub(crate) fn sealed(header: SegmentHeader, footer: &Footer) -> Self {
        let segment = Self::open(header, footer.start, footer.start_time);
        segment.seal(footer.end);
        segment
    }

    pub(crate) fn name(&self) -> String {
        file_name(self.header.ordinal)
    }

    pub(crate) fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// Lets readers read up to `end`, behind a frame that starts as `entry` says.
    pub(crate) fn commit(&self, entry: IndexEntry, end: u64) {
        let mut index = self.index.lock().expect("no holder of this lock panics");
        if index.last().is_none_or(|last| last.at + INDEX_EVERY_BYTES <= entry.at) {
            index.push(entry);
        }
        drop(index);
        self.committed.store(end, Ordering::Release);
    }

    /// Lets readers read up to `end`, behind a frame that needs no entry in the index.
    pub(crate) fn commit_end(&self, end: u64) {
        self.committed.store(end, Ordering::Release);
    }

    /// Says that no frame will be added.
    pub(crate) fn seal(&self, end: SegmentEnd) {
        self.committed.store(end.at, Ordering::Release);
        self.end.set(end).expect("a segment is sealed once");
    }

    pub(crate) fn end(&self) -> Option<&SegmentEnd> {
        self.end.get()
    }

    /// The sparse index so far; empty when it is still on the disk.
    pub(crate) fn index(&self) -> Vec<IndexEntry> {
        self.index.lock().expect("no holder of this lock panics").clone()
    }

    /// The last entry of which `is_before` is true, that of the start when there is none, and how many entries were read from
    /// the disk for it.
    fn last_entry(
        &self,
        storage: &dyn Storage,
        is_before: impl Fn(&IndexEntry) -> bool,
    ) -> io::Result<(IndexEntry, usize)> {
        let mut index = self.index.lock().expect("no holder of this lock panics");
        let mut read = 0;
        if index.is_empty() && self.end.get().is_some() {
            let file = storage.open(&self.name())?;
            if let Some(found) = Footer::read_index(file.as_ref(), &self.header)? {
                *index = found;
                read = index.len();
            }
        }
        let after = index.partition_point(is_before);
        let start =
            IndexEntry { at: SEGMENT_HEADER_BYTES as u64, tip: self.start, time: self.start_time };
        Ok((after.checked_sub(1).map_or(start, |at| index[at]), read))
    }

    /// Forgets an index that can be read again from the footer, and frees its memory.
    pub(crate) fn drop_index(&self) {
        *self.index.lock().expect("no holder of this lock panics") = Vec::new();
    }
}

/// The segments that hold the log, oldest first; the last is the one being filled.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    all: Mutex<Vec<Arc<Segment>>>,
    looked_up: Mutex<LookedUp>,
}

/// The segments whose index was read from the disk.
#[derive(Debug, Default)]
struct LookedUp {
    /// Each with the entries of its index, the latest last.
    segments: VecDeque<(Weak<Segment>, usize)>,
    /// All these entries.
    entries: usize,
}

impl LookedUp {
    /// An index was read. Forgets those that were read first while there are too many entries.
    fn add(&mut self, segment: &Arc<Segment>, entries: usize) {
        self.segments.push_back((Arc::downgrade(segment), entries));
        self.entries += entries;
        while INDEX_ENTRIES_MAX < self.entries
            && let Some((first, entries)) = self.segments.pop_front()
        {
            self.entries -= entries;
            if let Some(first) = first.upgrade() {
                first.drop_index();
            }
        }
    }
}

impl Segments {
    pub(crate) fn new(segments: Vec<Arc<Segment>>) -> Self {
        Self { all: Mutex::new(segments), looked_up: Mutex::default() }
    }

    /// The last entry at or before `seq` in its segment: where to start looking for it. Reads the index if need be.
    pub(crate) fn entry_before(
        &self,
        segment: &Arc<Segment>,
        seq: Seq,
        storage: &dyn Storage,
    ) -> io::Result<IndexEntry> {
        self.last_entry(segment, storage, |entry| entry.tip.next_seq <= seq)
    }

    /// The last entry of a frame before `time` in its segment: where to start looking for the first one since.
    pub(crate) fn entry_before_time(
        &self,
        segment: &Arc<Segment>,
        time: Timestamp,
        storage: &dyn Storage,
    ) -> io::Result<IndexEntry> {
        self.last_entry(segment, storage, |entry| entry.time < time)
    }

    /// Keeps indexes that were read, as far as there is room.
    fn last_entry(
        &self,
        segment: &Arc<Segment>,
        storage: &dyn Storage,
        is_before: impl Fn(&IndexEntry) -> bool,
    ) -> io::Result<IndexEntry> {
        let (entry, read) = segment.last_entry(storage, is_before)?;
        if read > 0 {
            self.looked_up.lock().expect("no holder of this lock panics").add(segment, read);
        }
        Ok(entry)
    }

    /// All segments now.
    pub(crate) fn all(&self) -> Vec<Arc<Segment>> {
        self.all.lock().expect("no holder of this lock panics").clone()
    }

    pub(crate) fn push(&self, segment: Arc<Segment>) {
        self.all.lock().expect("no holder of this lock panics").push(segment);
    }

    /// Takes the `count` oldest out.
    pub(crate) fn remove_oldest(&self, count: usize) -> Vec<Arc<Segment>> {
        self.all.lock().expect("no holder of this lock panics").drain(..count).collect()
    }

    /// The segment that holds the first frame since `time`, or one before it: the last that starts before
    /// that time.
    pub(crate) fn holding_time(&self, time: Timestamp) -> Option<Arc<Segment>> {
        let segments = self.all.lock().expect("no holder of this lock panics");
        let after = segments.partition_point(|segment| segment.start_time < time);
        segments.get(after.saturating_sub(1)).cloned()
    }

    /// The segment that holds `seq`, or would: the last that starts at or before it.
    pub(crate) fn holding(&self, seq: Seq) -> Option<Arc<Segment>> {
        let segments = self.all.lock().expect("no holder of this lock panics");
        let after = segments.partition_point(|segment| segment.start.next_seq <= seq);
        // An empty segment starts where the next one does: take the first that has the record.
        let found = segments[..after]
            .iter()
            .rev()
            .find(|segment| segment.end().is_none_or(|end| seq < end.tip.next_seq));
        found.or(segments.first()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MemoryStorage;

    #[test]
    fn a_name_tells_its_ordinal() {
        assert_eq!(file_name(7), "0000000007.seg");
        for ordinal in [0, 7, 9_999_999_999, 10_000_000_000] {
            assert_eq!(ordinal_of(&file_name(ordinal)), Some(ordinal));
        }
        for name in ["7.seg", "0000000007.seg.tmp", "+000000007.seg", "super.a", "00000000007.seg"]
        {
            assert_eq!(ordinal_of(name), None, "{name}");
        }
    }

    #[test]
    fn so_many_indexes_are_kept_in_memory() {
        let storage = MemoryStorage::new();
        let tip = |seq| Tip { next_seq: Seq::new(seq), next_frame: seq, chain: seq };
        let time = Timestamp::from_micros(5);
        let entry = IndexEntry { at: 5120, tip: tip(4), time };
        let end = SegmentEnd { at: 8192, tip: tip(10), time };
        let index = vec![entry; 1_024];
        let (len, kept_max) = (index.len(), INDEX_ENTRIES_MAX / index.len());
        let footer = Footer { start: tip(1), start_time: time, end, index, topics: Vec::new() };
        let segments = Segments::default();
        for ordinal in 0..=kept_max as u64 {
            let header = SegmentHeader { log_id: 1, ordinal, nonce: 3 };
            let file = storage.create(&file_name(ordinal)).unwrap();
            footer.write(file.as_ref(), &header, 0).unwrap();
            segments.push(Arc::new(Segment::sealed(header, &footer)));
        }
        let all = segments.all();
        for segment in all.iter().chain(&all) {
            let found = segments.entry_before(segment, Seq::new(7), &storage).unwrap();
            assert_eq!(found, entry);
            let found = segments.entry_before_time(segment, time, &storage).unwrap();
            assert_eq!(found.at, SEGMENT_HEADER_BYTES as u64, "its frame is not before that time");
            assert_eq!(segment.index.lock().unwrap().len(), len, "the last one stays");
        }
        let kept = all.iter().filter(|segment| segment.index.lock().unwrap().capacity() != 0);
        assert_eq!(kept.count(), kept_max);
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_noticed() {
        let header = SegmentHeader { log_id: 1, ordinal: 2, nonce: 3 };
        let page = header.encode();
        assert_eq!(SegmentHeader::decode(&page), Some(header));
        for at in 0..page.len() {
            let mut bad = page.clone();
            bad[at] ^= 1 << (at % 8);
            assert_eq!(SegmentHeader::decode(&bad), None, "byte {at}");
        }
    }
}
