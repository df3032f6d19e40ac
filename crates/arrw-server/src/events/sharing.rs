//! Encodes a chunk of events once for all streams of one filter.
//!
//! Streams that are at the tail come for the same events at about the same time. The first to come encodes
//! them; the others wait for it and take its bytes. A stream that is alone with its filter leaves nothing
//! behind.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arrw::{Filter, Seq, SharedKey};
use bytes::Bytes;

use crate::limits::{SHARED_BYTES_MAX, SHARED_CHUNKS_MAX};

/// Some events as they are sent.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    /// How many of the [`Events`](arrw::Events) were written when it was full, and the last one of them.
    pub(super) given: usize,
    pub(super) last: Seq,
    pub(super) has_more: bool,
}

/// Which group's, of which events, and how many of them stand before it.
type Key = (u64, SharedKey, usize);

/// The chunks that were encoded lately, at most [`SHARED_BYTES_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Sharing {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    groups: BTreeMap<Filter, (u64, Arc<AtomicUsize>)>,
    next_group: u64,
    chunks: BTreeMap<Key, Arc<OnceLock<Chunk>>>,
    /// Oldest first.
    order: VecDeque<Key>,
    /// Those of the chunks that are encoded.
    bytes: usize,
}

/// A stream among those of its filter.
#[derive(Debug)]
pub(super) struct Member {
    sharing: Arc<Sharing>,
    filter: Filter,
    group: u64,
    /// How many there are of it.
    members: Arc<AtomicUsize>,
}

impl Sharing {
    /// Counts a stream among those of its filter.
    pub(super) fn join(self: &Arc<Self>, filter: &Filter) -> Member {
        let mut state = self.lock();
        let next = state.next_group;
        let (group, members) =
            state.groups.entry(filter.clone()).or_insert_with(|| (next, Arc::default()));
        let (group, members) = (*group, Arc::clone(members));
        members.fetch_add(1, Ordering::Relaxed);
        state.next_group += u64::from(group == next);
        drop(state);
        Member { sharing: Arc::clone(self), filter: filter.clone(), group, members }
    }

    /// The chunk of a key, or the place for it.
    fn place(&self, key: &Key) -> Arc<OnceLock<Chunk>> {
        let mut state = self.lock();
        if let Some(chunk) = state.chunks.get(key) {
            return Arc::clone(chunk);
        }
        if SHARED_CHUNKS_MAX <= state.order.len() {
            state.forget_oldest();
        }
        let chunk = Arc::default();
        state.chunks.insert(*key, Arc::clone(&chunk));
        state.order.push_back(*key);
        chunk
    }

    /// Counts the bytes of a chunk that was encoded now.
    fn add(&self, key: &Key, chunk: &Arc<OnceLock<Chunk>>, bytes: usize) {
        let mut state = self.lock();
        // Unless so many others came meanwhile that it has gone.
        if state.chunks.get(key).is_some_and(|kept| Arc::ptr_eq(kept, chunk)) {
            state.bytes += bytes;
        }
        while SHARED_BYTES_MAX < state.bytes && state.forget_oldest() {}
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget_oldest(&mut self) -> bool {
        let Some(key) = self.order.pop_front() else { return false };
        let chunk = self.chunks.remove(&key);
        let bytes =
            chunk.as_ref().and_then(|chunk| chunk.get()).map_or(0, |chunk| chunk.bytes.len());
        self.bytes = self.bytes.saturating_sub(bytes);
        true
    }
}

impl Member {
    /// The chunk of these events behind the first `given`: what another stream encoded, or what `encode` does.
    pub(super) fn chunk(
        &self,
        events: Option<SharedKey>,
        given: usize,
        encode: impl FnOnce() -> Chunk,
    ) -> Chunk {
        let Some(events) = events.filter(|_| 1 < self.members.load(Ordering::Relaxed)) else {
            return encode();
        };
        let key = (self.group, events, given);
        let place = self.sharing.place(&key);
        let mut is_new = false;
        let chunk = place.get_or_init(|| {
            is_new = true;
            encode()
        });
        if is_new {
            self.sharing.add(&key, &place, chunk.bytes.len());
        }
        chunk.clone()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut state = self.sharing.lock();
        if self.members.fetch_sub(1, Ordering::Relaxed) == 1 {
            state.groups.remove(&self.filter);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use arrw::{Db, Events, NewEvent, Start};

    use super::*;

    fn events(db: &Db) -> Events {
        let mut subscription = db.bus().subscribe("a", Start::Earliest).unwrap();
        subscription.try_next().unwrap().unwrap()
    }

    fn chunk(bytes: usize) -> Chunk {
        Chunk { bytes: vec![0; bytes].into(), given: 1, last: Seq::FIRST, has_more: false }
    }

    #[test]
    fn two_of_a_filter_encode_once_and_one_alone_leaves_nothing() {
        let db = Db::in_memory().unwrap();
        db.bus().publish(NewEvent::new("a", b"1")).unwrap().wait().unwrap();
        let key = events(&db).shared_key();
        assert!(key.is_some());
        let sharing = Arc::new(Sharing::default());
        let encoded = Cell::new(0);
        let ask = |member: &Member, given| {
            member.chunk(key, given, || {
                encoded.set(encoded.get() + 1);
                chunk(10)
            })
        };
        let filter = Filter::parse("a").unwrap();
        let first = sharing.join(&filter);
        ask(&first, 0);
        ask(&first, 0);
        assert_eq!((encoded.get(), sharing.lock().chunks.len()), (2, 0));
        let second = sharing.join(&filter);
        let other = sharing.join(&Filter::parse("*").unwrap());
        ask(&first, 0);
        ask(&second, 0);
        assert_eq!(encoded.get(), 3);
        ask(&second, 1);
        ask(&other, 0);
        assert_eq!((encoded.get(), sharing.lock().bytes), (5, 20));
        drop((first, second, other));
        assert!(sharing.lock().groups.is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded_in_bytes_and_in_number() {
        let db = Db::in_memory().unwrap();
        db.bus().publish(NewEvent::new("a", b"1")).unwrap().wait().unwrap();
        let key = events(&db).shared_key();
        let sharing = Arc::new(Sharing::default());
        let filter = Filter::parse("a").unwrap();
        let members = [sharing.join(&filter), sharing.join(&filter)];
        for given in 0..2 * SHARED_CHUNKS_MAX {
            members[0].chunk(key, given, || chunk(1));
        }
        assert_eq!(sharing.lock().chunks.len(), SHARED_CHUNKS_MAX);
        assert_eq!(sharing.lock().bytes, SHARED_CHUNKS_MAX);
        for given in 0..5 {
            members[0].chunk(key, given, || chunk(SHARED_BYTES_MAX / 2));
        }
        let state = sharing.lock();
        assert_eq!((state.chunks.len(), state.order.len()), (2, 2));
        assert_eq!(state.bytes, SHARED_BYTES_MAX);
    }
}
