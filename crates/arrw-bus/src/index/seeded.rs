//! Hashes that nobody can foresee who does not know the seed.

use std::hash::{DefaultHasher, Hasher as _};

use hashbrown::HashTable;

use crate::limits::TABLE_KEPT_MAX;

/// Hashes of texts and of pairs of numbers, under one seed.
#[derive(Clone, Debug)]
pub(super) struct Seeded {
    /// SipHash that has taken in the seed, to be cloned for each text.
    text: DefaultHasher,
    pair: u64,
}

impl Seeded {
    pub(super) fn new(seed: u64) -> Self {
        let mut text = DefaultHasher::new();
        text.write_u64(seed);
        let pair = text.finish();
        Self { text, pair }
    }

    /// For texts that users choose, so it has to withstand choosing.
    pub(super) fn text(&self, text: &[u8]) -> u64 {
        let mut hasher = self.text.clone();
        hasher.write(text);
        hasher.finish()
    }

    /// For numbers that the index gives out itself, so mixing the bits well is enough (the last steps of
    /// MurmurHash3). Different pairs have different hashes.
    pub(super) fn pair(&self, first: u32, second: u32) -> u64 {
        let mut bits = ((u64::from(first) << 32) | u64::from(second)) ^ self.pair;
        bits = (bits ^ (bits >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        bits = (bits ^ (bits >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
        bits ^ (bits >> 33)
    }
}

/// Returns memory of a table that has become mostly empty. O(1) per removal, taken together.
pub(super) fn give_back<V>(table: &mut HashTable<V>, hash: impl Fn(&V) -> u64) {
    if TABLE_KEPT_MAX < table.capacity() && table.len() < table.capacity() / 4 {
        table.shrink_to(table.len() * 2, hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_the_seed_and_on_all_of_its_input() {
        let (one, two) = (Seeded::new(1), Seeded::new(2));
        assert_eq!(one.text(b"a"), Seeded::new(1).text(b"a"));
        assert_ne!(one.text(b"a"), two.text(b"a"));
        assert_ne!(one.text(b"a"), one.text(b"b"));
        assert_ne!(one.pair(1, 2), two.pair(1, 2));
        assert_ne!(one.pair(1, 2), one.pair(2, 1));
    }
}
