//! Logs to test with: small segments, memory or a folder that goes away.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrw_log::{
    Batch, Drive, Environment, FileStorage, Log, MemoryStorage, NewRecord, Options, Reader, Start,
    Storage,
};

/// A record as a reader saw it: seq, topic, offset, payload.
pub(crate) type Seen = (u64, String, u64, String);

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
pub(crate) fn drain(reader: &mut Reader) -> Vec<Seen> {
    let mut all = Vec::new();
    while let Some(frame) = reader.try_next().unwrap() {
        for record in frame.records() {
            let payload = String::from_utf8(record.payload().to_vec()).unwrap();
            all.push((record.seq().get(), record.topic().to_owned(), record.offset(), payload));
        }
    }
    all
}

pub(crate) fn read_all(log: &Log) -> Vec<Seen> {
    drain(&mut log.reader(Start::Earliest).unwrap())
}

/// A copy of all files as they are now: what a crash leaves when every write reached the disk.
pub(crate) fn image(storage: &Arc<dyn Storage>) -> Arc<dyn Storage> {
    let copy = memory();
    for name in storage.list().unwrap() {
        write_file(&copy, &name, &read_file(storage, &name));
    }
    copy
}

pub(crate) fn read_file(storage: &Arc<dyn Storage>, name: &str) -> Vec<u8> {
    let file = storage.open(name).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_at(&mut bytes, 0).unwrap();
    bytes
}

pub(crate) fn write_file(storage: &Arc<dyn Storage>, name: &str, bytes: &[u8]) {
    storage.remove(name).ok();
    storage.create(name).unwrap().write_at(bytes, 0).unwrap();
}

/// Changes one byte of a file.
pub(crate) fn flip(storage: &Arc<dyn Storage>, name: &str, at: usize) {
    let mut bytes = read_file(storage, name);
    bytes[at] ^= 0x10;
    write_file(storage, name, &bytes);
}

/// The files of segments, in order.
pub(crate) fn segment_names(storage: &Arc<dyn Storage>) -> Vec<String> {
    storage.list().unwrap().into_iter().filter(|name| name.ends_with(".seg")).collect()
}
