//! The real binary under `strace`: which bytes it had synced when it said so, and what it does when the
//! system fails it.

mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use arrw_log::{Drive, Environment, Log, Options, Start, Storage, StorageFile};
use arrw_sim::{Rng, SimDisk};
use trace::{Call, parse};

use crate::program::{Folder, PROGRAM};

const SEED: &str = "11";
const SEGMENT_BYTES: u64 = 65_536;

/// Runs a torture writer below strace. It writes its answers to standard output.
fn traced(folder: &Folder, options: &[&str], records: &str) -> Output {
    traced_keeping(folder, options, records, &[])
}

/// The same with an option of the writer, for how much of the log to keep.
fn traced_keeping(folder: &Folder, options: &[&str], records: &str, keep: &[&str]) -> Output {
    let mut command = Command::new("strace");
    command.args(["-f", "-xx", "-s", "1000000", "-e", "signal=none", "-o", "trace.txt"]);
    command.args(options).arg(PROGRAM);
    command.args(["torture", "writer", "--data", "data", "--seed", SEED, "--writers", "4"]);
    command.args(["--payload-max", "300", "--segment-bytes", "65536", "--records", records]);
    command.args(keep);
    let output = command.current_dir(folder.path()).output();
    output.expect("strace runs: `apt-get install strace` brings it")
}

/// An acknowledged batch: writer, number, first seq, last seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ack {
    writer: u32,
    number: u64,
    first: u64,
    last: u64,
}

impl Ack {
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.strip_prefix("ack ")?.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        let writer = u32::try_from(number(0)).unwrap();
        Some(Self { writer, number: number(1), first: number(2), last: number(3) })
    }
}

/// The folder of the program, rebuilt from its calls: what it wrote, what of it was synced.
struct Rebuilt {
    disk: SimDisk,
    /// Open files by descriptor: their name and the file.
    files: BTreeMap<i64, (String, Arc<dyn StorageFile>)>,
    /// Descriptors of the folder itself.
    folders: BTreeSet<i64>,
    /// When the last write to a file ended, to see that no sync was under way.
    written: BTreeMap<String, usize>,
    acks: Vec<Ack>,
}

impl Rebuilt {
    fn new() -> Self {
        let (files, folders) = (BTreeMap::new(), BTreeSet::new());
        Self { disk: SimDisk::new(), files, folders, written: BTreeMap::new(), acks: Vec::new() }
    }

    fn apply(&mut self, call: &Call) {
        if call.result < 0 {
            return;
        }
        match call.name.as_str() {
            "openat" => self.open(call),
            "close" => {
                let descriptor = i64::try_from(call.number(0)).unwrap();
                self.files.remove(&descriptor);
                self.folders.remove(&descriptor);
            }
            "pwrite64" => {
                if let Some((name, file)) = self.file(call) {
                    let bytes = call.bytes(1);
                    let count = usize::try_from(call.result).unwrap();
                    file.write_at(&bytes[..count], call.number(3)).unwrap();
                    self.written.insert(name, call.ended);
                }
            }
            "ftruncate" => {
                if let Some((_, file)) = self.file(call) {
                    file.set_len(call.number(1)).unwrap();
                }
            }
            "fdatasync" | "fsync" => self.sync(call),
            "rename" => {
                let (from, to) = (base_name(&call.text(0)), base_name(&call.text(1)));
                self.disk.rename(&from, &to).unwrap();
            }
            "unlink" => self.disk.remove(&base_name(&call.text(0))).unwrap(),
            "write" if call.arguments[0] == "1" => {
                self.acks.extend(Ack::parse(call.text(1).trim_end()));
            }
            _ => (),
        }
    }

    fn open(&mut self, call: &Call) {
        let path = call.text(1);
        if path == "data" {
            self.folders.insert(call.result);
        }
        if !path.starts_with("data/") {
            return;
        }
        let name = base_name(&path);
        let file = match self.disk.open(&name) {
            Ok(file) => file,
            Err(_) => self.disk.create(&name).unwrap(),
        };
        self.files.insert(call.result, (name, file));
    }

    fn sync(&mut self, call: &Call) {
        if let Some((name, file)) = self.file(call) {
            // Else it could not be said whether the sync covered that write.
            let written = self.written.get(&name).copied().unwrap_or(0);
            assert!(written < call.began || written == 0, "`{name}` was written during a sync");
            file.sync_data().unwrap();
        } else if self.folders.contains(&i64::try_from(call.number(0)).unwrap()) {
            self.disk.sync_folder().unwrap();
        }
    }

    fn file(&self, call: &Call) -> Option<(String, Arc<dyn StorageFile>)> {
        self.files.get(&i64::try_from(call.number(0)).unwrap()).cloned()
    }

    /// Opens what a power cut now would leave and looks for all that was acknowledged before.
    fn check(&self, told: &[Ack], rng: &mut Rng) {
        let states = self.disk.crash_states();
        for state in [states.all_lost(), states.all_kept(), states.random(rng)] {
            let found = records_of(&state.disk());
            for ack in told {
                for seq in ack.first..=ack.last {
                    let at = usize::try_from(seq - 1).unwrap();
                    let expected = Some(&(ack.writer, ack.number));
                    assert_eq!(found.get(at), expected, "record {seq} of {ack:?} is not there");
                }
            }
        }
    }
}

fn base_name(path: &str) -> String {
    Path::new(path).file_name().and_then(|name| name.to_str()).unwrap().to_owned()
}

/// Writer and number of every record of a log, from the first on.
fn records_of(disk: &SimDisk) -> Vec<(u32, u64)> {
    if disk.files().is_empty() {
        return Vec::new();
    }
    let options =
        Options { segment_bytes: SEGMENT_BYTES, drive: Drive::Callers, ..Options::default() };
    let log = Log::open_with(Environment::with_storage(Arc::new(disk.clone())), options).unwrap();
    let mut reader = log.reader(Start::Earliest).unwrap();
    let mut found = Vec::new();
    while let Some(frame) = reader.try_next().unwrap() {
        for record in frame.records() {
            let (writer, rest) = record.payload().split_first_chunk().unwrap();
            let number = rest.first_chunk().unwrap();
            found.push((u32::from_le_bytes(*writer), u64::from_le_bytes(*number)));
        }
    }
    found
}

/// SIGKILL leaves the page cache alone, so it cannot show that a sync was forgotten. This can: it forgets
/// all that was not synced.
#[test]
fn what_the_binary_acknowledges_it_has_synced() {
    let folder = Folder::new();
    let calls = "trace=openat,close,pwrite64,write,fdatasync,fsync,ftruncate,rename,unlink";
    let output = traced(&folder, &["-e", calls], "1500");
    assert!(output.status.success(), "{output:?}");
    let trace = std::fs::read_to_string(folder.path().join("trace.txt")).unwrap();
    let calls = parse(&trace);
    let mut rng = Rng::new(5);
    let mut rebuilt = Rebuilt::new();
    let mut told = 0;
    let mut checked = 0;
    for call in &calls {
        // An answer counts from where its write began: all before it must be synced by then.
        rebuilt.apply(call);
        if told < rebuilt.acks.len() && rng.chance(1, 12) {
            told = rebuilt.acks.len();
            rebuilt.check(&rebuilt.acks.clone(), &mut rng);
            checked += 1;
        }
    }
    rebuilt.check(&rebuilt.acks.clone(), &mut rng);
    let segments = rebuilt.disk.files().iter().filter(|name| name.ends_with(".seg")).count();
    let acks = rebuilt.acks.len();
    assert!(
        100 < checked && 1_000 < acks && 10 < segments,
        "too thin: {checked}, {acks}, {segments}"
    );
    println!("{checked} power cuts, {acks} acknowledged batches, {segments} segments: all there");
}

/// Every call of the system that changes the disk fails once, early and late.
#[test]
fn a_call_that_fails_is_never_acknowledged_over() {
    let (mut runs, mut stopped, mut acks) = (0, 0, 0);
    for call in ["pwrite64", "fdatasync", "fsync", "ftruncate", "openat"] {
        for (error, nth) in (1..=14).flat_map(|nth| [("EIO", nth), ("ENOSPC", nth)]) {
            let folder = Folder::new();
            let inject = format!("inject={call}:error={error}:when={nth}");
            let trace = format!("trace={call}");
            let output = traced(&folder, &["-e", &trace, "-e", &inject], "40");
            let code = output.status.code();
            assert!(code != Some(101) && code.is_some(), "{inject}: {output:?}");
            let said = String::from_utf8(output.stdout).unwrap();
            let told: Vec<Ack> = said.lines().filter_map(Ack::parse).collect();
            check_folder(&folder, &told, &inject);
            runs += 1;
            stopped += u32::from(code != Some(0));
            acks += told.len();
        }
    }
    assert!(50 < stopped && 2_000 < acks, "too thin: {runs} runs, {stopped} stopped, {acks} acks");
    println!("{runs} runs, {stopped} stopped by the fault, {acks} acknowledged batches: all there");
}

/// A file that is used again gets its new name while appends go on.
#[test]
fn a_rename_that_fails_is_never_acknowledged_over() {
    // How many files are used again depends on who is faster: not every run comes to its fault.
    let (mut failed, mut stopped, mut acks) = (0, 0, 0);
    for (error, nth) in (1..=4).flat_map(|nth| [("EIO", nth), ("ENOSPC", nth)]) {
        let folder = Folder::new();
        let inject = format!("inject=rename:error={error}:when={nth}");
        let options = ["-e", "trace=rename", "-e", &inject];
        let output = traced_keeping(&folder, &options, "2000", &["--keep-bytes", "200000"]);
        let trace = std::fs::read_to_string(folder.path().join("trace.txt")).unwrap();
        failed += u32::from(trace.contains("(INJECTED)"));
        let said = String::from_utf8(output.stdout).unwrap();
        let told: Vec<Ack> = said.lines().filter_map(Ack::parse).collect();
        check_folder(&folder, &told, &inject);
        stopped += u32::from(output.status.code() != Some(0));
        acks += told.len();
    }
    assert!(4 <= failed && 1 <= stopped && 1_000 < acks, "too thin: {failed}, {stopped}, {acks}");
    println!(
        "{failed} runs with a failed rename, {stopped} stopped by it, {acks} batches: all there"
    );
}

/// What a writer was told is in its folder, by the word of the binary itself.
fn check_folder(folder: &Folder, told: &[Ack], what: &str) {
    if told.is_empty() {
        return;
    }
    let checked = folder.run(&["torture", "check", "--data", "data", "--seed", SEED]);
    assert_eq!(checked.code, Some(0), "{what}: {checked:?}");
    let found: BTreeSet<&str> = checked.out.lines().collect();
    let seq_of = |line: &str| line.split(' ').nth(1).and_then(|seq| seq.parse::<u64>().ok());
    let first_kept = checked.out.lines().next().and_then(seq_of).unwrap_or(0);
    for ack in told {
        for seq in ack.first.max(first_kept)..=ack.last {
            let expected = format!("rec {seq} {} {} ok", ack.writer, ack.number);
            assert!(found.contains(expected.as_str()), "{what}: `{expected}` is not there");
        }
    }
}
