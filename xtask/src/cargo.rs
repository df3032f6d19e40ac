//! The stages that are a cargo command or two.

use std::process::Command;

use crate::context::Context;
use crate::process;
use crate::request::Level;
use crate::stage::Failure;

/// The tests that run under the schedule explorer: package, name of the test file.
pub(crate) const SHUTTLE: &[(&str, &str)] = &[("arrw-log", "shuttle")];

/// Builds every target. The one stage whose failure ends the run; others call it again, which builds nothing, for
/// programs that they run. What cargo builds for one package alone has other features, and all is compiled anew.
pub(crate) fn build(context: &Context) -> Result<String, Failure> {
    let mut command = context.cargo("build --workspace --all-targets");
    process::run(&mut command).map_err(Failure::into_build)?;
    Ok(String::new())
}

/// Builds `arrwdb` by itself, as a user has it: built with the whole workspace, its log would have the planted bugs of the
/// simulator.
pub(crate) fn product(context: &Context) -> Result<(), Failure> {
    process::run(&mut context.cargo("build --package arrwdb")).map_err(Failure::into_build)
}

/// Not `--all-features`: the feature `shuttle` replaces locks and must never be on in ordinary builds.
pub(crate) fn clippy(context: &Context) -> Result<String, Failure> {
    process::run(&mut context.cargo("clippy --workspace --all-targets -- -D warnings"))?;
    Ok(String::new())
}

/// The layers, the tidiness of files, and the tests of xtask itself.
pub(crate) fn house_rules(context: &Context) -> Result<String, Failure> {
    process::run(&mut context.cargo("test --package xtask --lib --bins --tests"))?;
    Ok(String::new())
}

/// Every test of the product and its tools; by nextest, which bounds the time of each, where it may be used.
pub(crate) fn tests(context: &Context) -> Result<String, Failure> {
    let mut command = match context.level {
        Level::Full => context.cargo("nextest run --workspace --exclude xtask --profile ci"),
        Level::Core => context.cargo("test --workspace --exclude xtask --lib --bins --tests"),
    };
    process::run(&mut command)?;
    Ok(String::new())
}

/// The examples in the documentation, which nextest does not run.
pub(crate) fn doc_tests(context: &Context) -> Result<String, Failure> {
    process::run(&mut context.cargo("test --workspace --doc"))?;
    Ok(String::new())
}

/// The documentation, without a warning.
pub(crate) fn docs(context: &Context) -> Result<String, Failure> {
    let mut command = context.cargo("doc --workspace --no-deps");
    process::run(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(String::new())
}

/// In a target folder of its own, so that no other build ever sees the replaced locks.
pub(crate) fn shuttle(context: &Context) -> Result<String, Failure> {
    let folder = context.workspace.target.join("shuttle");
    let commands: Vec<Command> = SHUTTLE
        .iter()
        .map(|(package, test)| {
            let arguments = format!("test --package {package} --features shuttle --test {test}");
            let mut command = context.cargo(&arguments);
            command.arg("--target-dir").arg(&folder);
            command
        })
        .collect();
    let count = commands.len();
    process::run_each(commands)?;
    Ok(format!("{count} test files"))
}
