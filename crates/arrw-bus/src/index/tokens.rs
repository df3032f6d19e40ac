//! Numbers for the tokens that filters hold, so that the trie compares numbers and not texts.

use hashbrown::HashTable;

use super::seeded::{self, Seeded};
use super::text::Text;

/// The number of `*`.
pub(super) const STAR: u32 = 0;

/// The number of `>`.
pub(super) const REST: u32 = 1;

/// What stands for a token that no filter holds. It is never given out.
pub(super) const UNKNOWN: u32 = u32::MAX;

/// The tokens that are in use, other than the wildcards.
pub(super) struct Tokens {
    seeded: Seeded,
    table: HashTable<Token>,
    numbers: Numbers,
}

struct Token {
    text: Text,
    number: u32,
    uses: u32,
}

impl Tokens {
    pub(super) fn new(seeded: Seeded) -> Self {
        Self { seeded, table: HashTable::new(), numbers: Numbers::from(REST + 1) }
    }

    /// The number of a token of a topic, or [`UNKNOWN`].
    pub(super) fn find(&self, text: &str) -> u32 {
        let hash = self.seeded.text(text.as_bytes());
        self.table.find(hash, |token| token.is(text)).map_or(UNKNOWN, |token| token.number)
    }

    /// The number of a token that is used once more from now on.
    pub(super) fn acquire(&mut self, text: &str) -> u32 {
        let hash = self.seeded.text(text.as_bytes());
        if let Some(token) = self.table.find_mut(hash, |token| token.is(text)) {
            token.uses += 1;
            return token.number;
        }
        let number = self.numbers.take();
        let token = Token { text: Text::new(text), number, uses: 1 };
        let seeded = &self.seeded;
        self.table.insert_unique(hash, token, |token| token.hash(seeded));
        number
    }

    /// Ends one use of a token, and forgets it after the last.
    pub(super) fn release(&mut self, text: &str) {
        let hash = self.seeded.text(text.as_bytes());
        let found = self.table.find_entry(hash, |token| token.is(text));
        let Ok(mut entry) = found else { return };
        entry.get_mut().uses -= 1;
        if entry.get().uses == 0 {
            let (token, _) = entry.remove();
            self.numbers.put_back(token.number);
            let seeded = &self.seeded;
            seeded::give_back(&mut self.table, |token| token.hash(seeded));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    #[cfg(test)]
    pub(super) fn allocated_bytes(&self) -> usize {
        self.table.allocation_size() + self.numbers.allocated_bytes()
    }
}

impl Token {
    fn is(&self, text: &str) -> bool {
        self.text.as_bytes() == text.as_bytes()
    }

    fn hash(&self, seeded: &Seeded) -> u64 {
        seeded.text(self.text.as_bytes())
    }
}

/// Numbers that are given out and come back, so that they stay as small as what is in use at one time.
///
/// Four bytes are kept for each number that came back, until all have.
pub(super) struct Numbers {
    first: u32,
    next: u32,
    free: Vec<u32>,
    /// How many are out.
    pub(super) taken: usize,
}

impl Numbers {
    pub(super) fn from(first: u32) -> Self {
        Self { first, next: first, free: Vec::new(), taken: 0 }
    }

    pub(super) fn take(&mut self) -> u32 {
        self.taken += 1;
        self.free.pop().unwrap_or_else(|| {
            let number = self.next;
            assert_ne!(number, UNKNOWN, "four billion filters do not fit into memory");
            self.next += 1;
            number
        })
    }

    pub(super) fn put_back(&mut self, number: u32) {
        self.taken -= 1;
        if self.taken == 0 {
            *self = Self::from(self.first);
        } else {
            self.free.push(number);
        }
    }

    #[cfg(test)]
    pub(super) fn allocated_bytes(&self) -> usize {
        self.free.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_keeps_its_number_until_its_last_use_ends() {
        let mut tokens = Tokens::new(Seeded::new(1));
        assert_eq!(tokens.find("a"), UNKNOWN);
        let (a, b) = (tokens.acquire("a"), tokens.acquire("b"));
        assert!(a != b && a != STAR && a != REST, "{a} {b}");
        assert_eq!((tokens.acquire("a"), tokens.find("a")), (a, a));
        tokens.release("a");
        assert_eq!((tokens.find("a"), tokens.find("b")), (a, b));
        tokens.release("a");
        assert_eq!((tokens.find("a"), tokens.find("b")), (UNKNOWN, b));
        assert_eq!(tokens.acquire("c"), a);
    }
}
