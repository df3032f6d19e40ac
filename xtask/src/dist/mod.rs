//! `cargo xtask dist`: what is given to users. One static program, tried, with all that belongs to it, in an archive.

mod elf;
mod notices;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::context::Context;
use crate::process;
use crate::running::Running;
use crate::stage::Failure;

/// What goes into the archive as it stands in the repository.
const FILES: [(&str, &str); 9] = [
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
    ("README.md", "README.md"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("deploy/systemd/arrwdb.service", "systemd/arrwdb.service"),
    ("deploy/prometheus/prometheus.yml", "prometheus/prometheus.yml"),
    ("deploy/prometheus/arrwdb.rules.yml", "prometheus/arrwdb.rules.yml"),
    ("deploy/prometheus/arrwdb.rules.test.yml", "prometheus/arrwdb.rules.test.yml"),
    ("deploy/grafana/arrwdb.json", "grafana/arrwdb.json"),
];

/// Shells and the names under which they look for completions.
const SHELLS: [(&str, &str); 3] =
    [("bash", "arrwdb.bash"), ("zsh", "_arrwdb"), ("fish", "arrwdb.fish")];

/// A static program cannot look for functions while it runs: without being told that `getrandom` is there, it would read
/// `/dev/urandom`, which is not everywhere.
const FLAGS: &str = "-C target-feature=+crt-static --cfg getrandom_backend=\"linux_getrandom\"";

/// What is in `target/dist/image`, the context of `deploy/Dockerfile`: each is copied by a line of it.
const IMAGE: [&str; 2] = ["arrwdb", "state/"];

/// Builds it, tries it, packs it. The answer names the archive.
pub(crate) fn run(context: &Context) -> Result<String, Failure> {
    let dist = context.workspace.target.join("dist");
    let triple = triple(context)?;
    let built = build(context, &dist, &triple)?;
    let version = checked(&built)?;
    let name = format!("arrwdb-{version}-{triple}");
    let folder = anew(&dist.join(&name))?;
    let program = folder.join("arrwdb");
    fs::copy(&built, &program).context("copy the program")?;
    process::run(context.command("strip").arg(&program))?;
    elf::check_static(&fs::read(&program).context("read the program")?)?;
    try_out(&program, &anew(&dist.join("tried"))?)?;
    fill(context, &folder, &triple)?;
    image(&program, &dist.join("image"))?;
    let archive = format!("{name}.tar.gz");
    pack(context, &dist, &name)?;
    let bytes = fs::metadata(dist.join(&archive)).context("look at the archive")?.len();
    Ok(format!(
        "{} has {} KiB, and SHA256SUMS beside it",
        dist.join(archive).display(),
        bytes / 1024
    ))
}

/// What this machine builds for: the one target that is surely installed.
fn triple(context: &Context) -> anyhow::Result<String> {
    let said =
        process::answer(context.command("rustc").arg("-vV")).context("ask rustc what it is")?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc says no host")?.to_owned())
}

fn build(context: &Context, dist: &Path, triple: &str) -> Result<PathBuf, Failure> {
    let folder = dist.join("build");
    let mut cargo = context.cargo("build --release --locked --package arrwdb");
    cargo.args(["--target", triple, "--target-dir"]).arg(&folder);
    // With `--target`, macros of procedures stay what the compiler can load.
    cargo.env("RUSTFLAGS", FLAGS);
    process::run(&mut cargo).map_err(Failure::into_build)?;
    Ok(folder.join(triple).join("release/arrwdb"))
}

/// The version that the program says it is.
fn checked(program: &Path) -> anyhow::Result<String> {
    let said = process::answer(Command::new(program).arg("--version"));
    let said = said.with_context(|| format!("{} does not start", program.display()))?;
    Ok(said.strip_prefix("arrwdb ").with_context(|| format!("it says: {said}"))?.to_owned())
}

/// Serves, publishes and reads, by address and by name: names of hosts are what a static program may fail at.
fn try_out(program: &Path, folder: &Path) -> Result<(), Failure> {
    let server = Running::start(program, folder)?;
    let by_name = server.url.replace("127.0.0.1", "localhost");
    for url in [&server.url, &by_name] {
        let ask = |words: &[&str]| {
            let mut command = Command::new(program);
            command.args(words).args(["--server", url]).current_dir(folder);
            process::answer(&mut command)
                .with_context(|| format!("{} failed", process::describe(&command)))
        };
        ask(&["pub", "dist.tried", "\"whole\""])?;
        let read = ask(&["tail", "dist.*", "--after", "earliest", "--limit", "1"])?;
        if !read.contains("whole") {
            return Err(Failure::Check(format!("what was published came back as: {read}")));
        }
        ask(&["check"])?;
    }
    Ok(())
}

/// Puts beside the program what belongs to it.
fn fill(context: &Context, folder: &Path, triple: &str) -> Result<(), Failure> {
    for (from, to) in FILES {
        let to = folder.join(to);
        fs::create_dir_all(to.parent().unwrap_or(folder)).context("make a folder")?;
        fs::copy(context.workspace.root.join(from), to).with_context(|| format!("copy {from}"))?;
    }
    fs::write(folder.join("THIRD-PARTY.txt"), notices::text(context, triple)?)
        .context("write the notices")?;
    let program = folder.join("arrwdb");
    process::run(Command::new(&program).args(["man", "--all"]).arg(folder.join("man/man1")))?;
    fs::create_dir_all(folder.join("completions")).context("make a folder")?;
    for (shell, file) in SHELLS {
        let script = process::answer(Command::new(&program).args(["completions", shell]));
        let script = script.with_context(|| format!("no completions for {shell}"))?;
        fs::write(folder.join("completions").join(file), script + "\n")
            .context("write completions")?;
    }
    Ok(())
}

/// What `deploy/Dockerfile` copies.
fn image(program: &Path, folder: &Path) -> anyhow::Result<()> {
    let folder = anew(folder)?;
    fs::copy(program, folder.join("arrwdb")).context("copy the program")?;
    // An image without a shell cannot make it.
    fs::create_dir_all(folder.join("state/data")).context("make the folder of data")
}

/// The archive, byte for byte the same for the same files, and its sum.
fn pack(context: &Context, dist: &Path, name: &str) -> Result<(), Failure> {
    let time = process::answer(context.command("git").args(["log", "-1", "--format=%ct"]));
    let time = format!("--mtime=@{}", time.as_deref().unwrap_or("0"));
    let archive = format!("{name}.tar");
    let mut tar = context.command("tar");
    tar.args([
        "--create",
        "--format=ustar",
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
    ]);
    tar.args(["--mode=u+rwX,go+rX,go-w", &time, "--file", &archive, name]).current_dir(dist);
    process::run(&mut tar)?;
    process::run(
        context
            .command("gzip")
            .args(["--force", "--best", "--no-name", &archive])
            .current_dir(dist),
    )?;
    let mut sum = context.command("sha256sum");
    let output = process::capture(sum.arg(format!("{archive}.gz")).current_dir(dist))?;
    if !output.status.success() {
        return Err(Failure::Check("the sum of the archive could not be made".to_owned()));
    }
    Ok(fs::write(dist.join("SHA256SUMS"), output.stdout).context("write SHA256SUMS")?)
}

/// An empty folder.
fn anew(folder: &Path) -> anyhow::Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    Ok(folder.to_owned())
}

/// What is wrong with a Dockerfile: it must copy all that is made for it, and nothing else.
///
/// # Errors
/// Names what it copies that is not made, or does not copy.
pub(crate) fn check_dockerfile(text: &str) -> anyhow::Result<()> {
    let copies = text.lines().filter_map(|line| line.strip_prefix("COPY "));
    let sources: Vec<&str> = copies
        .filter_map(|line| line.split_whitespace().find(|word| !word.starts_with("--")))
        .collect();
    if sources != IMAGE {
        bail!("deploy/Dockerfile copies {sources:?}; `cargo xtask dist` makes {IMAGE:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_copies_what_is_made_for_it() {
        let fine = "FROM scratch\nCOPY arrwdb /arrwdb\nCOPY --chown=1:1 state/ /\n";
        assert!(check_dockerfile(fine).is_ok(), "{:?}", check_dockerfile(fine));
        for wrong in ["", "COPY arrwdb /arrwdb\n", "COPY arrwdb /a\nCOPY other /b\n"] {
            assert!(check_dockerfile(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn files_of_the_archive_are_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (from, _) in FILES {
            assert!(root.join(from).is_file(), "{from}");
        }
    }
}
