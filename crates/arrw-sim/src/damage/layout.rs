//! Reads the files of a sound log with a parser of its own: which bytes hold what, and what proves what.

use std::collections::BTreeMap;
use std::ops::Range;

/// The files of an image.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Bytes of a segment's header, and of a superblock.
pub(crate) const HEADER_PAGE: usize = 4096;

const FRAME_HEADER: usize = 96;
const TRAILER: usize = 192;

/// A frame of a sound log.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Range<usize>,
    /// False for marks and gaps.
    pub(crate) has_records: bool,
    pub(crate) first: u64,
    /// Its last record; before `first` for a mark.
    pub(crate) last: u64,
    /// What it proves to have been synced.
    durable: u64,
}

/// A footer of a sound log.
#[derive(Clone, Debug)]
pub(crate) struct Footer {
    pub(crate) bytes: Range<usize>,
    /// The last record of its segment.
    last: u64,
}

/// A segment of a sound log, or a file that waits to become one.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) frames: Vec<Frame>,
    pub(crate) footer: Option<Footer>,
}

/// The bytes of a sound log, explained.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) segments: Vec<Segment>,
    /// Name of each superblock and the record that it proves.
    superblocks: Vec<(String, u64)>,
    /// The last record.
    pub(crate) last: u64,
}

impl Layout {
    pub(crate) fn of(files: &Files) -> Self {
        let mut superblocks = Vec::new();
        let (mut first_ordinal, mut next) = (0, 0);
        for (name, page) in files.iter().filter(|(name, _)| name.starts_with("super.")) {
            superblocks.push((name.clone(), u64_at(page, 88)));
            (first_ordinal, next) = (u64_at(page, 56), u64_at(page, 72));
        }
        let mut layout = Self { segments: Vec::new(), superblocks, last: 0 };
        for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".seg")) {
            if first_ordinal <= u64_at(bytes, 32) {
                let segment = Segment::of(name, bytes, &mut next);
                layout.last =
                    segment.frames.iter().map(|frame| frame.last).fold(layout.last, u64::max);
                layout.segments.push(segment);
            }
        }
        layout
    }

    /// The last record that is proven to have been synced.
    pub(crate) fn proven(&self) -> u64 {
        self.proven_by(|_, _| true)
    }

    /// The same by those proofs alone that `is_intact` holds for, given a file and bytes of it.
    pub(crate) fn proven_by(&self, is_intact: impl Fn(&str, &Range<usize>) -> bool) -> u64 {
        let page = 0..HEADER_PAGE;
        let supers = self.superblocks.iter().filter(|(name, _)| is_intact(name, &page));
        let mut proven = supers.map(|(_, durable)| *durable).max().unwrap_or(0);
        for segment in &self.segments {
            let name = &segment.name;
            for frame in &segment.frames {
                if proven < frame.durable && is_intact(name, &frame.bytes) {
                    proven = frame.durable;
                }
            }
            if let Some(footer) = &segment.footer
                && proven < footer.last
                && is_intact(name, &page)
                && is_intact(name, &footer.bytes)
            {
                proven = footer.last;
            }
        }
        proven
    }
}

impl Segment {
    /// Parses a file whose first frame has the number `next`; leaves there the number after its last.
    fn of(name: &str, bytes: &[u8], next: &mut u64) -> Self {
        let nonce = u64_at(bytes, 40);
        let mut frames = Vec::new();
        let mut at = HEADER_PAGE;
        while at + FRAME_HEADER <= bytes.len()
            && bytes[at..].starts_with(b"ARWF")
            && u64_at(bytes, at + 8) == nonce
            && u64_at(bytes, at + 32) == *next
        {
            let len = usize_at(bytes, at + 4);
            let first = u64_at(bytes, at + 40);
            let count = u64_at(bytes, at + 80) & 0xffff_ffff;
            frames.push(Frame {
                bytes: at..at + len,
                has_records: bytes[at + 30] == 1,
                first,
                last: (first + count).saturating_sub(1),
                durable: u64_at(bytes, at + 16),
            });
            at += len;
            *next += 1;
        }
        Self { name: name.to_owned(), frames, footer: footer_of(bytes, nonce) }
    }

    /// First byte behind its frames.
    pub(crate) fn end(&self) -> usize {
        self.frames.last().map_or(HEADER_PAGE, |frame| frame.bytes.end)
    }
}

fn footer_of(bytes: &[u8], nonce: u64) -> Option<Footer> {
    let at = bytes.len().checked_sub(TRAILER)?;
    if !bytes[at..].starts_with(b"ARRWFOOT") || u64_at(bytes, at + 24) != nonce {
        return None;
    }
    let body = usize_at(bytes, at + 104) + usize_at(bytes, at + 120);
    Some(Footer { bytes: at - body..bytes.len(), last: u64_at(bytes, at + 64).saturating_sub(1) })
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

fn usize_at(bytes: &[u8], at: usize) -> usize {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    usize::try_from(u32::from_le_bytes(number)).expect("a length in a file fits into memory")
}
