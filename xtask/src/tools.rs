//! The stage that finds the tools beyond the Rust toolchain, and installs those that are missing.

use crate::context::Context;
use crate::process;
use crate::stage::Failure;

const TYPOS: &str = "1.52.0";
const TAPLO: &str = "0.9.3";
const SCHEMATHESIS: &str = "4.32.5";
const NEXTEST: &str = "0.9.143";
const CARGO_FUZZ: &str = "0.13.2";

/// What cannot be installed is a failure that names the command to run, never a reason to leave a check out.
pub(crate) fn find_or_install(context: &Context) -> Result<String, Failure> {
    Failure::all(vec![strace(context), python_tools(context), nextest(context)])?;
    Ok(String::new())
}

/// Tests of durability read its trace of system calls.
fn strace(context: &Context) -> Result<(), Failure> {
    let present = || process::answer(context.command("strace").arg("-V")).is_some();
    if present() || (apt_install(context, "strace").is_ok() && present()) {
        return Ok(());
    }
    Err(missing("strace", "sudo apt-get update && sudo apt-get install --yes strace"))
}

/// `typos` and `taplo` come as ready binaries in Python packages, `schemathesis` is one; they get an environment
/// of our own.
fn python_tools(context: &Context) -> Result<(), Failure> {
    let venv = context.venv();
    let present = || {
        let version = |tool: &str| process::answer(context.venv_command(tool).arg("--version"));
        version("typos").is_some_and(|v| v.ends_with(TYPOS))
            && version("taplo").is_some_and(|v| v.ends_with(TAPLO))
            && version("schemathesis").is_some_and(|v| v.ends_with(SCHEMATHESIS))
    };
    if present() {
        return Ok(());
    }
    let packages = [
        format!("typos=={TYPOS}"),
        format!("taplo=={TAPLO}"),
        format!("schemathesis=={SCHEMATHESIS}"),
    ];
    let make_venv = || process::run(context.command("python3").args(["-m", "venv"]).arg(&venv));
    let installed = make_venv()
        .or_else(|_| apt_install(context, "python3-venv").and_then(|()| make_venv()))
        .and_then(|()| {
            let mut python = context.venv_command("python");
            process::run(python.args(["-m", "pip", "install", "--quiet"]).args(&packages))
        });
    if installed.is_ok() && present() {
        return Ok(());
    }
    let shown = venv.display();
    let command = format!(
        "python3 -m venv {shown} && {shown}/bin/python -m pip install {}",
        packages.join(" ")
    );
    Err(missing("typos, taplo and schemathesis", &command))
}

/// Any version on `PATH` will do; ours is what the checks were written for.
fn nextest(context: &Context) -> Result<(), Failure> {
    let present = || process::answer(&mut context.cargo("nextest --version")).is_some();
    if present() {
        return Ok(());
    }
    let arguments = format!("install cargo-nextest --locked --version {NEXTEST}");
    let installed = process::run(context.cargo(&arguments).arg("--root").arg(context.tools()));
    if installed.is_ok() && present() {
        return Ok(());
    }
    Err(missing("cargo-nextest", &format!("cargo {arguments}")))
}

/// What runs a fuzz function under libFuzzer: for `cargo xtask fuzz` alone.
pub(crate) fn cargo_fuzz(context: &Context) -> Result<(), Failure> {
    let present = || process::answer(&mut context.cargo("fuzz --version")).is_some();
    if present() {
        return Ok(());
    }
    let arguments = format!("install cargo-fuzz --locked --version {CARGO_FUZZ}");
    let installed = process::run(context.cargo(&arguments).arg("--root").arg(context.tools()));
    if installed.is_ok() && present() {
        return Ok(());
    }
    Err(missing("cargo-fuzz", &format!("cargo {arguments}")))
}

/// Only root may; for others it fails at once, and the caller names the command.
fn apt_install(context: &Context, package: &str) -> Result<(), Failure> {
    if process::answer(context.command("id").arg("-u")).as_deref() != Some("0") {
        return Err(Failure::Check("only root may install packages".to_owned()));
    }
    process::run(context.command("apt-get").args(["update", "--quiet"]))?;
    let mut command = context.command("apt-get");
    command.args(["install", "--yes", "--quiet", package]);
    process::run(command.env("DEBIAN_FRONTEND", "noninteractive"))
}

fn missing(tool: &str, command: &str) -> Failure {
    Failure::Check(format!("{tool}: not found and not installed; run: {command}"))
}
