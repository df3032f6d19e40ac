//! A repair that is cut off leaves damage that is found again, or a new life: never old positions on lost records.

use std::sync::Arc;

use arrw_log::{Batch, Drive, Environment, Log, Loss, NewRecord, Options, Storage, repair, verify};
use arrw_sim::{Rng, SimDisk};

fn options() -> Options {
    Options { segment_bytes: 16 * 1024, spares: 2, drive: Drive::Callers, ..Options::default() }
}

fn environment(disk: &SimDisk) -> Environment {
    Environment::with_storage(Arc::new(disk.clone()))
}

/// A closed log of three segments with a damaged frame in each of the first two.
fn damaged() -> (SimDisk, arrw_log::Epoch) {
    let disk = SimDisk::new();
    let log = Log::open_with(environment(&disk), options()).expect("the disk is well");
    for _ in 0..60 {
        let record = NewRecord { topic: "t", payload: &[7; 500], ..NewRecord::default() };
        log.append(Batch::of(record).expect("it fits")).wait().expect("the disk is well");
    }
    let epoch = log.epoch();
    log.close().expect("the disk is well");
    for name in disk.files().iter().filter(|name| name.ends_with(".seg")).take(2) {
        let mut bytes = disk.read_file(name);
        bytes[9_000] ^= 1;
        disk.write_file(name, &bytes);
    }
    (disk, epoch)
}

#[test]
fn a_repair_that_is_cut_off_anywhere_never_ends_in_the_old_life() {
    let (disk, _) = damaged();
    let before = disk.ops();
    repair(&environment(&disk), Loss::Accept).expect("the disk is well");
    let ops = disk.ops() - before;
    assert!(ops > 20, "{ops}");
    let mut repaired = 0;
    for op in 0..ops {
        let (disk, epoch) = damaged();
        disk.stop_at(disk.ops() + op);
        repair(&environment(&disk), Loss::Accept).expect_err("it was stopped");
        let states = disk.crash_states();
        let mut rng = Rng::new(op);
        let mut left = vec![states.all_lost(), states.all_kept()];
        left.extend((0..8).map(|_| states.random(&mut rng)));
        for state in left {
            let storage: Arc<dyn Storage> = Arc::new(state.disk());
            if verify(storage.as_ref()).expect("it can be read").damages.is_empty() {
                let log = Log::open_with(Environment::with_storage(storage), options());
                assert_ne!(log.expect("nothing is damaged").epoch(), epoch, "cut off at {op}");
                repaired += 1;
            }
        }
    }
    assert!(repaired > 0, "no state was repaired");
}
