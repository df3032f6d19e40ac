//! `arrwdb demo`: events reach its clients over a kill of the server, and nothing of it stays.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{ChildStdout, Command, Stdio};

use crate::program::{Folder, Kept};

/// A demonstration that was started, and what it says.
struct Started {
    demo: Kept,
    lines: BufReader<ChildStdout>,
    page: String,
}

impl Started {
    fn new(folder: &Folder, more: &[&str]) -> Self {
        let few = ["--clients", "20", "--rate", "100", "--workers", "3", "--listen", "127.0.0.1:0"];
        let mut command = folder.command(&[&["demo"], &few[..], more].concat());
        let mut demo = Kept::spawn(&mut command);
        let mut lines = BufReader::new(demo.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let page = line.trim_end().strip_prefix("arrwdb demo: open http://").unwrap().to_owned();
        Self { demo, lines, page }
    }

    /// What the page answers, head and body.
    fn ask(&self, request: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(&self.page).unwrap();
        let host = &self.page;
        let head =
            format!("{request} HTTP/1.1\r\nhost: {host}\r\n{headers}connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn kill(&self, origin: &str) -> String {
        self.ask("POST /kill", &format!("origin: {origin}\r\ncontent-length: 0\r\n"))
    }

    /// The figures once something is so of them.
    fn until(&self, is_so: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        loop {
            let answer = self.ask("GET /state", "");
            let (_, body) = answer.split_once("\r\n\r\n").unwrap();
            let figures = serde_json::from_str(body).unwrap();
            if is_so(&figures) {
                return figures;
            }
        }
    }

    /// Its exit code, and what it said since.
    fn ended(mut self) -> (i32, String) {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        let code = self.demo.wait().unwrap().code().unwrap();
        (code, rest)
    }
}

#[test]
fn a_demonstration_loses_nothing_over_a_kill() {
    let folder = Folder::new();
    let started = Started::new(&folder, &["--seconds", "6", "--dir", "shown"]);
    started.until(|figures| figures["rates"]["events"] != 0);
    let origin = format!("http://{}", started.page);
    assert!(started.kill(&origin).starts_with("HTTP/1.1 202 "));
    let figures = started.until(|figures| figures["kills"][0]["resumed_ms"].is_u64());
    assert_eq!(
        (&figures["kills"][0]["resumed"], &figures["server"]["life"]),
        (&20.into(), &2.into())
    );
    let (code, said) = started.ended();
    assert!(said.contains("1 kill; 20 of 20 clients"), "{said}");
    assert!(said.ends_with(": 0 lost, 0 repeated\n"), "{said}");
    assert_eq!(code, 0, "{said}");
    // The folder that was named stays, and has a sound log.
    folder.run(&["log", "verify", "shown/data"]).ended_with(0);
}

#[test]
fn only_the_page_itself_kills_the_server() {
    let folder = Folder::new();
    let started = Started::new(&folder, &["--dir", "d"]);
    let refused = |origin: &str, expected: &str| {
        let answer = started.kill(origin);
        assert!(answer.starts_with(expected), "{origin}: {answer}");
    };
    refused("http://evil.example", "HTTP/1.1 403 ");
    refused("null", "HTTP/1.1 403 ");
    assert!(started.ask("POST /kill", "content-length: 0\r\n").starts_with("HTTP/1.1 403 "));
    assert!(started.ask("GET /kill", "").starts_with("HTTP/1.1 405 "));
    let page = started.ask("GET /", "");
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("default-src 'self'"), "{page}");
    assert!(started.ask("GET /nothing", "").starts_with("HTTP/1.1 404 "));
    let figures = started.until(|_| true);
    assert_eq!(figures["totals"]["kills"], 0);
}

#[test]
fn all_of_it_ends_with_it() {
    let folder = Folder::new();
    let temporary = folder.path().join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let arguments = ["demo", "--clients", "5", "--rate", "50", "--listen", "127.0.0.1:0"];
    let mut command = folder.command(&arguments);
    let mut demo = Kept::spawn(command.env("TMPDIR", &temporary));
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let server = lines.nth(1).unwrap().unwrap();
    let server = server.rsplit_once("http://").unwrap().1.to_owned();
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 1);
    assert!(TcpStream::connect(&server).is_ok());
    let interrupt = Command::new("/bin/sh")
        .args(["-c", "kill -INT \"$0\"", &demo.id().to_string()])
        .stdin(Stdio::null())
        .status();
    assert!(interrupt.unwrap().success());
    assert_eq!(demo.wait().unwrap().code(), Some(0));
    assert!(lines.last().unwrap().unwrap().contains("0 kills: 0 lost, 0 repeated"));
    assert!(TcpStream::connect(&server).is_err(), "{server} is still there");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn the_server_ends_also_when_the_demonstration_is_killed() {
    let folder = Folder::new();
    let mut command =
        folder.command(&["demo", "--clients", "2", "--listen", "127.0.0.1:0", "--dir", "d"]);
    let mut demo = Kept::spawn(&mut command);
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let server = lines.nth(1).unwrap().unwrap();
    let server = server.rsplit_once("http://").unwrap().1.to_owned();
    demo.kill().unwrap();
    demo.wait().unwrap();
    // Whoever opens the log next waits for nobody but the server.
    while TcpStream::connect(&server).is_ok() {}
}

/// The process that another one started.
#[cfg(target_os = "linux")]
fn child_of(process: u32) -> u32 {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let children = tasks.map(|task| {
        std::fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default()
    });
    children.collect::<String>().split_whitespace().next().unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_ends_by_itself_ends_the_demonstration() {
    let folder = Folder::new();
    let started = Started::new(&folder, &["--dir", "d"]);
    let server = child_of(started.demo.id()).to_string();
    let sent = Command::new("/bin/sh").args(["-c", "kill -KILL \"$0\"", &server]).status();
    assert!(sent.unwrap().success());
    let (code, said) = started.ended();
    assert!(said.contains("\nit ended because the server ended by itself: signal: 9"), "{said}");
    assert_eq!(code, 65, "{said}");
}

#[test]
fn what_cannot_be_shown_is_refused() {
    let folder = Folder::new();
    let ran = folder.run(&["demo", "--listen", "0.0.0.0:0"]).ended_with(1);
    assert!(ran.err.contains("can be reached from other machines"), "{ran:?}");
    std::fs::write(folder.path().join("something"), "is here").unwrap();
    let ran = folder.run(&["demo", "--dir", ".", "--listen", "127.0.0.1:0"]).ended_with(1);
    assert!(ran.err.contains("is not empty"), "{ran:?}");
    folder.run(&["demo", "--clients", "0"]).ended_with(2);
}

#[test]
fn what_was_counted_may_be_json() {
    let folder = Folder::new();
    let arguments =
        ["demo", "--clients", "3", "--seconds", "1", "--json", "--listen", "127.0.0.1:0"];
    let ran = folder.run(&arguments).ended_with(0);
    let said: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&said["is_sound"], &said["counted"]["lost"]), (&true.into(), &0.into()));
    assert!(ran.err.contains("arrwdb demo: open http://127.0.0.1:"), "{ran:?}");
}
