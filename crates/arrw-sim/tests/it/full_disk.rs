//! A full disk refuses ordinary appends, keeps its reserve for urgent ones, and loses no file.

use std::io::ErrorKind;
use std::sync::Arc;

use arrw_log::{
    AppendError, Batch, Committed, Drive, Environment, Log, NewRecord, Options, Urgency,
};
use arrw_sim::{Effect, Fault, OpKind, PAGE_BYTES, SimDisk};

fn options(drive: Drive) -> Options {
    Options { segment_bytes: 16 * 1024, drive, ..Options::default() }
}

fn open(disk: &SimDisk, drive: Drive) -> Log {
    Log::open_with(Environment::with_storage(Arc::new(disk.clone())), options(drive))
        .expect("the disk is well")
}

/// Appends a record of most of a segment.
fn append(log: &Log, urgency: Urgency) -> Result<Committed, AppendError> {
    let payload = vec![7; 11 * 1024];
    let record = NewRecord { topic: "t", payload: &payload, ..NewRecord::default() };
    log.append(Batch::of(record).expect("it fits").with_urgency(urgency)).wait()
}

/// Appends until the disk is full.
fn fill(log: &Log) {
    for _ in 0..100 {
        match append(log, Urgency::Ordinary) {
            Ok(_) => (),
            Err(AppendError::Full) => return,
            Err(other) => unreachable!("{other}"),
        }
    }
    unreachable!("the disk never was full");
}

#[test]
fn the_reserve_is_not_for_ordinary_appends_however_often_they_try() {
    for drive in [Drive::Callers, Drive::Threads] {
        let disk = SimDisk::new();
        let log = open(&disk, drive);
        append(&log, Urgency::Ordinary).expect("there is room");
        disk.set_capacity(disk.used_bytes() + 3 * 16 * 1024);
        fill(&log);
        for _ in 0..50 {
            let refused = append(&log, Urgency::Ordinary);
            assert!(matches!(refused, Err(AppendError::Full)), "{drive:?} {refused:?}");
        }
        append(&log, Urgency::Reserved).expect("the reserve is there");
        let spent = append(&log, Urgency::Reserved);
        assert!(matches!(spent, Err(AppendError::Full)), "{drive:?} {spent:?}");
        assert!(log.stats().disk_full && log.poison().is_none());
        // A trim makes room at once: first for the reserve, then for all.
        log.trim(log.tail()).expect("the disk is not broken");
        for _ in 0..2 {
            append(&log, Urgency::Ordinary).expect("there is room again");
        }
        log.close().expect("all is well");
    }
}

#[test]
fn a_quota_that_is_used_up_is_a_full_disk() {
    let disk = SimDisk::new();
    let log = open(&disk, Drive::Callers);
    let quota = Effect::Error(ErrorKind::QuotaExceeded);
    disk.plan_fault(Fault::from_then_on(OpKind::Write, 1, quota));
    let refused = append(&log, Urgency::Ordinary);
    assert!(matches!(refused, Err(AppendError::Full)), "{refused:?}");
    disk.clear_faults();
    append(&log, Urgency::Ordinary).expect("the quota was raised");
}

#[test]
fn a_file_that_could_not_be_used_again_is_used_later_or_removed() {
    let disk = SimDisk::new();
    let mut options = options(Drive::Callers);
    options.retention.bytes_max = Some(4 * 16 * 1024);
    let environment = Environment::with_storage(Arc::new(disk.clone()));
    let log = Log::open_with(environment, options).expect("the disk is well");
    // Only a file that is used again is renamed.
    disk.plan_fault(Fault::once(OpKind::Rename, 1, Effect::Error(ErrorKind::StorageFull)));
    for _ in 0..30 {
        append(&log, Urgency::Ordinary).expect("there is room");
    }
    let renamed = disk.trace().iter().filter(|entry| entry.kind == OpKind::Rename).count();
    assert!(renamed > 10, "{renamed} files were used again");
    let segments = disk.files().iter().filter(|name| name.ends_with(".seg")).count();
    assert!(segments <= 9, "{:?}", disk.files());
    assert!(disk.used_bytes() <= 9 * 16 * 1024 + 4 * PAGE_BYTES as u64, "{}", disk.used_bytes());
}
