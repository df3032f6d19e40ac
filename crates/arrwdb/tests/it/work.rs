//! `arrwdb work`: programs as workers.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::Kept;
use crate::server::Served;

/// How long anything here may take. A test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

impl Served {
    fn enqueue(&self, arguments: &[&str]) -> String {
        let arguments = [&["job", "enqueue", "q", "k"], arguments].concat();
        self.ask(&arguments).ended_with(0).out.trim_end().to_owned()
    }

    fn job(&self, job: &str) -> Value {
        self.ask(&["job", "show", job, "--json"]).ended_with(0).json()[0].clone()
    }

    /// Waits until a job is in a state.
    #[track_caller]
    fn wait_for(&self, job: &str, state: &str) {
        let until = Instant::now() + PATIENCE;
        while self.job(job)["state"] != state {
            assert!(Instant::now() < until, "{}", self.job(job));
        }
    }

    /// What the event says that tells of a change to a state.
    fn told(&self, state: &str) -> Value {
        let topic = ["job", "tail", "q", "--state", state, "--after", "earliest", "--limit", "1"];
        let told = self.ask(&[&topic[..], &["--json"]].concat()).ended_with(0).json();
        told[0]["data"].clone()
    }

    /// Starts a worker that goes on until it is told to end.
    fn work(&self, exec: &str, more: &[&str]) -> Kept {
        let url = self.url();
        let arguments =
            [&["work", "--queue", "q", "--exec", exec, "--server", &url], more].concat();
        Kept::spawn(&mut self.folder.command(&arguments))
    }
}

fn terminate(child: &Child) {
    signal(child, "-TERM");
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

/// Waits until a file has a line, and answers it.
fn line_of(file: &Path) -> String {
    let until = Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if let Some(line) = text.strip_suffix('\n') {
            return line.to_owned();
        }
        assert!(Instant::now() < until, "{}", file.display());
    }
}

/// Waits until a process has ended.
fn wait_until_gone(pid: &str) {
    let until = Instant::now() + PATIENCE;
    let is_there = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        !status.is_empty() && !status.contains("State:\tZ")
    };
    while is_there() {
        assert!(Instant::now() < until, "process {pid} is there");
    }
}

#[test]
fn a_program_ends_a_job_by_its_exit_code() {
    let server = Served::new();
    let check = |args: &str, exec: &str, state: &str| {
        let job = server.enqueue(&[args, "--max-attempts", "1"]);
        let work = ["work", "--queue", "q", "--limit", "1", "--json", "--exec", exec];
        let said = server.ask(&work).ended_with(0).json();
        assert_eq!((&said[0]["job"].to_string(), &said[0]["state"]), (&job, &state.into()));
        server.told(state)
    };
    let told = check(r#"{"a":  1}"#, "cat; echo lost >&2", "completed");
    assert_eq!(told["result"], serde_json::json!({"a": 1}));
    let told = check("1", "echo no route >&2; exit 3", "dead");
    assert_eq!(told["error"], "exit code 3: no route");
    check("1", "exit 75", "scheduled");
    let job = server.enqueue(&["--max-attempts", "1"]);
    server
        .ask(&["work", "--queue", "q", "--limit", "1", "--exec", "no-such-program"])
        .ended_with(0);
    let error = server.job(&job)["history"][0]["error"].to_string();
    assert!(error.contains("1: no-such-program"), "lines are counted as they were given: {error}");

    let exec = "echo $ARRWDB_QUEUE $ARRWDB_KIND $ARRWDB_ATTEMPT";
    let job = server.enqueue(&[]);
    let work = ["work", "--queue", "other", "--queue", "q", "--limit", "1", "--exec", exec];
    let said = server.ask(&work).ended_with(0).out;
    assert_eq!(said, format!("job {job} (k), attempt 1: completed\n"));
    let topic = ["job", "tail", "q", "--state", "completed", "--after", "earliest", "--json"];
    let told = server.ask(&[&topic[..], &["--limit", "2"]].concat()).ended_with(0).json();
    assert_eq!(told[1]["data"]["result"], "q k 1");
}

#[test]
fn the_program_of_a_cancelled_job_is_ended() {
    let server = Served::new();
    let job = server.enqueue(&[]);
    let exec = "echo $$ > pid; exec tail -f /dev/null";
    let mut worker = server.work(exec, &["--lease-ms", "1000", "--limit", "1"]);
    let pid = line_of(&server.folder.path().join("pid"));
    server.ask(&["job", "cancel", &job]).ended_with(0);
    server.wait_for(&job, "cancelled");
    assert!(worker.wait().unwrap().success());
    wait_until_gone(&pid);
}

#[test]
fn a_program_that_takes_too_long_is_ended_with_all_it_started() {
    let server = Served::new();
    let job = server.enqueue(&["--timeout-ms", "300", "--max-attempts", "1"]);
    let exec = "tail -f /dev/null & echo $! > pid; wait";
    let mut worker = server.work(exec, &["--limit", "1"]);
    let pid = line_of(&server.folder.path().join("pid"));
    server.wait_for(&job, "dead");
    assert!(worker.wait().unwrap().success());
    wait_until_gone(&pid);
}

#[test]
fn a_job_is_not_over_before_all_that_its_program_started_has_ended() {
    let server = Served::new();
    let job = server.enqueue(&[]);
    // The shell ends by the signal at once, and what it runs takes its time.
    let inner = "exec >/dev/null 2>&1 3>&-; trap 'sleep 1; echo done > cleaned; exit' TERM; echo $$ > pid; while :; do sleep 0.05; done";
    let exec = format!("sh -c \"{}\"; true", inner.replace('$', "\\$"));
    let mut worker = server.work(&exec, &["--lease-ms", "1000", "--limit", "1"]);
    line_of(&server.folder.path().join("pid"));
    server.ask(&["job", "cancel", &job]).ended_with(0);
    server.wait_for(&job, "cancelled");
    assert!(server.folder.path().join("cleaned").exists());
    assert!(worker.wait().unwrap().success());
}

#[test]
fn a_program_whose_lease_is_lost_is_ended() {
    let server = Served::new();
    let job = server.enqueue(&[]);
    let mut worker = server
        .work("echo $$ > pid; exec tail -f /dev/null", &["--lease-ms", "1000", "--limit", "1"]);
    let pid = line_of(&server.folder.path().join("pid"));
    server.ask(&["queue", "pause", "q"]).ended_with(0);
    signal(&worker, "-STOP");
    server.wait_for(&job, "ready");
    signal(&worker, "-CONT");
    wait_until_gone(&pid);
    assert!(worker.wait().unwrap().success());
    let shown = server.job(&job);
    assert_eq!((&shown["state"], &shown["attempt"]), (&"ready".into(), &1.into()));
}

#[test]
fn an_attempt_that_lost_its_lease_takes_nothing_from_the_next() {
    let server = Served::new();
    let folder = server.folder.path();
    assert!(Command::new("mkfifo").arg(folder.join("go")).status().unwrap().success());
    let job = server.enqueue(&[]);
    let exec = "if [ $ARRWDB_ATTEMPT = 1 ]; then trap '' TERM; echo $$ > first; exec cat go; fi; \
        trap 'echo told > told; exit 3' TERM; echo $$ > second; while :; do sleep 0.05; done";
    let mut worker =
        server.work(exec, &["--lease-ms", "1000", "--concurrency", "2", "--limit", "2"]);
    line_of(&folder.join("first"));
    // It is not heard of for a while, so its job is lost and comes again.
    server.ask(&["queue", "pause", "q"]).ended_with(0);
    signal(&worker, "-STOP");
    server.wait_for(&job, "ready");
    signal(&worker, "-CONT");
    server.ask(&["queue", "resume", "q"]).ended_with(0);
    line_of(&folder.join("second"));
    std::fs::write(folder.join("go"), "").unwrap();
    let mut said = String::new();
    BufReader::new(worker.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("the lease of job"), "{said}");
    server.ask(&["job", "cancel", &job]).ended_with(0);
    line_of(&folder.join("told"));
    server.wait_for(&job, "cancelled");
    assert!(worker.wait().unwrap().success());
}

#[test]
fn a_worker_that_is_to_end_gives_its_job_back() {
    let server = Served::new();
    let job = server.enqueue(&[]);
    let exec = "echo $$ > pid; exec tail -f /dev/null";
    let mut worker = server.work(exec, &["--drain-ms", "1", "--concurrency", "2"]);
    let pid = line_of(&server.folder.path().join("pid"));
    terminate(&worker);
    assert!(worker.wait().unwrap().success());
    wait_until_gone(&pid);
    let shown = server.job(&job);
    assert_eq!((&shown["state"], &shown["attempt"]), (&"ready".into(), &0.into()));
}

#[test]
fn a_worker_that_is_to_end_waits_for_its_job() {
    let server = Served::new();
    let job = server.enqueue(&[]);
    let next = server.enqueue(&[]);
    let folder = server.folder.path();
    assert!(Command::new("mkfifo").arg(folder.join("go")).status().unwrap().success());
    let mut worker = server.work("echo $$ > pid; cat go", &[]);
    line_of(&folder.join("pid"));
    terminate(&worker);
    let mut said = String::new();
    BufReader::new(worker.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "note: waiting for 1 job that runs\n");
    std::fs::write(folder.join("go"), "7\n").unwrap();
    assert!(worker.wait().unwrap().success());
    assert_eq!(server.job(&job)["state"], "completed");
    assert_eq!(server.told("completed")["result"], 7);
    assert_eq!(server.job(&next)["state"], "ready", "no more are taken");
}

#[test]
fn a_program_says_how_far_its_job_is() {
    let server = Served::new();
    let folder = server.folder.path();
    assert!(Command::new("mkfifo").arg(folder.join("go")).status().unwrap().success());
    let job = server.enqueue(&[]);
    let exec = r#"echo '3/10 resizing' >&3; cat go; echo half >&3; echo '{"current":10}' >&3"#;
    let mut worker = server.work(exec, &["--limit", "1"]);
    let until = Instant::now() + PATIENCE;
    while server.job(&job).get("progress").is_none() {
        assert!(Instant::now() < until, "{}", server.job(&job));
    }
    let expected = serde_json::json!({"current": 3, "total": 10, "message": "resizing"});
    assert_eq!(server.job(&job)["progress"], expected);
    std::fs::write(folder.join("go"), "").unwrap();
    assert!(worker.wait().unwrap().success());
    // The last is told before the end, which keeps it.
    let shown = server.job(&job);
    assert_eq!(shown["state"], "completed");
    assert_eq!(shown["history"][0]["progress"]["current"], 10, "{shown}");
    let told = server.ask(&["job", "show", &job]).ended_with(0).out;
    assert!(told.contains("ERROR OR PROGRESS\n") && told.contains(" 10\n"), "{told}");
    let mut said = String::new();
    BufReader::new(worker.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.starts_with(&format!("note: job {job} wrote on descriptor 3")), "{said}");
}

#[test]
fn a_descriptor_that_is_held_open_holds_no_job_up() {
    let server = Served::new();
    let job = server.enqueue(&[]);
    let exec = "echo 1 >&3; tail -f /dev/null >/dev/null 2>&1 </dev/null & echo $! > pid";
    let work = ["work", "--queue", "q", "--limit", "1", "--exec", exec];
    let said = server.ask(&work).ended_with(0).out;
    assert_eq!(said, format!("job {job} (k), attempt 1: completed\n"));
    assert_eq!(server.job(&job)["history"][0]["progress"]["current"], 1);
    let pid = line_of(&server.folder.path().join("pid"));
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
}
