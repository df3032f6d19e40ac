//! Files in memory: nothing survives the process.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use super::{FolderLock, Storage, StorageFile};

/// A [`Storage`] in memory, for tests and for logs that need not survive the process.
///
/// Clones share the files, so a log can be closed and opened again.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    folder: Arc<Mutex<BTreeMap<String, Arc<MemoryFile>>>>,
    lock: Arc<Mutex<Weak<()>>>,
}

impl MemoryStorage {
    /// An empty folder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn folder(&self) -> MutexGuard<'_, BTreeMap<String, Arc<MemoryFile>>> {
        self.folder.lock().expect("no holder of this lock panics")
    }
}

impl Storage for MemoryStorage {
    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        match self.folder().get(name) {
            Some(file) => Ok(Arc::<MemoryFile>::clone(file)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let mut folder = self.folder();
        if folder.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = Arc::new(MemoryFile::default());
        folder.insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut folder = self.folder();
        let file = folder.remove(from).ok_or(io::ErrorKind::NotFound)?;
        folder.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match self.folder().remove(name) {
            Some(_) => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.folder().keys().cloned().collect())
    }

    fn sync_folder(&self) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self) -> io::Result<FolderLock> {
        let mut lock = self.lock.lock().expect("no holder of this lock panics");
        if lock.strong_count() > 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let held = Arc::new(());
        *lock = Arc::downgrade(&held);
        Ok(FolderLock::new(held))
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}

/// A file in memory.
#[derive(Debug, Default)]
struct MemoryFile(Mutex<Vec<u8>>);

impl MemoryFile {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

/// An offset as an index; no file in memory is larger than the address space.
fn index(at: u64) -> io::Result<usize> {
    usize::try_from(at).map_err(io::Error::other)
}

impl StorageFile for MemoryFile {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let bytes = self.bytes();
        let from = index(at)?.min(bytes.len());
        let count = into.len().min(bytes.len() - from);
        into[..count].copy_from_slice(&bytes[from..from + count]);
        Ok(count)
    }

    fn write_at(&self, new: &[u8], at: u64) -> io::Result<usize> {
        if new.is_empty() {
            return Ok(0);
        }
        let mut bytes = self.bytes();
        let from = index(at)?;
        let end = from.checked_add(new.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[from..end].copy_from_slice(new);
        Ok(new.len())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes().len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.bytes().resize(index(len)?, 0);
        Ok(())
    }
}
