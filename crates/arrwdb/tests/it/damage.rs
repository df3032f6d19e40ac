//! `log verify`, `log inspect` and `log repair`, on logs that are sound and on damaged ones.

use std::collections::BTreeMap;
use std::path::Path;

use crate::program::Folder;

/// A closed log of 100 records in `data`.
fn hundred_records() -> Folder {
    let folder = Folder::new();
    // One append a line and a run, so that each record has a frame of its own: batches share one.
    let lines: String = (1..=100).map(|n| format!("payload number {n}\n")).collect();
    folder.append(&lines).ended_with(0);
    for n in 101..=104 {
        folder.append(&format!("payload number {n}\n")).ended_with(0);
    }
    folder
}

/// Where a payload is in a file.
fn place_of(file: &Path, text: &str) -> usize {
    let bytes = std::fs::read(file).unwrap();
    bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap()
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let read = |file: std::fs::DirEntry| {
        let name = file.file_name().into_string().unwrap();
        (name, std::fs::read(file.path()).unwrap())
    };
    files.map(read).collect()
}

#[test]
fn a_sound_log_is_found_sound() {
    let folder = hundred_records();
    let said = folder.run(&["log", "verify", "data"]).ended_with(0);
    assert!(said.out.contains("104 records") && said.out.contains("no damage"), "{said:?}");

    let found = &folder.run(&["log", "verify", "data", "--json"]).ended_with(0).json()[0];
    assert_eq!((&found["ok"], &found["records"]), (&true.into(), &104.into()));
    assert_eq!((&found["first"], &found["tail"]), (&1.into(), &105.into()));

    let before = contents(&folder.data());
    let said = folder.run(&["log", "repair", "data", "--accept-loss"]).ended_with(0);
    assert!(said.out.contains("nothing to repair"), "{said:?}");
    assert!(contents(&folder.data()) == before, "a sound log was changed");
}

#[test]
fn inspect_shows_the_files() {
    let folder = hundred_records();
    let found = &folder.run(&["log", "inspect", "data", "--json"]).ended_with(0).json()[0];
    assert_eq!(found["left_as"], "closed");
    assert_eq!(found["segments"][0]["file"], "0000000001.seg");
    assert_eq!(found["segments"][0]["first"], 1);
    let said = folder.run(&["log", "inspect", "data", "--segment", "1"]).ended_with(0);
    assert!(said.out.contains("0000000001.seg") && !said.out.contains("0000000002.seg"));
    let said = folder.run(&["log", "inspect", "data", "--segment", "999"]).ended_with(1);
    assert!(said.err.contains("no segment 999"), "{said:?}");
}

#[test]
fn a_flipped_byte_is_named_by_file_and_offset() {
    let folder = hundred_records();
    let file = folder.first_segment();
    let at = place_of(&file, "payload number 102");
    Folder::flip(&file, at);

    let said = folder.run(&["log", "verify", "data"]).ended_with(65);
    assert!(said.out.contains("`0000000001.seg` bytes "), "{said:?}");
    assert!(said.out.contains("arrwdb log repair data"), "{said:?}");
    let found = &folder.run(&["log", "verify", "data", "--json"]).ended_with(65).json()[0];
    let damage = &found["damages"][0];
    let (from, to) = (damage["from"].as_u64().unwrap(), damage["to"].as_u64().unwrap());
    assert!((from..to).contains(&(at as u64)), "byte {at} is not in {from} to {to}");
    assert_eq!((&damage["first"], &damage["last"]), (&102.into(), &102.into()));

    let said = folder.run(&["log", "cat", "data"]).ended_with(65);
    assert!(said.err.starts_with("error: ") && said.err.contains("\nhelp: "), "{said:?}");
    folder.append("one more\n").ended_with(65);
}

#[test]
fn a_repair_needs_to_be_told_that_the_loss_is_accepted() {
    let folder = hundred_records();
    let file = folder.first_segment();
    Folder::flip(&file, place_of(&file, "payload number 102"));

    let before = contents(&folder.data());
    let said = folder.run(&["log", "repair", "data"]).ended_with(65);
    assert!(said.out.contains("would lose 1 record"), "{said:?}");
    assert!(said.out.contains("`0000000001.seg` bytes "), "{said:?}");
    assert!(said.out.contains("arrwdb log repair data --accept-loss"), "{said:?}");
    let found = &folder.run(&["log", "repair", "data", "--json"]).ended_with(65).json()[0];
    assert_eq!(found["repaired"], false);
    assert!(contents(&folder.data()) == before, "a repair that was refused changed the log");

    let said = folder.run(&["log", "repair", "data", "--accept-loss"]).ended_with(0);
    assert!(said.out.contains("new epoch"), "{said:?}");
    folder.run(&["log", "verify", "data"]).ended_with(0);
    let cat = folder.run(&["log", "cat", "data"]).ended_with(0);
    let seqs: Vec<_> = cat.json().iter().map(|r| r["seq"].as_u64().unwrap()).collect();
    let expected: Vec<_> = (1..=104).filter(|seq| *seq != 102).collect();
    assert_eq!(seqs, expected);
    assert!(cat.err.contains("102"), "the loss is not told: {cat:?}");
    assert_eq!(folder.append("after the repair\n").ended_with(0).out, "105\n");
}

#[test]
fn a_log_without_superblocks_is_damaged_and_can_be_repaired() {
    let folder = hundred_records();
    for name in ["super.a", "super.b"] {
        Folder::flip(&folder.data().join(name), 100);
    }
    folder.run(&["log", "inspect", "data"]).ended_with(65);
    folder.run(&["log", "verify", "data"]).ended_with(65);
    folder.run(&["log", "repair", "data"]).ended_with(65);
    folder.run(&["log", "cat", "data"]).ended_with(65);
    folder.run(&["log", "repair", "data", "--accept-loss"]).ended_with(0);
    folder.run(&["log", "verify", "data"]).ended_with(0);
    assert_eq!(folder.run(&["log", "cat", "data"]).ended_with(0).json().len(), 104);
}
