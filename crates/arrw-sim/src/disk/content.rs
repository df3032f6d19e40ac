//! The bytes of one file: pages shared until written, holes for what never was.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::rng::mix;

/// Bytes of a page, the unit in which space is allocated and content is shared.
pub const PAGE_BYTES: usize = 4096;

/// Bytes of a sector, the unit that a crash keeps or loses.
pub const SECTOR_BYTES: usize = 512;

/// The content of a file. A clone costs one count per page.
#[derive(Clone, Default)]
pub(super) struct Content {
    /// `None` is a hole: zeros that take no space. Bytes past `len` are zero.
    pages: Vec<Option<Arc<Page>>>,
    pages_allocated: u64,
    len: u64,
    /// Of all bytes and the length; emptied by every change.
    hash: OnceLock<u64>,
}

#[derive(Clone)]
struct Page {
    bytes: Box<[u8]>,
    hash: OnceLock<u64>,
}

impl Content {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut content = Self::default();
        content.write(bytes, 0);
        content
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Pages that take space.
    pub(super) const fn pages_allocated(&self) -> u64 {
        self.pages_allocated
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; index(self.len)];
        self.read(&mut bytes, 0);
        bytes
    }

    /// Reads what there is at `at`; answers how much.
    pub(super) fn read(&self, into: &mut [u8], at: u64) -> usize {
        if self.len <= at {
            return 0;
        }
        let at = index(at);
        let count = into.len().min(index(self.len) - at);
        for piece in pieces(at, count) {
            let into = &mut into[piece.done..piece.done + piece.count];
            match &self.pages[piece.page] {
                Some(page) => {
                    into.copy_from_slice(&page.bytes[piece.within..piece.within + piece.count]);
                }
                None => into.fill(0),
            }
        }
        count
    }

    pub(super) fn write(&mut self, bytes: &[u8], at: u64) {
        if bytes.is_empty() {
            return;
        }
        let end = at + bytes.len() as u64;
        if self.len < end {
            self.set_len(end);
        }
        self.hash.take();
        for piece in pieces(index(at), bytes.len()) {
            let new = &bytes[piece.done..piece.done + piece.count];
            self.page_mut(piece.page).bytes[piece.within..piece.within + piece.count]
                .copy_from_slice(new);
        }
    }

    pub(super) fn set_len(&mut self, len: u64) {
        let pages = index(len).div_ceil(PAGE_BYTES);
        let cut = self.pages.drain(pages.min(self.pages.len())..).flatten().count();
        self.pages_allocated -= cut as u64;
        self.pages.resize(pages, None);
        let within = index(len) % PAGE_BYTES;
        if len < self.len && within != 0 && self.pages[pages - 1].is_some() {
            self.page_mut(pages - 1).bytes[within..].fill(0);
        }
        self.len = len;
        self.hash.take();
    }

    /// How many of `count` bytes at `at` can be written when `room` more pages may be allocated.
    pub(super) fn writable(&self, at: u64, count: usize, room: u64) -> usize {
        let mut room = room;
        for piece in pieces(index(at), count) {
            if !matches!(self.pages.get(piece.page), Some(Some(_))) {
                if room == 0 {
                    return piece.done;
                }
                room -= 1;
            }
        }
        count
    }

    /// True when the bytes at `at` are not `bytes`; past the end there are zeros.
    pub(super) fn differs(&self, bytes: &[u8], at: u64) -> bool {
        pieces(index(at), bytes.len()).any(|piece| {
            let new = &bytes[piece.done..piece.done + piece.count];
            match self.pages.get(piece.page) {
                Some(Some(page)) => page.bytes[piece.within..piece.within + piece.count] != *new,
                Some(None) | None => new.iter().any(|&byte| byte != 0),
            }
        })
    }

    /// Equal for equal bytes, holes and zeros alike. Costs only the pages that changed.
    pub(super) fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| {
            let mut sum = mix(self.len);
            for (at, page) in self.pages.iter().enumerate() {
                let hash = page.as_ref().map_or(0, |page| page.hash());
                if hash != 0 {
                    sum = sum.wrapping_add(mix(hash ^ mix(at as u64 + 1)));
                }
            }
            mix(sum)
        })
    }

    fn page_mut(&mut self, page: usize) -> &mut Page {
        let allocated = &mut self.pages_allocated;
        let slot = self.pages[page].get_or_insert_with(|| {
            *allocated += 1;
            Arc::new(Page { bytes: vec![0; PAGE_BYTES].into(), hash: OnceLock::new() })
        });
        let page = Arc::make_mut(slot);
        page.hash.take();
        page
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len)
    }
}

impl Page {
    /// 0 for zeros, so that a hole and a page of zeros count the same.
    fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| {
            let (mut hash, mut any) = (0_u64, 0_u64);
            let (words, _) = self.bytes.as_chunks::<8>();
            for word in words {
                let word = u64::from_le_bytes(*word);
                any |= word;
                hash = (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                hash ^= hash >> 32;
            }
            if any == 0 { 0 } else { mix(hash) | 1 }
        })
    }
}

/// A part of a range that lies in one page.
struct Piece {
    page: usize,
    within: usize,
    /// Bytes of the range before this part.
    done: usize,
    count: usize,
}

fn pieces(at: usize, count: usize) -> impl Iterator<Item = Piece> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == count {
            return None;
        }
        let (page, within) = ((at + done) / PAGE_BYTES, (at + done) % PAGE_BYTES);
        let piece = Piece { page, within, done, count: (PAGE_BYTES - within).min(count - done) };
        done += piece.count;
        Some(piece)
    })
}

/// An offset as an index.
pub(super) fn index(at: u64) -> usize {
    usize::try_from(at).expect("files are far smaller than the address space")
}
