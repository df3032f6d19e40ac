//! Records of a topic are found by their offsets, without a look into each segment.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrw_log::{FolderLock, Log, MemoryStorage, Seq, Storage, StorageFile};

use crate::support::{batch, open, read_all, small};

/// Counts the files that are opened.
#[derive(Debug)]
struct Counting {
    storage: MemoryStorage,
    opened: AtomicU64,
}

impl Storage for Counting {
    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.storage.open(name)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        self.storage.create(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.storage.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.storage.remove(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.storage.list()
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.storage.sync_folder()
    }

    fn lock(&self) -> io::Result<FolderLock> {
        self.storage.lock()
    }

    fn place(&self) -> String {
        self.storage.place()
    }
}

/// Looks for every offset of every topic; answers the most files that one search opened for the topic that is everywhere.
fn check(log: &Log, storage: &Counting) -> u64 {
    let mut kept: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
    for (seq, topic, offset, _) in read_all(log) {
        kept.entry(topic).or_default().push((offset, seq));
    }
    let mut most = 0;
    for (topic, all) in &kept {
        let last_offset = all.last().unwrap().0;
        for offset in 1..=last_offset + 1 {
            let before = storage.opened.load(Ordering::Relaxed);
            let found = log.seq_of_offset(topic, offset).unwrap().map(Seq::get);
            let opened = storage.opened.load(Ordering::Relaxed) - before;
            let expected = all.iter().find(|(it, _)| offset <= *it).map(|(_, seq)| *seq);
            assert_eq!(found, expected, "{topic} from {offset} on");
            if topic == "everywhere" {
                most = most.max(opened);
            }
        }
    }
    most
}

#[test]
fn an_offset_is_found_by_few_footers_wherever_its_topic_is() {
    let counting =
        Arc::new(Counting { storage: MemoryStorage::new(), opened: AtomicU64::default() });
    let storage: Arc<dyn Storage> = Arc::<Counting>::clone(&counting);
    let log = open(&storage, small());
    let payload = "x".repeat(1_000);
    for number in 0..1_500 {
        let rare = match number {
            0..200 => "first",
            200..700 if number % 100 == 0 => "now-and-then",
            1_400.. => "last",
            _ => "everywhere",
        };
        for topic in ["everywhere", rare] {
            log.append(batch(topic, &[&payload])).wait().unwrap();
        }
    }
    let segments = storage.list().unwrap().iter().filter(|name| name.ends_with(".seg")).count();
    assert!(segments > 128, "{segments}");
    // Some more than the logarithm, as the records are then read.
    let most = check(&log, &counting);
    assert!(most <= 16, "{most} files opened of {segments}");
    log.trim(Seq::new(1_000)).unwrap();
    check(&log, &counting);
    log.close().unwrap();
    check(&open(&storage, small()), &counting);
}
