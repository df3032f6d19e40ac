//! The examples in the help are commands that work.

use std::path::Path;
use std::process::Command;

use crate::program::{Folder, PROGRAM};
use crate::server::Served;

/// Commands whose examples are run, in this order and in one folder: the first one makes the log.
const COMMANDS: &[&[&str]] = &[
    &["log", "append"],
    &["log", "cat"],
    &["log", "inspect"],
    &["log", "verify"],
    &["log", "repair"],
    &["log", "backup"],
    &["log", "restore"],
    &["torture", "writer"],
    &["torture", "check"],
    &["completions"],
    &["man"],
    &["key", "create"],
    &["key", "list"],
    &["config", "init"],
    &["config", "check"],
    &["config", "show"],
];

/// Commands whose examples need a server, in this order: the first ones publish.
const ASKING: &[&[&str]] = &[
    &["pub"],
    &["import"],
    &["tail"],
    &["export"],
    &["topic", "list"],
    &["topic", "show"],
    &["topic", "retain"],
    &["topic", "purge"],
    &["consumer", "create"],
    &["consumer", "list"],
    &["consumer", "reset"],
    &["consumer", "delete"],
    &["job", "enqueue"],
    &["job", "show"],
    &["job", "list"],
    &["job", "tail"],
    &["job", "cancel"],
    &["job", "retry"],
    &["job", "discard"],
    &["job", "delete"],
    &["queue", "list"],
    &["queue", "show"],
    &["queue", "pause"],
    &["queue", "resume"],
    &["queue", "limit"],
    &["cron", "put"],
    &["cron", "list"],
    &["cron", "show"],
    &["cron", "run"],
    &["cron", "pause"],
    &["cron", "resume"],
    &["cron", "remove"],
    &["trigger", "put"],
    &["trigger", "list"],
    &["trigger", "show"],
    &["trigger", "pause"],
    &["trigger", "resume"],
    &["trigger", "remove"],
    &["work"],
    &["connections", "list"],
    &["stats"],
    &["top"],
    &["check"],
    &["backup"],
    &["restore"],
];

#[test]
fn the_examples_in_the_help_work() {
    check(&Folder::new(), COMMANDS, "");
}

#[test]
fn the_examples_that_ask_a_server_work() {
    let server = Served::new();
    // A stream without an end needs an event that it wants behind where it starts.
    server.ask(&["pub", "orders.created", "1"]).ended_with(0);
    check(&server.folder, ASKING, &server.url());
}

fn check(folder: &Folder, commands: &[&[&str]], server: &str) {
    let programs = Path::new(PROGRAM).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", programs.display());
    for command in commands {
        let help = folder.run(&[command, &["--help"][..]].concat()).ended_with(0).out;
        let examples: Vec<_> = help.lines().filter_map(|line| line.strip_prefix("  $ ")).collect();
        assert!(2 <= examples.len(), "{help}");
        for example in examples {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", example]).current_dir(folder.path()).env("PATH", &path);
            shell.env("ARRWDB_SERVER", server);
            let output = shell.output().unwrap();
            let killed = example.starts_with("timeout --signal=KILL");
            assert!(output.status.success() || killed, "{example}: {output:?}");
        }
    }
}

#[test]
fn the_version_is_told() {
    let said = Folder::new().run(&["--version"]).ended_with(0);
    assert_eq!(said.out, format!("arrwdb {}\n", env!("CARGO_PKG_VERSION")));
}
