//! A disk that fails when it is told to: what callers learn then.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrw::{
    Claim, ClaimError, Db, Environment, Filter, HistoryQuery, MemoryStorage, NewEvent, NewJob,
    Options, Order, Storage,
};
use arrw_log::{FolderLock, StorageFile};

/// Files in memory whose syncs fail from a moment on.
#[derive(Debug)]
struct Failing {
    files: MemoryStorage,
    fails: Arc<AtomicBool>,
}

#[derive(Debug)]
struct FailingFile {
    file: Arc<dyn StorageFile>,
    fails: Arc<AtomicBool>,
}

impl Failing {
    fn wrap(&self, file: Arc<dyn StorageFile>) -> Arc<dyn StorageFile> {
        Arc::new(FailingFile { file, fails: Arc::clone(&self.fails) })
    }
}

impl Storage for Failing {
    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        self.files.open(name).map(|file| self.wrap(file))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        self.files.create(name).map(|file| self.wrap(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.files.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.remove(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.files.list()
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.files.sync_folder()
    }

    fn lock(&self) -> io::Result<FolderLock> {
        self.files.lock()
    }

    fn place(&self) -> String {
        self.files.place()
    }
}

impl StorageFile for FailingFile {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        self.file.read_at(into, at)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        self.file.write_at(bytes, at)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is gone"));
        }
        self.file.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
}

/// A database, and what has its syncs fail.
fn open() -> (Db, Arc<AtomicBool>) {
    let fails = Arc::new(AtomicBool::new(false));
    let storage = Failing { files: MemoryStorage::new(), fails: Arc::clone(&fails) };
    let environment = Environment::with_storage(Arc::new(storage));
    (Db::open_with(environment, Options::default()).unwrap(), fails)
}

#[test]
fn nobody_is_shown_where_a_topic_would_end_if_its_sync_had_not_failed() {
    let (db, fails) = open();
    let publish = |topic: &str| db.bus().publish(NewEvent::new(topic, b"")).unwrap().wait();
    publish("t").unwrap();
    publish("t").unwrap();
    fails.store(true, Ordering::SeqCst);
    publish("t").unwrap_err();
    assert!(db.poison().is_some());
    let query = HistoryQuery { since: Some(1), ..HistoryQuery::default() };
    let history = db.bus().history("t", query).unwrap();
    let offsets: Vec<u64> = history.iter().map(|event| event.offset()).collect();
    assert_eq!((offsets, history.last_offset), (vec![2], 2));
    let newest = HistoryQuery { order: Order::NewestFirst, ..HistoryQuery::default() };
    assert_eq!(db.bus().history("t", newest).unwrap().iter().count(), 2);

    let (db, fails) = open();
    fails.store(true, Ordering::SeqCst);
    db.bus().publish(NewEvent::new("new", b"")).unwrap().wait().unwrap_err();
    assert_eq!(db.bus().topics(&Filter::parse(">").unwrap(), None, 10).len(), 0);
}

#[test]
fn who_waits_for_jobs_learns_that_the_disk_failed() {
    let (db, fails) = open();
    let jobs = db.jobs();
    std::thread::scope(|scope| {
        let claim = || jobs.claim(Claim::new("w", ["elsewhere"], 1).unwrap()).wait(None);
        let waiting = scope.spawn(claim);
        fails.store(true, Ordering::SeqCst);
        let lost = jobs.enqueue(&NewJob::new("q", "k", "0")).unwrap().wait();
        assert!(lost.is_err(), "{lost:?}");
        let refused = waiting.join().unwrap();
        assert!(matches!(refused, Err(ClaimError::Append(_))), "{refused:?}");
        let refused = claim();
        assert!(matches!(refused, Err(ClaimError::Append(_))), "{refused:?}");
    });
    assert!(db.poison().is_some());
}
