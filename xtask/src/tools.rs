//! The stage that finds the tools beyond the Rust toolchain, and installs those that are missing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::Context as _;

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

/// Installs what a `requirements.txt` lists, all of it pinned, and answers the Python that has it: of an environment of its
/// own, so that nothing needs two versions of one package.
pub(crate) fn python_packages(context: &Context, list: &Path) -> Result<Command, Failure> {
    let text = fs::read_to_string(list).with_context(|| format!("read {}", list.display()))?;
    let name = list.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let venv = context.workspace.target.join(format!("venv-{name}"));
    // Written when all is there.
    let installed = venv.join("requirements.txt");
    let python = venv.join("bin/python");
    if fs::read_to_string(&installed).ok().as_ref() != Some(&text) {
        process::run(context.command("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        let mut pip = context.command(&python);
        process::run(pip.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(list))?;
        fs::write(&installed, text).with_context(|| format!("write {}", installed.display()))?;
    }
    let mut command = context.command(&python);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(command)
}

/// Copies a folder with a `package-lock.json`, installs what that lists, and answers the copy: nothing is installed among the
/// sources.
pub(crate) fn npm_packages(context: &Context, from: &str) -> Result<PathBuf, Failure> {
    node(context)?;
    let folder = context.workspace.target.join(from.replace('/', "-"));
    let lock = "package-lock.json";
    let source = context.workspace.root.join(from);
    // What npm leaves when all is there, and what it was made of.
    let installed = folder.join("node_modules/.package-lock.json");
    let is_same = fs::read(folder.join(lock)).ok() == fs::read(source.join(lock)).ok();
    let is_there = is_same && installed.exists();
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    for file in fs::read_dir(&folder).context("list the copy")?.flatten() {
        if file.file_type().is_ok_and(|kind| kind.is_file()) {
            fs::remove_file(file.path()).context("remove an old copy")?;
        }
    }
    for file in fs::read_dir(&source).with_context(|| format!("list {from}"))?.flatten() {
        if file.file_type().is_ok_and(|kind| kind.is_file()) {
            fs::copy(file.path(), folder.join(file.file_name())).context("copy a test")?;
        }
    }
    if !is_there {
        let mut npm = context.command("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
        process::run(&mut npm)?;
    }
    Ok(folder)
}

/// Chromium without a window: the name of its program.
pub(crate) fn chromium(context: &Context) -> Result<&'static str, Failure> {
    let names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
    let is_there = |name: &&str| process::answer(context.command(name).arg("--version")).is_some();
    let present = || names.into_iter().find(is_there);
    if let Some(found) = present() {
        return Ok(found);
    }
    let installed = names[..2].iter().any(|name| apt_install(context, name).is_ok());
    let found = present().filter(|_| installed);
    found.ok_or_else(|| missing("chromium", "sudo apt-get install --yes chromium"))
}

/// Node.js 20.14 or later, and npm: what is on `PATH`.
fn node(context: &Context) -> Result<(), Failure> {
    let present = || {
        let version = process::answer(context.command("node").arg("--version"));
        let is_new = version.as_deref().is_some_and(is_new_node);
        is_new && process::answer(context.command("npm").arg("--version")).is_some()
    };
    if present() || (apt_install(context, "nodejs npm").is_ok() && present()) {
        return Ok(());
    }
    Err(missing("node 20.14 or later, and npm", "sudo apt-get install --yes nodejs npm"))
}

/// Whether a version such as `v20.14.0` is one that ends with its tests.
fn is_new_node(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
    let (major, minor) = (numbers.next(), numbers.next());
    matches!((major, minor), (Some(Ok(major)), Some(Ok(minor))) if (20, 14) <= (major, minor))
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

/// Prometheus' own check of rules, configuration and metrics. Without one on `PATH` it is taken out of the package of Debian,
/// which is not installed: that would start a service.
pub(crate) fn promtool(context: &Context) -> Result<PathBuf, Failure> {
    let folder = context.tools().join("prometheus");
    let ours = folder.join("usr/bin/promtool");
    let candidates = [PathBuf::from("promtool"), ours];
    let is_there =
        |path: &&PathBuf| process::answer(context.command(path).arg("--version")).is_some();
    let present = || candidates.iter().find(is_there).cloned();
    if let Some(found) = present() {
        return Ok(found);
    }
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let unpacked = unpack(context, "prometheus", &folder).or_else(|_| {
        process::run(context.command("apt-get").args(["update", "--quiet"]))?;
        unpack(context, "prometheus", &folder)
    });
    let found = present().filter(|_| unpacked.is_ok());
    found.ok_or_else(|| missing("promtool", "sudo apt-get install --yes prometheus"))
}

/// Redis and NATS, as Debian has them, and what they need, and what the Python package of uWebSockets needs. They are not
/// installed: that would start services.
const BROKERS: [&str; 6] =
    ["redis-server", "redis-tools", "libjemalloc2", "liblzf1", "nats-server", "libuv1"];

/// Where the packages [`BROKERS`] were unpacked.
pub(crate) struct Brokers {
    /// What is `/` in the packages.
    pub(crate) folder: PathBuf,
}

impl Brokers {
    /// What their programs need as `LD_LIBRARY_PATH`.
    pub(crate) fn libraries(&self) -> PathBuf {
        self.folder.join("usr/lib").join(format!("{}-linux-gnu", env::consts::ARCH))
    }
}

/// Unpacks the packages [`BROKERS`], where that was not done.
pub(crate) fn brokers(context: &Context) -> Result<Brokers, Failure> {
    let folder = context.tools().join("brokers");
    // Written when all is there.
    let installed = folder.join("packages");
    let list = BROKERS.join(" ");
    if fs::read_to_string(&installed).ok().as_ref() == Some(&list) {
        return Ok(Brokers { folder });
    }
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let unpack_all = || BROKERS.iter().try_for_each(|package| unpack(context, package, &folder));
    let unpacked = unpack_all().or_else(|_| {
        process::run(context.command("apt-get").args(["update", "--quiet"]))?;
        unpack_all()
    });
    if unpacked.is_err() {
        return Err(missing(
            "Redis and NATS",
            &format!("sudo apt-get update && apt-get download {list}"),
        ));
    }
    fs::write(&installed, list).with_context(|| format!("write {}", installed.display()))?;
    Ok(Brokers { folder })
}

/// Downloads a package of Debian and takes its files out, below `folder`. Anybody may.
fn unpack(context: &Context, package: &str, folder: &Path) -> Result<(), Failure> {
    process::run(context.command("apt-get").args(["download", package]).current_dir(folder))?;
    let files = fs::read_dir(folder).context("list the download")?.flatten().map(|it| it.path());
    let archive = files.into_iter().find(|it| it.extension().is_some_and(|it| it == "deb"));
    let archive = archive.context("find the package that was downloaded")?;
    process::run(context.command("dpkg-deb").arg("--extract").arg(&archive).arg(folder))?;
    Ok(fs::remove_file(&archive).context("remove the package")?)
}

/// What checks a unit of systemd; it need not run.
pub(crate) fn systemd_analyze(context: &Context) -> Result<(), Failure> {
    let is_there =
        || process::answer(context.command("systemd-analyze").arg("--version")).is_some();
    if is_there() || (apt_install(context, "systemd").is_ok() && is_there()) {
        return Ok(());
    }
    Err(missing("systemd-analyze", "sudo apt-get install --yes systemd"))
}

/// Only root may; for others it fails at once, and the caller names the command.
fn apt_install(context: &Context, packages: &str) -> Result<(), Failure> {
    if process::answer(context.command("id").arg("-u")).as_deref() != Some("0") {
        return Err(Failure::Check("only root may install packages".to_owned()));
    }
    process::run(context.command("apt-get").args(["update", "--quiet"]))?;
    let mut command = context.command("apt-get");
    command.args(["install", "--yes", "--quiet"]).args(packages.split(' '));
    process::run(command.env("DEBIAN_FRONTEND", "noninteractive"))
}

fn missing(tool: &str, command: &str) -> Failure {
    Failure::Check(format!("{tool}: not found and not installed; run: {command}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node_are_compared_by_number() {
        assert!(["v20.14.0", "v20.20.2", "v22.1.0", "v100.0.0"].into_iter().all(is_new_node));
        assert!(!["v20.13.9", "v18.20.0", "v9.99.0", "x", ""].into_iter().any(is_new_node));
    }
}
