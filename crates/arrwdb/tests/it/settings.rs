//! The settings of the server: where they come from, and what is refused.

use std::io::{BufRead, BufReader};

use crate::program::{Folder, Kept};

/// The row of a setting in what `config show --json` prints.
fn shown(said: &serde_json::Value, key: &str) -> serde_json::Value {
    let rows = said["settings"].as_array().unwrap();
    rows.iter().find(|row| row["key"] == key).unwrap().clone()
}

fn write(folder: &Folder, name: &str, text: &str) {
    std::fs::write(folder.path().join(name), text).unwrap();
}

#[test]
fn each_source_wins_over_those_before_it() {
    let folder = Folder::new();
    let show = |arguments: &[&str]| {
        let arguments = [&["config", "show", "--json"], arguments].concat();
        let mut command = folder.command(&arguments);
        command.env("ARRWDB_LIMITS_STREAMS", "8").env("ARRWDB_HOSTS", "a,b");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let check = |said: &serde_json::Value, key: &str, value: serde_json::Value, origin: &str| {
        let row = shown(said, key);
        assert_eq!((&row["value"], &row["origin"]), (&value, &origin.into()), "{row}");
    };
    let said = show(&[]);
    check(&said, "limits.json_bytes", (4 << 20).into(), "default");
    check(&said, "hosts", ["a", "b"].into_iter().collect(), "ARRWDB_HOSTS");

    write(&folder, "arrwdb.toml", "data = 'x'\n[limits]\nstreams = 9\njson_bytes = '1MiB'\n");
    write(&folder, "other.toml", "data = 'y'\n");
    let said = show(&[]);
    check(&said, "limits.json_bytes", (1 << 20).into(), "arrwdb.toml:4");
    check(&said, "limits.streams", 8.into(), "ARRWDB_LIMITS_STREAMS");
    check(&said, "data", "x".into(), "arrwdb.toml:1");
    assert_eq!(shown(&said, "limits.streams")["default"], 10_000);
    assert_eq!(shown(&said, "limits.streams")["unit"], "streams");

    let said = show(&["--config", "other.toml", "--data", "z", "--host", "c", "--host", "d"]);
    check(&said, "limits.json_bytes", (4 << 20).into(), "default");
    check(&said, "data", "z".into(), "--data");
    check(&said, "hosts", ["c", "d"].into_iter().collect(), "--host");
}

#[test]
fn settings_are_a_table_for_people() {
    let folder = Folder::new();
    write(&folder, "arrwdb.toml", "hosts = ['db.example']\n");
    let said = folder.run(&["config", "show"]).ended_with(0).out;
    let at = said.lines().next().unwrap().find("origin").unwrap();
    let line = said.lines().find(|line| line.starts_with("hosts ")).unwrap();
    assert_eq!(&line[at..], "arrwdb.toml:1", "{said}");
    assert!(line.contains(" db.example "), "{said}");
    let line = said.lines().find(|line| line.starts_with("limits.json_bytes ")).unwrap();
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>()[1..],
        ["4MiB", "bytes", "4MiB", "default"]
    );
}

#[test]
fn a_file_that_init_wrote_is_fine_and_is_not_written_over() {
    let folder = Folder::new();
    folder.run(&["config", "init"]).ended_with(0);
    let text = std::fs::read_to_string(folder.path().join("arrwdb.toml")).unwrap();
    assert!(
        text.contains("#listen = \"127.0.0.1:7650\"\n") && text.contains("[limits]\n"),
        "{text}"
    );
    let said = folder.run(&["config", "check"]).ended_with(0).out;
    assert_eq!(said, "`arrwdb.toml` is fine: it has 0 settings\n");
    let said = folder.run(&["config", "init"]).ended_with(1).err;
    assert!(said.contains("`arrwdb.toml` is there already") && said.contains("\nhelp: "), "{said}");
    write(&folder, "arrwdb.toml", &text.replace("#listen", "listen"));
    let said = folder.run(&["config", "check", "arrwdb.toml"]).ended_with(0).out;
    assert!(said.contains("1 setting\n"), "{said}");
}

#[test]
fn wrong_settings_are_78_and_nothing_is_made() {
    let folder = Folder::new();
    write(&folder, "a.toml", "[limits]\nconnection = 5\nstreams = 'many'\n");
    for command in [&["serve", "--config", "a.toml"][..], &["config", "check", "a.toml"]] {
        let said = folder.run(command).ended_with(78).err;
        assert!(said.contains("`limits.connection`, which `a.toml:2` sets"), "{said}");
        assert!(said.contains("help: did you mean `limits.connections`?\n"), "{said}");
        assert!(said.contains("`limits.streams` in `a.toml:3` is `many`, and must be"), "{said}");
    }
    let said = folder.run(&["config", "check"]).ended_with(78).err;
    assert!(said.contains("arrwdb.toml") && said.contains("arrwdb config init"), "{said}");
    for (name, part) in [
        ("ARRWDB_LISTEN", "`ARRWDB_LISTEN` is `1`, and must be an IP address"),
        ("ARRWDB_LIMITS_STREAM", "did you mean `ARRWDB_LIMITS_STREAMS`?"),
        ("ARRWDB_CONFIG", "cannot read `1`"),
    ] {
        let output = folder.command(&["serve"]).env(name, "1").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains(part), "{said}");
    }
    let said = folder.run(&["--listen", "localhost:1"]).ended_with(2).err;
    assert!(said.contains("`--listen` is `localhost:1`, and must be an IP address"), "{said}");
    assert!(!folder.path().join("arrwdb-data").exists());
}

#[test]
fn a_server_is_started_as_its_file_says() {
    let folder = Folder::new();
    let text = "listen = '127.0.0.1:0'\ndata = 'mine'\n[limits]\njson_bytes = '1KiB'\n";
    write(&folder, "arrwdb.toml", text);
    let mut server = Kept::spawn(&mut folder.command(&["--segment-bytes", "65536"]));
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("data in `mine`"), "{line}");
    let url =
        format!("http://{}", line.split("http://").nth(1).unwrap().split(',').next().unwrap());
    let large = format!("\"{}\"", "x".repeat(2000));
    let said = folder.run(&["pub", "a", &large, "--server", &url]).ended_with(1).err;
    assert!(said.contains("1024 bytes"), "{said}");
    folder.run(&["pub", "a", "1", "--server", &url]).ended_with(0);
}

#[test]
fn namespaces_and_secrets_are_shown_as_people_may_see_them() {
    let folder = Folder::new();
    let secret = "0123456789abcdef0123456789abcdef";
    let text = format!(
        "[client.token]\nhmac_secret_key = '{secret}'\n[[channel.namespaces]]\nname = 'chat'\npresence = true\n"
    );
    write(&folder, "arrwdb.toml", &text);
    let said = folder.run(&["config", "show"]).ended_with(0).out;
    let row = |key: &str| {
        let line = said.lines().find(|line| line.starts_with(&format!("{key} "))).unwrap();
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("client.token.hmac_secret_key"), "(set) - - arrwdb.toml:2");
    assert_eq!(row("channel.namespaces.chat.name"), "chat - - arrwdb.toml:3");
    assert_eq!(row("channel.namespaces.chat.presence"), "true - false arrwdb.toml:5");
    assert_eq!(row("channel.without_namespace.presence"), "false - false default");
    let json = folder.run(&["config", "show", "--json"]).ended_with(0);
    assert!(!said.contains(secret) && !json.out.contains(secret));
    assert_eq!(shown(&json.json()[0], "channel.namespaces.chat.presence")["value"], true);
    let said = folder.run(&["config", "check"]).ended_with(0).out;
    assert_eq!(said, "`arrwdb.toml` is fine: it has 3 settings\n");
    // There is no flag for it: everybody on this machine can read those.
    let said = folder.run(&["serve", "--hmac-secret-key", secret]).ended_with(2).err;
    assert!(said.contains("unexpected argument"), "{said}");
}
