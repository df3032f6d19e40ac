//! Logs to test with: small segments, memory or a folder that goes away.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrw_log::{
    Batch, Drive, Environment, FileStorage, Log, MemoryStorage, NewRecord, Options, Reader, Start,
    Storage,
};

/// A folder that is removed at the end of the test.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("arrw-log-test-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub(crate) fn storage(&self) -> Arc<dyn Storage> {
        Arc::new(FileStorage::new(&self.0).unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Options with the smallest segments, driven by the callers.
pub(crate) fn small() -> Options {
    Options {
        segment_bytes: 16 * 1024,
        ring_bytes: 8 * 1024,
        drive: Drive::Callers,
        ..Options::default()
    }
}

pub(crate) fn open(storage: &Arc<dyn Storage>, options: Options) -> Log {
    Log::open_with(Environment::with_storage(Arc::clone(storage)), options).unwrap()
}

pub(crate) fn memory() -> Arc<dyn Storage> {
    Arc::new(MemoryStorage::new())
}

pub(crate) fn batch(topic: &str, payloads: &[&str]) -> Batch {
    let mut batch = Batch::new();
    for payload in payloads {
        let payload = payload.as_bytes();
        batch.push(NewRecord { topic, payload, ..NewRecord::default() }).unwrap();
    }
    batch
}

/// All that a reader has to give now: seq, topic, offset, payload.
pub(crate) fn drain(reader: &mut Reader) -> Vec<(u64, String, u64, String)> {
    let mut all = Vec::new();
    while let Some(frame) = reader.try_next().unwrap() {
        for record in frame.records() {
            let payload = String::from_utf8(record.payload().to_vec()).unwrap();
            all.push((record.seq().get(), record.topic().to_owned(), record.offset(), payload));
        }
    }
    all
}

pub(crate) fn read_all(log: &Log) -> Vec<(u64, String, u64, String)> {
    drain(&mut log.reader(Start::Earliest).unwrap())
}
