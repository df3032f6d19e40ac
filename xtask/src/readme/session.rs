//! One shell that runs commands in order and answers each with its exit code and output.
//!
//! Each command's output goes to a file, so that a program left in the background cannot hold a pipe open.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::context::Context;

/// How long one command may take. A build of the product in release is the longest; when it is reached,
/// the session ends with an error that names the command.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(900);

/// How long a command in the background may take until it has printed what the file says. Then it counts
/// as printing something else.
const READY_TIME_MAX: Duration = Duration::from_secs(30);

/// A shell, its folder, and what it answers.
#[derive(Debug)]
pub(crate) struct Session {
    shell: Child,
    input: ChildStdin,
    exit_codes: Receiver<String>,
    root: PathBuf,
    outputs: PathBuf,
    count: u32,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) exit_code: i32,
    /// Standard output and standard error, as a terminal shows them.
    pub(crate) output: String,
}

impl Session {
    /// Starts a shell in the folder `work` of `folder`, with the `arrwdb` of the dev profile first on `PATH`,
    /// and with the repository's `examples` where somebody in its root finds them.
    pub(crate) fn start(context: &Context, folder: &Path) -> anyhow::Result<Session> {
        let (work, outputs) = (folder.join("work"), folder.join("outputs"));
        for path in [&work, &outputs] {
            fs::create_dir(path).with_context(|| format!("create {}", path.display()))?;
        }
        let examples = context.workspace.root.join("examples");
        symlink(&examples, work.join("examples")).context("link the examples")?;
        let mut command = context.command("bash");
        command.args(["--noprofile", "--norc"]).current_dir(&work);
        let mut shell = command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start `bash`")?;
        let input = shell.stdin.take().context("the shell has no input")?;
        let output = shell.stdout.take().context("the shell has no output")?;
        let root = context.workspace.root.clone();
        let mut session =
            Session { shell, input, exit_codes: follow(output), root, outputs, count: 0 };
        let binaries = context.workspace.target.join("debug");
        session.send(&format!("PATH={}:\"$PATH\"", quoted(&binaries.display().to_string())))?;
        Ok(session)
    }

    /// Runs one command to its end; one that begins with `cargo` runs in the workspace's root.
    pub(crate) fn run(&mut self, command: &str) -> anyhow::Result<Answer> {
        self.count += 1;
        let output = self.outputs.join(self.count.to_string());
        let command = self.in_its_folder(command);
        let target = quoted(&output.display().to_string());
        self.send(&format!("eval {} >{target} 2>&1 </dev/null; echo $?", quoted(&command)))?;
        let answer = self.exit_codes.recv_timeout(ANSWER_TIME_MAX);
        let Ok(exit_code) = answer else {
            bail!(
                "the shell did not answer to `{command}`: it ended, or the command takes too long"
            );
        };
        let bytes = fs::read(&output).with_context(|| format!("read {}", output.display()))?;
        Ok(Answer {
            exit_code: exit_code.trim().parse().context("read an exit code")?,
            output: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    /// Starts a command that ends with `&`, and waits until it has printed what it is to print.
    pub(crate) fn run_in_background(
        &mut self,
        command: &str,
        is_printed: impl Fn(&str) -> bool,
    ) -> anyhow::Result<Answer> {
        let mut answer = self.run(command)?;
        let output = self.outputs.join(self.count.to_string());
        let until = Instant::now() + READY_TIME_MAX;
        while !is_printed(&answer.output) && Instant::now() < until {
            self.run("sleep 0.05")?;
            let bytes = fs::read(&output).with_context(|| format!("read {}", output.display()))?;
            answer.output = String::from_utf8_lossy(&bytes).into_owned();
        }
        Ok(answer)
    }

    fn in_its_folder(&self, command: &str) -> String {
        if command.starts_with("cargo ") {
            format!("(cd {} && {command})", quoted(&self.root.display().to_string()))
        } else {
            command.to_owned()
        }
    }

    fn send(&mut self, line: &str) -> anyhow::Result<()> {
        writeln!(self.input, "{line}").context("write to the shell")
    }
}

impl Drop for Session {
    /// Ends the shell and everything that it left in the background: they are one process group.
    fn drop(&mut self) {
        let group = format!("-{}", self.shell.id());
        let killed = Command::new("kill").args(["-KILL", "--", &group]).status();
        if killed.is_ok_and(|status| status.success()) {
            drop(self.shell.wait());
        }
    }
}

/// Each line that the shell prints, until it ends.
fn follow(output: ChildStdout) -> Receiver<String> {
    let (tx, rx) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            let Ok(line) = line else { break };
            if tx.send(line).is_err() {
                break;
            }
        }
    });
    rx
}

/// The text as one word of the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Level;
    use crate::workspace::Workspace;

    fn session(name: &str) -> Session {
        let target = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/xtask-tests"));
        let workspace = Workspace { root: target.clone(), target, examples: Vec::new() };
        let context = Context { workspace, level: Level::Full };
        let folder = context.fresh_folder(name).unwrap();
        Session::start(&context, &folder).unwrap()
    }

    #[test]
    fn commands_share_one_shell() {
        let mut session = session("session-shares");
        session.run("mkdir a && cd a && export WORD=\"it's\"").unwrap();
        let answer = session.run("echo \"$WORD\" $(basename \"$PWD\"); echo err >&2").unwrap();
        assert_eq!((answer.exit_code, answer.output.as_str()), (0, "it's a\nerr\n"));
    }

    #[test]
    fn exit_codes_are_kept_and_bad_syntax_does_not_end_the_shell() {
        let mut session = session("session-codes");
        assert_eq!(session.run("(exit 7)").unwrap().exit_code, 7);
        assert_ne!(session.run("if then (").unwrap().exit_code, 0);
        assert_eq!(session.run("true").unwrap().exit_code, 0);
    }

    #[test]
    fn a_background_program_does_not_hold_the_session() {
        let mut session = session("session-background");
        assert_eq!(session.run("sleep 600 &").unwrap().exit_code, 0);
        assert_eq!(session.run("echo $(jobs -p | wc -l)").unwrap().output.trim(), "1");
    }

    #[test]
    fn a_background_program_is_waited_for_until_it_has_said_what_it_is_to_say() {
        let mut session = session("session-waits");
        let command = "(sleep 0.2; echo ready; sleep 600) &";
        let answer = session.run_in_background(command, |output| output == "ready\n").unwrap();
        assert_eq!((answer.exit_code, answer.output.as_str()), (0, "ready\n"));
    }

    #[test]
    fn a_shell_that_ends_is_an_error() {
        let mut session = session("session-ends");
        let error = session.run("exit 0").expect_err("nobody answers");
        assert!(error.to_string().contains("`exit 0`"), "{error}");
    }
}
