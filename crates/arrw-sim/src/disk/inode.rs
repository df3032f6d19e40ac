//! One file without its name: what is on the disk, what the program sees, what lies between.

use std::collections::HashSet;
use std::sync::Arc;

use super::content::{Content, SECTOR_BYTES, index};

/// A file, whatever names it has.
///
/// ```text
/// write_at ---> visible (page cache), pending (dirty)
/// sync_data --> durable = visible, pending empty
///    failed --> pending stays, clean: nobody writes it any more, the disk may have it or not
/// ```
#[derive(Debug)]
pub(super) struct Inode {
    pub(super) durable: Arc<Content>,
    pub(super) visible: Arc<Content>,
    pub(super) pending: Vec<Pending>,
    /// One more reference for each open handle.
    pub(super) handles: Arc<()>,
}

/// A change of a file that no sync has confirmed.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) op: DataOp,
    /// A sync that should have written it failed, so that no later one will.
    failed: bool,
}

/// What a pending change does.
#[derive(Clone, Debug)]
pub(super) enum DataOp {
    Write(SectorWrite),
    SetLen(u64),
}

/// A write as the disk gets it: whole sectors, as the page cache had them after the write.
#[derive(Clone, Debug)]
pub(super) struct SectorWrite {
    /// First sector touched.
    first: u64,
    /// The bytes from `first` on; the last sector ends early at the end of the file.
    image: Arc<[u8]>,
    /// Sectors, counted from `first`, that no later durable write has replaced.
    live: Vec<u32>,
    /// Where the write ended.
    end: u64,
    /// True when the file was shorter than `end`.
    pub(super) grows: bool,
}

impl Inode {
    pub(super) fn new() -> Self {
        Self::of(Arc::default())
    }

    /// A file that is on the disk as it is.
    pub(super) fn of(content: Arc<Content>) -> Self {
        let durable = Arc::clone(&content);
        Self { durable, visible: content, pending: Vec::new(), handles: Arc::default() }
    }

    pub(super) fn write(&mut self, bytes: &[u8], at: u64) {
        if bytes.is_empty() {
            return;
        }
        let end = at + bytes.len() as u64;
        let grows = self.visible.len() < end;
        let visible = Arc::make_mut(&mut self.visible);
        visible.write(bytes, at);
        let sector = SECTOR_BYTES as u64;
        let first = at / sector;
        let image_end = (end.div_ceil(sector) * sector).min(visible.len());
        let mut image = vec![0; index(image_end - first * sector)];
        visible.read(&mut image, first * sector);
        let count = u32::try_from(image.len().div_ceil(SECTOR_BYTES))
            .expect("a write is far smaller than 2 TiB");
        let write =
            SectorWrite { first, image: image.into(), live: (0..count).collect(), end, grows };
        self.pending.push(Pending { op: DataOp::Write(write), failed: false });
    }

    pub(super) fn set_len(&mut self, len: u64) {
        if len == self.visible.len() {
            return;
        }
        Arc::make_mut(&mut self.visible).set_len(len);
        self.pending.push(Pending { op: DataOp::SetLen(len), failed: false });
    }

    /// Everything not lost to a failed sync is on the disk from now on.
    pub(super) fn sync(&mut self) {
        if self.pending.iter().any(|pending| pending.failed) {
            self.sync_around_failed();
        } else {
            self.durable = Arc::clone(&self.visible);
            self.pending.clear();
        }
    }

    /// The kernel reports the error once and calls the pages clean.
    pub(super) fn fail_sync(&mut self) {
        for pending in &mut self.pending {
            pending.failed = true;
        }
    }

    fn sync_around_failed(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        // The length is one field of the inode: whoever writes it writes what it is now. A failed `set_len` counts,
        // or else it could cut off later what is made durable here.
        let dirty = pending.iter().any(|p| !p.failed);
        let cut = pending.iter().any(|p| matches!(p.op, DataOp::SetLen(_)));
        let length = dirty && (cut || pending.iter().any(|p| !p.failed && p.op.changes_length()));
        let durable = Arc::make_mut(&mut self.durable);
        let mut left: Vec<Pending> = Vec::new();
        for mut next in pending {
            if let (DataOp::SetLen(len), true) = (&next.op, length) {
                durable.set_len(*len);
                cut_writes(&mut left, *len);
                continue;
            }
            if next.failed {
                if let (DataOp::Write(write), true) = (&mut next.op, length) {
                    write.grows = false;
                }
                left.push(next);
            } else if let DataOp::Write(write) = &next.op {
                write.apply(durable, |_| true);
                replace_sectors(&mut left, write);
            }
        }
        if length {
            durable.set_len(self.visible.len());
            cut_writes(&mut left, self.visible.len());
        }
        self.pending = left;
    }
}

/// Takes away what lies at or past `len`.
fn cut_writes(writes: &mut [Pending], len: u64) {
    for pending in writes {
        if let DataOp::Write(write) = &mut pending.op {
            let first = write.first * SECTOR_BYTES as u64;
            let room = index(len.saturating_sub(first)).min(write.image.len());
            write.image = write.image[..room].into();
            write.live.retain(|&sector| (sector as usize) * SECTOR_BYTES < room);
            write.end = write.end.min(len);
        }
    }
}

/// Takes away the sectors that `newer` has put on the disk.
fn replace_sectors(writes: &mut [Pending], newer: &SectorWrite) {
    let newer: HashSet<u64> = newer.sectors().map(|(sector, _)| newer.number(sector)).collect();
    for pending in writes {
        if let DataOp::Write(write) = &mut pending.op {
            let first = write.first;
            write.live.retain(|&sector| !newer.contains(&(first + u64::from(sector))));
        }
    }
}

impl DataOp {
    const fn changes_length(&self) -> bool {
        match self {
            Self::Write(write) => write.grows,
            Self::SetLen(_) => true,
        }
    }
}

impl SectorWrite {
    /// Each sector and what the write made of it.
    pub(super) fn sectors(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.live.iter().map(|&sector| (sector, self.bytes(sector)))
    }

    /// Which sector of the file it is.
    pub(super) fn number(&self, sector: u32) -> u64 {
        self.first + u64::from(sector)
    }

    /// What the write made of the sector `number` of the file.
    pub(super) fn find(&self, number: u64) -> Option<&[u8]> {
        let sector = u32::try_from(number.checked_sub(self.first)?).ok()?;
        self.live.binary_search(&sector).ok().map(|_| self.bytes(sector))
    }

    /// True when with `sector` the file is as long as the write made it.
    pub(super) fn reaches_end(&self, sector: u32) -> bool {
        self.end <= (self.number(sector) + 1) * SECTOR_BYTES as u64
    }

    /// Where the write ended.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Writes the sectors that `keeps` says; the file grows as far as they reach.
    pub(super) fn apply(&self, content: &mut Content, keeps: impl Fn(u32) -> bool) {
        for (sector, bytes) in self.sectors().filter(|(sector, _)| keeps(*sector)) {
            content.write(bytes, self.number(sector) * SECTOR_BYTES as u64);
        }
    }

    fn bytes(&self, sector: u32) -> &[u8] {
        let from = sector as usize * SECTOR_BYTES;
        &self.image[from..self.image.len().min(from + SECTOR_BYTES)]
    }
}
