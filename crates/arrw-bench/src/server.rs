//! The server under load: the shipped binary as a process of its own.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::pace;

/// What stands before the address in the first line that a server prints.
const BEFORE_ADDRESS: &str = "http://";
/// How often is looked whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Folder of its data, in the one that it runs in.
pub(crate) const DATA: &str = "data";
/// How the names of its settings in the environment begin.
const ENVIRONMENT: &[u8] = b"ARRWDB_";

/// A process that listens. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Kept open: a process that cannot print may end.
    _output: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Server {
    /// Starts a command and waits until its first line says where it listens.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        Self::of(spawn(command, Stdio::null())?)
    }

    /// The same of a command `serve`, which also ends when this process does, however that is.
    pub(crate) fn start_tied(command: &mut Command) -> anyhow::Result<Self> {
        // Nothing is ever written there; the other end is in the child's handle.
        Self::of(spawn(command.arg("--until-input-ends"), Stdio::piped())?)
    }

    fn of(mut child: Child) -> anyhow::Result<Self> {
        let output = child.stdout.take().context("the server has an output")?;
        let mut output = BufReader::new(output);
        match address(&mut output) {
            Ok(address) => Ok(Self { child, _output: output, address }),
            Err(error) => {
                end(&mut child);
                Err(error)
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Stops it where it is, until [`resume`](Self::resume).
    pub(crate) fn freeze(&self) -> anyhow::Result<()> {
        self.signal("-STOP")
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) -> anyhow::Result<()> {
        self.signal("-CONT")
    }

    /// Tells it to end, and waits for that; how it ended, or `None` when it did not in that time.
    pub(crate) fn stop(&mut self, time_max: Duration) -> anyhow::Result<Option<ExitStatus>> {
        if self.ended()?.is_none() {
            self.signal("-TERM")?;
        }
        let until = Instant::now() + time_max;
        loop {
            let ended = self.ended()?;
            if ended.is_some() || until < Instant::now() {
                return Ok(ended);
            }
            pace::wait(LOOK_EVERY);
        }
    }

    fn signal(&self, signal: &str) -> anyhow::Result<()> {
        // The shell's own `kill`: there is a shell everywhere, and no program of that name in some containers.
        let id = self.id().to_string();
        let sent = Command::new("/bin/sh").args(["-c", r#"kill "$0" "$1""#, signal, &id]).status();
        ensure!(sent.context("cannot start `/bin/sh`")?.success(), "cannot send {signal}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Starts a command and kills it after a time, whatever it has come to by then.
pub(crate) fn start_and_kill(command: &mut Command, after: Duration) -> anyhow::Result<()> {
    let mut child = spawn(command, Stdio::null())?;
    pace::wait(after);
    end(&mut child);
    Ok(())
}

/// `PROGRAM serve` with its data in an empty folder, on any free port, with default settings:
/// neither files of the folder that this runs in nor its environment change them.
pub(crate) fn serve(program: &OsStr, folder: &Path) -> Command {
    serve_at(0, program, folder)
}

/// The same on a port of its own; 0 for any that is free.
pub(crate) fn serve_at(port: u16, program: &OsStr, folder: &Path) -> Command {
    let mut command = Command::new(program);
    let listen = format!("127.0.0.1:{port}");
    command.args(["serve", "--listen", &listen, "--data", DATA, "--log-level", "warn"]);
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(ENVIRONMENT) {
            command.env_remove(name);
        }
    }
    command
}

fn spawn(command: &mut Command, input: Stdio) -> anyhow::Result<Child> {
    command
        .stdin(input)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", command.get_program().display()))
}

/// Kills a process and waits until it is gone.
fn end(child: &mut Child) {
    // One that has ended by itself is gone as well.
    drop(child.kill());
    drop(child.wait());
}

fn address(output: &mut impl BufRead) -> anyhow::Result<SocketAddr> {
    let mut line = String::new();
    let bytes = output.read_line(&mut line)?;
    ensure!(0 < bytes, "it ended without saying where it listens");
    address_in(&line).with_context(|| format!("`{}` names no address", line.trim_end()))
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(BEFORE_ADDRESS)?;
    rest.split([',', ' ', '\n']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_address() {
        let check = |line: &str, expected: Option<&str>| {
            assert_eq!(address_in(line), expected.map(|text| text.parse().unwrap()), "{line}");
        };
        check("arrwdb listens on http://127.0.0.1:7650, data in `d`\n", Some("127.0.0.1:7650"));
        check("floor on http://127.0.0.1:1\n", Some("127.0.0.1:1"));
        check("error: cannot listen\n", None);
        check("", None);
    }
}
