//! Which job holds which key, so that no second one is enqueued meanwhile.

use hashbrown::HashTable;

use crate::job::Unique;

/// A key and who holds it.
#[derive(Clone, Copy, Debug)]
struct Held {
    unique: Unique,
    job: u64,
}

/// The keys, and by number, from 1, what the jobs hold. A key has at most one holder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uniques {
    held: Vec<Option<Held>>,
    free: Vec<u32>,
    by_key: HashTable<u32>,
}

fn hash_of(key: &[u8; 16]) -> u64 {
    // A part of a digest: as good as drawn.
    let (first, _) = key.split_at(8);
    first.try_into().map_or(0, u64::from_le_bytes)
}

impl Uniques {
    fn at(&self, number: u32) -> Option<&Held> {
        self.held.get((number as usize).checked_sub(1)?)?.as_ref()
    }

    pub(crate) fn get(&self, number: u32) -> Option<Unique> {
        self.at(number).map(|held| held.unique)
    }

    /// Who holds a key.
    pub(crate) fn holder(&self, key: &[u8; 16]) -> Option<u64> {
        let is_it = |number: &u32| self.at(*number).is_some_and(|held| held.unique.key == *key);
        let number = self.by_key.find(hash_of(key), is_it)?;
        self.at(*number).map(|held| held.job)
    }

    /// Has a job hold a key that nobody holds.
    pub(crate) fn insert(&mut self, unique: Unique, job: u64) -> u32 {
        let held = Some(Held { unique, job });
        let number = match self.free.pop() {
            Some(number) => {
                self.held[number as usize - 1] = held;
                number
            }
            None => {
                self.held.push(held);
                u32::try_from(self.held.len()).expect("there are fewer than the limit of jobs")
            }
        };
        let all = &self.held;
        let rehash = |number: &u32| {
            all[*number as usize - 1].as_ref().map_or(0, |held| hash_of(&held.unique.key))
        };
        self.by_key.insert_unique(hash_of(&unique.key), number, rehash);
        number
    }

    /// Nobody holds the key of that number any more.
    pub(crate) fn remove(&mut self, number: u32) {
        let Some(held) = self.at(number).copied() else { return };
        let entry = self.by_key.find_entry(hash_of(&held.unique.key), |found| *found == number);
        if let Ok(entry) = entry {
            entry.remove();
        }
        self.held[number as usize - 1] = None;
        self.free.push(number);
    }
}

#[cfg(test)]
mod tests {
    use arrw_log::Timestamp;

    use super::*;

    #[test]
    fn a_key_has_one_holder_until_it_is_removed() {
        let mut uniques = Uniques::default();
        let unique = |byte| Unique {
            key: [byte; 16],
            until: Timestamp::from_micros(0),
            states: Unique::UNFINISHED,
        };
        let numbers: Vec<u32> = (0..200).map(|b| uniques.insert(unique(b), u64::from(b))).collect();
        assert!((0..200).all(|b| uniques.holder(&[b; 16]) == Some(u64::from(b))));
        uniques.remove(numbers[7]);
        uniques.remove(numbers[7]);
        assert_eq!((uniques.holder(&[7; 16]), uniques.get(numbers[7])), (None, None));
        assert_eq!(uniques.insert(unique(7), 900), numbers[7]);
        assert_eq!(uniques.holder(&[7; 16]), Some(900));
        assert_eq!(uniques.get(0), None);
    }
}
