//! The stage that opens the pages of the examples and of the demonstration in a browser without a window.

use crate::cargo;
use crate::context::Context;
use crate::process;
use crate::stage::Failure;
use crate::tools;

/// What a test may take, in milliseconds: then something hangs.
const TIME_MAX: &str = "180000";

/// Runs each test of `tests/browser`. What the pages look like is in `target/screenshots` then.
pub(crate) fn check(context: &Context) -> Result<String, Failure> {
    cargo::product(context)?;
    let chat = tools::npm_packages(context, "examples/chat")?;
    let chromium = tools::chromium(context)?;
    let target = &context.workspace.target;
    let mut node = context.command("node");
    node.args(["--test", "--test-reporter=spec", "--test-timeout", TIME_MAX]);
    node.current_dir(context.workspace.root.join("tests/browser"));
    node.env("ARRWDB", context.built("arrwdb")).env("CHROMIUM", chromium);
    node.env("CHAT", chat).env("SCREENSHOTS", target.join("screenshots"));
    process::run(&mut node)?;
    Ok("screenshots are in target/screenshots".to_owned())
}
