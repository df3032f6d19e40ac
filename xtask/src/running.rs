//! A server that a stage runs, and ends when it is done.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

/// How long an answer may take: then something hangs.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// A server on a free port of this machine. Dropping it ends it.
pub(crate) struct Running {
    server: Child,
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
}

impl Running {
    /// Starts the program with its data in the folder `data` of `folder`.
    pub(crate) fn start(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.args(["serve", "--data", "data", "--listen", "127.0.0.1:0", "--log-level", "warn"]);
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped());
        let started = command.spawn().with_context(|| format!("start {}", program.display()));
        let mut running = Self { server: started?, url: String::new() };
        running.url = running.address()?;
        Ok(running)
    }

    /// Where it listens, as its first line says.
    fn address(&mut self) -> anyhow::Result<String> {
        let output = self.server.stdout.take().context("its output is kept")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.split_whitespace().find(|word| word.starts_with("http://"));
        let address = address.with_context(|| format!("the server says no address: {line}"))?;
        Ok(address.trim_end_matches(',').to_owned())
    }

    /// The body of an answer with status 200.
    pub(crate) fn get(&self, target: &str) -> anyhow::Result<String> {
        let host = self.url.trim_start_matches("http://");
        let mut socket = TcpStream::connect(host).with_context(|| format!("connect to {host}"))?;
        socket.set_read_timeout(Some(ANSWER_MAX))?;
        write!(socket, "GET {target} HTTP/1.0\r\nhost: {host}\r\n\r\n")?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).with_context(|| format!("read {target}"))?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.split(' ').nth(1) == Some("200") => Ok(body.to_owned()),
            Some(_) | None => bail!("GET {target} was answered with {answer}"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which the requests then said.
        let _gone = self.server.kill();
        let _gone = self.server.wait();
    }
}
