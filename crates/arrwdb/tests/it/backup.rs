//! `log backup`, `backup` and `restore`.

use crate::program::Folder;
use crate::server::Served;

#[test]
fn a_server_is_backed_up_while_it_is_in_use() {
    let server = Served::new();
    for n in 0..20 {
        server.ask(&["pub", "a", &n.to_string()]).ended_with(0);
    }
    server.ask(&["consumer", "create", "c", "a", "--after", "earliest"]).ended_with(0);
    let said = server.ask(&["backup", "nightly"]).ended_with(0).out;
    assert!(said.starts_with("copied records 1 to 21, ") && said.contains("nightly` on"), "{said}");
    server.ask(&["pub", "a", "20"]).ended_with(0);
    let made = server.ask(&["backup", "later", "--json"]).ended_with(0).json();
    assert_eq!((&made[0]["name"], &made[0]["last"]), (&"later".into(), &22.into()));
    let again = server.ask(&["backup", "later"]).ended_with(1).err;
    assert!(again.contains("ARW0048") && again.contains("another name"), "{again}");
    for wrong in ["../x", ".hidden", "", "a/b", "a b"] {
        let said = server.ask(&["backup", wrong]).ended_with(1).err;
        assert!(said.contains("ARW0047"), "{said}");
    }
    assert!(!server.folder.path().join("x").exists());

    let copy = made[0]["folder"].as_str().unwrap();
    let elsewhere = Folder::new();
    elsewhere.run(&["restore", copy, "data"]).ended_with(0);
    elsewhere.run(&["log", "verify", "data"]).ended_with(0);
    let restored = Served::of(elsewhere);
    let data = restored.ask(&["export", "-", "a"]).ended_with(0).json();
    assert_eq!(data.iter().map(|it| &it["data"]).collect::<Vec<_>>(), (0..=20).collect::<Vec<_>>());
    let consumers = restored.ask(&["consumer", "list", "--json"]).ended_with(0).json();
    assert_eq!(consumers[0]["name"], "c");
}

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
