//! Processes die and come back, images can be damaged, seeds and clocks do as they are told.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrw_log::Storage as _;
use arrw_sim::{Effect, Fault, Image, ManualClock, OpKind, Rng, SimDisk};

use crate::fixture::{disk_with, write};

/// A write, a sync, a rename and a sync: seven operations.
fn workload(disk: &SimDisk) -> io::Result<()> {
    let _lock = disk.lock()?;
    let file = disk.create("t")?;
    file.write_at(b"new", 0)?;
    file.sync_data()?;
    disk.sync_folder()?;
    disk.rename("t", "a")?;
    disk.sync_folder()
}

#[test]
fn workload_can_be_stopped_at_every_operation() {
    let (disk, _file) = disk_with(b"old");
    let from = disk.ops();
    workload(&disk).unwrap();
    assert_eq!(disk.ops() - from, 7);
    let trace: Vec<String> =
        disk.trace()[1..].iter().map(|op| format!("{:?} {}", op.kind, op.file)).collect();
    let expected = "Lock ,Create t,Write t,SyncData t,SyncFolder ,Rename t -> a,SyncFolder ";
    assert_eq!(trace.join(","), expected);
    for stop in from..disk.ops() {
        let (disk, _file) = disk_with(b"old");
        disk.stop_at(stop);
        workload(&disk).unwrap_err();
        assert_eq!(disk.ops(), stop + 1);
        assert!(disk.is_stopped());
        for state in disk.crash_states() {
            let bytes = state.image().read_file("a");
            assert!(bytes == b"old" || bytes == b"new", "stopped at {stop}: {bytes:?}");
            assert!(bytes == b"old" || stop == from + 6, "stopped at {stop}");
        }
    }
}

#[test]
fn hook_sees_the_crashes_that_stops_would() {
    let (disk, _file) = disk_with(b"old");
    let from = disk.ops();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&seen);
    disk.before_each_op(move |moment| {
        let images: Vec<u64> = moment.crash_states().into_iter().map(|s| s.fingerprint()).collect();
        shared.lock().unwrap().push((moment.op().index, images));
    });
    workload(&disk).unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 7);
    for (index, images) in &*seen {
        let (disk, _file) = disk_with(b"old");
        assert_eq!(disk.ops(), from);
        disk.stop_at(*index);
        workload(&disk).unwrap_err();
        let stopped: Vec<u64> = disk.crash_states().into_iter().map(|s| s.fingerprint()).collect();
        assert_eq!(stopped, *images, "before operation {index}");
    }
    assert!(1 < seen[3].1.len(), "before the first sync there is something to lose");
}

#[test]
fn dead_process_gets_errors_and_the_next_one_sees_its_writes() {
    let (disk, file) = disk_with(b"a");
    let _dead = disk.lock().unwrap();
    disk.plan_fault(Fault::from_then_on(OpKind::Write, 2, Effect::Stop));
    write(&file, b"x", 0);
    file.write_at(b"y", 0).unwrap_err();
    file.read_at(&mut [0], 0).unwrap_err();
    file.sync_data().unwrap_err();
    disk.list().unwrap_err();
    disk.sync_folder().unwrap_err();
    let next = disk.restart();
    let lock = next.lock().unwrap();
    assert_eq!(next.read_file("a"), b"x");
    assert_eq!(next.crash_states().all_lost().image().read_file("a"), b"a", "nothing was synced");
    disk.list().unwrap_err();
    file.len().unwrap_err();
    let file = next.open("a").unwrap();
    write(&file, b"z", 0);
    file.sync_data().unwrap();
    assert_eq!(next.crash_states().combinations(), 1);
    assert_eq!(next.clone().lock().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(lock);
    next.clone().lock().unwrap();
}

#[test]
fn crash_state_is_a_disk_of_its_own() {
    let (disk, file) = disk_with(&[1; 5_000]);
    write(&file, &[2; 100], 4_000);
    let crashed = disk.crash_states().all_lost().disk();
    assert_eq!(crashed.read_file("a"), [1; 5_000]);
    write(&crashed.open("a").unwrap(), &[3; 10], 0);
    assert_eq!(disk.read_file("a")[..10], [1; 10]);
    assert_eq!(crashed.ops(), 2);
}

#[test]
fn equal_content_has_one_fingerprint_however_it_came() {
    let (one, file) = disk_with(&[7; 9_000]);
    write(&file, &[0; 4_096], 4_096);
    let two = SimDisk::new();
    let made = two.create("b").unwrap();
    write(&made, &[7; 4_096], 0);
    made.set_len(8_192).unwrap();
    write(&made, &[7; 808], 8_192);
    two.rename("b", "a").unwrap();
    assert_eq!(one.fingerprint(), two.fingerprint(), "a hole is the same as zeros");
    let before = two.fingerprint();
    made.set_len(9_001).unwrap();
    assert_ne!(two.fingerprint(), before, "a zero more");
    made.set_len(9_000).unwrap();
    assert_eq!(two.fingerprint(), before);
    two.rename("a", "c").unwrap();
    assert_ne!(two.fingerprint(), before, "another name");
}

#[test]
fn every_byte_counts_for_the_fingerprint() {
    let mut image = Image::default();
    image.write_file("a", &Rng::new(1).bytes(10_000));
    let whole = image.fingerprint();
    for at in (0..10_000).step_by(37) {
        let mut damaged = image.clone();
        damaged.patch_file("a", at, &[image.read_file("a")[usize::try_from(at).unwrap()] ^ 0x80]);
        assert_ne!(damaged.fingerprint(), whole, "byte {at}");
    }
    let mut cut = image.clone();
    cut.cut_file("a", 9_999);
    assert_ne!(cut.fingerprint(), whole);
    cut.patch_file("a", 9_999, &image.read_file("a")[9_999..]);
    assert_eq!(cut.fingerprint(), whole);
}

#[test]
fn damage_is_durable() {
    let (disk, old) = disk_with(b"old");
    disk.write_file("a", b"new");
    disk.write_file("b", b"b");
    assert_eq!(disk.files(), ["a", "b"]);
    disk.remove_file("b");
    disk.remove_file("b");
    let states = disk.crash_states();
    assert_eq!(states.combinations(), 1);
    assert_eq!(states.all_lost().image().files(), ["a"]);
    assert_eq!(states.all_lost().disk().read_file("a"), b"new");
    assert_eq!(old.len().unwrap(), 3);
}

#[test]
fn clones_of_a_clock_show_one_time() {
    let clock = ManualClock::new(5);
    let other = clock.clone();
    assert_eq!(clock.advance(Duration::from_millis(2)), 2_005);
    assert_eq!(other.now_micros(), 2_005);
    other.set_micros(1);
    assert_eq!(clock.now_micros(), 1);
}

#[test]
fn generator_gives_the_published_numbers() {
    let mut rng = Rng::new(1_234_567);
    assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
    assert_eq!(rng.next_u64(), 3_203_168_211_198_807_973);
}

#[test]
fn generator_keeps_its_bounds() {
    let mut rng = Rng::new(7);
    let mut counts = [0; 5];
    for _ in 0..5_000 {
        counts[rng.index(5)] += 1;
    }
    assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
    let hits = (0..4_000).filter(|_| rng.chance(1, 4)).count();
    assert!((900..1_100).contains(&hits), "{hits}");
    assert_eq!(rng.bytes(13).len(), 13);
    assert!([1, 2, 3].contains(rng.pick(&[1, 2, 3])));
    assert_ne!(rng.fork().next_u64(), rng.fork().next_u64());
}
