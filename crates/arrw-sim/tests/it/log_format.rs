//! Logs that were written by every released format are read, and today's program writes the same bytes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrw_log::{Environment, Log, OpenError, ReadError, Start, verify};
use arrw_sim::fixture::{load, make};
use arrw_sim::workload::options;

fn folder(format: &str, name: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../arrw-log/tests/fixtures");
    fixtures.join(format).join(name)
}

/// What a log holds: records, a sum over all their bytes, and how many were given up.
fn counts(folder: &Path) -> (u64, u64, u64) {
    let disk = load(folder).expect("the fixture is there");
    let found = verify(&disk).expect("it can be read");
    assert!(found.damages.is_empty(), "{found:?}");
    let environment = Environment::with_storage(Arc::new(disk));
    let log = Log::open_with(environment, options()).expect("it opens");
    let mut reader = log.reader(Start::Earliest).expect("it has a start");
    let (mut records, mut sum, mut lost) = (0, 0, 0);
    loop {
        match reader.try_next() {
            Ok(Some(frame)) => {
                for record in frame.records() {
                    let value =
                        |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
                    records += 1;
                    sum += record.seq().get() * (value(record.payload()) + value(record.key()));
                    sum += record.offset() * value(record.topic().as_bytes());
                    sum += record.headers().map(|(_, bytes)| value(bytes)).sum::<u64>();
                }
            }
            Ok(None) => break,
            Err(ReadError::Lost { first, last }) => lost += last.get() - first.get() + 1,
            Err(other) => unreachable!("{other}"),
        }
    }
    assert_eq!((records, lost), (found.records, found.given_up));
    (records, sum, lost)
}

/// Format 1 was never released.
#[test]
fn a_log_of_format_1_is_refused_by_name() {
    let disk = load(&folder("format-1", "closed")).expect("the fixture is there");
    let refused = Log::open_with(Environment::with_storage(Arc::new(disk)), options());
    assert!(matches!(refused, Err(OpenError::Format { found: 1, known: 2 })), "{refused:?}");
}

#[test]
fn logs_of_format_2_are_read() {
    assert_eq!(counts(&folder("format-2", "closed")), (96, 243_939_724, 0));
    assert_eq!(counts(&folder("format-2", "crashed")), (96, 243_939_724, 0));
    assert_eq!(counts(&folder("format-2", "repaired")), (104, 295_359_574, 3));
}

/// A change of the bytes is a change of the format: it needs a new number and new fixtures beside the
/// old. The other fixtures also show what a start and a repair decide, which may become better.
#[test]
fn the_format_has_not_changed() {
    let kept = load(&folder("format-2", "closed")).expect("the fixture is there");
    assert_eq!(make("closed").expect("it can be made").fingerprint(), kept.fingerprint());
}
