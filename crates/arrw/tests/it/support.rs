//! What the tests share: a clock that stands still, a crash, texts of events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrw::{MemoryStorage, Storage, Subscription, Timestamp};

/// A clock that is set by hand.
#[derive(Debug)]
pub(crate) struct Clock(AtomicU64);

impl Clock {
    pub(crate) fn at(micros: u64) -> Self {
        Self(AtomicU64::new(micros))
    }

    pub(crate) fn set(&self, time: Timestamp) {
        self.0.store(time.micros(), Ordering::SeqCst);
    }
}

impl arrw::Clock for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// A copy of all files as they are now: what a crash leaves when every write reached the disk.
pub(crate) fn crash(storage: &Arc<dyn Storage>) -> Arc<dyn Storage> {
    let copy = MemoryStorage::new();
    for name in storage.list().unwrap() {
        let file = storage.open(&name).unwrap();
        let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
        file.read_at(&mut bytes, 0).unwrap();
        copy.create(&name).unwrap().write_at(&bytes, 0).unwrap();
    }
    Arc::new(copy)
}

/// Waits until something is so.
pub(crate) fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

/// The payloads of all events that are there now.
pub(crate) fn texts(subscription: &mut Subscription) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(events) = subscription.try_next().unwrap() {
        let text = |event: arrw::Event<'_>| String::from_utf8(event.payload().to_vec()).unwrap();
        all.extend(events.iter().map(text));
    }
    all
}
