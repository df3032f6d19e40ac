//! The server under writers and readers, frozen and killed again and again: what its clients saw is checked.

use crate::program::Folder;

#[test]
fn a_server_that_is_killed_again_and_again_keeps_its_word() {
    let folder = Folder::new();
    let arguments = ["torture", "server", "--rounds", "15", "--data", "t", "--keep"];
    let ran = folder.run(&arguments).ended_with(0);
    assert!(ran.out.starts_with("15 kills: "), "{ran:?}");
    let acknowledged = ran.out.split(' ').nth(2).unwrap().parse::<u64>().unwrap();
    assert!(15 * 1000 <= acknowledged, "{ran:?}");
    let jobs = ran.out.lines().nth(1).unwrap();
    assert!(jobs.contains(" jobs acknowledged") && jobs.contains(" leases lost"), "{ran:?}");
    assert!(ran.err.starts_with("seed ") && ran.out.contains("\nseed "), "{ran:?}");
    folder.run(&["log", "verify", "t/data"]).ended_with(0);
    let files = std::fs::read_dir(folder.path().join("t/data")).unwrap().count();
    assert!(5 <= files, "too few segments were filled: {files} files");
    // A folder in which something is may be somebody's.
    let again = folder.run(&arguments).ended_with(1);
    assert!(again.err.contains("is not empty"), "{again:?}");
}

#[test]
fn a_history_that_is_too_thin_proves_nothing() {
    let folder = Folder::new();
    let arguments = ["torture", "server", "--rounds", "2", "--seed", "7", "--data", "t"];
    let thin = ["--acks-min", "100000", "--round-ms-max", "1"];
    let ran = folder.run(&[&arguments[..], &thin].concat()).ended_with(2);
    assert!(ran.out.starts_with("too thin: ") && ran.out.contains("in `t`"), "{ran:?}");
    let history = std::fs::read_to_string(folder.path().join("t/history.ndjson")).unwrap();
    let lines: Vec<serde_json::Value> =
        history.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&lines[0]["seed"], lines[0]["fault"].as_str()),
        (&7.into(), ran.out.lines().next())
    );
    // The last event is there whatever happens, and all five readers, both consumers and the log have it.
    assert!(8 <= lines.iter().filter(|line| line["saw"]["event"]["writer"] == 1000).count());
    // More than can be checked is not begun.
    let more = ["torture", "server", "--rounds", "10000", "--acks-min", "100000", "--data", "v"];
    assert!(folder.run(&more).ended_with(1).err.contains("ask for fewer"));
    assert!(!folder.path().join("v").exists());
    // What is sound leaves nothing.
    let sound = ["--acks-min", "200", "--data", "u"];
    folder.run(&[&arguments[..6], &sound].concat()).ended_with(0);
    assert!(!folder.path().join("u").exists());
}

/// All kinds of clients at once, on a server that is killed and that the system fails.
#[test]
fn all_clients_of_a_server_that_is_killed_and_failed_agree() {
    let folder = Folder::new();
    let few = ["--rounds", "10", "--acks-min", "100", "--clients", "20"];
    let arguments = ["torture", "all", "--seed", "9", "--data", "t"];
    let ran = folder.run(&[&arguments[..], &few].concat()).ended_with(0);
    let lines: Vec<&str> = ran.out.lines().collect();
    let [done, _synced, events, jobs, channels] = lines[..] else { panic!("{ran:?}") };
    assert!(done.starts_with("done to the server: "), "{ran:?}");
    for (line, part) in [
        (events, " writes acknowledged, "),
        (jobs, " jobs acknowledged, "),
        (channels, " publications acknowledged, "),
    ] {
        assert!(line.contains(part), "`{part}` is not in `{line}`");
    }
    assert!(!folder.path().join("t").exists(), "what is sound leaves nothing");
}

/// A short soak says nothing of growth, and what it looked at is kept.
#[test]
fn a_soak_that_is_too_short_proves_nothing() {
    let folder = Folder::new();
    let arguments = ["torture", "soak", "--for", "6s", "--kill-every", "3s", "--data", "t"];
    let ran = folder.run(&arguments).ended_with(2);
    assert!(ran.out.starts_with("too thin: ") || ran.out.starts_with("too short: "), "{ran:?}");
    let looks = std::fs::read_to_string(folder.path().join("t/looks.ndjson")).unwrap();
    let looks: Vec<serde_json::Value> =
        looks.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lives: Vec<u64> = looks.iter().filter_map(|look| look["life"].as_u64()).collect();
    assert!(lives.contains(&1) && lives.contains(&2), "{lives:?}");
    assert!(looks.iter().all(|look| 1_000_000 < look["rss"].as_u64().unwrap()), "{looks:?}");
    let long = ["torture", "soak", "--for", "2d", "--data", "u"];
    assert!(folder.run(&long).ended_with(2).err.contains("write a number with s, m or h"));
}

/// What `cargo xtask test` looks for when it plants a bug in the server: it must fail then.
#[test]
fn the_clients_of_a_server_that_is_killed_agree() {
    let folder = Folder::new();
    let arguments = ["torture", "server", "--rounds", "4", "--acks-min", "300", "--data", "t"];
    folder.run(&arguments).ended_with(0);
}

/// The same for clients that follow channels, whose links are cut and stall as well.
#[test]
fn the_clients_of_channels_of_a_server_that_is_killed_agree() {
    let folder = Folder::new();
    let few = ["--clients", "50", "--channels", "50", "--publications", "10000", "--kills", "4"];
    let arguments = ["torture", "sockets", "--kill-every", "2", "--data", "t"];
    let ran = folder.run(&[&arguments[..], &few].concat()).ended_with(0);
    let counts: Vec<u64> = ran.out.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [kills, _, _, acknowledged, _, deliveries, ..] = counts[..] else { panic!("{ran:?}") };
    assert!(4 <= kills && 10_000 <= acknowledged && 10 * acknowledged <= deliveries, "{ran:?}");
    // What is sound leaves nothing.
    assert!(!folder.path().join("t").exists());
    // Nobody would see what is published in all of these.
    let many = [&arguments[..], &["--clients", "2", "--channels", "21"]].concat();
    assert!(folder.run(&many).ended_with(1).err.contains("ask for more clients"));
}
