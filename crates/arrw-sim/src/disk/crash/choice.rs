//! What may become of one un-synced change of a file.

use super::super::SECTOR_BYTES;
use super::super::content::Content;
use super::super::inode::{DataOp, Pending, SectorWrite};
use crate::rng::mix;

/// Changed sectors of one write up to which every subset is tried.
pub const SECTORS_EXHAUSTIVE: u32 = 8;

/// Subsets of the sectors of one wide write that are tried at random, besides the fixed classes.
const RANDOM_SUBSETS: u64 = 16;

/// An un-synced change.
#[derive(Clone, Debug)]
pub(super) struct Change {
    op: DataOp,
    /// Sectors of a write that are not what they may have been before.
    changed: Vec<u32>,
    /// The first loses the change, the last keeps it.
    pub(super) choices: Vec<Choice>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    kept: Kept,
    /// The file is as long as the change made it, wherever the kept sectors end.
    full_length: bool,
}

/// Which of the changed sectors are kept; numbers count them from 0.
#[derive(Clone, Copy, Debug)]
enum Kept {
    None,
    All,
    Mask(u64),
    Prefix(usize),
    Suffix(usize),
    Single(usize),
    AllBut(usize),
    Random(u64),
}

/// The changes of a file, oldest first.
pub(super) fn changes(durable: &Content, pending: &[Pending]) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for Pending { op, .. } in pending {
        let op = op.clone();
        let (changed, choices) = match &op {
            DataOp::Write(write) => {
                let changed = changed_sectors(durable, &changes, write);
                let choices = write_choices(write, &changed);
                (changed, choices)
            }
            DataOp::SetLen(_) => (Vec::new(), vec![Choice::LOST, Choice::KEPT]),
        };
        changes.push(Change { op, changed, choices });
    }
    changes
}

/// The sectors that are not what they were on the disk, or after one of the changes before.
fn changed_sectors(durable: &Content, before: &[Change], write: &SectorWrite) -> Vec<u32> {
    let changed = |(sector, bytes): &(u32, &[u8])| {
        let number = write.number(*sector);
        durable.differs(bytes, number * SECTOR_BYTES as u64)
            || before.iter().any(|change| match &change.op {
                DataOp::Write(earlier) => earlier.find(number).is_some_and(|old| old != *bytes),
                // It may have made zeros of the sector.
                DataOp::SetLen(_) => bytes.iter().any(|&byte| byte != 0),
            })
    };
    write.sectors().filter(changed).map(|(sector, _)| sector).collect()
}

fn write_choices(write: &SectorWrite, changed: &[u32]) -> Vec<Choice> {
    let count = changed.len();
    let mut kept = Vec::new();
    if count <= SECTORS_EXHAUSTIVE as usize {
        kept.extend((0..1_u64 << count).map(Kept::Mask));
    } else {
        kept.push(Kept::None);
        kept.extend((1..count).map(Kept::Prefix));
        kept.extend((1..count).map(Kept::Suffix));
        // The first and the last alone, and all but these, are prefixes and suffixes.
        kept.extend((1..count - 1).map(Kept::Single));
        kept.extend((1..count - 1).map(Kept::AllBut));
        kept.extend((0..RANDOM_SUBSETS).map(Kept::Random));
        kept.push(Kept::All);
    }
    let last = changed.last().is_some_and(|&sector| write.reaches_end(sector));
    let mut choices = Vec::new();
    for kept in kept {
        choices.push(Choice { kept, full_length: false });
        let random = matches!(kept, Kept::Random(_));
        let reaches = last && !random && kept.keeps(count.saturating_sub(1), count, 0);
        if write.grows && !reaches {
            choices.push(Choice { kept, full_length: true });
        }
    }
    choices
}

impl Choice {
    const LOST: Self = Self { kept: Kept::None, full_length: false };
    const KEPT: Self = Self { kept: Kept::All, full_length: true };
}

impl Change {
    /// Makes of `content` what it is when the change meets that fate.
    pub(super) fn apply(&self, choice: u32, seed: u64, content: &mut Content) {
        let choice = self.choices[choice as usize];
        match &self.op {
            DataOp::SetLen(len) if choice.full_length => content.set_len(*len),
            DataOp::SetLen(_) => (),
            DataOp::Write(write) => {
                write.apply(content, |sector| self.keeps(choice.kept, sector, seed));
                if choice.full_length && content.len() < write.end() {
                    content.set_len(write.end());
                }
            }
        }
    }

    fn keeps(&self, kept: Kept, sector: u32, seed: u64) -> bool {
        let position = self.changed.binary_search(&sector);
        position.is_ok_and(|position| kept.keeps(position, self.changed.len(), seed))
    }

    pub(super) fn describe(&self, choice: u32, seed: u64) -> String {
        let choice = self.choices[choice as usize];
        let length = if choice.full_length { ", length kept" } else { "" };
        match &self.op {
            DataOp::SetLen(len) => format!("set_len {len}: kept {}", choice.full_length),
            DataOp::Write(write) => {
                let numbers: Vec<u64> = (self.changed.iter())
                    .filter(|sector| self.keeps(choice.kept, **sector, seed))
                    .map(|sector| write.number(*sector))
                    .collect();
                let (end, all) = (write.end(), self.changed.len());
                format!("write up to {end}: sectors {numbers:?} kept of {all} changed{length}")
            }
        }
    }
}

impl Kept {
    fn keeps(self, position: usize, count: usize, seed: u64) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Mask(mask) => mask >> position & 1 == 1,
            Self::Prefix(length) => position < length,
            Self::Suffix(length) => count - length <= position,
            Self::Single(one) => position == one,
            Self::AllBut(one) => position != one,
            Self::Random(salt) => mix(seed ^ mix(salt + 1) ^ position as u64) & 1 == 1,
        }
    }
}
