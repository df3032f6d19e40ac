//! What the server tells about itself on the standard error.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{ChildStderr, Command, Stdio};

use serde_json::Value;

use crate::program::{Folder, Kept, PROGRAM, SMALL};

/// A server whose standard error is read here.
struct Talking {
    child: Kept,
    address: String,
}

impl Talking {
    fn start(folder: &Folder, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let serve = ["serve", "--data", "data", "--listen", "127.0.0.1:0"];
        let mut command = folder.command(&[&serve, SMALL, arguments].concat());
        command.envs(variables.iter().copied());
        Self::of(&mut command)
    }

    fn of(command: &mut Command) -> Self {
        let mut child = Kept::spawn(command);
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let banner: Vec<String> = (0..5).map(|_| line(&mut output)).collect();
        let address = banner[0].split("http://").nth(1).unwrap().split(',').next().unwrap();
        Self { address: address.to_owned(), child }
    }

    /// Sends bytes, and returns the answer up to the end of the connection.
    fn ask(&self, bytes: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn lines(&mut self) -> BufReader<ChildStderr> {
        BufReader::new(self.child.stderr.take().unwrap())
    }

    /// Ends it by a signal, and returns all that it said and that is not read.
    fn end(mut self, signal: &str, mut lines: BufReader<ChildStderr>) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let mut said = String::new();
        lines.read_to_string(&mut said).unwrap();
        self.child.wait().unwrap();
        said
    }
}

fn line(lines: &mut impl BufRead) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// The lines of this message.
fn told<'a>(lines: &'a [Value], message: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["message"] == message).collect()
}

#[test]
fn start_requests_and_stop_are_told_and_nothing_that_is_secret() {
    let folder = Folder::new();
    let mut server =
        Talking::start(&folder, &["--log-format", "json", "--log-level", "debug"], &[]);
    let lines = server.lines();
    let event = r#"{"topic":"secret.topic","key":"secret","data":"secret"}"#;
    let length = event.len();
    let answer = server.ask(&format!(
        "POST /v1/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-request-id: mine\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{event}"
    ));
    assert!(answer.contains("200 OK") && answer.contains("x-request-id: mine\r\n"), "{answer}");
    server.ask("GET /v1/events?filter=secret.* HTTP/1.0\r\nhost: localhost\r\n\r\n");
    let address = server.address.clone();
    let said = server.end("-TERM", lines);
    assert!(!said.contains("secret"), "{said}");
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    let [started] = told(&lines, "started")[..] else { panic!("{said}") };
    assert_eq!((&started["level"], &started["address"]), (&"INFO".into(), &address.into()));
    assert_eq!((&started["data"], &started["created"]), (&"data".into(), &true.into()));
    assert_eq!(started["version"], env!("CARGO_PKG_VERSION"));
    let requests = told(&lines, "request");
    assert_eq!(requests.len(), 2, "{said}");
    assert_eq!((&requests[0]["method"], &requests[0]["status"]), (&"POST".into(), &200.into()));
    assert_eq!(requests[0]["request_id"], "mine");
    assert_eq!(
        (&requests[1]["path"], &requests[1]["level"]),
        (&"/v1/events".into(), &"DEBUG".into())
    );
    assert!(requests[1]["duration_us"].is_u64(), "{said}");
    let [stopped] = told(&lines, "stopped")[..] else { panic!("{said}") };
    assert_eq!(stopped["reason"], "SIGTERM");
}

#[test]
fn a_level_leaves_out_what_matters_less() {
    let folder = Folder::new();
    let mut server = Talking::start(&folder, &["--log-level", "error"], &[]);
    let lines = server.lines();
    server.ask("GET /livez HTTP/1.0\r\nhost: localhost\r\n\r\n");
    assert_eq!(server.end("-INT", lines), "");

    let mut server = Talking::start(&folder, &[], &[]);
    let lines = server.lines();
    server.ask("GET /livez HTTP/1.0\r\nhost: localhost\r\n\r\n");
    let said = server.end("-INT", lines);
    assert!(said.contains(" INFO started ") && said.contains("reason=\"SIGINT\""), "{said}");
    assert!(said.contains("was_closed=true") && !said.contains("/livez"), "{said}");
}

#[test]
fn what_a_start_finds_after_a_kill_is_told() {
    let folder = Folder::new();
    let mut server = Talking::start(&folder, &[], &[]);
    let lines = server.lines();
    server.end("-KILL", lines);
    let mut server = Talking::start(&folder, &[], &[]);
    let lines = server.lines();
    let said = server.end("-TERM", lines);
    assert!(said.contains("created=false was_closed=false rewritten_records=0"), "{said}");
}

#[test]
fn connections_that_are_turned_away_are_told_once_in_a_while() {
    let folder = Folder::new();
    let one = [("ARRWDB_LIMITS_CONNECTIONS", "1"), ("ARRWDB_LOG_FORMAT", "json")];
    let mut server = Talking::start(&folder, &[], &one);
    let lines = server.lines();
    let mut first = TcpStream::connect(&server.address).unwrap();
    first.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    first.read_exact(&mut [0; 15]).unwrap();
    for _ in 0..5 {
        let answer = server.ask("");
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("ARW0025"), "{answer}");
    }
    let said = server.end("-TERM", lines);
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let away = told(&lines, "turned connections away");
    assert!(!away.is_empty() && away.len() < 5, "{said}");
    assert_eq!((&away[0]["level"], &away[0]["count"]), (&"WARN".into(), &1.into()));
}

#[test]
fn the_limit_of_open_files_is_raised_and_one_that_is_too_low_is_told() {
    let folder = Folder::new();
    let start = |limits: &str| {
        let script = format!(
            "{limits}; exec \"$0\" serve --data data --listen 127.0.0.1:0 --segment-bytes 65536"
        );
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &script, PROGRAM]).current_dir(folder.path());
        shell.env("ARRWDB_LIMITS_CONNECTIONS", "200");
        Talking::of(shell.stdout(Stdio::piped()).stderr(Stdio::piped()))
    };
    let too_low = "fewer files may be open than `limits.connections` needs";
    for (limits, files, is_told) in [
        ("ulimit -Sn 150; ulimit -Hn 299", "299", true),
        ("ulimit -Sn 150; ulimit -Hn 300", "300", false),
    ] {
        let mut server = start(limits);
        let lines = server.lines();
        let found = std::fs::read_to_string(format!("/proc/{}/limits", server.child.id())).unwrap();
        let found =
            found.lines().find(|line| line.starts_with("Max open files")).unwrap().to_owned();
        assert_eq!(found.split_whitespace().nth(3), Some(files), "{found}");
        let said = server.end("-TERM", lines);
        assert_eq!(said.contains(too_low), is_told, "{said}");
    }
}
