//! The two superblocks: which log this is, in which life, and where its history starts.

use std::io;

use crate::bytes_at::{put_at, u32_at, u64_at, u128_at};
use crate::checksum::crc32c;
use crate::limits::NUMBER_MAX;
use crate::position::{Epoch, Seq, Tip};
use crate::segment::{FORMAT, tip_at, tip_bytes};
use crate::storage::{Storage, StorageFile, read_up_to, write_all_at};

/// Names of the two files. Each change is written to both, one after the other, before anything that
/// relies on it, so that either alone tells all.
pub(crate) const SUPERBLOCK_NAMES: [&str; 2] = ["super.a", "super.b"];

const SUPERBLOCK_BYTES: usize = 4096;
const MAGIC: u64 = u64::from_le_bytes(*b"ARRWSUPR");
const MAGIC_AT: usize = 0;
const FORMAT_AT: usize = 8;
const CRC_AT: usize = 12;
const GENERATION_AT: usize = 16;
const LOG_ID_AT: usize = 24;
const EPOCH_AT: usize = 40;
const STATE_AT: usize = 48;
const FIRST_ORDINAL_AT: usize = 56;
const START_AT: usize = 64;
const DURABLE_AT: usize = 88;
const SEGMENT_BYTES_AT: usize = 96;
const OPEN_ORDINAL_AT: usize = 104;

/// How the log was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeftAs {
    /// In use, or ended by a crash.
    Open,
    /// Closed: `durable` is its very end.
    Closed,
    /// A copy that was never opened.
    Backup,
}

impl LeftAs {
    fn number(self) -> u32 {
        match self {
            Self::Open => 1,
            Self::Closed => 2,
            Self::Backup => 3,
        }
    }

    fn from_number(number: u32) -> Option<Self> {
        [Self::Open, Self::Closed, Self::Backup].into_iter().find(|state| state.number() == number)
    }
}

/// What a superblock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Superblock {
    /// Counts the changes; the higher of the two copies holds.
    pub(crate) generation: u64,
    pub(crate) log_id: u128,
    pub(crate) epoch: Epoch,
    pub(crate) left_as: LeftAs,
    /// The oldest segment that is kept; files before it are leftovers of a trim.
    pub(crate) first_ordinal: u64,
    /// The log's end before that segment.
    pub(crate) start: Tip,
    /// A record that is known to be synced, and all before it.
    pub(crate) durable: Seq,
    pub(crate) segment_bytes: u64,
    /// A segment that was being filled: its file must be there. 0 before the first start was over.
    pub(crate) open_ordinal: u64,
}

/// What was found of the two superblocks.
#[derive(Debug)]
pub(crate) enum Found {
    /// Neither file exists.
    Nothing,
    /// Neither can be read.
    Damaged,
    /// One of another format.
    Format(u32),
    /// The newest one, and how many of the two are unreadable.
    Block { block: Superblock, damaged: usize },
}

impl Superblock {
    fn encode(&self) -> Vec<u8> {
        let mut page = vec![0; SUPERBLOCK_BYTES];
        put_at(&mut page, MAGIC_AT, MAGIC.to_le_bytes());
        put_at(&mut page, FORMAT_AT, FORMAT.to_le_bytes());
        put_at(&mut page, GENERATION_AT, self.generation.to_le_bytes());
        put_at(&mut page, LOG_ID_AT, self.log_id.to_le_bytes());
        put_at(&mut page, EPOCH_AT, self.epoch.get().to_le_bytes());
        put_at(&mut page, STATE_AT, self.left_as.number().to_le_bytes());
        put_at(&mut page, FIRST_ORDINAL_AT, self.first_ordinal.to_le_bytes());
        put_at(&mut page, START_AT, tip_bytes(&self.start));
        put_at(&mut page, DURABLE_AT, self.durable.get().to_le_bytes());
        put_at(&mut page, SEGMENT_BYTES_AT, self.segment_bytes.to_le_bytes());
        put_at(&mut page, OPEN_ORDINAL_AT, self.open_ordinal.to_le_bytes());
        let crc = crc32c(&page);
        put_at(&mut page, CRC_AT, crc.to_le_bytes());
        page
    }

    /// Reads a page whose checksum was checked, of our format.
    fn decode(page: &[u8]) -> Option<Self> {
        Some(Self {
            generation: number_at(page, GENERATION_AT)?,
            log_id: u128_at(page, LOG_ID_AT),
            epoch: Epoch::stored(u64_at(page, EPOCH_AT))?,
            left_as: LeftAs::from_number(u32_at(page, STATE_AT))?,
            first_ordinal: number_at(page, FIRST_ORDINAL_AT)?,
            start: tip_at(page, START_AT)?,
            durable: Seq::new(number_at(page, DURABLE_AT)?),
            segment_bytes: u64_at(page, SEGMENT_BYTES_AT),
            open_ordinal: number_at(page, OPEN_ORDINAL_AT)?,
        })
    }

    /// Writes both copies, each synced before the next, as the next generation.
    ///
    /// A copy that cannot be read is written first, so that a crash never leaves none.
    pub(crate) fn write(&mut self, storage: &dyn Storage) -> io::Result<()> {
        self.generation += 1;
        let page = self.encode();
        let mut names = SUPERBLOCK_NAMES;
        if let Ok(file) = storage.open(names[0])
            && matches!(read_page(file.as_ref())?, Page::Block(_))
        {
            names.reverse();
        }
        for name in names {
            let (file, new) = match storage.open(name) {
                Ok(file) => (file, false),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    (storage.create(name)?, true)
                }
                Err(error) => return Err(error),
            };
            write_all_at(file.as_ref(), &page, 0)?;
            file.sync_data()?;
            if new {
                storage.sync_folder()?;
            }
        }
        Ok(())
    }

    /// Reads both copies.
    pub(crate) fn find(storage: &dyn Storage) -> io::Result<Found> {
        let mut best: Option<Self> = None;
        let (mut missing, mut damaged, mut other_format) = (0, 0, None);
        for name in SUPERBLOCK_NAMES {
            match storage.open(name) {
                Ok(file) => match read_page(file.as_ref())? {
                    Page::Damaged => damaged += 1,
                    Page::Format(format) => other_format = Some(format),
                    Page::Block(block) => {
                        if best.is_none_or(|best| best.generation < block.generation) {
                            best = Some(block);
                        }
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(match (best, other_format) {
            (_, Some(format)) => Found::Format(format),
            (Some(block), None) => Found::Block { block, damaged: damaged + missing },
            (None, None) if missing == SUPERBLOCK_NAMES.len() => Found::Nothing,
            (None, None) => Found::Damaged,
        })
    }
}

/// The number stored at `at`, if it is not beyond what a log can reach.
fn number_at(page: &[u8], at: usize) -> Option<u64> {
    Some(u64_at(page, at)).filter(|number| *number <= NUMBER_MAX)
}

enum Page {
    Damaged,
    Format(u32),
    Block(Superblock),
}

fn read_page(file: &dyn StorageFile) -> io::Result<Page> {
    let mut page = vec![0; SUPERBLOCK_BYTES];
    if read_up_to(file, &mut page, 0)? < SUPERBLOCK_BYTES {
        return Ok(Page::Damaged);
    }
    let crc = u32_at(&page, CRC_AT);
    put_at(&mut page, CRC_AT, [0; 4]);
    if crc32c(&page) != crc || u64_at(&page, MAGIC_AT) != MAGIC {
        return Ok(Page::Damaged);
    }
    let format = u32_at(&page, FORMAT_AT);
    if format != FORMAT {
        return Ok(Page::Format(format));
    }
    Ok(Superblock::decode(&page).map_or(Page::Damaged, Page::Block))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MemoryStorage;

    #[test]
    fn a_generation_that_no_log_reaches_is_damage() {
        let block = Superblock { generation: u64::MAX, ..sample() };
        assert_eq!(Superblock::decode(&block.encode()), None);
    }

    fn sample() -> Superblock {
        Superblock {
            generation: 0,
            log_id: 1,
            epoch: Epoch::from_random(2),
            left_as: LeftAs::Closed,
            first_ordinal: 3,
            start: Tip::START,
            durable: Seq::new(4),
            segment_bytes: 65_536,
            open_ordinal: 3,
        }
    }

    #[test]
    fn either_copy_alone_tells_all() {
        for damaged_name in SUPERBLOCK_NAMES {
            let storage = MemoryStorage::new();
            let mut block = sample();
            block.write(&storage).unwrap();
            block.write(&storage).unwrap();
            let file = storage.open(damaged_name).unwrap();
            file.write_at(b"x", 40).unwrap();
            let found = Superblock::find(&storage).unwrap();
            assert!(
                matches!(found, Found::Block { block: b, damaged: 1 } if b == block),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_newer_format_is_named_and_not_guessed() {
        let storage = MemoryStorage::new();
        sample().write(&storage).unwrap();
        let file = storage.open("super.a").unwrap();
        let mut page = vec![0; SUPERBLOCK_BYTES];
        file.read_at(&mut page, 0).unwrap();
        put_at(&mut page, FORMAT_AT, 9_u32.to_le_bytes());
        put_at(&mut page, CRC_AT, [0; 4]);
        let crc = crc32c(&page);
        put_at(&mut page, CRC_AT, crc.to_le_bytes());
        file.write_at(&page, 0).unwrap();
        assert!(matches!(Superblock::find(&storage).unwrap(), Found::Format(9)));
    }
}
