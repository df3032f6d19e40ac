//! The stage that runs every example of the workspace.

use crate::cargo;
use crate::context::Context;
use crate::process;
use crate::stage::Failure;

/// Each example must exit with 0. It starts in an empty folder of its own, where it may leave files.
pub(crate) fn run(context: &Context) -> Result<String, Failure> {
    let examples = &context.workspace.examples;
    cargo::build(context)?;
    let mut commands = Vec::new();
    for example in examples {
        let folder =
            context.fresh_folder(&format!("example-{}-{}", example.package, example.name))?;
        let mut command = context.command(context.built(&format!("examples/{}", example.name)));
        command.current_dir(folder);
        commands.push(command);
    }
    process::run_each(commands)?;
    Ok(format!("{} examples", examples.len()))
}
