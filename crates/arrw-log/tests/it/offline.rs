//! Backup and restore, verify and repair.

use std::sync::Arc;

use arrw_log::{
    Environment, Log, Loss, OpenError, ReadError, RepairError, RestoreError, Seq, Start, Storage,
    repair, restore, verify,
};

use crate::support::{
    Seen, batch, flip, image, memory, open, read_all, read_file, segment_names, small, write_file,
};

fn environment(storage: &Arc<dyn Storage>) -> Environment {
    Environment::with_storage(Arc::clone(storage))
}

fn filled(count: usize) -> (Arc<dyn Storage>, Log) {
    let storage = memory();
    let log = open(&storage, small());
    for number in 0..count {
        log.append(batch(&format!("t{}", number % 3), &[&format!("{number:0100}")]))
            .wait()
            .unwrap();
    }
    (storage, log)
}

#[test]
fn a_backup_is_put_back_as_a_new_life_with_the_same_records() {
    let (_storage, log) = filled(300);
    let expected = read_all(&log);
    let target = memory();
    let report = log.backup(target.as_ref()).unwrap();
    assert_eq!((report.first, report.last), (Seq::new(1), Seq::new(300)));
    log.append(batch("t0", &["after the backup"])).wait().unwrap();

    let direct = Log::open_with(environment(&target), small());
    assert!(matches!(direct, Err(OpenError::Backup { .. })), "{direct:?}");
    let restored = memory();
    let epoch = restore(target.as_ref(), &environment(&restored)).unwrap();
    assert_ne!(epoch, log.epoch());
    let copy = open(&restored, small());
    assert_eq!((copy.id(), copy.epoch()), (log.id(), epoch));
    assert_eq!(read_all(&copy), expected);
    let old = copy.reader(Start::After(log.position()));
    assert!(matches!(old, Err(ReadError::OtherEpoch { .. })), "{old:?}");
    assert_eq!(copy.append(batch("t0", &["x"])).wait().unwrap().last_offset, 101);
}

#[test]
fn a_restored_log_opens_without_reading_its_sealed_segments() {
    let (_storage, log) = filled(600);
    assert!(log.stats().segments > 4, "{:?}", log.stats());
    let target = memory();
    log.backup(target.as_ref()).unwrap();
    let restored = memory();
    restore(target.as_ref(), &environment(&restored)).unwrap();
    let copy = open(&restored, small());
    assert_eq!(copy.open_report().scanned_segments, 1, "{:?}", copy.open_report());
    assert_eq!(read_all(&copy), read_all(&log));
}

#[test]
fn a_backup_goes_nowhere_but_into_an_empty_folder() {
    let (storage, log) = filled(10);
    log.backup(storage.as_ref()).unwrap_err();
    let target = memory();
    log.backup(target.as_ref()).unwrap();
    let full = restore(target.as_ref(), &environment(&target.clone()));
    assert!(full.is_err(), "{full:?}");
    let (other, other_log) = filled(1);
    drop(other_log);
    let full = restore(target.as_ref(), &environment(&other));
    assert!(matches!(full, Err(RestoreError::NotEmpty { .. })), "{full:?}");
    let not_one = restore(other.as_ref(), &environment(&memory()));
    assert!(matches!(not_one, Err(RestoreError::NotABackup { .. })), "{not_one:?}");
}

#[test]
fn a_damaged_backup_is_not_put_back() {
    let (_storage, log) = filled(300);
    let target = memory();
    log.backup(target.as_ref()).unwrap();
    flip(&target, &segment_names(&target)[1], 6000);
    let refused = restore(target.as_ref(), &environment(&memory()));
    assert!(matches!(refused, Err(RestoreError::Damaged { .. })), "{refused:?}");
}

#[test]
fn repair_gives_up_what_is_damaged_and_nothing_else() {
    let (storage, log) = filled(300);
    let expected = read_all(&log);
    let epoch = log.epoch();
    log.close().unwrap();
    let names = segment_names(&storage);
    for (name, at) in [(&names[0], 4096), (&names[0], 9000), (&names[1], 100), (&names[2], 12_000)]
    {
        let damaged = image(&storage);
        flip(&damaged, name, at);
        let before = image(&damaged);
        let said = repair(&environment(&damaged), Loss::Refuse).unwrap();
        assert_eq!((said.epoch, said.files.clone()), (None, vec![name.clone()]), "{name} {at}");
        for file in damaged.list().unwrap() {
            let same = crate::support::read_file(&damaged, &file)
                == crate::support::read_file(&before, &file);
            assert!(same, "{file} was changed by asking");
        }
        let done = repair(&environment(&damaged), Loss::Accept).unwrap();
        assert_eq!(done.found, said.found);
        assert_ne!(done.epoch, Some(epoch));
        let verified = verify(damaged.as_ref()).unwrap();
        assert!(verified.damages.is_empty(), "{name} {at}: {verified:?}");
        assert_eq!(verified.given_up, said.found.affected_records());

        let log = open(&damaged, small());
        let (kept, lost) = read_over_gaps(&log);
        let lost_count = lost.iter().map(|(first, last)| last - first + 1).sum::<u64>();
        assert_eq!(lost_count, verified.given_up, "{name} {at}");
        let is_lost = |seq: u64| lost.iter().any(|(first, last)| (*first..=*last).contains(&seq));
        let remaining: Vec<_> = expected.iter().filter(|r| !is_lost(r.0)).cloned().collect();
        assert_eq!(kept, remaining, "{name} {at}");
        assert!(lost_count < 5, "{name} {at}: {lost:?}");
        assert_eq!(log.tail(), Seq::new(301));
        log.append(batch("t0", &["life goes on"])).wait().unwrap();
    }
}

/// All records, and the ranges of which the reader was told that they are lost.
fn read_over_gaps(log: &Log) -> (Vec<Seen>, Vec<(u64, u64)>) {
    let mut reader = log.reader(Start::Earliest).unwrap();
    let (mut kept, mut lost) = (Vec::new(), Vec::new());
    loop {
        match reader.try_next() {
            Ok(Some(frame)) => kept.extend(frame.records().map(|record| {
                let payload = String::from_utf8(record.payload().to_vec()).unwrap();
                (record.seq().get(), record.topic().to_owned(), record.offset(), payload)
            })),
            Ok(None) => return (kept, lost),
            Err(ReadError::Lost { first, last }) => lost.push((first.get(), last.get())),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn repair_brings_back_a_log_whose_superblocks_or_files_are_gone() {
    let (storage, log) = filled(300);
    log.close().unwrap();
    let names = segment_names(&storage);
    let superless = image(&storage);
    superless.remove("super.a").unwrap();
    superless.remove("super.b").unwrap();
    repair(&environment(&superless), Loss::Accept).unwrap();
    assert_eq!(read_all(&open(&superless, small())).len(), 300);

    let holed = image(&storage);
    holed.remove(&names[1]).unwrap();
    let report = repair(&environment(&holed), Loss::Accept).unwrap();
    assert!(report.found.affected_records() > 10, "{report:?}");
    let (kept, lost) = read_over_gaps(&open(&holed, small()));
    assert_eq!(lost.len(), 1);
    assert_eq!(kept.len() as u64 + lost[0].1 - lost[0].0 + 1, 300);

    let endless = image(&storage);
    let with_frames = names
        .iter()
        .rfind(|name| crate::support::read_file(&storage, name)[4096..].starts_with(b"ARWF"));
    endless.remove(with_frames.unwrap()).unwrap();
    repair(&environment(&endless), Loss::Accept).unwrap();
    let log = open(&endless, small());
    let (kept, lost) = read_over_gaps(&log);
    assert_eq!(lost.last().map(|(_, last)| *last), Some(300));
    assert_eq!(log.append(batch("t", &["new"])).wait().unwrap().first, Seq::new(301));
    assert!(kept.len() < 300);
}

#[test]
fn a_repair_gives_up_no_more_than_a_log_can_have_lost() {
    let (storage, _log) = filled(50);
    let damaged = image(&storage);
    for name in ["super.a", "super.b"] {
        let mut page = read_file(&damaged, name);
        page[88..96].copy_from_slice(&(1_u64 << 59).to_le_bytes());
        page[12..16].fill(0);
        let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &page);
        page[12..16].copy_from_slice(&u32::try_from(crc).unwrap().to_le_bytes());
        write_file(&damaged, name, &page);
    }
    let refused = repair(&environment(&damaged), Loss::Accept);
    assert!(matches!(refused, Err(RepairError::TooMuch { .. })), "{refused:?}");
}

#[test]
fn a_sound_log_needs_no_repair() {
    let (storage, log) = filled(50);
    let epoch = log.epoch();
    log.close().unwrap();
    let report = repair(&environment(&storage), Loss::Accept).unwrap();
    assert!(report.epoch.is_none() && report.files.is_empty(), "{report:?}");
    assert_eq!(open(&storage, small()).epoch(), epoch);
}

#[test]
fn the_header_of_another_segment_does_not_make_the_newest_one_free_to_use() {
    let (storage, log) = filled(300);
    let expected = read_all(&log);
    let damaged = image(&storage);
    let names = segment_names(&damaged);
    let newest = names.iter().rfind(|name| read_file(&damaged, name)[4096..].starts_with(b"ARWF"));
    let newest = newest.unwrap();
    let mut bytes = read_file(&damaged, newest);
    bytes[..4096].copy_from_slice(&read_file(&damaged, &names[0])[..4096]);
    write_file(&damaged, newest, &bytes);

    let refused = Log::open_with(environment(&damaged), small());
    assert!(matches!(refused, Err(OpenError::Damaged(_))), "{refused:?}");
    assert_eq!(verify(damaged.as_ref()).unwrap().damages.len(), 1);
    repair(&environment(&damaged), Loss::Accept).unwrap();
    assert_eq!(read_all(&open(&damaged, small())), expected);
}

#[test]
fn a_damaged_frame_at_the_end_of_a_segment_is_counted_once_and_in_its_file() {
    let (storage, _log) = filled(300);
    let damaged = image(&storage);
    let first = &segment_names(&damaged)[0];
    let bytes = read_file(&damaged, first);
    let is_frame = |at: &usize| bytes[*at..].starts_with(b"ARWF");
    let last_frame = (4096..bytes.len()).step_by(64).rfind(is_frame).unwrap();
    flip(&damaged, first, last_frame + 100);
    let found = verify(damaged.as_ref()).unwrap();
    let files: Vec<_> = found.damages.iter().map(|damage| &damage.file).collect();
    assert_eq!((files, found.affected_records()), (vec![first], 1), "{:?}", found.damages);
}

#[test]
fn frames_that_are_whole_and_not_in_their_place_are_found_and_put_back() {
    let (storage, log) = filled(300);
    let expected = read_all(&log);
    let damaged = image(&storage);
    let first = &segment_names(&damaged)[0];
    let mut bytes = read_file(&damaged, first);
    let is_frame = |at: &usize| bytes[*at..].starts_with(b"ARWF");
    let last_frame = (4096..bytes.len()).step_by(64).rfind(is_frame).unwrap();
    let len =
        u32::from_le_bytes(bytes[last_frame + 4..last_frame + 8].try_into().unwrap()) as usize;
    // It moves over the footer, so that the file must be read.
    let to = (bytes.len() - len) / 64 * 64;
    bytes.copy_within(last_frame..last_frame + len, to);
    bytes[last_frame..to].fill(0);
    bytes[to + len..].fill(0);
    write_file(&damaged, first, &bytes);
    let refused = Log::open_with(environment(&damaged), small());
    assert!(matches!(refused, Err(OpenError::Damaged(_))), "{refused:?}");
    assert_eq!(verify(damaged.as_ref()).unwrap().damages.len(), 1);
    repair(&environment(&damaged), Loss::Accept).unwrap();
    assert_eq!(read_all(&open(&damaged, small())), expected);
}
