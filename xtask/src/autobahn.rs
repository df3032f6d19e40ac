//! The stage that runs Autobahn's cases of WebSockets against the codec and what drives it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use anyhow::Context as _;

use crate::cargo;
use crate::context::Context;
use crate::process;
use crate::stage::Failure;
use crate::tools;

/// Which cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cases {
    /// Those that take a minute or two together.
    Quick,
    /// All of them.
    All,
}

/// The quick cases.
pub(crate) fn check(context: &Context) -> Result<String, Failure> {
    run(context, Cases::Quick)
}

/// Runs cases against `arrw-server`'s example `echo`; one that is not `OK`, `INFORMATIONAL` or known as not served is a failure.
pub(crate) fn run(context: &Context, cases: Cases) -> Result<String, Failure> {
    cargo::build(context)?;
    let folder = context.workspace.root.join("tests/autobahn");
    let mut python = tools::python_packages(context, &folder.join("requirements.txt"))?;
    let mut command = context.command(context.built("examples/echo"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = Server(command.spawn().context("start the server")?);
    let url = server.address()?.replace("http://", "ws://") + "/connection/websocket?echo";
    let reports = context.fresh_folder("autobahn")?;
    python.arg(folder.join("run.py")).arg(url).arg(reports);
    if cases == Cases::All {
        python.arg("--all");
    }
    let output = process::capture(python.stderr(Stdio::inherit()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    crate::report::line(said.trim_end());
    if !output.status.success() {
        return Err(Failure::Check(format!("Autobahn's cases: {}", output.status)));
    }
    Ok(said.lines().last().unwrap_or_default().to_owned())
}

/// A server that ends with its standard input.
struct Server(Child);

impl Server {
    /// Where it listens, as its first line says.
    fn address(&mut self) -> anyhow::Result<String> {
        let output = self.0.stdout.as_mut().context("its output is kept")?;
        let mut line = String::new();
        BufReader::new(output.take(1_000)).read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // What came of the cases is known by now.
        let _gone = self.0.wait();
    }
}
