//! All storages pass the one suite.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrw_log::{FileStorage, MemoryStorage, Storage};
use arrw_sim::{SimDisk, conformance};

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(env::temp_dir().join(format!("arrw-sim-{}-{number}", process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It may never have been made.
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn simulated_disk_conforms() {
    conformance::all(&|| Arc::new(SimDisk::new()));
    conformance::lock_is_exclusive(&|| {
        let disk = SimDisk::new();
        (Arc::new(disk.clone()), Arc::new(disk))
    });
}

#[test]
fn memory_conforms() {
    conformance::all(&|| Arc::new(MemoryStorage::new()));
    conformance::lock_is_exclusive(&|| {
        let memory = MemoryStorage::new();
        (Arc::new(memory.clone()), Arc::new(memory))
    });
}

#[test]
fn files_conform() {
    let root = Folder::new();
    let next = AtomicU64::new(0);
    let fresh = || root.0.join(next.fetch_add(1, Ordering::Relaxed).to_string());
    let storage = |path: PathBuf| -> Arc<dyn Storage> {
        Arc::new(FileStorage::new(path).expect("the temporary folder is writable"))
    };
    conformance::all(&|| storage(fresh()));
    conformance::lock_is_exclusive(&|| {
        let path = fresh();
        (storage(path.clone()), storage(path))
    });
}
