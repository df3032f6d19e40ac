//! The stage that asks a running server what its description of the interface says it can be asked.

use crate::cargo;
use crate::context::Context;
use crate::process;
use crate::running::Running;
use crate::stage::Failure;

/// Checks that do not fit: a position that the description allows may be of another life of the log, and a
/// purged topic still has its (empty) history.
const NOT_CHECKED: &str = "positive_data_acceptance,use_after_free";

/// Draws requests from `/openapi.json`, right and wrong ones; each answer must be one that it allows.
pub(crate) fn check(context: &Context) -> Result<String, Failure> {
    cargo::product(context)?;
    let folder = context.fresh_folder("interface")?;
    let server = Running::start(&context.built("arrwdb"), &folder)?;
    let address = &server.url;
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
