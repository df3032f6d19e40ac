//! The `Storage` trait: the few file operations that the log needs, and what each promises.

mod files;
mod memory;

use std::fmt;
use std::io;
use std::sync::Arc;

pub use files::FileStorage;
pub use memory::MemoryStorage;

/// A folder of files, flat, as the log needs it.
///
/// What a crash leaves is part of the contract, because recovery relies on it:
///
/// ```text
/// write_at        on the disk after sync_data of that file returned; before, any subset of its
///                 512 B sectors, each old or new
/// create, rename, on the disk after sync_folder returned; before, each of them may or may not be;
/// remove          a rename shows the old name or the new one, never neither
/// set_len         on the disk after sync_data of that file returned
/// ```
///
/// A failed `sync_data` says nothing about which bytes are on the disk, and it must not be tried again:
/// the next one would report success without having written them.
pub trait Storage: fmt::Debug + Send + Sync {
    /// Opens a file that exists, for reading and writing.
    ///
    /// # Errors
    /// `NotFound` when there is none, and whatever the system reports.
    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>>;

    /// Makes a new, empty file.
    ///
    /// # Errors
    /// `AlreadyExists` when there is one, and whatever the system reports.
    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>>;

    /// Renames a file, over one of the new name if there is one.
    ///
    /// # Errors
    /// `NotFound` when there is none, and whatever the system reports.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Open handles go on reading what it held.
    ///
    /// # Errors
    /// `NotFound` when there is none, and whatever the system reports.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names of all files, in byte order.
    ///
    /// # Errors
    /// Whatever the system reports.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes all creations, renames and removals so far survive a crash.
    ///
    /// # Errors
    /// Whatever the system reports; the caller must then stop writing.
    fn sync_folder(&self) -> io::Result<()>;

    /// Takes the folder for one owner until what is answered is dropped, or the process ends.
    ///
    /// # Errors
    /// `WouldBlock` when another owner, in this process or another, has it.
    fn lock(&self) -> io::Result<FolderLock>;

    /// Where it is, for messages.
    fn place(&self) -> String;
}

/// A folder that was taken; dropping it lets it go.
#[derive(Debug)]
pub struct FolderLock {
    _held: Box<dyn fmt::Debug + Send + Sync>,
}

impl FolderLock {
    /// A lock that is let go by dropping `held`.
    #[must_use]
    pub fn new(held: impl fmt::Debug + Send + Sync + 'static) -> Self {
        Self { _held: Box::new(held) }
    }
}

/// One open file of a [`Storage`].
pub trait StorageFile: fmt::Debug + Send + Sync {
    /// Reads up to `into.len()` bytes at `at`; fewer mean the end of the file (or a short read: call on).
    ///
    /// # Errors
    /// Whatever the system reports.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize>;

    /// Writes some of `bytes` at `at`, growing the file as needed; answers how many.
    ///
    /// # Errors
    /// `StorageFull` or `QuotaExceeded` when there is no space, and whatever the system reports.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize>;

    /// Makes all writes so far, and the length, survive a crash.
    ///
    /// # Errors
    /// Whatever the system reports; which writes are on the disk is then unknown.
    fn sync_data(&self) -> io::Result<()>;

    /// Length in bytes.
    ///
    /// # Errors
    /// Whatever the system reports.
    fn len(&self) -> io::Result<u64>;

    /// Cuts or grows the file; new bytes are zero.
    ///
    /// # Errors
    /// Whatever the system reports.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// True for an empty file.
    ///
    /// # Errors
    /// As [`len`](Self::len).
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// True when there is no space left, on the disk or of the quota: what passes, and is no failure of the disk.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Reads exactly `into.len()` bytes, or says `UnexpectedEof`.
pub(crate) fn read_exact_at(file: &dyn StorageFile, into: &mut [u8], at: u64) -> io::Result<()> {
    let wanted = into.len();
    if read_up_to(file, into, at)? == wanted {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// Reads as many of `into.len()` bytes as the file has at `at`.
pub(crate) fn read_up_to(file: &dyn StorageFile, into: &mut [u8], at: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match file.read_at(&mut into[done..], at + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes all of `bytes`, however many calls it takes.
pub(crate) fn write_all_at(file: &dyn StorageFile, bytes: &[u8], at: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match file.write_at(&bytes[done..], at + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
