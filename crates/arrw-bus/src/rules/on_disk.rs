//! What is on the disk, for all to look at.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::consumers::{Consumer, Consumers};
use crate::retention::TopicRetention;

/// The consumers and the retention as they are on the disk, for all to look at, and a digest of all.
#[derive(Debug, Default)]
pub struct OnDisk {
    pub(super) consumers: Mutex<Consumers>,
    pub(super) retention: Mutex<BTreeMap<String, TopicRetention>>,
    pub(super) digest: AtomicU64,
    pub(super) refused: AtomicU64,
}

impl OnDisk {
    /// Batches that were refused since the start, other than those that were published before.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// The [digest](super::Memory::digest) of the memory as of the last commit; to be looked at between two.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest.load(Ordering::Acquire)
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Consumer> {
        self.lock().get(name).cloned()
    }

    /// How many consumers there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// All of them now.
    #[must_use]
    pub fn all(&self) -> Consumers {
        self.lock().clone()
    }

    /// How long topics are kept, by their pattern.
    #[must_use]
    pub fn retention(&self) -> BTreeMap<String, TopicRetention> {
        self.lock_retention().clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Consumers> {
        self.consumers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock_retention(&self) -> MutexGuard<'_, BTreeMap<String, TopicRetention>> {
        self.retention.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
