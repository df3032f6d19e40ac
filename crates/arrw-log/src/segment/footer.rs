//! The footer of a sealed segment: what opening and seeking need, so that they do not read the frames.

use std::io;
use std::sync::Arc;

use super::{FORMAT, IndexEntry, SEGMENT_HEADER_BYTES, SegmentEnd, SegmentHeader};
use crate::bytes_at::{put_at, u32_at, u64_at};
use crate::checksum::{crc32c, crc64};
use crate::limits::NUMBER_MAX;
use crate::position::{Seq, Timestamp, Tip};
use crate::storage::{StorageFile, read_exact_at, write_all_at};

/// Bytes of the trailer, the last of the file.
const TRAILER_BYTES: usize = 192;
const MAGIC: u64 = u64::from_le_bytes(*b"ARRWFOOT");
const MAGIC_AT: usize = 0;
const FORMAT_AT: usize = 8;
const CRC_AT: usize = 12;
const ORDINAL_AT: usize = 16;
const NONCE_AT: usize = 24;
const START_AT: usize = 32;
const START_TIME_AT: usize = 56;
const END_AT: usize = 64;
const END_TIME_AT: usize = 88;
const END_BYTE_AT: usize = 96;
const INDEX_LEN_AT: usize = 104;
const INDEX_CRC_AT: usize = 112;
const TOPICS_LEN_AT: usize = 120;
const TOPICS_CRC_AT: usize = 128;

const ENTRY_BYTES: usize = 40;
/// Bytes of a topic's entry before its name.
const TOPIC_BYTES: usize = 41;

/// What a segment holds of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicEntry {
    pub(crate) name: Arc<str>,
    /// The topic's first record in this life, wherever it is.
    pub(crate) born: Seq,
    /// Its first record in this segment.
    pub(crate) first: Seq,
    /// Offset of that one.
    pub(crate) first_offset: u64,
    /// Its last record in this segment.
    pub(crate) last: Seq,
    /// Offset of that one.
    pub(crate) last_offset: u64,
}

/// All that a footer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) start: Tip,
    pub(crate) start_time: Timestamp,
    pub(crate) end: SegmentEnd,
    pub(crate) index: Vec<IndexEntry>,
    pub(crate) topics: Vec<TopicEntry>,
}

impl Footer {
    /// Writes the footer so that it ends the file, which then has `len_min` bytes or more. Not synced.
    pub(crate) fn write(
        &self,
        file: &dyn StorageFile,
        header: &SegmentHeader,
        len_min: u64,
    ) -> io::Result<()> {
        let bytes = self.encode(header);
        let len = len_min.max(self.end.at + bytes.len() as u64);
        write_all_at(file, &bytes, len - bytes.len() as u64)?;
        file.set_len(len)
    }

    fn encode(&self, header: &SegmentHeader) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in &self.index {
            bytes.extend_from_slice(&entry.at.to_le_bytes());
            bytes.extend_from_slice(&tip_bytes(&entry.tip));
            bytes.extend_from_slice(&entry.time.micros().to_le_bytes());
        }
        let index_len = bytes.len();
        for topic in &self.topics {
            for number in [
                topic.born.get(),
                topic.first.get(),
                topic.first_offset,
                topic.last.get(),
                topic.last_offset,
            ] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            bytes.push(
                u8::try_from(topic.name.len()).expect("a topic's name has at most 255 bytes"),
            );
            bytes.extend_from_slice(topic.name.as_bytes());
        }
        let mut trailer = [0; TRAILER_BYTES];
        put_at(&mut trailer, MAGIC_AT, MAGIC.to_le_bytes());
        put_at(&mut trailer, FORMAT_AT, FORMAT.to_le_bytes());
        put_at(&mut trailer, ORDINAL_AT, header.ordinal.to_le_bytes());
        put_at(&mut trailer, NONCE_AT, header.nonce.to_le_bytes());
        put_at(&mut trailer, START_AT, tip_bytes(&self.start));
        put_at(&mut trailer, START_TIME_AT, self.start_time.micros().to_le_bytes());
        put_at(&mut trailer, END_AT, tip_bytes(&self.end.tip));
        put_at(&mut trailer, END_TIME_AT, self.end.time.micros().to_le_bytes());
        put_at(&mut trailer, END_BYTE_AT, self.end.at.to_le_bytes());
        put_at(&mut trailer, INDEX_LEN_AT, (index_len as u64).to_le_bytes());
        put_at(&mut trailer, INDEX_CRC_AT, crc64(&bytes[..index_len]).to_le_bytes());
        put_at(&mut trailer, TOPICS_LEN_AT, ((bytes.len() - index_len) as u64).to_le_bytes());
        put_at(&mut trailer, TOPICS_CRC_AT, crc64(&bytes[index_len..]).to_le_bytes());
        let crc = crc32c(&trailer);
        put_at(&mut trailer, CRC_AT, crc.to_le_bytes());
        bytes.extend_from_slice(&trailer);
        bytes
    }

    /// Reads the footer of a file; `None` when it has no valid one that belongs to `header`.
    pub(crate) fn read(file: &dyn StorageFile, header: &SegmentHeader) -> io::Result<Option<Self>> {
        let file_len = file.len()?;
        let Some(trailer_at) = file_len.checked_sub(TRAILER_BYTES as u64) else { return Ok(None) };
        let mut trailer = [0; TRAILER_BYTES];
        read_exact_at(file, &mut trailer, trailer_at)?;
        let crc = u32_at(&trailer, CRC_AT);
        put_at(&mut trailer, CRC_AT, [0; 4]);
        let ours = u64_at(&trailer, MAGIC_AT) == MAGIC
            && u32_at(&trailer, FORMAT_AT) == FORMAT
            && crc32c(&trailer) == crc
            && u64_at(&trailer, ORDINAL_AT) == header.ordinal
            && u64_at(&trailer, NONCE_AT) == header.nonce;
        if !ours {
            return Ok(None);
        }
        let body_len =
            u64_at(&trailer, INDEX_LEN_AT).saturating_add(u64_at(&trailer, TOPICS_LEN_AT));
        let Some(body_at) = trailer_at.checked_sub(body_len) else { return Ok(None) };
        let frames_end = u64_at(&trailer, END_BYTE_AT);
        if !(SEGMENT_HEADER_BYTES as u64..=body_at).contains(&frames_end) {
            return Ok(None);
        }
        let mut body = vec![0; usize::try_from(body_len).map_err(io::Error::other)?];
        read_exact_at(file, &mut body, body_at)?;
        Ok(Self::decode(&trailer, &body))
    }

    fn decode(trailer: &[u8], body: &[u8]) -> Option<Self> {
        let (index, topics) = body.split_at(usize::try_from(u64_at(trailer, INDEX_LEN_AT)).ok()?);
        if crc64(index) != u64_at(trailer, INDEX_CRC_AT)
            || crc64(topics) != u64_at(trailer, TOPICS_CRC_AT)
        {
            return None;
        }
        Some(Self {
            start: tip_at(trailer, START_AT)?,
            start_time: time_at(trailer, START_TIME_AT)?,
            end: SegmentEnd {
                at: u64_at(trailer, END_BYTE_AT),
                tip: tip_at(trailer, END_AT)?,
                time: time_at(trailer, END_TIME_AT)?,
            },
            index: index.chunks_exact(ENTRY_BYTES).map(decode_entry).collect::<Option<_>>()?,
            topics: decode_topics(topics)?,
        })
    }
}

fn decode_entry(bytes: &[u8]) -> Option<IndexEntry> {
    Some(IndexEntry { at: u64_at(bytes, 0), tip: tip_at(bytes, 8)?, time: time_at(bytes, 32)? })
}

fn decode_topics(mut bytes: &[u8]) -> Option<Vec<TopicEntry>> {
    let mut topics = Vec::new();
    while !bytes.is_empty() {
        let numbers = bytes.get(..TOPIC_BYTES)?;
        let end = TOPIC_BYTES + usize::from(numbers[TOPIC_BYTES - 1]);
        let name = std::str::from_utf8(bytes.get(TOPIC_BYTES..end)?).ok()?;
        if (0..5).any(|number| NUMBER_MAX < u64_at(numbers, number * 8)) {
            return None;
        }
        topics.push(TopicEntry {
            name: name.into(),
            born: Seq::new(u64_at(numbers, 0)),
            first: Seq::new(u64_at(numbers, 8)),
            first_offset: u64_at(numbers, 16),
            last: Seq::new(u64_at(numbers, 24)),
            last_offset: u64_at(numbers, 32),
        });
        bytes = &bytes[end..];
    }
    Some(topics)
}

/// A tip as 24 bytes: seq, frame number, chain.
pub(crate) fn tip_bytes(tip: &Tip) -> [u8; 24] {
    let mut bytes = [0; 24];
    put_at(&mut bytes, 0, tip.next_seq.get().to_le_bytes());
    put_at(&mut bytes, 8, tip.next_frame.to_le_bytes());
    put_at(&mut bytes, 16, tip.chain.to_le_bytes());
    bytes
}

/// The tip stored at `at`, if it can be one.
pub(crate) fn tip_at(bytes: &[u8], at: usize) -> Option<Tip> {
    let (next_seq, next_frame) = (u64_at(bytes, at), u64_at(bytes, at + 8));
    let tip = Tip { next_seq: Seq::new(next_seq), next_frame, chain: u64_at(bytes, at + 16) };
    (next_seq.max(next_frame) <= NUMBER_MAX).then_some(tip)
}

/// The time stored at `at`, if it can be one.
fn time_at(bytes: &[u8], at: usize) -> Option<Timestamp> {
    let micros = u64_at(bytes, at);
    (micros <= NUMBER_MAX).then_some(Timestamp::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{MemoryStorage, Storage};

    fn sample() -> (SegmentHeader, Footer) {
        let tip = |seq| Tip { next_seq: Seq::new(seq), next_frame: seq, chain: seq };
        let time = Timestamp::from_micros(5);
        let topic = |name: &str| TopicEntry {
            name: name.into(),
            born: Seq::new(1),
            first: Seq::new(2),
            first_offset: 2,
            last: Seq::new(9),
            last_offset: 7,
        };
        let footer = Footer {
            start: tip(1),
            start_time: time,
            end: SegmentEnd { at: 8192, tip: tip(10), time },
            index: vec![
                IndexEntry { at: 4096, tip: tip(1), time },
                IndexEntry { at: 5120, tip: tip(4), time },
            ],
            topics: vec![topic("a"), topic("b.c")],
        };
        (SegmentHeader { log_id: 1, ordinal: 2, nonce: 3 }, footer)
    }

    #[test]
    fn a_footer_survives_its_bytes_in_a_full_and_in_a_cut_file() {
        let (header, footer) = sample();
        for (name, len_min, len) in [("full", 65_536, 65_536), ("cut", 0, 8192 + 80 + 86 - 1 + 192)]
        {
            let file = MemoryStorage::new().create(name).unwrap();
            footer.write(file.as_ref(), &header, len_min).unwrap();
            assert!(file.len().unwrap().abs_diff(len) < 8, "{}", file.len().unwrap());
            assert_eq!(Footer::read(file.as_ref(), &header).unwrap(), Some(footer.clone()));
            let reused = SegmentHeader { nonce: 4, ..header };
            assert_eq!(Footer::read(file.as_ref(), &reused).unwrap(), None);
        }
    }

    #[test]
    fn every_flipped_bit_makes_a_footer_unusable() {
        let (header, footer) = sample();
        let bytes = footer.encode(&header);
        for at in 0..bytes.len() {
            let file = MemoryStorage::new().create("f").unwrap();
            footer.write(file.as_ref(), &header, 16_384).unwrap();
            let byte = [bytes[at] ^ (1 << (at % 8))];
            write_all_at(file.as_ref(), &byte, 16_384 - (bytes.len() - at) as u64).unwrap();
            assert_eq!(Footer::read(file.as_ref(), &header).unwrap(), None, "byte {at}");
        }
    }
}
