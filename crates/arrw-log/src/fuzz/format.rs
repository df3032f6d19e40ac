//! Pages of the files: superblocks, headers and footers of segments, checkpoints.
//!
//! The first byte of an input says whether its checksums are made right before it is read: without that nothing
//! that was changed would get past them. Their places are as `docs/log-format.md` draws them.

use super::{Input, Outcome, Target};
use crate::bytes_at::{put_at, u64_at};
use crate::checkpoint::{self, Checkpoint};
use crate::checksum::{crc32c, crc64};
use crate::limits::NUMBER_MAX;
use crate::position::{Epoch, Seq, Timestamp, Tip};
use crate::segment::{
    Footer, IndexEntry, SEGMENT_HEADER_BYTES, SegmentEnd, SegmentHeader, TopicEntry,
};
use crate::storage::{MemoryStorage, Storage, StorageFile, write_all_at};
use crate::superblock::{Found, LeftAs, SUPERBLOCK_NAMES, Superblock};

pub(super) const SUPERBLOCK: Target = Target {
    name: "log-superblock",
    what: "page of a superblock: written and read again it is the same",
    run: superblock,
    seeds: superblock_seeds,
    words: &["ARRWSUPR", "\u{2}\0\0\0"],
};

pub(super) const HEADER: Target = Target {
    name: "log-segment-header",
    what: "first page of a segment: written again it has the same bytes",
    run: header,
    seeds: || vec![sealed_input(&SAMPLE.encode()[..48])],
    words: &["ARRWSEG1", "\u{2}\0\0\0"],
};

pub(super) const FOOTER: Target = Target {
    name: "log-footer",
    what: "end of a segment: written and read again it is the same",
    run: footer,
    seeds: footer_seeds,
    words: &["ARRWFOOT", "\u{2}\0\0\0"],
};

pub(super) const CHECKPOINT: Target = Target {
    name: "log-checkpoint",
    what: "file of a checkpoint: saved again it has the same bytes",
    run: checkpoint,
    seeds: checkpoint_seeds,
    words: &["ARRWCKPT", "\u{2}\0\0\0"],
};

const SAMPLE: SegmentHeader = SegmentHeader { log_id: 7, ordinal: 3, nonce: 99 };

const PAGE_BYTES: usize = 4096;
const TRAILER_BYTES: usize = 192;
const CHECKPOINT_HEADER_BYTES: usize = 64;

/// Makes the checksum of a page right.
pub(super) fn seal_page(page: &mut [u8]) {
    put_at(page, 12, [0; 4]);
    let crc = crc32c(page);
    put_at(page, 12, crc.to_le_bytes());
}

/// An input whose checksums are made right.
fn sealed_input(bytes: &[u8]) -> Vec<u8> {
    [&[1], bytes].concat()
}

/// The page that an input stands for: what is left out are zeros.
fn page_of(input: &[u8]) -> Vec<u8> {
    let mut input = Input::new(input);
    let is_sealed = input.byte() & 1 == 1;
    let mut page = input.rest().to_vec();
    page.resize(PAGE_BYTES, 0);
    if is_sealed {
        seal_page(&mut page);
    }
    page
}

/// A folder with one file.
fn folder_with(name: &str, bytes: &[u8]) -> (MemoryStorage, std::sync::Arc<dyn StorageFile>) {
    let storage = MemoryStorage::new();
    let file = storage.create(name).expect("it is not there yet");
    write_all_at(file.as_ref(), bytes, 0).expect("memory can be written");
    (storage, file)
}

fn bytes_of(file: &dyn StorageFile) -> Vec<u8> {
    let len = file.len().expect("memory has a length");
    let mut bytes = vec![0; usize::try_from(len).expect("it is in memory")];
    file.read_at(&mut bytes, 0).expect("memory can be read");
    bytes
}

fn superblock(input: &[u8]) -> Outcome {
    let (storage, _) = folder_with(SUPERBLOCK_NAMES[0], &page_of(input));
    match Superblock::find(&storage).expect("memory can be read") {
        Found::Block { mut block, damaged } => {
            assert_eq!(damaged, 1, "the other copy is not there");
            let (first, open) = (block.first_ordinal, block.open_ordinal);
            assert!(first.max(open).max(block.durable.get()) <= NUMBER_MAX, "{block:?}");
            if block.generation == NUMBER_MAX {
                return Outcome::accepted(&[]);
            }
            block.write(&storage).expect("memory can be written");
            let found = Superblock::find(&storage).expect("memory can be read");
            let Found::Block { block: read, damaged: 0 } = found else {
                unreachable!("{block:?} is read as {found:?}")
            };
            assert_eq!(read, block);
            let state = block.left_as as usize;
            Outcome::accepted(&[state, usize::from(open == 0), usize::from(first == 0)])
        }
        Found::Damaged => Outcome::refused(&[0]),
        Found::Format(_) => Outcome::refused(&[1]),
        Found::Nothing => unreachable!("there is a file"),
    }
}

fn superblock_seeds() -> Vec<Vec<u8>> {
    let seed = |left_as| {
        let mut block = Superblock {
            generation: 4,
            log_id: 7,
            epoch: Epoch::from_random(9),
            left_as,
            first_ordinal: 1,
            start: Tip::START,
            durable: Seq::new(5),
            segment_bytes: 16 * 1024,
            open_ordinal: 2,
        };
        let storage = MemoryStorage::new();
        block.write(&storage).expect("memory can be written");
        let file = storage.open(SUPERBLOCK_NAMES[0]).expect("it was written");
        sealed_input(&bytes_of(file.as_ref())[..112])
    };
    [LeftAs::Open, LeftAs::Closed, LeftAs::Backup].map(seed).into()
}

fn header(input: &[u8]) -> Outcome {
    let page = page_of(input);
    let Some(header) = SegmentHeader::decode(&page) else { return Outcome::refused(&[]) };
    let written = header.encode();
    assert_eq!(SegmentHeader::decode(&written), Some(header));
    let is_plain = page[48..].iter().all(|byte| *byte == 0);
    assert!(!is_plain || written == page, "{header:?} has two forms");
    Outcome::accepted(&[usize::from(is_plain), usize::from(header.ordinal == 0)])
}

/// The file of a segment without frames, whose last bytes are those of the input.
fn footer(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let is_sealed = input.byte() & 1 == 1;
    let mut file_bytes = vec![0; SEGMENT_HEADER_BYTES];
    file_bytes.extend_from_slice(input.rest());
    if is_sealed {
        seal_footer(&mut file_bytes);
    }
    let (_, file) = folder_with("0000000003.seg", &file_bytes);
    let read = Footer::read(file.as_ref(), &SAMPLE).expect("memory can be read");
    let Some(footer) = read else { return Outcome::refused(&[]) };
    let (index, topics) = (footer.index.len(), footer.topics.len());
    assert!(index * 40 + topics * 41 <= file_bytes.len(), "it has more entries than bytes");
    assert!(SEGMENT_HEADER_BYTES as u64 <= footer.end.at, "frames end before they start");
    assert!(footer.end.at <= file_bytes.len() as u64, "frames end behind the file");
    let (_, again) = folder_with("0000000003.seg", &[]);
    footer.write(again.as_ref(), &SAMPLE, 0).expect("memory can be written");
    let read = Footer::read(again.as_ref(), &SAMPLE).expect("memory can be read");
    assert_eq!(read.as_ref(), Some(&footer), "it is read as another one");
    Outcome::accepted(&[index, topics])
}

/// Makes the checksums of the last bytes of a file right, as far as its lengths are.
pub(super) fn seal_footer(file: &mut [u8]) {
    let Some(trailer_at) = file.len().checked_sub(TRAILER_BYTES) else { return };
    let len =
        |file: &[u8], at| usize::try_from(u64_at(file, trailer_at + at)).unwrap_or(usize::MAX);
    let topics_at = trailer_at.checked_sub(len(file, 120));
    let index_at = topics_at.and_then(|at| at.checked_sub(len(file, 104)));
    if let (Some(index_at), Some(topics_at)) = (index_at, topics_at) {
        let (index, topics) =
            (crc64(&file[index_at..topics_at]), crc64(&file[topics_at..trailer_at]));
        put_at(file, trailer_at + 112, index.to_le_bytes());
        put_at(file, trailer_at + 128, topics.to_le_bytes());
    }
    seal_page(&mut file[trailer_at..]);
}

fn footer_seeds() -> Vec<Vec<u8>> {
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
    let entry = IndexEntry { at: 4096, tip: tip(1), time };
    let footer = |index, topics| Footer {
        start: tip(1),
        start_time: time,
        end: SegmentEnd { at: 4096, tip: tip(10), time },
        index,
        topics,
    };
    let all = [footer(Vec::new(), Vec::new()), footer(vec![entry], vec![topic("a.b"), topic("c")])];
    let seed = |footer: Footer| {
        let (_, file) = folder_with("0000000003.seg", &[]);
        footer.write(file.as_ref(), &SAMPLE, 0).expect("memory can be written");
        sealed_input(&bytes_of(file.as_ref())[SEGMENT_HEADER_BYTES..])
    };
    all.into_iter().map(seed).collect()
}

fn checkpoint(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let flags = input.byte();
    let mut bytes = input.rest().to_vec();
    if flags & 1 == 1 && CHECKPOINT_HEADER_BYTES <= bytes.len() {
        put_at(&mut bytes, 48, [0; 8]);
        let crc = crc64(&bytes);
        put_at(&mut bytes, 48, crc.to_le_bytes());
    }
    let (storage, _) = folder_with("view.ckpt", &bytes);
    let read = checkpoint::read(&storage, "view", SAMPLE.log_id).expect("memory can be read");
    let Some(checkpoint) = read else { return Outcome::refused(&[bytes.len()]) };
    assert!(checkpoint.seq.get() <= NUMBER_MAX, "{:?}", checkpoint.seq);
    assert_eq!(checkpoint.bytes, bytes[CHECKPOINT_HEADER_BYTES..]);
    checkpoint::write(&storage, "view", SAMPLE.log_id, &checkpoint).expect("memory can be written");
    let file = storage.open("view.ckpt").expect("it was written");
    let is_plain = bytes[12..16] == [0; 4] && bytes[56..64] == [0; 8];
    assert!(!is_plain || bytes_of(file.as_ref()) == bytes, "{checkpoint:?} has two forms");
    Outcome::accepted(&[checkpoint.bytes.len(), usize::from(is_plain)])
}

fn checkpoint_seeds() -> Vec<Vec<u8>> {
    let seed = |bytes: &[u8]| {
        let storage = MemoryStorage::new();
        let checkpoint = Checkpoint { seq: Seq::new(5), bytes: bytes.to_vec() };
        let written = checkpoint::write(&storage, "view", SAMPLE.log_id, &checkpoint);
        written.expect("memory can be written");
        let file = storage.open("view.ckpt").expect("it was written");
        sealed_input(&bytes_of(file.as_ref()))
    };
    [&b""[..], b"what a view has saved"].map(seed).into()
}
