//! The group `http`: publish lines and single events, follow, read as a consumer, all over sockets.

mod consumer;
mod floor;
pub(crate) mod publish;
pub(crate) mod sse;

use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use tokio::runtime::{Builder, Runtime};

use crate::disk::WorkFolder;
use crate::machine;
use crate::plan::{Output, Plan, Standing};
use crate::report;
use crate::row::Row;
use crate::runs::Spread;
use crate::server::{self, Server};

pub use floor::answer_prepared;
pub(crate) use publish::{Told, latency};

/// Characters of the text that each event carries.
const TEXT_BYTES: usize = 128;
const SYNCED: &str = "fdatasync before each answer";
/// Files that the readers of a stream and their server have open at once, with some to spare.
const FILES_MIN: u64 = 1_200;

/// Takes the figures of the group `http` and says what they are.
///
/// Blocks for minutes; writes some GiB into a folder of its own and removes it. The server is the program of
/// [`Plan::child`], as a process of its own with default settings.
///
/// # Errors
/// When the folder is not on a real disk, when the server or the disk fails or refuses something, or when an
/// event is not delivered.
pub fn http(plan: &Plan, output: &mut Output<'_>) -> anyhow::Result<Standing> {
    report::group(plan, output, |folder, progress| figures(plan, folder, progress))
}

/// The figures of the group.
pub(crate) fn figures(
    plan: &Plan,
    folder: &WorkFolder,
    progress: &mut dyn Write,
) -> anyhow::Result<Vec<Row>> {
    let files = machine::files_max()?;
    ensure!(
        FILES_MIN <= files,
        "a process may have {files} files open here, and this needs {FILES_MIN}; \
         say `ulimit -n 4096` before it"
    );

    let mut rows = vec![
        publish::measure_lines(plan, folder, progress)?,
        publish::measure_single(plan, folder, progress)?,
    ];
    rows.extend(sse::measure(plan, folder, progress)?);
    rows.push(consumer::measure(plan, folder, progress)?);
    Ok(rows)
}

/// A figure with neither floor nor target.
fn row(id: &'static str, metric: &'static str, unit: &'static str, value: Spread) -> Row {
    Row {
        id,
        component: "http",
        metric,
        unit,
        value,
        latency: None,
        floor: None,
        peer: None,
        seed: None,
        target: None,
        durability: SYNCED,
    }
}

/// The executor of the clients: one thread, so that the server has the rest of the machine.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("cannot start the executor")
}

/// Starts the server that is measured.
pub(crate) fn serve(plan: &Plan, folder: &Path) -> anyhow::Result<Server> {
    let program = plan.child.first().context("no program to serve")?;
    Server::start(&mut server::serve(program, folder))
}

/// Starts the floor's server.
fn serve_floor(plan: &Plan) -> anyhow::Result<Server> {
    let (program, arguments) = plan.child.split_first().context("no program for the floor")?;
    Server::start(Command::new(program).args(arguments))
}

/// An event of a topic with 128 characters of data.
fn event(topic: &str) -> String {
    let text = "x".repeat(TEXT_BYTES);
    format!(r#"{{"topic":"{topic}","data":"{text}"}}"#)
}
