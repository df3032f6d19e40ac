//! Commands that operate a server: topics, consumers, stats, check, export, keys.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::program::Folder;
use crate::server::{Served, start};

#[test]
fn topics_and_consumers_are_shown_and_changed() {
    let server = Served::new();
    for n in 0..3 {
        server.ask(&["pub", "orders.created", &n.to_string()]).ended_with(0);
    }
    let list = server.ask(&["topic", "list"]).ended_with(0).out;
    assert_eq!(list, "TOPIC           EVENTS EVER  LAST SEQ\norders.created  3            3\n");
    let shown = server.ask(&["topic", "show", "orders.created"]).ended_with(0).out;
    assert!(shown.contains("kept       3 events\n") && shown.contains("\"data\":2"), "{shown}");
    server.ask(&["topic", "show", "x"]).ended_with(1);
    let retained = server.ask(&["topic", "retain", "orders.*", "--count", "2"]).ended_with(0).out;
    assert_eq!(retained, "`orders.*` is kept to {\"count_max\":2}\n");
    server.ask(&["topic", "retain", "orders.*"]).ended_with(0);
    let asked = server.ask(&["topic", "purge", "orders.created"]).ended_with(1).err;
    assert!(asked.contains("3 events") && asked.contains("--yes"), "{asked}");
    server.ask(&["topic", "purge", "orders.created", "--yes"]).ended_with(0);
    let shown = server.ask(&["topic", "show", "orders.created", "--json"]).ended_with(0).json();
    assert_eq!(shown[0]["events"], 0);

    let create = ["consumer", "create", "billing", "orders.*", "--after", "earliest"];
    server.ask(&create).ended_with(0);
    let wrong = server.ask(&["consumer", "create", "billing", "x"]).ended_with(1).err;
    assert!(wrong.contains("`orders.*`") && wrong.contains("ARW0037"), "{wrong}");
    let list = server.ask(&["consumer", "list", "--json"]).ended_with(0).json();
    assert_eq!(list[0]["name"], "billing");
    let list = server.ask(&["consumer", "list"]).ended_with(0).out;
    assert!(list.starts_with("NAME     FILTER    CURSOR"), "{list}");
    server.ask(&["consumer", "reset", "billing", "--after", "latest"]).ended_with(0);
    server.ask(&["consumer", "delete", "billing"]).ended_with(0);
    server.ask(&["consumer", "delete", "billing"]).ended_with(1);
}

#[test]
fn a_server_says_how_it_is() {
    let mut server = Served::new();
    server.ask(&["pub", "a", "1"]).ended_with(0);
    let stats = server.ask(&["stats"]).ended_with(0).out;
    assert!(stats.contains("durable    1 published"), "{stats}");
    let stats = server.ask(&["stats", "a", "--json"]).ended_with(0).json();
    assert_eq!((&stats[0]["topics"], &stats[0]["published"]), (&Value::from(1), &Value::from(1)));
    assert_eq!(server.ask(&["check"]).ended_with(0).out, "ready\n");
    let checked = server.ask(&["check", "--json"]).ended_with(0).out;
    assert_eq!(checked, "{\"ready\":true,\"why\":null}\n");
    server.end("-TERM");
    server.ask(&["check"]).ended_with(69);
}

#[test]
fn an_export_goes_on_where_it_was_cut_off() {
    let server = Served::new();
    let numbers = |range: std::ops::Range<u32>| range.map(|n| format!("{n}\n")).collect::<String>();
    let import = |text: String| {
        let arguments = ["import", "-", "--topic", "n", "--server", &server.url()];
        server.folder.run_with(&arguments, text.as_bytes()).ended_with(0);
    };
    import(numbers(0..2_500));
    server.ask(&["pub", "other", "1"]).ended_with(0);
    let ran = server.ask(&["export", "all.ndjson", "n"]).ended_with(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("2500 events exported\n", ""));
    let file = server.folder.path().join("all.ndjson");
    let data = || -> Vec<Value> {
        let text = std::fs::read_to_string(&file).unwrap();
        let event = |line: &str| serde_json::from_str::<Value>(line).unwrap()["data"].clone();
        text.lines().map(event).collect()
    };
    assert_eq!(data(), (0..2_500).map(Value::from).collect::<Vec<_>>());

    // Cut off in the middle of a line; and there is more by now.
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    import(numbers(2_500..2_510));
    server.ask(&["export", "all.ndjson", "n"]).ended_with(0);
    assert_eq!(data(), (0..2_510).map(Value::from).collect::<Vec<_>>());
    let again = server.ask(&["export", "all.ndjson", "n"]).ended_with(0);
    assert_eq!(again.out, "0 events exported\n");
    let out = server.ask(&["export", "-", "other"]).ended_with(0);
    assert_eq!((out.json().len(), out.err.as_str()), (1, "1 event exported\n"));

    for foreign in ["not an event\n", "nor is this", "{\"n\": 1}"] {
        std::fs::write(&file, foreign).unwrap();
        let wrong = server.ask(&["export", "all.ndjson", "n"]).ended_with(1).err;
        assert!(wrong.contains("all.ndjson") && wrong.contains("help:"), "{wrong}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), foreign, "it was changed");
    }
}

#[test]
fn a_compressed_export_goes_on_and_comes_back() {
    let server = Served::new();
    let import = |text: String| {
        let arguments = ["import", "-", "--topic", "n", "--server", &server.url()];
        server.folder.run_with(&arguments, text.as_bytes()).ended_with(0);
    };
    import((0..2_500).map(|n| format!("{n}\n")).collect());
    for name in ["all.gz", "all.zst"] {
        let ran = server.ask(&["export", name, "n"]).ended_with(0);
        assert_eq!(ran.out, "2500 events exported\n");
        let file = server.folder.path().join(name);
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&file, &bytes[..bytes.len() - 3]).unwrap();
        let ran = server.ask(&["export", name, "n", "--json"]).ended_with(0);
        assert_eq!(ran.out, "{\"events\":500}\n");
        let other = Served::new();
        let from = file.display().to_string();
        let said = other.ask(&["import", &from, "--topic", "copied"]).ended_with(0).out;
        assert!(said.starts_with("2500 lines read, 2500 published"), "{said}");
        let back = other.ask(&["export", "-", "copied"]).ended_with(0).json();
        let data: Vec<_> = back.iter().map(|event| event["data"]["data"].clone()).collect();
        assert_eq!(data, (0..2_500).map(Value::from).collect::<Vec<_>>());
        for foreign in [&b"plain"[..], &bytes[..9], b""] {
            std::fs::write(&file, foreign).unwrap();
            let code = server.ask(&["export", name, "n"]).code;
            // Nothing, or what may be the beginning of a file that was cut off, is begun anew.
            let is_fine = foreign.is_empty();
            assert_eq!(code == Some(0), is_fine, "{name} {foreign:?}");
        }
    }
}

#[test]
fn a_server_with_keys_asks_for_one() {
    let folder = Folder::new();
    let open = folder.run(&["serve", "--data", "data", "--listen", "0.0.0.0:0"]).ended_with(1);
    assert!(open.err.contains("no API keys") && open.err.contains("arrwdb key create"), "{open:?}");
    let key = |name: &str, scope: &str| {
        let ran = folder.run(&["key", "create", name, "--scope", scope, "--json"]).ended_with(0);
        let made = ran.json();
        let text = |field: &str| made[0][field].as_str().unwrap().to_owned();
        (text("id"), text("key"))
    };
    let (_, admin) = key("ops", "admin");
    let (id, reader) = key("reader", "read");
    let listed = folder.run(&["key", "list"]).ended_with(0).out;
    assert!(listed.contains("ops") && !listed.contains(&admin), "{listed}");
    let stored = std::fs::read_to_string(folder.path().join("arrwdb-keys.json")).unwrap();
    assert!(!stored.contains(admin.rsplit('_').next().unwrap()));
    let wrong = folder.run(&["key", "create", "x", "--scope", "admins"]).ended_with(2).err;
    assert!(wrong.contains("did you mean `admin`"), "{wrong}");

    let (_server, address) = start(&folder, "0.0.0.0:0");
    let url = format!("http://127.0.0.1:{}", address.rsplit(':').next().unwrap());
    let ask = |arguments: &[&str], key: &str| {
        let arguments = [arguments, &["--server", &url]].concat();
        let mut command = folder.command(&arguments);
        let output = command.env("ARRWDB_KEY", key).stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let publish: &[&str] = &["pub", "a", "1"];
    let (code, said) = ask(publish, "");
    assert!(code == Some(1) && said.contains("ARW0042"), "{said}");
    let (code, said) = ask(publish, &reader);
    assert!(code == Some(1) && said.contains("ARW0044"), "{said}");
    assert_eq!(ask(publish, &admin), (Some(0), String::new()));
    // A health check needs no key, and a wrong one is no health.
    assert_eq!(ask(&["check"], ""), (Some(0), String::new()));
    assert_eq!(ask(&["check"], &admin), (Some(0), String::new()));
    assert_eq!(ask(&["check"], "arrw_none_none").0, Some(1));
    assert_eq!(ask(&["stats"], &reader), (Some(0), String::new()));
    std::fs::write(folder.path().join("mine"), format!("{reader}\n")).unwrap();
    assert_eq!(ask(&["stats", "--key-file", "mine"], "").0, Some(0));
    folder.run(&["key", "revoke", &id]).ended_with(0);
    // The server looks once a second.
    while ask(&["stats"], &reader).0 == Some(0) {}
    assert_eq!(ask(&["stats"], &admin).0, Some(0));
}

#[test]
fn a_compressed_file_is_imported_and_every_command_has_a_page() {
    let server = Served::new();
    let text = "1\n2\n3\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    for (name, bytes) in [("n.gz", gzip.finish().unwrap()), ("n.ZST", zstd)] {
        std::fs::write(server.folder.path().join(name), bytes).unwrap();
        let said = server.ask(&["import", name, "--topic", "n"]).ended_with(0).out;
        assert!(said.starts_with("3 lines read, 3 published"), "{said}");
    }
    // Few bytes, much in them: a line is not read to its end, however long it is.
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"1\n").unwrap();
    gzip.write_all(&vec![b'1'; 40 << 20]).unwrap();
    std::fs::write(server.folder.path().join("long.gz"), gzip.finish().unwrap()).unwrap();
    let said = server.ask(&["import", "long.gz", "--topic", "n"]).ended_with(1).err;
    assert!(said.contains("line 2 of `long.gz` (1 event published before it)"), "{said}");
    std::fs::write(server.folder.path().join("broken.gz"), "no gzip").unwrap();
    server.ask(&["import", "broken.gz", "--topic", "n"]).ended_with(74);

    server.folder.run(&["man", "--all", "pages"]).ended_with(0);
    for page in ["arrwdb.1", "arrwdb-serve.1", "arrwdb-topic-purge.1"] {
        let text = std::fs::read_to_string(server.folder.path().join("pages").join(page)).unwrap();
        assert!(text.contains(".TH arrwdb"), "{page}");
    }
}
