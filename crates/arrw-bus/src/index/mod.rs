//! All filters of all subscribers, arranged so that a topic finds those that match it.
//!
//! ```text
//!  FilterIndex --+-- literals: topic -> subscribers               one look-up, however many there are
//!                |
//!                +-- Trie: filters with `*` or `>`
//!                      tokens: text -> number                     one look-up for each token of a topic
//!                      nodes: (node above, token) -> node         one look-up for each node passed
//! ```
//!
//! Most subscribers of a server that faces the web want one topic each, by its name: they are found by
//! one hash of the whole topic. The others share a trie. Its nodes are in one flat table instead of one
//! table for each node, so that a step is one access to memory, and a node costs little.

use std::fmt;

use hashbrown::HashTable;

use crate::filter::Filter;

mod seeded;
mod subscribers;
mod text;
mod tokens;
mod trie;

use seeded::Seeded;
use subscribers::Subscribers;
use trie::Trie;

/// Which subscribers want a topic, when there are many filters.
///
/// `T` is what the owner knows a subscriber by, such as a small number. The same subscriber may be here
/// under several filters, and the same filter with several subscribers.
///
/// Memory: 50 to 200 bytes for each distinct filter, least for those without wildcards; a second subscriber
/// of the same filter adds 100, each further one 10 to 20. Memory is given back as filters are removed.
///
/// ```
/// use arrw_bus::{Filter, FilterIndex};
/// # fn main() -> Result<(), arrw_bus::FilterError> {
/// let mut index = FilterIndex::with_seed(7);
/// let (all, rooms) = (Filter::parse(">")?, Filter::parse("chat.*")?);
/// assert!(index.insert(&all, "archive") && index.insert(&rooms, "ann"));
/// assert!(index.remove(&all, "archive"));
///
/// let mut found = Vec::new();
/// index.for_each_match("chat.42", |subscriber| found.push(subscriber));
/// assert_eq!(found, ["ann"]);
/// # Ok(())
/// # }
/// ```
pub struct FilterIndex<T> {
    seeded: Seeded,
    literals: HashTable<Literal<T>>,
    trie: Trie<T>,
    entries: usize,
}

/// A filter without wildcards.
struct Literal<T> {
    hash: u64,
    filter: Filter,
    subscribers: Subscribers<T>,
}

impl<T: Copy + Ord> FilterIndex<T> {
    /// An empty index. Does not allocate.
    ///
    /// Topics come from users: the seed keeps them from choosing names that meet in one place of a
    /// table, so it should be a random number that no user learns. No answer depends on it.
    #[must_use]
    pub fn with_seed(seed: u64) -> Self {
        let seeded = Seeded::new(seed);
        let trie = Trie::new(seeded.clone());
        Self { seeded, literals: HashTable::new(), trie, entries: 0 }
    }

    /// Adds a subscriber under a filter. False when it already was there.
    ///
    /// O(tokens of the filter), and O(log subscribers) where many have the same filter. When a table is
    /// full all of it moves, which takes 100 ms at a million filters.
    pub fn insert(&mut self, filter: &Filter, subscriber: T) -> bool {
        let added = if filter.is_literal() {
            self.insert_literal(filter, subscriber)
        } else {
            self.trie.insert(filter, subscriber)
        };
        self.entries += usize::from(added);
        added
    }

    /// Takes a subscriber away from a filter. False when it was not there.
    ///
    /// Costs as much as [`insert`](Self::insert). A table moves when three quarters of it are empty.
    pub fn remove(&mut self, filter: &Filter, subscriber: T) -> bool {
        let removed = if filter.is_literal() {
            self.remove_literal(filter, subscriber)
        } else {
            self.trie.remove(filter, subscriber)
        };
        self.entries -= usize::from(removed);
        removed
    }

    /// Calls `each` for every subscriber that has a filter that [matches](Filter::matches) the topic: once
    /// for each such filter, so twice for a subscriber with two of them.
    ///
    /// The order depends on the filters and the subscribers alone: first the filter that is the topic
    /// itself, then, token by token, `>` before the same token before `*`; under one filter by `T`.
    ///
    /// Does not allocate. The cost depends on the topic and on what is found, not on the number of
    /// filters: one look-up for the whole topic, one for each token, and at most three for each beginning
    /// of a filter that matches a beginning of the topic. Only filters with many `*` make these numerous, as
    /// `a.*.a.x`, `*.a.*.x` and so on do for `a.a.a.a`: bound how many filters a stranger may have.
    pub fn for_each_match(&self, topic: &str, mut each: impl FnMut(T)) {
        if topic.is_empty() {
            return;
        }
        if !self.literals.is_empty() {
            let hash = self.seeded.text(topic.as_bytes());
            if let Some(literal) = self.literals.find(hash, |literal| literal.is(hash, topic)) {
                literal.subscribers.for_each(&mut each);
            }
        }
        self.trie.for_each_match(topic, &mut each);
    }

    /// How many pairs of a filter and a subscriber there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries
    }

    /// True when there is no subscriber.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    fn insert_literal(&mut self, filter: &Filter, subscriber: T) -> bool {
        let hash = self.seeded.text(filter.as_str().as_bytes());
        match self.literals.find_mut(hash, |literal| literal.is(hash, filter.as_str())) {
            Some(literal) => literal.subscribers.insert(subscriber),
            None => {
                let subscribers = Subscribers::One(subscriber);
                let literal = Literal { hash, filter: filter.clone(), subscribers };
                self.literals.insert_unique(hash, literal, |literal| literal.hash);
                true
            }
        }
    }

    fn remove_literal(&mut self, filter: &Filter, subscriber: T) -> bool {
        let hash = self.seeded.text(filter.as_str().as_bytes());
        let found = self.literals.find_entry(hash, |literal| literal.is(hash, filter.as_str()));
        let Ok(mut entry) = found else { return false };
        let removed = entry.get_mut().subscribers.remove(subscriber);
        if entry.get().subscribers.is_empty() {
            entry.remove();
            seeded::give_back(&mut self.literals, |literal| literal.hash);
        }
        removed
    }
}

impl<T> Literal<T> {
    fn is(&self, hash: u64, topic: &str) -> bool {
        self.hash == hash && self.filter.as_str() == topic
    }
}

impl<T> fmt::Debug for FilterIndex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterIndex").field("entries", &self.entries).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
