//! The server and the commands that ask it, as processes.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};

use crate::program::{Folder, Kept, PROGRAM, Ran};

/// Where the 2,000 lines of WordNet are.
const WORDNET: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/wordnet-2000.ndjson");

/// Small files, as elsewhere, and yet larger than any batch here.
const SMALL: &[&str] = &["--segment-bytes", "4194304"];

/// A server on a free port, in a folder of its own.
pub(crate) struct Served {
    // It ends before its folder goes.
    child: Kept,
    pub(crate) folder: Folder,
    address: String,
}

impl Served {
    pub(crate) fn new() -> Self {
        Self::of(Folder::new())
    }

    /// With what is in `data` of a folder.
    pub(crate) fn of(folder: Folder) -> Self {
        let (child, address) = start(&folder, "127.0.0.1:0");
        Self { folder, address, child }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Runs a command that asks it.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Ran {
        self.folder.run(&[arguments, &["--server", &self.url()]].concat())
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Ends it by a signal, and returns its exit code.
    pub(crate) fn end(&mut self, signal: &str) -> Option<i32> {
        self.signal(signal);
        self.child.wait().unwrap().code()
    }

    /// Starts it again, at the same address.
    pub(crate) fn start_again(&mut self) {
        (self.child, self.address) = start(&self.folder, &self.address);
    }

    /// All its events, as JSON.
    fn events(&self, count: usize) -> Vec<serde_json::Value> {
        let limit = count.to_string();
        self.ask(&["tail", "--after", "earliest", "--json", "--limit", &limit]).ended_with(0).json()
    }
}

/// Starts a server, and returns where it listens once it says so.
pub(crate) fn start(folder: &Folder, listen: &str) -> (Kept, String) {
    let arguments = [&["serve", "--data", "data", "--listen", listen], SMALL].concat();
    let mut child = Kept::spawn(folder.command(&arguments).stderr(Stdio::inherit()));
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let first = line(&mut output);
    let address = first.split("http://").nth(1).unwrap().split(',').next().unwrap().to_owned();
    let banner: Vec<String> = (0..4).map(|_| line(&mut output)).collect();
    assert!(banner[0].starts_with("Try") && banner[3].contains("curl"), "{banner:?}");
    (child, address)
}

fn line(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

#[test]
fn events_outlive_the_server() {
    let mut server = Served::new();
    let published =
        server.ask(&["pub", "orders.created", "{\"n\": 1}", "--key", "k", "--header", "a=b"]);
    assert_eq!(published.ended_with(0).out, "1\n");
    assert_eq!(server.ask(&["pub", "words", "hello", "--text"]).ended_with(0).out, "2\n");
    assert_eq!(server.end("-TERM"), Some(0));

    server.start_again();
    let events = server.events(2);
    assert_eq!(events[0]["data"], serde_json::json!({"n": 1}));
    assert_eq!((&events[0]["key"], &events[0]["headers"]["a"]), (&"k".into(), &"b".into()));
    let lines = server.ask(&["tail", "*", "--after", "1", "--limit", "1"]).ended_with(0).out;
    assert!(lines.ends_with("Z 2 words hello\n"), "{lines}");
    assert_eq!(server.end("-INT"), Some(0));
}

#[test]
fn each_line_of_the_input_is_published() {
    let server = Served::new();
    let url = server.url();
    let ran = server.folder.run_with(&["pub", "n", "--server", &url], b"1\n2\nno\n");
    let ran = ran.ended_with(1);
    assert_eq!(ran.out, "1\n2\n");
    assert!(ran.err.contains("line 3") && ran.err.contains("`no` is not JSON"), "{ran:?}");
    assert!(ran.err.contains("\nhelp: ") && ran.err.contains("--text"), "{ran:?}");
}

#[test]
fn real_text_is_imported_once() {
    let server = Served::new();
    let import = ["import", WORDNET, "--topic-field", "category", "--key-field", "id"];
    let once = [&import[..], &["--producer", "wordnet", "--json"]].concat();
    let done = server.ask(&once).ended_with(0).json();
    assert_eq!((&done[0]["lines"], &done[0]["published"]), (&2000.into(), &2000.into()));
    let again = server.ask(&once).ended_with(0).json();
    assert_eq!((&again[0]["lines"], &again[0]["published"]), (&2000.into(), &0.into()));

    let lines = std::fs::read_to_string(WORDNET).unwrap();
    let events = server.events(2000);
    assert_eq!(events.len(), 2000);
    for (line, event) in lines.lines().zip(&events) {
        let given: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&event["topic"], &event["key"]), (&given["category"], &given["id"]));
        assert_eq!(event["data"], given);
    }
    let nouns = server.ask(&["tail", "noun.*", "--after", "earliest", "--limit", "3", "--json"]);
    let topics = nouns.ended_with(0).json();
    assert!(topics.iter().all(|event| event["topic"].as_str().unwrap().starts_with("noun.")));
}

#[test]
fn a_wrong_line_of_a_file_is_named() {
    let server = Served::new();
    let url = server.url();
    let import = |arguments: &[&str], input: &str| {
        let arguments = [&["import", "-", "--server", &url], arguments].concat();
        server.folder.run_with(&arguments, input.as_bytes()).ended_with(1).err
    };
    let said = import(&["--topic", "t"], "1\n\n2\nno\n3\n");
    assert!(said.contains("line 4 of `-` (2 events published before it)"), "{said}");
    assert!(said.contains("`no` is not JSON") && said.contains("\nhelp: "), "{said}");
    let said = import(&[], "\n{\"topic\":\"t\",\"data\":1}\n\n{\"topik\":\"t\",\"data\":1}\n");
    assert!(said.contains("line 4 of `-` (1 event published before it)"), "{said}");
    assert!(said.contains("ARW0002") && said.contains("did you mean `topic`?"), "{said}");
    let said = import(&["--topic-field", "kind"], "{\"sort\":\"t\"}\n");
    assert!(said.contains("no field `kind`") && said.contains("it has `sort`"), "{said}");
}

#[test]
fn an_import_goes_on_when_the_server_is_killed_and_started_again() {
    let mut server = Served::new();
    let url = server.url();
    let arguments = ["import", "-", "--topic", "n", "--producer", "p", "--json", "--server", &url];
    let mut command = server.folder.command(&arguments);
    let mut import = Kept::spawn(command.stdin(Stdio::piped()));
    let mut input = import.stdin.take().unwrap();
    let lines = |from: u32, to: u32| (from..=to).map(|n| format!("{n}\n")).collect::<String>();
    input.write_all(lines(1, 1500).as_bytes()).unwrap();
    // The first request is committed.
    server.events(1000);
    server.end("-KILL");
    server.start_again();
    input.write_all(lines(1501, 3000).as_bytes()).unwrap();
    drop(input);
    let mut done = String::new();
    import.stdout.take().unwrap().read_to_string(&mut done).unwrap();
    assert!(import.wait().unwrap().success());
    assert!(done.starts_with(r#"{"lines":3000,"published":3000,"#), "{done}");
    let events = server.events(3000);
    assert!((1_u64..).zip(&events).all(|(n, event)| event["data"] == n));
}

#[test]
fn a_tail_goes_on_behind_a_restart() {
    let mut server = Served::new();
    let url = server.url();
    let arguments = ["tail", "a", "--json", "--after", "earliest", "--server", &url];
    let mut tail = Kept::spawn(&mut server.folder.command(&arguments));
    let mut output: BufReader<ChildStdout> = BufReader::new(tail.stdout.take().unwrap());
    let mut notes = BufReader::new(tail.stderr.take().unwrap());
    for n in 1..=2_u64 {
        server.ask(&["pub", "a", &n.to_string()]).ended_with(0);
        let event: serde_json::Value = serde_json::from_str(&line(&mut output)).unwrap();
        assert_eq!((&event["seq"], &event["data"]), (&n.into(), &n.into()));
        if n == 1 {
            assert_eq!(server.end("-TERM"), Some(0));
            assert!(line(&mut notes).contains("the server has gone"));
            server.start_again();
            assert!(line(&mut notes).contains("the server is back"));
        }
    }
}

#[test]
fn a_server_that_is_not_there_is_69() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("file"), "1\n").unwrap();
    // A port that nobody listens on: it was ours a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for command in [&["pub", "a", "1"][..], &["tail"], &["import", "file", "--topic", "a"]] {
        let said = folder.run(&[command, &["--server", &url]].concat()).ended_with(69);
        assert!(said.err.contains(&url) && said.err.contains("\nhelp: "), "{said:?}");
        assert!(said.err.contains("arrwdb serve"), "{said:?}");
    }
    let said = folder.run(&["pub", "a", "1", "--server", "https://a"]).ended_with(1);
    assert!(said.err.contains("http://"), "{said:?}");
}

#[test]
fn an_address_or_a_folder_that_is_taken_is_refused() {
    let server = Served::new();
    let arguments = ["--data", "other", "--listen", &server.address, SMALL[0], SMALL[1]];
    let said = server.folder.run(&arguments).ended_with(69);
    assert!(said.err.contains(&server.address) && said.err.contains("--listen"), "{said:?}");
    let said = server.folder.run(&["serve", "--data", "data", "--listen", "127.0.0.1:0"]);
    assert!(said.ended_with(75).err.contains("another process"));
}

#[test]
fn a_failed_write_ends_the_server_with_74() {
    let folder = Folder::new();
    // As in `failed_write`: the segments just fit, and the footer behind the first one does not.
    let script = "trap '' XFSZ; ulimit -f 256; \
                  exec \"$0\" serve --data data --listen 127.0.0.1:0 --segment-bytes 131072";
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", script, PROGRAM]).current_dir(folder.path());
    let mut server = Kept::spawn(shell.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let first = line(&mut BufReader::new(server.stdout.take().unwrap()));
    let url =
        format!("http://{}", first.split("http://").nth(1).unwrap().split(',').next().unwrap());
    // Many topics, so that the footer needs more than claims that wait have kept free at the end.
    let topics = (0..40).map(|n| format!("{{\"topic\":\"{}.{n}\",\"data\":1}}\n", "x".repeat(150)));
    std::fs::write(folder.path().join("topics"), topics.collect::<String>()).unwrap();
    folder.run(&["import", "topics", "--server", &url]).ended_with(0);
    // Small commits, so that the segments are filled.
    let lines = format!("\"{}\"\n", "x".repeat(130)).repeat(3000);
    let refused = folder.run_with(&["pub", "t", "--server", &url], lines.as_bytes());
    assert_ne!(refused.code, Some(0), "{refused:?}");
    assert!(refused.out.lines().count() > 100, "too thin a history: {refused:?}");
    let mut said = String::new();
    server.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(74), "{said}");
    assert!(said.contains("\nhelp: "), "{said}");
    assert!(said.contains(" ERROR the log has stopped after a failed write cause="), "{said}");
    assert!(said.contains(" INFO stopped reason="), "{said}");
    assert!(Path::new(&folder.data()).exists());
}
