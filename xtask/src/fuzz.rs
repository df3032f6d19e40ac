//! The stage that runs every fuzz function for some seconds.

use crate::cargo;
use crate::context::Context;
use crate::process;
use crate::stage::Failure;

/// Seconds for each target; there are as many at once as there are cores.
const SECONDS: u32 = 5;

/// Runs the loop of `arrw-fuzz` over all targets. What fails is told with its input.
pub(crate) fn check(context: &Context) -> Result<String, Failure> {
    cargo::build(context)?;
    let failures = context.fresh_folder("fuzz")?;
    let program = context.built("arrw-fuzz");
    let mut fuzz = context.command(&program);
    process::run(fuzz.args(["--seconds", &SECONDS.to_string(), "--failures"]).arg(failures))?;
    let list = process::answer(context.command(&program).arg("--list"));
    let count = list.map_or(0, |list| list.lines().count());
    Ok(format!("{count} targets"))
}
