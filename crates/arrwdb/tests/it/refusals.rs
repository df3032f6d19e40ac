//! What is refused, with which code and which help.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::program::{Folder, SMALL};

/// Every command that needs a log to be there.
const READERS: &[&[&str]] = &[
    &["log", "verify", "data"],
    &["log", "inspect", "data"],
    &["log", "repair", "data"],
    &["log", "repair", "data", "--accept-loss"],
    &["log", "cat", "data"],
    &["log", "backup", "data", "copy"],
    &["log", "restore", "data", "copy"],
    &["torture", "check", "--data", "data", "--seed", "1"],
];

#[test]
fn a_folder_that_is_not_there_is_66() {
    let folder = Folder::new();
    for command in READERS {
        let said = folder.run(command).ended_with(66);
        assert!(said.err.starts_with("error: ") && said.err.contains("`data`"), "{said:?}");
        assert!(said.err.contains("\nhelp: "), "{said:?}");
        assert!(!folder.data().exists(), "{command:?} made a folder");
    }
}

#[test]
fn a_folder_without_a_log_is_66() {
    let folder = Folder::new();
    std::fs::create_dir(folder.data()).unwrap();
    for command in READERS {
        folder.run(command).ended_with(66);
    }
}

#[test]
fn a_log_that_another_process_has_is_75() {
    let folder = Folder::new();
    let arguments = [&["log", "append", "data", "--topic", "t"], SMALL].concat();
    let mut holder = folder.command(&arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = holder.stdin.take().unwrap();
    input.write_all(b"held\n").unwrap();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    for command in READERS {
        let said = folder.run(command).ended_with(75);
        assert!(said.err.contains("another process"), "{said:?}");
    }
    folder.append("x\n").ended_with(75);
    drop(input);
    assert!(holder.wait().unwrap().success());
    folder.run(&["log", "verify", "data"]).ended_with(0);
}

#[test]
fn wrong_usage_is_2() {
    let folder = Folder::new();
    for arguments in
        [&["--nonsense"][..], &["log"], &["log", "append", "data"], &["log", "vrify", "data"]]
    {
        let said = folder.run(arguments).ended_with(2);
        assert!(!said.err.is_empty());
    }
    for (given, meant) in [
        (&["log", "vrify", "data"][..], "'verify'"),
        (&["pbu", "a", "1"], "'pub'"),
        (&["bench", "htp"], "'http'"),
        (&["tial"], "'tail'"),
    ] {
        let said = folder.run(given).ended_with(2);
        assert!(said.err.contains(meant) && !said.err.contains("floor"), "{said:?}");
    }
    assert!(!folder.run(&["frobnicate"]).ended_with(2).err.contains("tip"));
    let said = folder.run(&["topic", "list", "--key-file", "nokey"]).ended_with(1);
    assert!(said.err.contains("`nokey`") && said.err.contains("arrwdb key create"), "{said:?}");
}

#[test]
fn a_name_that_is_no_topic_is_refused() {
    let folder = Folder::new();
    let said = folder.run_with(&["log", "append", "data", "--topic", "a b"], b"x\n").ended_with(1);
    assert!(said.err.contains("`a b` is not a topic"), "{said:?}");
    assert!(!folder.data().exists());
}

#[test]
fn a_record_that_is_not_there_is_refused() {
    let folder = Folder::new();
    folder.append("one\n").ended_with(0);
    let said = folder.run(&["log", "cat", "data", "--from", "9"]).ended_with(1);
    assert!(said.err.contains("record 9 does not exist"), "{said:?}");
}

#[test]
fn a_line_that_is_too_long_is_named() {
    let folder = Folder::new();
    let lines = format!("short\n{}\n", "x".repeat(9 << 20));
    let said = folder.append(&lines).ended_with(1);
    assert_eq!(said.out, "1\n");
    assert!(said.err.contains("line 2"), "{said:?}");
    assert_eq!(folder.run(&["log", "cat", "data"]).ended_with(0).json().len(), 1);
}

#[test]
fn figures_are_not_taken_in_memory() {
    let folder = Folder::new();
    if std::fs::read_to_string("/proc/mounts").unwrap().contains(" /dev/shm tmpfs ") {
        for group in ["log", "bus", "http"] {
            let arguments = ["bench", group, "--quick", "--dir", "/dev/shm/arrwdb-bench-test"];
            let said = folder.run(&arguments).ended_with(1);
            assert!(said.err.contains("on a real disk"), "{said:?}");
        }
        assert!(!std::path::Path::new("/dev/shm/arrwdb-bench-test").exists());
    }
}
