//! A write that fails stops the log, and loses nothing that was acknowledged.

use std::collections::BTreeSet;
use std::process::Command;

use crate::program::{Folder, PROGRAM};

#[test]
fn a_failed_write_ends_with_74_and_keeps_what_was_acknowledged() {
    let folder = Folder::new();
    // No file may grow beyond 128 KiB (256 blocks): the segments just fit, and a footer behind one does
    // not. The signal for it is ignored, so the write fails.
    let script = "trap '' XFSZ; ulimit -f 256; exec \"$0\" torture writer --data data --seed 5 --segment-bytes 131072";
    let mut shell = Command::new("/bin/sh");
    let output = shell.args(["-c", script, PROGRAM]).current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(74), "{output:?}");

    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split(' ').collect()).collect();
    let acked = lines.iter().filter(|words| words[0] == "ack").count();
    let rejected: BTreeSet<(&str, &str)> = lines
        .iter()
        .filter(|words| words[0] == "fail" && words[3] == "rejected")
        .map(|words| (words[1], words[2]))
        .collect();
    assert!(100 < acked && acked < lines.len(), "too thin a history: {said}");

    let checked = folder.run(&["torture", "check", "--data", "data", "--seed", "5"]).ended_with(0);
    let found: BTreeSet<&str> = checked.out.lines().collect();
    for words in lines.iter().filter(|words| words[0] == "ack") {
        let (first, last): (u64, u64) = (words[3].parse().unwrap(), words[4].parse().unwrap());
        for seq in first..=last {
            let expected = format!("rec {seq} {} {} ok", words[1], words[2]);
            assert!(found.contains(expected.as_str()), "{expected}");
        }
    }
    for line in found {
        let words: Vec<&str> = line.split(' ').collect();
        assert!(!rejected.contains(&(words[2], words[3])), "rejected, and yet there: {line}");
    }
    folder.run(&["log", "verify", "data"]).ended_with(0);
}
