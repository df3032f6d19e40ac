//! The stage that runs every example of the workspace.

use std::path::Path;
use std::process::Command;

use crate::context::Context;
use crate::process;
use crate::stage::Failure;
use crate::workspace::Example;

/// Each example must exit with 0. It starts in an empty folder of its own, where it may leave files.
pub(crate) fn run(context: &Context) -> Result<String, Failure> {
    let examples = &context.workspace.examples;
    let mut commands = Vec::new();
    for example in examples {
        let folder =
            context.fresh_folder(&format!("example-{}-{}", example.package, example.name))?;
        commands.push(command(context, example, &folder));
    }
    process::run_each(commands)?;
    Ok(format!("{} examples", examples.len()))
}

fn command(context: &Context, example: &Example, folder: &Path) -> Command {
    let mut command = context.cargo("run --quiet");
    command.args(["--package", &example.package, "--example", &example.name]);
    if !example.features.is_empty() {
        command.args(["--features", &example.features.join(",")]);
    }
    command.arg("--manifest-path").arg(context.workspace.root.join("Cargo.toml"));
    command.current_dir(folder);
    command
}
