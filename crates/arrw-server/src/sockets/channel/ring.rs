//! The newest of what a channel tells, ready to be sent.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::publication::Tags;
use crate::limits::{RING_BYTES_MAX, RING_ENTRIES_MAX};
use crate::sockets::form::{SHAPES, Shape};

/// Something that a channel tells its subscribers.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) what: What,
    /// When it was published, in microseconds since 1970.
    pub(crate) time_us: u64,
    /// Encoded in each shape that some subscriber wants; empty in the others.
    pub(crate) ready: [Bytes; SHAPES],
}

/// What it is.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A publication, with its place in the topic, 0 in a volatile one, and its tags.
    Publication { offset: u64, tags: Tags },
    /// Somebody came or went.
    Member,
}

impl Entry {
    pub(crate) fn ready(&self, shape: Shape) -> &Bytes {
        &self.ready[shape as usize]
    }

    pub(crate) fn bytes(&self) -> usize {
        self.ready.iter().map(Bytes::len).sum::<usize>() + size_of::<Self>()
    }
}

/// Bytes of all rings together, and their bound.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_max: u64,
    bytes: AtomicU64,
}

impl Budget {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, bytes: AtomicU64::new(0) }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Entries by their number in the ring, which goes up by one from 1 on. What falls out at the old end is in the log, or lost.
#[derive(Debug)]
pub(crate) struct Ring {
    entries: VecDeque<Arc<Entry>>,
    /// The number of the next entry.
    next: u64,
    /// The offset of the last publication; those up to it were there before.
    last_offset: u64,
    bytes: usize,
    budget: Arc<Budget>,
}

impl Ring {
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self { entries: VecDeque::new(), next: 1, last_offset: 0, bytes: 0, budget }
    }

    /// Begins behind the publication that has this offset.
    pub(crate) fn begin(&mut self, last_offset: u64) {
        self.last_offset = last_offset;
    }

    /// The number that the next entry will get.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The number of the oldest entry that is here.
    pub(crate) fn first(&self) -> u64 {
        self.next - self.entries.len() as u64
    }

    pub(crate) fn last_offset(&self) -> u64 {
        self.last_offset
    }

    /// Adds an entry; a publication that was there before is left out.
    pub(crate) fn push(&mut self, entry: Arc<Entry>) -> bool {
        if let What::Publication { offset, .. } = entry.what
            && offset != 0
        {
            if offset <= self.last_offset {
                return false;
            }
            if self.last_offset + 1 < offset {
                // Something between was passed over: whoever needs it finds it in the log.
                self.clear();
            }
            self.last_offset = offset;
        }
        let bytes = entry.bytes();
        self.bytes += bytes;
        let all = self.budget.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.entries.push_back(entry);
        self.next += 1;
        let is_tight = self.budget.bytes_max < all;
        let bytes_max = if is_tight { RING_BYTES_MAX / 64 } else { RING_BYTES_MAX };
        while RING_ENTRIES_MAX < self.entries.len()
            || (bytes_max < self.bytes && 1 < self.entries.len())
        {
            self.pop();
        }
        true
    }

    /// Forgets all entries. Whoever has not read them does not find them here.
    pub(crate) fn clear(&mut self) {
        while !self.entries.is_empty() {
            self.pop();
        }
    }

    /// Something may have been published that is not here, up to this offset: whoever stands before it finds it in the log, or
    /// has missed it. False when nobody does.
    pub(crate) fn miss(&mut self, last_offset: u64) -> bool {
        if last_offset != 0 && last_offset <= self.last_offset {
            return false;
        }
        self.last_offset = last_offset;
        self.clear();
        self.next += 1;
        true
    }

    fn pop(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            let bytes = entry.bytes();
            self.bytes -= bytes;
            self.budget.bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
        }
    }

    /// Entries from a number on; `None` when some of them are not here any more.
    pub(crate) fn from(&self, number: u64) -> Option<impl Iterator<Item = &Arc<Entry>>> {
        let skipped = number.checked_sub(self.first())?;
        let skipped = usize::try_from(skipped).ok()?.min(self.entries.len());
        Some(self.entries.range(skipped..))
    }

    /// The number of the entry that follows the publication `offset`; `None` when a publication behind it is not here.
    pub(crate) fn number_after(&self, offset: u64) -> Option<u64> {
        if self.last_offset <= offset {
            return Some(self.next);
        }
        let is_it = |entry: &Arc<Entry>| matches!(entry.what, What::Publication { offset: it, .. } if it == offset + 1);
        let at = self.entries.iter().position(is_it)?;
        Some(self.first() + at as u64)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(offset: u64, bytes: usize) -> Arc<Entry> {
        let ready = [Bytes::from(vec![0; bytes]), Bytes::new(), Bytes::new()];
        let what = What::Publication { offset, tags: Vec::new() };
        Arc::new(Entry { what, time_us: 0, ready })
    }

    fn offsets(ring: &Ring, from: u64) -> Option<Vec<u64>> {
        let offset = |entry: &Arc<Entry>| match entry.what {
            What::Publication { offset, .. } => offset,
            What::Member => 0,
        };
        Some(ring.from(from)?.map(offset).collect())
    }

    #[test]
    fn entries_are_found_by_number_and_by_offset() {
        let budget = Arc::new(Budget::new(1 << 20));
        let mut ring = Ring::new(Arc::clone(&budget));
        ring.begin(7);
        assert!(!ring.push(entry(7, 10)), "it was there before");
        for offset in 8..=10 {
            assert!(ring.push(entry(offset, 10)));
        }
        assert_eq!((ring.first(), ring.next(), ring.last_offset()), (1, 4, 10));
        assert_eq!(offsets(&ring, 1), Some(vec![8, 9, 10]));
        assert_eq!(offsets(&ring, 4), Some(vec![]));
        assert_eq!(ring.number_after(8), Some(2));
        assert_eq!(ring.number_after(7), Some(1));
        assert_eq!(ring.number_after(6), None, "7 is not here");
        assert_eq!(ring.number_after(10), Some(4));
        drop(ring);
        assert_eq!(budget.bytes(), 0);
    }

    #[test]
    fn what_is_too_much_falls_out_at_the_old_end() {
        let budget = Arc::new(Budget::new(u64::MAX));
        let mut ring = Ring::new(budget);
        for offset in 1..=RING_ENTRIES_MAX as u64 + 3 {
            ring.push(entry(offset, 1));
        }
        assert_eq!(ring.first(), 4);
        assert_eq!(offsets(&ring, 3), None);
        assert_eq!(ring.number_after(2), None);
        assert_eq!(ring.number_after(3), Some(4));
        ring.push(entry(RING_ENTRIES_MAX as u64 + 4, RING_BYTES_MAX + 1));
        assert_eq!(ring.entries.len(), 1, "the newest stays however large it is");
    }

    #[test]
    fn a_hole_makes_all_before_it_unreachable() {
        let mut ring = Ring::new(Arc::new(Budget::new(u64::MAX)));
        ring.push(entry(1, 1));
        ring.push(entry(3, 1));
        assert_eq!((ring.number_after(0), ring.number_after(1)), (None, None));
        assert_eq!(ring.number_after(2), Some(2));
        assert!(!ring.miss(3), "it is here");
        assert!(ring.miss(4));
        assert_eq!((ring.from(3).is_none(), ring.next(), ring.last_offset()), (true, 4, 4));
        assert_eq!((ring.number_after(3), ring.number_after(4)), (None, Some(4)));
    }

    #[test]
    fn all_rings_together_are_bounded() {
        let budget = Arc::new(Budget::new(1 << 20));
        let mut rings: Vec<Ring> = (0..64).map(|_| Ring::new(Arc::clone(&budget))).collect();
        for offset in 1..100 {
            for ring in &mut rings {
                ring.push(entry(offset, 8 << 10));
            }
        }
        let bytes = budget.bytes();
        assert!(bytes <= (1 << 20) + 64 * (RING_BYTES_MAX as u64 / 64 + (9 << 10)), "{bytes}");
    }
}
