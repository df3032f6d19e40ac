//! Lines go in by `log append` and come out by `log cat`.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::program::{Folder, SMALL};

#[test]
fn appended_lines_come_back() {
    let folder = Folder::new();
    let appended = folder.append("one\n{\"two\":2}\n\nlast without an end").ended_with(0);
    assert_eq!(appended.out, "1\n2\n3\n4\n");

    let found = folder.run(&["log", "cat", "data"]).ended_with(0).json();
    let data: Vec<_> = found.iter().map(|record| record["data"].as_str().unwrap()).collect();
    assert_eq!(data, ["one", "{\"two\":2}", "", "last without an end"]);
    for (at, record) in found.iter().enumerate() {
        assert_eq!(record["seq"], at + 1);
        assert_eq!(record["offset"], at + 1);
        assert_eq!(record["topic"], "t.lines");
        let time = record["time"].as_str().unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z') && time.len() == 27, "{time}");
        assert!(record.get("key").is_none() && record.get("data_base64").is_none());
    }

    let text = folder.run(&["log", "cat", "data", "--limit", "1"]).ended_with(0).out;
    assert!(
        text.starts_with("{\"seq\":1,\"topic\":\"t.lines\",\"offset\":1,\"time\":\""),
        "{text}"
    );
    assert!(text.ends_with(",\"data\":\"one\"}\n"), "{text}");

    let some = folder.run(&["log", "cat", "data", "--from", "2", "--limit", "2"]).ended_with(0);
    let seqs: Vec<_> = some.json().iter().map(|record| record["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [2, 3]);
}

#[test]
fn bytes_that_are_no_text_come_back_as_base64() {
    let folder = Folder::new();
    let arguments = [&["log", "append", "data", "--topic", "t"], SMALL].concat();
    folder.run_with(&arguments, b"\xff\xfe\xfd\n").ended_with(0);
    let found = folder.run(&["log", "cat", "data"]).ended_with(0).json();
    assert_eq!(found[0]["data_base64"], "//79");
    assert!(found[0].get("data").is_none());
}

#[test]
fn a_second_append_goes_on_behind_the_first() {
    let folder = Folder::new();
    let lines = |from: u32, to: u32| (from..=to).map(|n| format!("{n}\n")).collect::<String>();
    folder.append(&lines(1, 3000)).ended_with(0);
    assert_eq!(folder.append(&lines(3001, 6000)).ended_with(0).out, lines(3001, 6000));
    let found = folder.run(&["log", "cat", "data"]).ended_with(0).json();
    assert_eq!(found.len(), 6000);
    let number = |record: &serde_json::Value| record["data"].as_str().unwrap().parse::<u64>().ok();
    assert!(found.iter().all(|record| number(record) == record["seq"].as_u64()));
}

#[test]
fn a_line_is_answered_before_the_next_one_comes() {
    let folder = Folder::new();
    let arguments = [&["log", "append", "data", "--topic", "t"], SMALL].concat();
    let mut child = folder.command(&arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for seq in 1..=3 {
        input.write_all(b"line\n").unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        assert_eq!(answer, format!("{seq}\n"));
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}
