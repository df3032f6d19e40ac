//! Torture writers that are killed: what they were answered must be there.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use crate::program::Folder;

const KILLS: u64 = 10;
/// Acknowledged batches of each writer process before it is killed, at least.
const ACKS_MIN: u64 = 200;

/// An acknowledged batch: writer, number, first seq, last seq.
#[derive(Clone, Copy, Debug)]
struct Ack {
    writer: u64,
    number: u64,
    first: u64,
    last: u64,
}

fn parse_ack(line: &str) -> Ack {
    let words: Vec<_> = line.split(' ').collect();
    assert_eq!((words.len(), words[0]), (5, "ack"), "{line}");
    let number = |at: usize| words[at].parse().unwrap();
    Ack { writer: number(1), number: number(2), first: number(3), last: number(4) }
}

/// Runs a writer, kills it once it had `acks` answers, and collects all that it printed.
fn write_and_kill(folder: &Folder, acks: u64) -> Vec<Ack> {
    let arguments = [
        &["torture", "writer", "--data", "data", "--seed", "42", "--writers", "8"][..],
        &["--segment-bytes", "131072", "--payload-max", "700"],
    ];
    let mut child = folder.command(&arguments.concat()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut printed = String::new();
    for _ in 0..acks {
        assert!(output.read_line(&mut printed).unwrap() > 0, "it ended by itself");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    output.read_to_string(&mut printed).unwrap();
    assert!(printed.ends_with('\n'), "a line was printed in part");
    printed.lines().map(parse_ack).collect()
}

/// What `torture check` reads: writer and number by seq.
fn check(folder: &Folder) -> BTreeMap<u64, (u64, u64)> {
    let checked = folder.run(&["torture", "check", "--data", "data", "--seed", "42"]).ended_with(0);
    let mut records = BTreeMap::new();
    for line in checked.out.lines() {
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!((words.len(), words[0], words[4]), (5, "rec", "ok"), "{line}");
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        assert!(records.insert(number(1), (number(2), number(3))).is_none(), "twice: {line}");
    }
    records
}

#[test]
fn what_was_acknowledged_survives_kills() {
    let folder = Folder::new();
    let mut acked = Vec::new();
    for kill in 0..KILLS {
        // Any moment will do, as long as they differ; the scheduler adds its own chance.
        let more = kill * 37 % 101;
        let acks = write_and_kill(&folder, ACKS_MIN + more);
        assert!(ACKS_MIN <= acks.len() as u64, "too thin a history");
        acked.extend(acks);

        let found = check(&folder);
        let last = *found.keys().next_back().unwrap();
        assert!(found.keys().copied().eq(1..=last), "seqs are not dense");
        for ack in &acked {
            for seq in ack.first..=ack.last {
                assert_eq!(found.get(&seq), Some(&(ack.writer, ack.number)), "{seq} of {ack:?}");
            }
        }
    }
    folder.run(&["log", "verify", "data"]).ended_with(0);
    let files = std::fs::read_dir(folder.data()).unwrap().count();
    assert!(5 <= files, "too few segments were filled: {files} files");
}

#[test]
fn a_writer_that_may_end_closes_the_log() {
    let folder = Folder::new();
    let arguments = [
        "torture",
        "writer",
        "--data",
        "data",
        "--seed",
        "42",
        "--records",
        "50",
        "--writers",
        "3",
    ];
    let written = folder.run(&arguments).ended_with(0);
    let acks: Vec<_> = written.out.lines().map(parse_ack).collect();
    let records: u64 = acks.iter().map(|ack| ack.last - ack.first + 1).sum();
    assert_eq!(records, 150);
    assert_eq!(check(&folder).len(), 150);
    let found = &folder.run(&["log", "inspect", "data", "--json"]).ended_with(0).json()[0];
    assert_eq!(found["left_as"], "closed");
}

#[test]
fn a_wrong_seed_makes_every_record_bad() {
    let folder = Folder::new();
    let arguments = ["torture", "writer", "--data", "data", "--seed", "1", "--records", "10"];
    folder.run(&arguments).ended_with(0);
    let checked = folder.run(&["torture", "check", "--data", "data", "--seed", "2"]).ended_with(65);
    let bad = checked.out.lines().filter(|line| line.ends_with(" bad")).count();
    assert!(35 < bad, "{}", checked.out);
}
