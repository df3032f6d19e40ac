//! Faults strike where they were planned, and only there.

use std::io::ErrorKind;

use arrw_log::Storage as _;
use arrw_sim::{EIO, ENOSPC, Effect, Fault, OpKind, PAGE_BYTES, SimDisk};

use crate::fixture::{disk_with, write};

const ALL_KINDS: [OpKind; 12] = [
    OpKind::Open,
    OpKind::Create,
    OpKind::Rename,
    OpKind::Remove,
    OpKind::List,
    OpKind::SyncFolder,
    OpKind::Lock,
    OpKind::Read,
    OpKind::Write,
    OpKind::SyncData,
    OpKind::Len,
    OpKind::SetLen,
];

#[test]
fn nth_operation_of_its_kind_fails_once() {
    let (disk, file) = disk_with(b"aaaa");
    disk.plan_fault(Fault::once(OpKind::Write, 2, Effect::Errno(ENOSPC)));
    write(&file, b"1", 0);
    file.len().unwrap();
    assert_eq!(file.write_at(b"2", 1).unwrap_err().kind(), ErrorKind::StorageFull);
    write(&file, b"3", 2);
    assert_eq!(disk.read_file("a"), b"1a3a", "the failed write wrote nothing");
}

#[test]
fn from_then_on_fails_until_cleared() {
    let (disk, file) = disk_with(b"a");
    disk.plan_fault(Fault::from_then_on(None, 2, Effect::Errno(EIO)));
    file.len().unwrap();
    assert_eq!(file.len().unwrap_err().raw_os_error(), Some(EIO));
    assert_eq!(disk.create("b").unwrap_err().raw_os_error(), Some(EIO));
    assert_eq!(disk.list().unwrap_err().raw_os_error(), Some(EIO));
    disk.clear_faults();
    assert_eq!(disk.list().unwrap(), ["a"]);
}

#[test]
fn every_kind_can_fail_and_then_does_nothing() {
    let fail = |kind: OpKind| {
        let (disk, file) = disk_with(b"a");
        disk.plan_fault(Fault::once(kind, 1, Effect::Error(ErrorKind::PermissionDenied)));
        let result = match kind {
            OpKind::Open => disk.open("a").map(drop),
            OpKind::Create => disk.create("b").map(drop),
            OpKind::Rename => disk.rename("a", "b"),
            OpKind::Remove => disk.remove("a"),
            OpKind::List => disk.list().map(drop),
            OpKind::SyncFolder => disk.sync_folder(),
            OpKind::Lock => disk.lock().map(drop),
            OpKind::Read => file.read_at(&mut [0], 0).map(drop),
            OpKind::Write => file.write_at(b"x", 0).map(drop),
            OpKind::SyncData => file.sync_data(),
            OpKind::Len => file.len().map(drop),
            OpKind::SetLen => file.set_len(0),
        };
        assert_eq!(result.unwrap_err().kind(), ErrorKind::PermissionDenied, "{kind:?}");
        assert_eq!(disk.files(), ["a"], "{kind:?}");
        assert_eq!(disk.read_file("a"), b"a", "{kind:?}");
    };
    for kind in ALL_KINDS {
        fail(kind);
    }
}

#[test]
fn fault_on_one_file_spares_the_others() {
    let (disk, file) = disk_with(b"a");
    let other = disk.create("b").unwrap();
    disk.plan_fault(Fault::once(OpKind::Write, 1, Effect::Errno(EIO)).on_file("b"));
    write(&file, b"x", 0);
    other.write_at(b"x", 0).unwrap_err();
    disk.plan_fault(Fault::once(OpKind::Rename, 1, Effect::Errno(EIO)).on_file("c"));
    disk.rename("b", "c").unwrap_err();
    disk.rename("b", "c").unwrap();
}

#[test]
fn short_write_and_short_read_do_a_part() {
    let (disk, file) = disk_with(b"aaaa");
    disk.plan_fault(Fault::once(None, 1, Effect::ShortWrite(2)));
    disk.plan_fault(Fault::once(None, 1, Effect::ShortRead(3)));
    assert_eq!(file.len().unwrap(), 4);
    assert_eq!(file.write_at(b"xyz", 0).unwrap(), 2);
    let mut into = [0; 4];
    assert_eq!(file.read_at(&mut into, 0).unwrap(), 3);
    assert_eq!(into, *b"xya\0");
    assert_eq!(file.read_at(&mut into, 0).unwrap(), 4);
}

#[test]
fn full_disk_refuses_growth_and_takes_overwrites() {
    let disk = SimDisk::new();
    disk.set_capacity(3 * PAGE_BYTES as u64);
    let file = disk.create("a").unwrap();
    write(&file, &[1; PAGE_BYTES], 0);
    assert_eq!(file.write_at(&[2; 3 * PAGE_BYTES], PAGE_BYTES as u64).unwrap(), 2 * PAGE_BYTES);
    let error = file.write_at(&[2; 1], 3 * PAGE_BYTES as u64).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert_eq!(disk.used_bytes(), 3 * PAGE_BYTES as u64);
    write(&file, &[3; 3 * PAGE_BYTES], 0);
    let other = disk.create("b").unwrap();
    assert_eq!(other.write_at(b"x", 0).unwrap_err().kind(), ErrorKind::StorageFull);
    file.set_len(PAGE_BYTES as u64).unwrap();
    write(&other, b"x", 0);
}

#[test]
fn hole_takes_its_space_when_written() {
    let (disk, file) = disk_with(b"");
    disk.set_capacity(PAGE_BYTES as u64);
    file.set_len(1 << 20).unwrap();
    assert_eq!(disk.used_bytes(), 0);
    write(&file, b"x", 5_000);
    assert_eq!(file.write_at(b"x", 9_000).unwrap_err().kind(), ErrorKind::StorageFull);
}

#[test]
fn removed_file_gives_its_space_back_when_closed() {
    let (disk, file) = disk_with(&[1; PAGE_BYTES]);
    disk.remove("a").unwrap();
    assert_eq!(disk.used_bytes(), PAGE_BYTES as u64);
    drop(file);
    assert_eq!(disk.used_bytes(), 0);
}

#[test]
fn absurd_offset_is_an_error() {
    let (_disk, file) = disk_with(b"a");
    assert_eq!(file.write_at(b"x", u64::MAX).unwrap_err().kind(), ErrorKind::FileTooLarge);
    assert_eq!(file.set_len(u64::MAX).unwrap_err().kind(), ErrorKind::FileTooLarge);
}
