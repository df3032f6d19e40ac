//! The footer of a sealed segment: what opening and seeking need, so that they do not read the frames.

use std::io;
use std::ops::Range;
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

/// What a footer says of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OfTopic {
    /// What the segment holds of it.
    Entry(TopicEntry),
    /// That it holds nothing of it.
    Nothing,
    /// There is no valid footer.
    NoFooter,
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
        let Some(trailer) = Trailer::read(file, header)? else { return Ok(None) };
        let (index, topics) = (trailer.index(file)?, trailer.topics(file)?);
        Ok(index.zip(topics).and_then(|(index, topics)| {
            Some(Self {
                start: tip_at(&trailer.bytes, START_AT)?,
                start_time: time_at(&trailer.bytes, START_TIME_AT)?,
                end: SegmentEnd {
                    at: u64_at(&trailer.bytes, END_BYTE_AT),
                    tip: tip_at(&trailer.bytes, END_AT)?,
                    time: time_at(&trailer.bytes, END_TIME_AT)?,
                },
                index,
                topics: Topics(&topics).map(|topic| topic?.entry()).collect::<Option<_>>()?,
            })
        }))
    }

    /// The index alone, without a look at the topics, of which there may be many.
    pub(crate) fn read_index(
        file: &dyn StorageFile,
        header: &SegmentHeader,
    ) -> io::Result<Option<Vec<IndexEntry>>> {
        let Some(trailer) = Trailer::read(file, header)? else { return Ok(None) };
        trailer.index(file)
    }

    /// What is said of one topic.
    pub(crate) fn read_topic(
        file: &dyn StorageFile,
        header: &SegmentHeader,
        name: &str,
    ) -> io::Result<OfTopic> {
        let Some(trailer) = Trailer::read(file, header)? else { return Ok(OfTopic::NoFooter) };
        let Some(topics) = trailer.topics(file)? else { return Ok(OfTopic::NoFooter) };
        for topic in Topics(&topics) {
            match topic {
                Some(topic) if topic.name == name.as_bytes() => {
                    return Ok(topic.entry().map_or(OfTopic::NoFooter, OfTopic::Entry));
                }
                Some(_) => (),
                None => return Ok(OfTopic::NoFooter),
            }
        }
        Ok(OfTopic::Nothing)
    }
}

/// The last bytes of a file with a footer, which say where the rest of it is.
struct Trailer {
    bytes: [u8; TRAILER_BYTES],
    index_at: u64,
    topics_at: u64,
    end: u64,
}

impl Trailer {
    fn read(file: &dyn StorageFile, header: &SegmentHeader) -> io::Result<Option<Self>> {
        let Some(end) = file.len()?.checked_sub(TRAILER_BYTES as u64) else { return Ok(None) };
        let mut bytes = [0; TRAILER_BYTES];
        read_exact_at(file, &mut bytes, end)?;
        let crc = u32_at(&bytes, CRC_AT);
        put_at(&mut bytes, CRC_AT, [0; 4]);
        let ours = u64_at(&bytes, MAGIC_AT) == MAGIC
            && u32_at(&bytes, FORMAT_AT) == FORMAT
            && crc32c(&bytes) == crc
            && u64_at(&bytes, ORDINAL_AT) == header.ordinal
            && u64_at(&bytes, NONCE_AT) == header.nonce;
        if !ours {
            return Ok(None);
        }
        let topics_at = end.checked_sub(u64_at(&bytes, TOPICS_LEN_AT));
        let index_at = topics_at.and_then(|at| at.checked_sub(u64_at(&bytes, INDEX_LEN_AT)));
        let frames_end = u64_at(&bytes, END_BYTE_AT);
        Ok(index_at
            .filter(|at| (SEGMENT_HEADER_BYTES as u64..=*at).contains(&frames_end))
            .zip(topics_at)
            .map(|(index_at, topics_at)| Self { bytes, index_at, topics_at, end }))
    }

    /// The index; `None` when its bytes are damaged.
    fn index(&self, file: &dyn StorageFile) -> io::Result<Option<Vec<IndexEntry>>> {
        let bytes = part(file, self.index_at..self.topics_at)?;
        if crc64(&bytes) != u64_at(&self.bytes, INDEX_CRC_AT) {
            return Ok(None);
        }
        Ok(bytes.chunks_exact(ENTRY_BYTES).map(decode_entry).collect())
    }

    /// The topics as bytes; `None` when they are damaged.
    fn topics(&self, file: &dyn StorageFile) -> io::Result<Option<Vec<u8>>> {
        let bytes = part(file, self.topics_at..self.end)?;
        Ok((crc64(&bytes) == u64_at(&self.bytes, TOPICS_CRC_AT)).then_some(bytes))
    }
}

fn part(file: &dyn StorageFile, range: Range<u64>) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(range.end - range.start).map_err(io::Error::other)?];
    read_exact_at(file, &mut bytes, range.start)?;
    Ok(bytes)
}

fn decode_entry(bytes: &[u8]) -> Option<IndexEntry> {
    Some(IndexEntry { at: u64_at(bytes, 0), tip: tip_at(bytes, 8)?, time: time_at(bytes, 32)? })
}

/// A topic as a footer has it.
struct RawTopic<'a> {
    numbers: &'a [u8],
    name: &'a [u8],
}

impl RawTopic<'_> {
    /// The entry, if it can be one.
    fn entry(&self) -> Option<TopicEntry> {
        let number = |at: usize| Some(u64_at(self.numbers, at * 8)).filter(|it| *it <= NUMBER_MAX);
        Some(TopicEntry {
            name: std::str::from_utf8(self.name).ok()?.into(),
            born: Seq::new(number(0)?),
            first: Seq::new(number(1)?),
            first_offset: number(2)?,
            last: Seq::new(number(3)?),
            last_offset: number(4)?,
        })
    }
}

/// The topics of a footer; `None` for one that is cut off, which is the last.
struct Topics<'a>(&'a [u8]);

impl<'a> Iterator for Topics<'a> {
    type Item = Option<RawTopic<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let topic = self.0.split_at_checked(TOPIC_BYTES).and_then(|(numbers, rest)| {
            let (name, rest) = rest.split_at_checked(usize::from(numbers[TOPIC_BYTES - 1]))?;
            Some((RawTopic { numbers, name }, rest))
        });
        self.0 = topic.as_ref().map_or(&[], |(_, rest)| rest);
        Some(topic.map(|(topic, _)| topic))
    }
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
            let file = file.as_ref();
            assert_eq!(Footer::read(file, &header).unwrap(), Some(footer.clone()));
            assert_eq!(Footer::read_index(file, &header).unwrap(), Some(footer.index.clone()));
            for topic in &footer.topics {
                let found = Footer::read_topic(file, &header, &topic.name).unwrap();
                assert_eq!(found, OfTopic::Entry(topic.clone()));
            }
            assert_eq!(Footer::read_topic(file, &header, "b").unwrap(), OfTopic::Nothing);
            let reused = SegmentHeader { nonce: 4, ..header };
            assert_eq!(Footer::read(file, &reused).unwrap(), None);
            assert_eq!(Footer::read_index(file, &reused).unwrap(), None);
            assert_eq!(Footer::read_topic(file, &reused, "a").unwrap(), OfTopic::NoFooter);
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
