//! Filters with wildcards, as a tree of tokens.

use hashbrown::HashTable;

use crate::filter::{self, Filter};
use crate::limits::TOKENS_MAX;

use super::seeded::{self, Seeded};
use super::subscribers::Subscribers;
use super::tokens::{Numbers, REST, STAR, Tokens, UNKNOWN};

/// The number of the node above all others, which is not in the table.
const ROOT: u32 = 0;

/// A tree in which each filter is a path from the root, one node for each of its tokens.
pub(super) struct Trie<T> {
    seeded: Seeded,
    nodes: HashTable<Node<T>>,
    below_root: Below,
    tokens: Tokens,
    numbers: Numbers,
    /// How many filters there are of each number of tokens, `>` not counted. The last is not zero.
    filters_by_tokens: Vec<u32>,
}

/// 32 bytes, so that a step of a match is one or two lines of the processor's cache.
struct Node<T> {
    place: Place,
    number: u32,
    below: Below,
    subscribers: Subscribers<T>,
}

/// Where a node hangs: the number of the node above, and its token's.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    above: u32,
    token: u32,
}

/// What hangs below a node, so that no look-up is made in vain for what does not: bit 0 is `*`, bit 1
/// is `>`, and the rest counts other tokens, a billion of which would not fit into memory.
#[derive(Clone, Copy, Default)]
struct Below(u32);

/// The numbers of a topic's tokens, as many as the trie can ask for.
struct Topic {
    tokens: [u32; TOKENS_MAX],
    /// At most one more than the longest filter has: beyond that it makes no difference.
    count: usize,
    volatile: bool,
}

impl<T: Copy + Ord> Trie<T> {
    pub(super) fn new(seeded: Seeded) -> Self {
        Self {
            tokens: Tokens::new(seeded.clone()),
            seeded,
            nodes: HashTable::new(),
            below_root: Below::default(),
            numbers: Numbers::from(ROOT + 1),
            filters_by_tokens: Vec::new(),
        }
    }

    /// False when the pair was there.
    pub(super) fn insert(&mut self, filter: &Filter, subscriber: T) -> bool {
        let mut above = None;
        let mut number = ROOT;
        for text in filter.tokens() {
            let place = Place { above: number, token: self.token(text) };
            let place = match self.node(place) {
                Some(node) => {
                    number = node.number;
                    place
                }
                None => {
                    let (place, new) = self.grow(above, number, text);
                    number = new;
                    place
                }
            };
            above = Some(place);
        }
        let Some(node) = above.and_then(|place| self.node_mut(place)) else { return false };
        let is_new = node.subscribers.is_empty();
        let added = node.subscribers.insert(subscriber);
        if is_new {
            self.count_filter(filter);
        }
        added
    }

    /// False when the pair was not there.
    pub(super) fn remove(&mut self, filter: &Filter, subscriber: T) -> bool {
        let mut path = Vec::new();
        let mut number = ROOT;
        for text in filter.tokens() {
            let place = Place { above: number, token: self.token(text) };
            let Some(node) = self.node(place) else { return false };
            number = node.number;
            path.push((place, text));
        }
        let last = path.last().and_then(|(place, _)| self.node_mut(*place));
        let Some(node) = last else { return false };
        let removed = node.subscribers.remove(subscriber);
        if removed && node.subscribers.is_empty() {
            self.discount_filter(filter);
            self.prune(&path);
        }
        removed
    }

    pub(super) fn for_each_match(&self, topic: &str, each: &mut impl FnMut(T)) {
        if self.nodes.is_empty() {
            return;
        }
        let topic = self.read(topic);
        self.descend((ROOT, self.below_root), 0, &topic, each);
    }

    /// Goes on from a node that matches the first `depth` tokens of the topic, of which there are more.
    fn descend(
        &self,
        (number, below): (u32, Below),
        depth: usize,
        topic: &Topic,
        each: &mut impl FnMut(T),
    ) {
        let wildcards = 0 < depth || !topic.volatile;
        let child = |token| self.node(Place { above: number, token });
        // All three look-ups come first, so that the processor waits for memory once, not three times.
        let rest = if wildcards && below.has_rest() { child(REST) } else { None };
        let token = topic.tokens.get(depth).copied().unwrap_or(UNKNOWN);
        let same = if token != UNKNOWN && below.has_others() { child(token) } else { None };
        let star = if wildcards && below.has_star() { child(STAR) } else { None };
        if let Some(rest) = rest {
            rest.subscribers.for_each(each);
        }
        for node in [same, star].into_iter().flatten() {
            if depth + 1 == topic.count {
                node.subscribers.for_each(each);
            } else {
                self.descend((node.number, node.below), depth + 1, topic, each);
            }
        }
    }

    fn read(&self, topic: &str) -> Topic {
        let mut read =
            Topic { tokens: [UNKNOWN; TOKENS_MAX], count: 0, volatile: filter::is_volatile(topic) };
        let tokens_max = self.filters_by_tokens.len().saturating_sub(1);
        for text in topic.split('.').take(tokens_max + 1) {
            if read.count < tokens_max
                && let Some(token) = read.tokens.get_mut(read.count)
            {
                *token = self.tokens.find(text);
            }
            read.count += 1;
        }
        read
    }

    fn token(&self, text: &str) -> u32 {
        match text {
            filter::STAR => STAR,
            filter::REST => REST,
            _ => self.tokens.find(text),
        }
    }

    fn node(&self, place: Place) -> Option<&Node<T>> {
        self.nodes.find(place.hash(&self.seeded), |node| node.place == place)
    }

    fn node_mut(&mut self, place: Place) -> Option<&mut Node<T>> {
        self.nodes.find_mut(place.hash(&self.seeded), |node| node.place == place)
    }

    /// Hangs a new node below the one with this number, whose place is `above`, or the root.
    fn grow(&mut self, above: Option<Place>, number: u32, text: &str) -> (Place, u32) {
        let token = match text {
            filter::STAR => STAR,
            filter::REST => REST,
            _ => self.tokens.acquire(text),
        };
        let place = Place { above: number, token };
        let new = self.numbers.take();
        let node =
            Node { place, number: new, below: Below::default(), subscribers: Subscribers::None };
        let seeded = &self.seeded;
        self.nodes.insert_unique(place.hash(seeded), node, |node| node.place.hash(seeded));
        if let Some(below) = self.below_mut(above) {
            below.add(token);
        }
        (place, new)
    }

    /// Removes the nodes at the end of this path that have become useless.
    fn prune(&mut self, path: &[(Place, &str)]) {
        for (at, (place, text)) in path.iter().enumerate().rev() {
            let hash = place.hash(&self.seeded);
            let found = self.nodes.find_entry(hash, |node| node.place == *place);
            let Ok(entry) = found else { return };
            if !entry.get().is_useless() {
                break;
            }
            let (node, _) = entry.remove();
            self.numbers.put_back(node.number);
            if place.token != STAR && place.token != REST {
                self.tokens.release(text);
            }
            let above = at.checked_sub(1).and_then(|above| path.get(above));
            if let Some(below) = self.below_mut(above.map(|(place, _)| *place)) {
                below.remove(place.token);
            }
        }
        let seeded = &self.seeded;
        seeded::give_back(&mut self.nodes, |node| node.place.hash(seeded));
    }

    fn below_mut(&mut self, place: Option<Place>) -> Option<&mut Below> {
        match place {
            None => Some(&mut self.below_root),
            Some(place) => self.node_mut(place).map(|node| &mut node.below),
        }
    }

    fn count_filter(&mut self, filter: &Filter) {
        let tokens = tokens_without_rest(filter);
        if self.filters_by_tokens.len() <= tokens {
            self.filters_by_tokens.resize(tokens + 1, 0);
        }
        self.filters_by_tokens[tokens] += 1;
    }

    fn discount_filter(&mut self, filter: &Filter) {
        self.filters_by_tokens[tokens_without_rest(filter)] -= 1;
        while self.filters_by_tokens.pop_if(|filters| *filters == 0).is_some() {}
    }

    /// Nodes, their numbers, tokens, and numbers of tokens of filters: all zero in an empty trie.
    #[cfg(test)]
    pub(super) fn in_use(&self) -> [usize; 4] {
        let (nodes, numbers) = (self.nodes.len(), self.numbers.taken);
        [nodes, numbers, self.tokens.len(), self.filters_by_tokens.len()]
    }

    #[cfg(test)]
    pub(super) fn allocated_bytes(&self) -> usize {
        let tables = self.nodes.allocation_size() + self.tokens.allocated_bytes();
        tables + self.numbers.allocated_bytes()
    }
}

impl<T: Copy + Ord> Node<T> {
    fn is_useless(&self) -> bool {
        self.subscribers.is_empty() && self.below.is_empty()
    }
}

impl Place {
    fn hash(self, seeded: &Seeded) -> u64 {
        seeded.pair(self.above, self.token)
    }
}

impl Below {
    fn add(&mut self, token: u32) {
        self.0 += Self::weight(token);
    }

    fn remove(&mut self, token: u32) {
        self.0 -= Self::weight(token);
    }

    fn weight(token: u32) -> u32 {
        match token {
            STAR => 1,
            REST => 2,
            _ => 4,
        }
    }

    fn has_star(self) -> bool {
        self.0 & Self::weight(STAR) != 0
    }

    fn has_rest(self) -> bool {
        self.0 & Self::weight(REST) != 0
    }

    fn has_others(self) -> bool {
        4 <= self.0
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }
}

fn tokens_without_rest(filter: &Filter) -> usize {
    filter.tokens().filter(|token| *token != filter::REST).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_small() {
        assert_eq!(size_of::<Node<u64>>(), 32);
    }
}
