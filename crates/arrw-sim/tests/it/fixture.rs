//! Disks and files in the states that the tests start from.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrw_log::{Storage as _, StorageFile};
use arrw_sim::{CrashStates, SimDisk};

/// An open file of a test.
pub(crate) type File = Arc<dyn StorageFile>;

/// A disk with one durable file `a`, and a handle of it.
pub(crate) fn disk_with(bytes: &[u8]) -> (SimDisk, File) {
    let disk = SimDisk::new();
    disk.write_file("a", bytes);
    let file = disk.open("a").expect("it was just put there");
    (disk, file)
}

/// Writes all, on a disk without faults.
pub(crate) fn write(file: &File, bytes: &[u8], at: u64) {
    assert_eq!(file.write_at(bytes, at).expect("the disk is well"), bytes.len());
}

/// Creates a file and syncs its data, not its name.
pub(crate) fn create_synced(disk: &SimDisk, name: &str, bytes: &[u8]) -> File {
    let file = disk.create(name).expect("the name is free");
    write(&file, bytes, 0);
    file.sync_data().expect("the disk is well");
    file
}

/// Bytes that are `bytes[n]` all over sector `n`.
pub(crate) fn sectors(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|&byte| [byte; 512]).collect()
}

/// The first byte of each sector and the length of `a`, in each state.
pub(crate) fn outcomes(states: &CrashStates) -> Vec<(String, usize)> {
    states
        .into_iter()
        .map(|state| {
            let bytes = state.image().read_file("a");
            let firsts = bytes.chunks(512).map(|sector| char::from(sector[0].max(b'0')));
            (firsts.collect(), bytes.len())
        })
        .collect()
}

/// The names in each state, with the first byte of each file.
pub(crate) fn folders(disk: &SimDisk) -> BTreeSet<String> {
    let states = disk.crash_states();
    assert!(states.is_exhaustive());
    let of_image = |state: arrw_sim::CrashState| {
        let files = state.image().files();
        let texts = files.iter().map(|name| {
            let bytes = state.image().read_file(name);
            format!("{name}={}", bytes.first().map_or('-', |&byte| char::from(byte)))
        });
        texts.collect::<Vec<_>>().join(" ")
    };
    states.into_iter().map(of_image).collect()
}

/// How many different images there are.
pub(crate) fn distinct(states: &CrashStates) -> usize {
    states.into_iter().map(|state| state.fingerprint()).collect::<BTreeSet<_>>().len()
}
