//! All jobs by their numbers. Grows by pieces, so that no insert among millions moves all of them.

use hashbrown::HashTable;

use crate::job::{Priority, State};
use crate::mix::mix;

/// Jobs that get their memory together: 192 KiB.
const CHUNK: usize = 4_096;

/// Numbers that are next to each other in the index.
const NEIGHBOURS: u64 = 16;

/// Parts of the index, each of which grows alone.
const SHARDS: usize = 64;

/// What is in memory of each job: 48 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// Its number.
    pub(crate) id: u64,
    /// The newest record of it. While it is leased, that of its lease.
    pub(crate) last: u64,
    /// Its place among those of its state, in microseconds: see [`Changed::due`](crate::event::Changed).
    pub(crate) due: u64,
    pub(crate) queue: u32,
    pub(crate) kind: u32,
    pub(crate) plan: u32,
    /// Where its key is, in [`Uniques`](crate::unique::Uniques); 0 for nowhere.
    pub(crate) unique: u32,
    pub(crate) attempt: u16,
    pub(crate) state: State,
    pub(crate) priority: Priority,
    pub(crate) is_cancelling: bool,
    /// How many triggers led to it.
    pub(crate) depth: u8,
}

/// The jobs.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    chunks: Vec<Vec<Job>>,
    free: Vec<u32>,
    index: Vec<HashTable<u32>>,
    len: usize,
}

impl Default for Table {
    fn default() -> Self {
        let index = (0..SHARDS).map(|_| HashTable::new()).collect();
        Self { chunks: Vec::new(), free: Vec::new(), index, len: 0 }
    }
}

fn job_at(chunks: &[Vec<Job>], slot: u32) -> &Job {
    let slot = slot as usize;
    &chunks[slot / CHUNK][slot % CHUNK]
}

/// Jobs whose numbers are next to each other are next to each other in the index: they come and go together, and one
/// line of memory serves several of them.
fn hash_of(id: u64) -> u64 {
    let low = id % NEIGHBOURS;
    // They differ in the highest bits, by which a table tells its entries apart.
    mix(id / NEIGHBOURS).wrapping_add(low) ^ (low << 57)
}

fn shard_of(hash: u64) -> usize {
    // From the middle: a table tells its entries apart by the highest bits and places them by the lowest.
    usize::from(hash.to_le_bytes()[5]) % SHARDS
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where a job is.
    pub(crate) fn slot(&self, id: u64) -> Option<u32> {
        let hash = hash_of(id);
        let is_it = |slot: &u32| job_at(&self.chunks, *slot).id == id;
        self.index[shard_of(hash)].find(hash, is_it).copied()
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Job> {
        self.slot(id).map(|slot| job_at(&self.chunks, slot))
    }

    /// All jobs, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Job> {
        let slots = self.index.iter().flatten();
        slots.map(|slot| job_at(&self.chunks, *slot))
    }

    /// The job of a slot.
    pub(crate) fn at(&self, slot: u32) -> &Job {
        job_at(&self.chunks, slot)
    }

    /// Puts a job in place of the one with its number.
    pub(crate) fn put(&mut self, slot: u32, job: Job) {
        let slot = slot as usize;
        self.chunks[slot / CHUNK][slot % CHUNK] = job;
    }

    /// Adds a job whose number no other has.
    pub(crate) fn add(&mut self, job: Job) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.put(slot, job);
                slot
            }
            None => {
                if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
                    self.chunks.push(Vec::with_capacity(CHUNK));
                }
                let before = (self.chunks.len() - 1) * CHUNK;
                let chunk = self.chunks.last_mut().expect("there is one now");
                chunk.push(job);
                u32::try_from(before + chunk.len() - 1).expect("there are fewer than the limit")
            }
        };
        let hash = hash_of(job.id);
        let chunks = &self.chunks;
        let rehash = |slot: &u32| hash_of(job_at(chunks, *slot).id);
        self.index[shard_of(hash)].insert_unique(hash, slot, rehash);
        self.len += 1;
    }

    /// Takes a job out, if it is there.
    pub(crate) fn remove(&mut self, id: u64) {
        let hash = hash_of(id);
        let chunks = &self.chunks;
        let is_it = |slot: &u32| job_at(chunks, *slot).id == id;
        if let Ok(entry) = self.index[shard_of(hash)].find_entry(hash, is_it) {
            let (slot, _) = entry.remove();
            self.free.push(slot);
            self.len -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: u64) -> Job {
        Job {
            id,
            last: id,
            due: id,
            queue: 0,
            kind: 0,
            plan: 0,
            unique: 0,
            attempt: 0,
            state: State::Ready,
            priority: Priority::Normal,
            is_cancelling: false,
            depth: 0,
        }
    }

    #[test]
    fn jobs_are_found_by_their_numbers_and_their_room_is_used_again() {
        assert_eq!(size_of::<Job>(), 48);
        let mut table = Table::default();
        (1..=10_000).for_each(|id| table.add(job(id)));
        (1..=10_000).step_by(2).for_each(|id| table.remove(id));
        table.remove(1);
        assert_eq!((table.len(), table.get(1), table.get(3)), (5_000, None, None));
        (20_001..=25_000).for_each(|id| table.add(job(id)));
        assert_eq!(table.chunks.len(), 3, "no new memory");
        let changed = Job { attempt: 7, ..job(20_001) };
        table.put(table.slot(20_001).unwrap(), changed);
        assert_eq!((table.get(20_001), table.len()), (Some(&changed), 10_000));
        assert!((2..=10_000).step_by(2).all(|id| table.get(id) == Some(&job(id))));
    }
}
