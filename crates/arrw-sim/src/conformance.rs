//! What every `Storage` must do, as checks that any implementation can run.

use std::io::ErrorKind;
use std::sync::Arc;

use arrw_log::{Storage, StorageFile};

/// Makes a storage in a place of its own, empty.
pub type Make<'a> = &'a dyn Fn() -> Arc<dyn Storage>;

/// Makes two storages of one place, as two processes would.
pub type MakeTwo<'a> = &'a dyn Fn() -> (Arc<dyn Storage>, Arc<dyn Storage>);

/// All checks but that of the lock, which needs two storages of one place.
///
/// # Panics
/// When the storage breaks a promise of the trait; the message names it.
pub fn all(make: Make<'_>) {
    names_are_made_once(make);
    missing_names_are_not_found(make);
    rename_replaces(make);
    removed_file_stays_readable(make);
    replaced_file_stays_readable(make);
    list_is_in_byte_order(make);
    handles_share_one_file(make);
    reads_end_with_the_file(make);
    gap_reads_as_zeros(make);
    writes_overwrite(make);
    set_len_cuts_and_grows(make);
    syncs_succeed(make);
    empty_write_changes_nothing(make);
}

/// A second file of one name is refused, and the first stays as it is.
///
/// # Panics
/// When it is not so.
pub fn names_are_made_once(make: Make<'_>) {
    let storage = make();
    let file = create_with(&*storage, "a", b"one");
    assert_eq!(error_of(storage.create("a")), ErrorKind::AlreadyExists);
    assert_eq!(content(&*file), b"one", "a refused create leaves the file alone");
    assert_eq!(content(&*open(&*storage, "a")), b"one");
}

/// A name that is not there cannot be opened, renamed or removed.
///
/// # Panics
/// When it is not so.
pub fn missing_names_are_not_found(make: Make<'_>) {
    let storage = make();
    create_with(&*storage, "b", b"kept");
    assert_eq!(error_of(storage.open("a")), ErrorKind::NotFound);
    assert_eq!(error_of(storage.rename("a", "b")), ErrorKind::NotFound);
    assert_eq!(error_of(storage.remove("a")), ErrorKind::NotFound);
    assert_eq!(content(&*open(&*storage, "b")), b"kept", "a failed rename replaces nothing");
}

/// A rename moves the file, over one of the new name if there is one, and onto itself does nothing.
///
/// # Panics
/// When it is not so.
pub fn rename_replaces(make: Make<'_>) {
    let storage = make();
    let moved = create_with(&*storage, "a", b"new");
    create_with(&*storage, "b", b"old");
    storage.rename("a", "b").expect("rename over a file");
    assert_eq!(names(&*storage), ["b"]);
    assert_eq!(content(&*open(&*storage, "b")), b"new");
    write(&*moved, b"N", 0);
    assert_eq!(content(&*open(&*storage, "b")), b"New", "handles follow the file");
    storage.rename("b", "c").expect("rename to a free name");
    storage.rename("c", "c").expect("rename onto itself");
    assert_eq!(names(&*storage), ["c"]);
    assert_eq!(content(&*open(&*storage, "c")), b"New");
}

/// A handle of a removed file goes on, and a new file of that name is another.
///
/// # Panics
/// When it is not so.
pub fn removed_file_stays_readable(make: Make<'_>) {
    let storage = make();
    let old = create_with(&*storage, "a", b"old");
    storage.remove("a").expect("remove");
    assert_eq!(error_of(storage.open("a")), ErrorKind::NotFound);
    assert!(names(&*storage).is_empty());
    let new = create_with(&*storage, "a", b"new");
    storage.sync_folder().expect("sync_folder");
    write(&*old, b"O", 0);
    old.sync_data().expect("sync_data of a removed file");
    assert_eq!(content(&*old), b"Old");
    assert_eq!(content(&*new), b"new");
}

/// A handle of a file that a rename replaced goes on.
///
/// # Panics
/// When it is not so.
pub fn replaced_file_stays_readable(make: Make<'_>) {
    let storage = make();
    create_with(&*storage, "a", b"new");
    let old = create_with(&*storage, "b", b"old");
    storage.rename("a", "b").expect("rename over a file");
    storage.sync_folder().expect("sync_folder");
    assert_eq!(content(&*old), b"old");
}

/// `list` gives all names in byte order.
///
/// # Panics
/// When it is not so.
pub fn list_is_in_byte_order(make: Make<'_>) {
    let storage = make();
    assert!(names(&*storage).is_empty(), "a new storage is empty");
    for name in ["b", "a-2", "a.1", "Z", "10", "9"] {
        create_with(&*storage, name, b"");
    }
    assert_eq!(names(&*storage), ["10", "9", "Z", "a-2", "a.1", "b"]);
}

/// What one handle writes, all see at once.
///
/// # Panics
/// When it is not so.
pub fn handles_share_one_file(make: Make<'_>) {
    let storage = make();
    let (one, two) = (create_with(&*storage, "a", b"one"), open(&*storage, "a"));
    write(&*two, b"two!", 0);
    assert_eq!(content(&*one), b"two!");
    one.set_len(1).expect("set_len");
    assert_eq!(two.len().expect("len"), 1);
}

/// A read past the end is short, or empty.
///
/// # Panics
/// When it is not so.
pub fn reads_end_with_the_file(make: Make<'_>) {
    let storage = make();
    let file = create_with(&*storage, "a", b"0123456789");
    let mut into = [0xff; 8];
    assert_eq!(file.read_at(&mut into, 7).expect("read over the end"), 3);
    assert_eq!(&into, b"789\xff\xff\xff\xff\xff", "bytes past the end are left alone");
    assert_eq!(file.read_at(&mut into, 10).expect("read at the end"), 0);
    assert_eq!(file.read_at(&mut into, 1_000_000).expect("read far past the end"), 0);
    assert_eq!(file.read_at(&mut [], 0).expect("read of nothing"), 0);
}

/// A write past the end fills the gap with zeros.
///
/// # Panics
/// When it is not so.
pub fn gap_reads_as_zeros(make: Make<'_>) {
    let storage = make();
    let file = create_with(&*storage, "a", b"ab");
    write(&*file, b"z", 9_000);
    let mut expected = vec![0; 9_001];
    (expected[0], expected[1], expected[9_000]) = (b'a', b'b', b'z');
    assert_eq!(content(&*file), expected);
}

/// A write of no bytes changes nothing, not even the length.
///
/// It is not in [`all`] yet: `MemoryStorage` grows the file to where the write starts.
///
/// # Panics
/// When it is not so.
pub fn empty_write_changes_nothing(make: Make<'_>) {
    let storage = make();
    let file = create_with(&*storage, "a", b"ab");
    assert_eq!(file.write_at(b"", 20_000).expect("write of nothing"), 0);
    assert_eq!(content(&*file), b"ab");
}

/// A write replaces what lies there and nothing else, across pages as well.
///
/// # Panics
/// When it is not so.
pub fn writes_overwrite(make: Make<'_>) {
    let storage = make();
    let mut expected: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    let file = create_with(&*storage, "a", &expected);
    for (at, count) in [(0_usize, 1_usize), (4_095, 2), (4_096, 4_096), (511, 9_000), (19_999, 1)] {
        let new = vec![0xa5; count];
        write(&*file, &new, at as u64);
        expected[at..at + count].copy_from_slice(&new);
        assert_eq!(content(&*file), expected, "after a write of {count} bytes at {at}");
    }
}

/// `set_len` cuts, and what it grows reads as zeros, also where there were bytes before.
///
/// # Panics
/// When it is not so.
pub fn set_len_cuts_and_grows(make: Make<'_>) {
    let storage = make();
    let file = create_with(&*storage, "a", &[7; 10_000]);
    assert!(!file.is_empty().expect("is_empty"));
    file.set_len(5_000).expect("cut");
    assert_eq!(content(&*file), [7; 5_000]);
    file.set_len(10_000).expect("grow");
    let mut expected = vec![7; 10_000];
    expected[5_000..].fill(0);
    assert_eq!(content(&*file), expected);
    file.set_len(0).expect("cut to nothing");
    assert!(file.is_empty().expect("is_empty"));
    file.set_len(1).expect("grow");
    assert_eq!(content(&*file), [0]);
}

/// Syncs succeed, with something to do and without.
///
/// # Panics
/// When it is not so.
pub fn syncs_succeed(make: Make<'_>) {
    let storage = make();
    storage.sync_folder().expect("sync of an empty folder");
    let file = create_with(&*storage, "a", b"x");
    file.sync_data().expect("sync after a write");
    file.sync_data().expect("sync without a write");
    storage.sync_folder().expect("sync after a create");
    file.set_len(0).expect("set_len");
    file.sync_data().expect("sync after set_len");
    assert!(!storage.place().is_empty(), "messages need a place");
}

/// Of two storages of one place, one has the lock, until it lets it go.
///
/// # Panics
/// When it is not so.
pub fn lock_is_exclusive(make_two: MakeTwo<'_>) {
    let (one, two) = make_two();
    let lock = one.lock().expect("a free lock");
    assert_eq!(error_of(two.lock()), ErrorKind::WouldBlock);
    assert_eq!(error_of(one.lock()), ErrorKind::WouldBlock);
    drop(lock);
    two.lock().expect("a lock that was let go is free");
}

fn create_with(storage: &dyn Storage, name: &str, bytes: &[u8]) -> Arc<dyn StorageFile> {
    let file = storage.create(name).expect("create");
    write(&*file, bytes, 0);
    file
}

fn open(storage: &dyn Storage, name: &str) -> Arc<dyn StorageFile> {
    storage.open(name).expect("open")
}

fn write(file: &dyn StorageFile, bytes: &[u8], at: u64) {
    let mut done = 0;
    while done < bytes.len() {
        let count = file.write_at(&bytes[done..], at + done as u64).expect("write_at");
        assert_ne!(count, 0, "a write that succeeds writes something");
        done += count;
    }
}

fn content(file: &dyn StorageFile) -> Vec<u8> {
    let len = usize::try_from(file.len().expect("len")).expect("a test's file is small");
    let mut bytes = vec![0; len];
    let mut done = 0;
    while done < len {
        let count = file.read_at(&mut bytes[done..], done as u64).expect("read_at");
        assert_ne!(count, 0, "the file ends before its length");
        done += count;
    }
    bytes
}

fn names(storage: &dyn Storage) -> Vec<String> {
    storage.list().expect("list")
}

fn error_of<T>(result: std::io::Result<T>) -> ErrorKind {
    match result {
        Ok(_) => ErrorKind::Other,
        Err(error) => error.kind(),
    }
}
