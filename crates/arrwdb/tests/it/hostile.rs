//! The server under hostile clients: good ones beside them get all that they are due, and nothing is left behind.

use std::collections::BTreeSet;

use crate::program::{Folder, Ran};

/// All that there are, in their order.
const ATTACKS: [&str; 14] = [
    "slow-head",
    "slow-body",
    "slow-reader",
    "half-open",
    "connects",
    "requests",
    "crowd",
    "oversize",
    "utf8",
    "deep",
    "numbers",
    "truncated",
    "nonsense",
    "streams",
];

/// The first words of the lines of the table.
fn table(ran: &Ran) -> Vec<&str> {
    let lines = ran.out.lines().skip_while(|line| !line.starts_with("attack "));
    let rows = lines.skip(1).take_while(|line| !line.is_empty());
    rows.filter_map(|line| line.split(' ').next()).collect()
}

#[test]
fn hostile_clients_leave_nothing_and_good_ones_lose_nothing() {
    let folder = Folder::new();
    let arguments = ["torture", "hostile", "--attack-ms", "400", "--data", "h", "--keep"];
    let ran = folder.run(&[&arguments[..], &["--json", "h.json"]].concat()).ended_with(0);
    assert!(ran.err.starts_with("seed ") && ran.out.contains("\nseed "), "{ran:?}");
    let expected = [&["calm"][..], &ATTACKS, &["all"]].concat();
    assert_eq!(table(&ran), expected, "{ran:?}");
    assert!(ran.out.contains("\nsound: 15 phases of attack, "), "{ran:?}");
    folder.run(&["log", "verify", "h/data"]).ended_with(0);
    let said = std::fs::read_to_string(folder.path().join("h/server.txt")).unwrap();
    assert!(!said.contains("ERROR"), "{said}");
    let rows = std::fs::read_to_string(folder.path().join("h.json")).unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&rows).unwrap();
    assert_eq!(rows.len(), expected.len());
    for row in &rows {
        assert!(100 <= row["publish"]["samples"].as_u64().unwrap(), "{row}");
        assert_eq!(row["attack"] == "calm", row["is_met"].is_null(), "{row}");
        assert_eq!(row["attack"] == "calm", row["connections"] == 0, "{row}");
    }
    // A folder in which something is may be somebody's.
    let again = folder.run(&arguments).ended_with(1);
    assert!(again.err.contains("is not empty"), "{again:?}");
}

#[test]
fn one_attack_runs_alone() {
    let folder = Folder::new();
    let arguments = ["torture", "hostile", "--attack-ms", "400", "--seed", "7", "--data", "h"];
    let ran = folder.run(&[&arguments[..], &["--attack", "truncated"]].concat()).ended_with(0);
    assert_eq!(table(&ran), ["calm", "truncated"], "{ran:?}");
    // What is sound leaves nothing.
    assert!(!folder.path().join("h").exists());
    let unknown = folder.run(&["torture", "hostile", "--attack", "sloth"]).ended_with(2);
    let named: BTreeSet<&str> = unknown.err.split([' ', ',', '[', ']', '\n']).collect();
    assert!(ATTACKS.iter().all(|attack| named.contains(attack)), "{unknown:?}");
}

/// The same for WebSockets: a few attacks, one of each kind; `torture hostile --sockets` has all.
#[test]
fn hostile_clients_of_websockets_leave_nothing_and_good_ones_lose_nothing() {
    const FEW: [&str; 10] = [
        "ws-handshake",
        "ws-idle",
        "ws-unmasked",
        "ws-fragments",
        "ws-pings",
        "ws-bomb",
        "ws-commands",
        "ws-names",
        "ws-publish",
        "ws-slow",
    ];
    let folder = Folder::new();
    let arguments = ["torture", "hostile", "--sockets", "--attack-ms", "400", "--data", "h"];
    let few: Vec<&str> = FEW.iter().flat_map(|attack| ["--attack", attack]).collect();
    let ran = folder.run(&[&arguments[..], &few].concat()).ended_with(0);
    let expected = [&["calm"][..], &FEW, &["all"]].concat();
    assert_eq!(table(&ran), expected, "{ran:?}");
    assert!(ran.out.contains("\nsound: 11 phases of attack, "), "{ran:?}");
    assert!(!folder.path().join("h").exists());
    // An attack on HTTP is none on WebSockets.
    let other = folder.run(&[&arguments[..], &["--attack", "deep"]].concat()).ended_with(1);
    assert!(other.err.contains("leave out `--sockets`"), "{other:?}");
}
