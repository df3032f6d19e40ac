//! `log backup` and `log restore`.

use crate::program::Folder;

#[test]
fn a_backup_becomes_a_log_again() {
    let folder = Folder::new();
    folder.append("one\ntwo\n").ended_with(0);
    let said = folder.run(&["log", "backup", "data", "copy"]).ended_with(0);
    assert!(said.out.contains("records 1 to 2"), "{said:?}");

    let said = folder.run(&["log", "cat", "copy"]).ended_with(1);
    assert!(said.err.contains("arrwdb log restore"), "{said:?}");
    folder.run(&["log", "backup", "data", "copy"]).ended_with(74);

    folder.run(&["log", "restore", "copy", "again"]).ended_with(0);
    let records = |log: &str| folder.run(&["log", "cat", log]).ended_with(0).out;
    assert_eq!(records("again"), records("data"));
    let epoch = |log: &str| {
        folder.run(&["log", "inspect", log, "--json"]).ended_with(0).json()[0]["epoch"].to_string()
    };
    assert_ne!(epoch("again"), epoch("data"));

    let said = folder.run(&["log", "restore", "copy", "again"]).ended_with(1);
    assert!(said.err.contains("`again` already holds a log"), "{said:?}");
    let said = folder.run(&["log", "restore", "data", "other"]).ended_with(66);
    assert!(said.err.contains("no finished backup"), "{said:?}");
}
