//! What a start does with what it finds.

use std::sync::Arc;

use arrw_log::{Environment, Log, OpenError, Seq, Storage, verify};

use crate::support::{
    Seen, batch, flip, image, memory, open, read_all, read_file, segment_names, small, write_file,
};

fn try_open(storage: &Arc<dyn Storage>) -> Result<Log, OpenError> {
    Log::open_with(Environment::with_storage(Arc::clone(storage)), small())
}

/// A log of `count` records that was never closed, as a crash leaves it, and what was in it.
fn crashed(count: usize) -> (Arc<dyn Storage>, Vec<Seen>) {
    let storage = memory();
    let log = open(&storage, small());
    for number in 0..count {
        let payload = format!("{number}-{}", "x".repeat(number % 300));
        log.append(batch("t", &[&payload])).wait().unwrap();
    }
    let image = image(&storage);
    (image, read_all(&log))
}

/// Where the last segment's frames end, from what the start says of them.
fn last_frame(storage: &Arc<dyn Storage>) -> (String, usize, usize) {
    let names = segment_names(storage);
    let with_frames = |name: &&String| read_file(storage, name)[4096..].starts_with(b"ARWF");
    let name = names.iter().rfind(with_frames).unwrap().clone();
    let bytes = read_file(storage, &name);
    let mut at = 4096;
    loop {
        let len = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
        if !bytes[at + len..].starts_with(b"ARWF") {
            return (name, at, len);
        }
        at += len;
    }
}

#[test]
fn after_a_crash_everything_is_there_and_the_last_frame_is_written_again() {
    let (storage, expected) = crashed(100);
    let log = open(&storage, small());
    let report = log.open_report();
    assert!(!report.was_closed && report.cut.is_none(), "{report:?}");
    assert_eq!(report.rewritten_records, 1);
    assert_eq!(read_all(&log), expected);
    log.append(batch("t", &["more"])).wait().unwrap();
    assert_eq!(log.tail(), Seq::new(102));
}

#[test]
fn a_torn_tail_is_cut_wherever_it_was_torn() {
    let (storage, expected) = crashed(20);
    let (name, at, len) = last_frame(&storage);
    let whole = read_file(&storage, &name);
    for kept in 0..len {
        // The payload may end before the frame does: what is cut off it must have been something.
        if whole[at + kept..at + len].iter().all(|byte| *byte == 0) {
            continue;
        }
        let torn = image(&storage);
        let mut bytes = whole.clone();
        bytes[at + kept..at + len].fill(0);
        write_file(&torn, &name, &bytes);
        let log = open(&torn, small());
        let cut = log.open_report().cut.clone();
        assert_eq!(cut.as_ref().map(|cut| cut.first), (kept > 0).then_some(Seq::new(20)), "{kept}");
        assert_eq!(read_all(&log), expected[..19], "{kept}");
        assert_eq!(log.append(batch("t", &["again"])).wait().unwrap().first, Seq::new(20));
    }
}

#[test]
fn damage_below_the_last_mark_is_refused_with_its_place_and_changes_nothing() {
    let (storage, _) = crashed(100);
    let (last, at, _) = last_frame(&storage);
    let first = segment_names(&storage)[0].clone();
    let damaged = image(&storage);
    // One byte before the last frame of the last segment: the frame before it.
    flip(&damaged, &last, at - 1);
    let before = segment_names(&damaged);
    let refused = try_open(&damaged);
    let Err(OpenError::Damaged(damage)) = refused else { panic!("{refused:?}") };
    assert_eq!((damage.file.as_str(), damage.last), (last.as_str(), Seq::new(99)));
    assert!(damage.from < at as u64 && damage.to == at as u64, "{damage:?}");
    assert_eq!(segment_names(&damaged), before);
    assert!(matches!(try_open(&damaged), Err(OpenError::Damaged(_))));

    // A sealed segment has a footer: the start does not read it, but a reader and `verify` do.
    let damaged = image(&storage);
    flip(&damaged, &first, 5000);
    assert_eq!(verify(damaged.as_ref()).unwrap().damages.len(), 1);
    let log = open(&damaged, small());
    let read = log.reader(arrw_log::Start::Earliest).unwrap().try_next();
    let read = read.and_then(|_| {
        let mut reader = log.reader(arrw_log::Start::Earliest)?;
        while reader.try_next()?.is_some() {}
        Ok(None::<()>)
    });
    assert!(matches!(read, Err(arrw_log::ReadError::Damaged(_))), "{read:?}");
}

#[test]
fn a_missing_segment_is_refused() {
    let (storage, _) = crashed(300);
    let names = segment_names(&storage);
    let (newest, _, _) = last_frame(&storage);
    for name in names[..2].iter().chain([&newest]) {
        let damaged = image(&storage);
        damaged.remove(name).unwrap();
        let refused = try_open(&damaged);
        assert!(matches!(&refused, Err(OpenError::Damaged(d)) if &d.file == name), "{refused:?}");
    }
}

#[test]
fn a_segment_of_a_sibling_that_went_another_way_is_refused() {
    let (storage, _) = crashed(60);
    let sibling = image(&storage);
    let (ours, theirs) = (open(&storage, small()), open(&sibling, small()));
    for number in 0..200 {
        ours.append(batch("t", &[&format!("ours {number}")])).wait().unwrap();
        theirs.append(batch("t", &[&format!("theirs {number}")])).wait().unwrap();
    }
    let (storage, sibling) = (image(&storage), image(&sibling));
    let names = segment_names(&storage);
    let swapped = &names[names.len() - 4];
    write_file(&storage, swapped, &read_file(&sibling, swapped));
    let refused = try_open(&storage);
    assert!(matches!(refused, Err(OpenError::Damaged(_))), "{refused:?}");
    assert!(!verify(storage.as_ref()).unwrap().damages.is_empty());
}

/// A closed log is continued in the same file, so two copies of it write frames that differ in nothing
/// but their records and the chain.
#[test]
fn a_frame_of_a_copy_that_went_another_way_is_noticed() {
    for count in 1..8 {
        swap_each_frame(count);
    }
}

fn swap_each_frame(count: usize) {
    let original = memory();
    open(&original, small()).append(batch("t", &["shared past"])).wait().unwrap();
    let sibling = image(&original);
    for (storage, payload) in [(&original, "ours"), (&sibling, "them")] {
        let log = open(storage, small());
        for _ in 0..count {
            log.append(batch("t", &[payload])).wait().unwrap();
        }
        log.close().unwrap();
    }
    let name = &segment_names(&original)[0];
    let theirs = read_file(&sibling, name);
    let mut at = 4096;
    let mut checked = 0;
    while theirs[at..].starts_with(b"ARWF") {
        let len = u32::from_le_bytes(theirs[at + 4..at + 8].try_into().unwrap()) as usize;
        let mut mixed = read_file(&original, name);
        let is_mark = theirs[at + 30] == 2;
        if !is_mark && mixed[at..at + len] != theirs[at..at + len] {
            mixed[at..at + len].copy_from_slice(&theirs[at..at + len]);
            let damaged = image(&original);
            write_file(&damaged, name, &mixed);
            assert!(!verify(damaged.as_ref()).unwrap().damages.is_empty(), "{count}: byte {at}");
            assert!(matches!(try_open(&damaged), Err(OpenError::Damaged(_))), "{count}: byte {at}");
            checked += 1;
        }
        at += len;
    }
    assert_eq!(checked, count);
}

#[test]
fn a_damaged_superblock_or_footer_is_put_right() {
    let (storage, expected) = crashed(300);
    for name in ["super.a", "super.b"] {
        let damaged = image(&storage);
        flip(&damaged, name, 70);
        let log = open(&damaged, small());
        assert_eq!(log.open_report().damaged_superblocks, 1);
        assert_eq!(read_all(&log), expected);
        drop(log);
        assert_eq!(open(&damaged, small()).open_report().damaged_superblocks, 0);
    }
    let damaged = image(&storage);
    let first = &segment_names(&damaged)[0];
    let len = read_file(&damaged, first).len();
    flip(&damaged, first, len - 30);
    let log = open(&damaged, small());
    assert_eq!(log.open_report().scanned_segments, 2);
    assert_eq!(read_all(&log), expected);
    log.close().unwrap();
    let notes = verify(damaged.as_ref()).unwrap().notes;
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn two_damaged_superblocks_are_refused() {
    let (storage, _) = crashed(10);
    flip(&storage, "super.a", 70);
    flip(&storage, "super.b", 70);
    let refused = try_open(&storage);
    assert!(matches!(refused, Err(OpenError::NoSuperblock { .. })), "{refused:?}");
}

#[test]
fn topics_go_on_after_a_crash() {
    let storage = memory();
    let log = open(&storage, small());
    for number in 0..500 {
        log.append(batch(&format!("t{}", number % 9), &[&"x".repeat(200)])).wait().unwrap();
    }
    let ends: Vec<_> = (0..9).map(|topic| log.topic(&format!("t{topic}"))).collect();
    let copy = image(&storage);
    let reopened = open(&copy, small());
    let again: Vec<_> = (0..9).map(|topic| reopened.topic(&format!("t{topic}"))).collect();
    assert_eq!(ends, again);
}

/// The model found this: behind the frame there was no room for the mark that proves it.
#[test]
fn an_unproven_frame_that_fills_its_segment_is_written_again() {
    let storage = memory();
    let log = open(&storage, small());
    let largest = "x".repeat(16 * 1024 - 4096 - 96 - 40 - 8);
    log.append(batch("t", &[&largest])).wait().unwrap();
    let copy = image(&storage);
    let log = open(&copy, small());
    assert_eq!(log.open_report().rewritten_records, 1);
    log.append(batch("t", &["more"])).wait().unwrap();
    assert_eq!(read_all(&open(&image(&copy), small())).len(), 2);
}

#[test]
fn a_log_opened_and_crashed_many_times_keeps_everything() {
    let mut storage = memory();
    let mut expected = Vec::new();
    for round in 0..40 {
        let log = open(&storage, small());
        assert_eq!(read_all(&log), expected);
        for number in 0..round % 3 {
            log.append(batch("t", &[&format!("{round}.{number}")])).wait().unwrap();
        }
        expected = read_all(&log);
        storage = image(&storage);
    }
    assert!(verify(storage.as_ref()).unwrap().damages.is_empty());
}
