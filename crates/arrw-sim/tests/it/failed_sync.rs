//! After a sync that failed, no later one writes what it should have.

use std::collections::BTreeSet;
use std::io;

use arrw_log::Storage as _;
use arrw_sim::{EIO, Effect, Fault, OpKind, SimDisk};

use crate::fixture::{create_synced, disk_with, folders, outcomes, sectors, write};

const BAD_DISK: Effect = Effect::Errno(EIO);

fn check(disk: &SimDisk, expected: &[(&str, usize)]) {
    let expected = expected.iter().map(|(text, len)| ((*text).to_owned(), *len)).collect();
    let found: BTreeSet<_> = outcomes(&disk.crash_states()).into_iter().collect();
    assert_eq!(found, expected);
}

#[test]
fn later_sync_succeeds_and_the_data_may_be_lost() {
    let (disk, file) = disk_with(&sectors(b"ab"));
    write(&file, &sectors(b"x"), 0);
    disk.plan_fault(Fault::once(OpKind::SyncData, 1, BAD_DISK));
    assert_eq!(file.sync_data().unwrap_err().raw_os_error(), Some(EIO));
    assert_eq!(disk.read_file("a"), sectors(b"xb"), "the page cache shows it still");
    file.sync_data().unwrap();
    check(&disk, &[("ab", 1024), ("xb", 1024)]);
    write(&file, &sectors(b"y"), 512);
    file.sync_data().unwrap();
    check(&disk, &[("ay", 1024), ("xy", 1024)]);
}

#[test]
fn sector_written_again_is_durable_at_the_next_sync() {
    let (disk, file) = disk_with(&sectors(b"ab"));
    write(&file, &sectors(b"xy"), 0);
    disk.plan_fault(Fault::once(OpKind::SyncData, 1, BAD_DISK));
    file.sync_data().unwrap_err();
    write(&file, b"x", 0);
    file.sync_data().unwrap();
    check(&disk, &[("xb", 1024), ("xy", 1024)]);
}

#[test]
fn growth_lost_to_a_failed_sync_returns_as_zeros() {
    let (disk, file) = disk_with(b"");
    write(&file, &sectors(b"x"), 0);
    disk.plan_fault(Fault::once(OpKind::SyncData, 1, BAD_DISK));
    file.sync_data().unwrap_err();
    check(&disk, &[("", 0), ("0", 512), ("x", 512)]);
    write(&file, &sectors(b"y"), 512);
    file.sync_data().unwrap();
    check(&disk, &[("0y", 1024), ("xy", 1024)]);
}

#[test]
fn cut_after_a_failed_sync_is_durable_at_the_next() {
    let (disk, file) = disk_with(b"");
    write(&file, &sectors(b"xyz"), 0);
    disk.plan_fault(Fault::once(OpKind::SyncData, 1, BAD_DISK));
    file.sync_data().unwrap_err();
    file.set_len(512).unwrap();
    file.sync_data().unwrap();
    check(&disk, &[("0", 512), ("x", 512)]);
}

#[test]
fn loss_survives_a_restart_without_a_crash() {
    let (disk, file) = disk_with(&sectors(b"a"));
    write(&file, &sectors(b"x"), 0);
    disk.plan_fault(Fault::once(OpKind::SyncData, 1, BAD_DISK));
    file.sync_data().unwrap_err();
    let disk = disk.restart();
    disk.open("a").unwrap().sync_data().unwrap();
    assert_eq!(disk.read_file("a"), sectors(b"x"), "the next process reads what may be lost");
    check(&disk, &[("a", 512), ("x", 512)]);
}

#[test]
fn full_disk_at_sync_loses_as_well() {
    let (disk, file) = disk_with(&sectors(b"a"));
    write(&file, &sectors(b"x"), 0);
    disk.plan_fault(Fault::once(OpKind::SyncData, 1, Effect::Error(io::ErrorKind::StorageFull)));
    assert_eq!(file.sync_data().unwrap_err().kind(), io::ErrorKind::StorageFull);
    file.sync_data().unwrap();
    check(&disk, &[("a", 512), ("x", 512)]);
}

#[test]
fn folder_change_lost_to_a_failed_sync_stays_in_doubt() {
    let disk = SimDisk::new();
    create_synced(&disk, "a", b"1");
    disk.plan_fault(Fault::once(OpKind::SyncFolder, 1, BAD_DISK));
    disk.sync_folder().unwrap_err();
    disk.sync_folder().unwrap();
    assert_eq!(folders(&disk), ["", "a=1"].map(str::to_owned).into());
    create_synced(&disk, "b", b"2");
    disk.sync_folder().unwrap();
    assert_eq!(folders(&disk), ["b=2", "a=1 b=2"].map(str::to_owned).into());
    disk.rename("a", "c").unwrap();
    disk.sync_folder().unwrap();
    assert_eq!(folders(&disk), ["b=2 c=1"].map(str::to_owned).into(), "it built on the lost one");
}
