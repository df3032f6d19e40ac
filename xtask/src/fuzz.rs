//! The stage that runs every fuzz function for some seconds.

use crate::context::Context;
use crate::process;
use crate::stage::Failure;

/// Seconds for each target; there are as many at once as there are cores.
const SECONDS: u32 = 5;

/// Runs the loop of `arrw-fuzz` over all targets. What fails is told with its input.
pub(crate) fn check(context: &Context) -> Result<String, Failure> {
    process::run(&mut context.cargo("build --package arrw-fuzz")).map_err(Failure::into_build)?;
    let failures = context.fresh_folder("fuzz")?;
    let arguments = format!("run --quiet --package arrw-fuzz -- --seconds {SECONDS} --failures");
    process::run(context.cargo(&arguments).arg(failures))?;
    let list = process::answer(&mut context.cargo("run --quiet --package arrw-fuzz -- --list"));
    let count = list.map_or(0, |list| list.lines().count());
    Ok(format!("{count} targets"))
}
