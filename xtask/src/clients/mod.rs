//! The stage that tries the server with the clients of others, as they are published.
//!
//! Each test leaves a line that says which codes of errors and disconnects its client met. [`table`] makes a document of these
//! lines, and the stage fails when it is not the one in `docs`.

mod codes;
mod met;
mod table;

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::cargo;
use crate::context::Context;
use crate::process;
use crate::stage::Failure;
use crate::tools;

/// The clients, as the document names them and tests do.
const CLIENTS: &[&str] = &["npm JSON", "npm Protobuf", "PyPI", "cargo"];

/// What the stage makes and compares.
const DOCUMENT: &str = "docs/codes.md";

/// What a test file may take, in milliseconds: then something hangs.
const FILE_TIME_MAX: &str = "300000";

/// Runs the tests of all clients, and compares the document.
pub(crate) fn check(context: &Context) -> Result<String, Failure> {
    cargo::product(context)?;
    let folder = context.fresh_folder("clients")?;
    let lines = folder.join("met.ndjson");
    Failure::all(vec![
        javascript(context, &lines),
        python(context, &lines),
        rust(context, &lines),
    ])?;
    let count = compare(context, &folder, &lines)?;
    Ok(format!("{count} tests"))
}

fn javascript(context: &Context, lines: &Path) -> Result<(), Failure> {
    let folder = tools::npm_packages(context, "tests/clients/js")?;
    let mut node = context.command("node");
    node.args(["--test", "--test-reporter=spec", "--test-concurrency=4", "--test-force-exit"]);
    node.args(["--test-timeout", FILE_TIME_MAX]).current_dir(folder);
    process::run(node.env("ARRWDB", context.built("arrwdb")).env("MET", lines))
}

fn python(context: &Context, lines: &Path) -> Result<(), Failure> {
    let folder = context.workspace.root.join("tests/clients/python");
    let mut python = tools::python_packages(context, &folder.join("requirements.txt"))?;
    python.args(["-m", "unittest", "discover", "--verbose"]).current_dir(folder);
    process::run(python.env("ARRWDB", context.built("arrwdb")).env("MET", lines))
}

/// The tests of the binary that use the client of Rust run with all others, too; here they say what they met.
fn rust(context: &Context, lines: &Path) -> Result<(), Failure> {
    let mut tests = context.cargo("nextest run --workspace --exclude xtask --profile ci");
    tests.args(["--filterset", "package(arrwdb) and test(centrifuge_client::)"]);
    process::run(tests.env("MET", lines))
}

/// Makes the document anew, and counts the tests that it names.
fn compare(context: &Context, folder: &Path, lines: &Path) -> Result<usize, Failure> {
    let root = &context.workspace.root;
    let read =
        |path: &Path| fs::read_to_string(path).with_context(|| format!("read {}", path.display()));
    let known = codes::read(&read(&root.join("crates/arrw-wire/src/code.rs"))?)?;
    let reasons = met::reasons(&read(&root.join("tests/clients/unmet.json"))?)?;
    let met = met::read(&read(lines)?)?;
    let made = table::document(&known, &met, &reasons)?;
    let fresh = folder.join("codes.md");
    fs::write(&fresh, &made).with_context(|| format!("write {}", fresh.display()))?;
    if read(&root.join(DOCUMENT))? == made {
        return Ok(met.tests.len());
    }
    Err(Failure::Check(format!(
        "{DOCUMENT} does not say what the tests met; see `diff {DOCUMENT} {0}`, and `cp {0} {DOCUMENT}` when that is right",
        fresh.display()
    )))
}
