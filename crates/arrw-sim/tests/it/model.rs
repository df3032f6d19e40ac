//! Random runs on the simulated disk agree with plain vectors, and no crash takes back what was synced.

use std::collections::BTreeMap;

use arrw_log::Storage as _;
use arrw_sim::{EIO, Effect, Fault, Image, OpKind, Rng, SimDisk};

use crate::fixture::File;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const FILE_BYTES: u64 = 12_000;

/// The disk, and what must be true of it.
struct Run {
    disk: SimDisk,
    rng: Rng,
    /// What the program sees.
    seen: BTreeMap<&'static str, Vec<u8>>,
    open: BTreeMap<&'static str, File>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let disk = SimDisk::new();
        Self { disk, rng: Rng::new(seed), seen: BTreeMap::new(), open: BTreeMap::new() }
    }

    fn step(&mut self) {
        let name = *self.rng.pick(&NAMES);
        let Some(bytes) = self.seen.get_mut(name) else {
            self.open.insert(name, self.disk.create(name).expect("the name is free"));
            self.seen.insert(name, Vec::new());
            return;
        };
        let file = &self.open[name];
        match self.rng.below(12) {
            0 => {
                self.disk.remove(name).expect("it is there");
                self.seen.remove(name);
                self.open.remove(name);
            }
            1 => self.rename(name),
            2 => {
                let len = self.rng.index(bytes.len() + 1_000);
                file.set_len(len as u64).expect("the disk is well");
                bytes.resize(len, 0);
            }
            3 => self.disk.sync_folder().expect("the disk is well"),
            4 | 5 => file.sync_data().expect("the disk is well"),
            _ => {
                let at = self.rng.below(FILE_BYTES);
                let count = self.rng.index(3_000);
                let new = self.rng.bytes(count);
                crate::fixture::write(file, &new, at);
                let at = usize::try_from(at).expect("it is small");
                if !new.is_empty() {
                    bytes.resize(bytes.len().max(at + count), 0);
                    bytes[at..at + count].copy_from_slice(&new);
                }
            }
        }
    }

    fn rename(&mut self, from: &'static str) {
        let to = *self.rng.pick(&NAMES);
        self.disk.rename(from, to).expect("it is there");
        let bytes = self.seen.remove(from).expect("it is there");
        let file = self.open.remove(from).expect("it is open");
        self.seen.insert(to, bytes);
        self.open.insert(to, file);
    }

    fn sync_all(&self) {
        for file in self.open.values() {
            file.sync_data().expect("the disk is well");
        }
        self.disk.sync_folder().expect("the disk is well");
    }

    fn expected(&self) -> Image {
        let mut image = Image::default();
        for (name, bytes) in &self.seen {
            image.write_file(name, bytes);
        }
        image
    }
}

#[test]
fn program_sees_what_it_wrote_and_a_crash_may_keep_it_all() {
    for seed in 0..100 {
        let mut run = Run::new(seed);
        for _ in 0..60 {
            run.step();
        }
        let expected = run.expected();
        assert_eq!(run.disk.files(), expected.files(), "seed {seed}");
        for name in run.disk.files() {
            assert!(run.disk.read_file(&name) == expected.read_file(&name), "seed {seed}: {name}");
        }
        assert_eq!(run.disk.fingerprint(), expected.fingerprint(), "seed {seed}");
        let states = run.disk.crash_states();
        assert_eq!(states.all_kept().fingerprint(), expected.fingerprint(), "seed {seed}");
    }
}

#[test]
fn sync_of_everything_leaves_one_state() {
    for seed in 0..100 {
        let mut run = Run::new(seed);
        for _ in 0..40 {
            run.step();
        }
        run.sync_all();
        let synced = run.disk.fingerprint();
        assert_eq!(run.disk.crash_states().combinations(), 1, "seed {seed}");
        assert_eq!(run.disk.crash_states().all_lost().fingerprint(), synced, "seed {seed}");
        run.step();
        let states = run.disk.crash_states();
        let lost = states.all_lost().fingerprint();
        assert!(lost == synced || states.combinations() == 1, "seed {seed}: or it was a sync");
    }
}

/// After failed syncs: what was written and synced since is in every state, to the byte.
#[test]
fn write_synced_after_failed_syncs_is_in_every_state() {
    for seed in 0..100 {
        let mut rng = Rng::new(seed);
        let (disk, file) = crate::fixture::disk_with(&rng.bytes(6_000));
        for _ in 0..4 {
            for _ in 0..2 {
                let (at, count) = (rng.below(6_000), rng.index(1_500) + 1);
                crate::fixture::write(&file, &rng.bytes(count), at);
                if rng.chance(1, 3) {
                    file.set_len(rng.below(9_000)).expect("the disk is well");
                }
            }
            disk.plan_fault(Fault::once(OpKind::SyncData, 1, Effect::Errno(EIO)));
            file.sync_data().expect_err("a fault was planned");
        }
        let (at, new) = (rng.below(6_000), rng.bytes(1_000));
        crate::fixture::write(&file, &new, at);
        file.sync_data().expect("the fault struck before");
        let at = usize::try_from(at).expect("it is small");
        let states = disk.crash_states().limit(200).seed(seed);
        assert_eq!(states.all_kept().fingerprint(), disk.fingerprint(), "seed {seed}");
        for state in &states {
            let bytes = state.image().read_file("a");
            assert_eq!(
                &bytes[at..at + 1_000],
                &new[..],
                "seed {seed}:\n{}",
                states.describe(&state)
            );
        }
    }
}
