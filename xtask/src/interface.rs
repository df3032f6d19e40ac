//! The stage that asks a running server what its description of the interface says it can be asked.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

use crate::context::Context;
use crate::process;
use crate::stage::Failure;

/// Checks that do not fit: a position that the description allows may be of another life of the log, and a
/// purged topic still has its (empty) history.
const NOT_CHECKED: &str = "positive_data_acceptance,use_after_free";

/// Draws requests from `/openapi.json`, right and wrong ones; each answer must be one that it allows.
pub(crate) fn check(context: &Context) -> Result<String, Failure> {
    process::run(&mut context.cargo("build --package arrwdb")).map_err(Failure::into_build)?;
    let folder = context.fresh_folder("interface")?;
    let mut command = Command::new(context.workspace.target.join("debug/arrwdb"));
    command.args(["serve", "--data", "data", "--listen", "127.0.0.1:0", "--log-level", "warn"]);
    command.current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut server = Server(command.spawn().context("start the server")?);
    let address = server.address()?;
    let mut schemathesis = context.venv_command("schemathesis");
    schemathesis.args(["run", &format!("{address}/openapi.json"), "--no-color"]);
    // A stream of events does not end.
    schemathesis.args([
        "--exclude-path",
        "/v1/events/stream",
        "--exclude-path",
        "/connection/uni_sse",
        "--exclude-checks",
        NOT_CHECKED,
    ]);
    schemathesis.args(["--max-examples", "30", "--seed", "7", "--request-timeout", "40"]);
    let hooks = context.workspace.root.join("xtask/src/interface.py");
    schemathesis.env("SCHEMATHESIS_HOOKS", hooks).current_dir(&folder);
    process::run(&mut schemathesis)?;
    Ok(String::new())
}

/// A server that is ended with this.
struct Server(Child);

impl Server {
    /// Where it listens, as its first line says.
    fn address(&mut self) -> anyhow::Result<String> {
        let output = self.0.stdout.take().context("its output is kept")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.split_whitespace().find(|word| word.starts_with("http://"));
        let address = address.with_context(|| format!("the server says no address: {line}"))?;
        Ok(address.trim_end_matches(',').to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which the requests then said.
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}
