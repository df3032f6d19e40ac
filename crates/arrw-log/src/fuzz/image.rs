//! A whole log in memory whose files were changed: opened, read, verified and repaired.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::records::seal_frame;
use super::{Input, Outcome, Target, checked, format};
use crate::bytes_at::{put_at, u32_at};
use crate::checksum::crc64;
use crate::environment::{Clock, Entropy, Environment};
use crate::error::ReadError;
use crate::frame::{FRAME_ALIGN, FRAME_HEADER_BYTES};
use crate::log::Log;
use crate::offline::{Loss, inspect, repair, verify};
use crate::options::{Drive, Options};
use crate::position::Timestamp;
use crate::reader::Start;
use crate::record::{Batch, NewRecord};
use crate::storage::{MemoryStorage, Storage, write_all_at};

pub(super) const IMAGE: Target = Target {
    name: "log-image",
    what: "files of a log that were changed: refused with a reason, or in order from end to end",
    run: image,
    seeds: image_seeds,
    words: &["ARWF", "ARRWSEG1", "ARRWSUPR", "ARRWFOOT", "\u{2}\0\0\0", "\u{1}\0\u{3}\0"],
};

/// Frames that are read of one log at most.
const FRAMES_READ_MAX: usize = 1_000;

/// Names and bytes of files.
type Files = Vec<(String, Vec<u8>)>;

/// The same time and the same random numbers for every run; no number twice, as by chance.
#[derive(Debug)]
struct Fixed(AtomicU64);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000)
    }
}

impl Entropy for Fixed {
    fn draw(&self) -> u64 {
        crc64(&self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes())
    }
}

/// Whoever begins at another number draws others.
fn environment(storage: &MemoryStorage, number: u64) -> Environment {
    let fixed = Arc::new(Fixed(AtomicU64::new(number << 32)));
    Environment {
        storage: Arc::new(storage.clone()),
        clock: Arc::<Fixed>::clone(&fixed),
        entropy: fixed,
    }
}

fn open(storage: &MemoryStorage, number: u64) -> Result<Log, crate::error::OpenError> {
    let options = Options { segment_bytes: 16 * 1024, drive: Drive::Callers, ..Options::default() };
    Log::open_with(environment(storage, number), options)
}

/// A log in use, and the same closed: some segments, each with several frames.
fn originals() -> &'static [Files; 2] {
    static MADE: OnceLock<[Files; 2]> = OnceLock::new();
    MADE.get_or_init(|| {
        let storage = MemoryStorage::new();
        let log = open(&storage, 0).expect("an empty folder can be opened");
        for number in 0..40_u32 {
            let payload = vec![b'x'; 300 + 20 * number as usize];
            let topic = ["a.b", "a.c", "d"][number as usize % 3];
            let record = NewRecord { topic, payload: &payload, key: b"k", ..NewRecord::default() };
            let mut batch = Batch::of(record).expect("it is within the bounds");
            batch.push(NewRecord { topic: "e", ..NewRecord::default() }).expect("so is this");
            log.append(batch).wait().expect("memory can be written");
        }
        let in_use = files_of(&storage);
        log.close().expect("memory can be written");
        [in_use, files_of(&storage)]
    })
}

fn files_of(storage: &MemoryStorage) -> Files {
    let names = storage.list().expect("memory can be read");
    let read = |name: String| -> io::Result<(String, Vec<u8>)> {
        let file = storage.open(&name)?;
        let mut bytes = vec![0; usize::try_from(file.len()?).map_err(io::Error::other)?];
        file.read_at(&mut bytes, 0)?;
        Ok((name, bytes))
    };
    names.into_iter().map(|name| read(name).expect("memory can be read")).collect()
}

fn storage_of(files: &Files) -> MemoryStorage {
    let storage = MemoryStorage::new();
    for (name, bytes) in files {
        let file = storage.create(name).expect("each name is there once");
        write_all_at(file.as_ref(), bytes, 0).expect("memory can be written");
    }
    storage
}

fn image(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let flags = input.byte();
    let mut files = originals()[usize::from(flags & 1)].clone();
    while !input.is_empty() && !files.is_empty() {
        change(&mut files, &mut input);
    }
    if flags & 2 == 2 {
        let chained = flags & 4 == 4;
        files.iter_mut().for_each(|(_, bytes)| seal_file(bytes, chained));
    }
    let judged = verify(&storage_of(&files));
    if let Err(error) = &judged {
        checked(error);
    }
    if let Err(error) = inspect(&storage_of(&files)) {
        checked(&error);
    }
    let mended = storage_of(&files);
    match repair(&environment(&mended, 1), Loss::Accept) {
        Ok(_) => {
            let opened = open(&mended, 2).map(|log| read_all(&log));
            assert!(opened.is_ok() || flags & 2 == 2, "it was repaired: {opened:?}");
        }
        Err(error) => {
            checked(&error);
        }
    }
    match open(&storage_of(&files), 3) {
        Ok(log) => {
            let features = read_all(&log);
            append_one(&log);
            Outcome::accepted(&features)
        }
        Err(error) => Outcome::refused_because(&error),
    }
}

/// Does one change: of a file, at a place.
fn change(files: &mut Files, input: &mut Input<'_>) {
    let at = usize::from(input.byte()) % files.len();
    let what = input.byte();
    // Most places of interest are multiples of a frame's alignment, a little behind them.
    let place = usize::from(input.short()) * (FRAME_ALIGN / 2) + usize::from(input.byte());
    let other = files[(at + 1) % files.len()].1.clone();
    let bytes = &mut files[at].1;
    let place = place % (bytes.len() + 1);
    match what % 8 {
        0..=2 => {
            let new = input.part();
            let to = bytes.len().min(place + new.len());
            let count = to - place;
            bytes[place..to].copy_from_slice(&new[..count]);
        }
        3 => {
            let number = input.number();
            let to = bytes.len().min(place + 8);
            let count = to - place;
            bytes[place..to].copy_from_slice(&number.to_le_bytes()[..count]);
        }
        4 => bytes.truncate(place),
        5 => {
            let to = bytes.len().min(place + usize::from(input.short()));
            bytes[place..to].fill(0);
        }
        6 => {
            let to = bytes.len().min(other.len()).min(place + usize::from(input.short()));
            if place < to {
                bytes[place..to].copy_from_slice(&other[place..to]);
            }
        }
        _ => drop(files.remove(at)),
    }
}

/// Makes the checksums of a file right; `chained` that of each frame over those before it, too.
fn seal_file(bytes: &mut [u8], chained: bool) {
    if bytes.len() < 4096 {
        return;
    }
    format::seal_page(&mut bytes[..4096]);
    let mut at = 4096;
    let mut chain = None;
    while at + FRAME_HEADER_BYTES <= bytes.len() {
        let frame = &mut bytes[at..];
        if &frame[..4] != b"ARWF" {
            at += FRAME_ALIGN;
            continue;
        }
        if let Some(chain) = chain.filter(|_| chained) {
            put_at(frame, 56, u64::to_le_bytes(chain));
        }
        let len = u32_at(frame, 4) as usize;
        seal_frame(frame, len);
        chain = Some(crc64(&frame[32..FRAME_HEADER_BYTES]));
        at += len.next_multiple_of(FRAME_ALIGN).max(FRAME_ALIGN);
    }
    format::seal_footer(bytes);
}

/// Reads all of a log; answers what tells one from another.
fn read_all(log: &Log) -> [usize; 4] {
    let report = log.open_report();
    let features =
        [usize::from(report.was_closed), usize::from(report.cut.is_some()), log.stats().segments];
    let mut seen = 0;
    let mut reader = match log.reader(Start::Earliest) {
        Ok(reader) => reader,
        Err(error) => unreachable!("there is always an oldest record: {error}"),
    };
    for _ in 0..FRAMES_READ_MAX {
        let expected = reader.next_seq();
        match reader.try_next() {
            Ok(None) => break,
            Ok(Some(frame)) => {
                assert_eq!(frame.first(), expected, "a frame begins elsewhere");
                seen += frame.records().map(|record| record.headers().count() + 1).sum::<usize>();
            }
            // A gap that an earlier repair left.
            Err(ReadError::Lost { .. }) => (),
            Err(error) => {
                checked(&error);
                break;
            }
        }
    }
    let [closed, cut, segments] = features;
    [closed, cut, segments, seen]
}

/// A log that was opened takes a record, and shows it.
fn append_one(log: &Log) {
    let record = NewRecord { topic: "new", payload: b"1", ..NewRecord::default() };
    let batch = Batch::of(record).expect("it is within the bounds");
    let committed = match log.append(batch).wait() {
        Ok(committed) => committed,
        Err(error) => unreachable!("memory can be written: {error}"),
    };
    let frame = log.frame_of(committed.first).expect("it was committed").expect("it is there");
    assert_eq!(frame.records().next().map(|record| record.payload()), Some(&b"1"[..]));
}

fn image_seeds() -> Vec<Vec<u8>> {
    let byte = |flags: u8, file: u8, place: u16| {
        let [low, high] = place.to_le_bytes();
        vec![flags, file, 0, low, high, 5, 1, 0xff]
    };
    let mut seeds = vec![vec![0], vec![1], vec![7, 0, 4, 0, 1, 0], vec![2, 0, 7, 0, 0, 0]];
    for file in 0..6 {
        seeds.extend([
            byte(0, file, 129),
            byte(3, file, 129),
            byte(7, file, 2),
            byte(6, file, 130),
        ]);
    }
    seeds
}
