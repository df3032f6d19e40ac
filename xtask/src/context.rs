//! What every stage gets: the workspace, the level of the run, and commands prepared for both.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use anyhow::Context as _;

use crate::request::Level;
use crate::workspace::Workspace;

/// The input of a stage.
#[derive(Debug)]
pub(crate) struct Context {
    /// Where the sources and the build results are.
    pub(crate) workspace: Workspace,
    /// How much this run covers.
    pub(crate) level: Level,
}

impl Context {
    /// A program that will start in the workspace's root and see the tools that `tools.rs` installed. It is not told
    /// which package `cargo run` started: some build scripts ask for that, and a cargo below this one and one that a user
    /// starts would each compile anew what the other has built.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.workspace.root).env("PATH", self.search_path());
        for (name, _) in env::vars_os() {
            if is_of_a_package(&name) {
                command.env_remove(name);
            }
        }
        command
    }

    /// `cargo` with these arguments, separated by spaces.
    pub(crate) fn cargo(&self, arguments: &str) -> Command {
        let mut command = self.command("cargo");
        command.args(arguments.split_whitespace());
        command
    }

    /// A program that was built without `--release`, by its path among these: `arrwdb`, `examples/worker`.
    pub(crate) fn built(&self, name: &str) -> PathBuf {
        self.workspace.target.join("debug").join(name)
    }

    /// The Python environment with `typos` and `taplo`.
    pub(crate) fn venv(&self) -> PathBuf {
        self.workspace.target.join("venv")
    }

    /// A tool of that environment; its version is pinned, so one on `PATH` is not asked.
    pub(crate) fn venv_command(&self, tool: &str) -> Command {
        let mut command = Command::new(self.venv().join("bin").join(tool));
        command.current_dir(&self.workspace.root);
        command
    }

    /// Where `cargo install` puts the tools of this workspace.
    pub(crate) fn tools(&self) -> PathBuf {
        self.workspace.target.join("tools")
    }

    /// An empty folder for one stage's files. What the last run left there is removed, not what this one leaves.
    pub(crate) fn fresh_folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.workspace.target.join("xtask").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        Ok(folder)
    }

    /// The user's `PATH`, then our tools: what is installed already is not replaced.
    fn search_path(&self) -> OsString {
        let mut path = env::var_os("PATH").unwrap_or_default();
        path.push(":");
        path.push(self.tools().join("bin"));
        path
    }
}

/// Whether cargo sets this variable to tell a program of which package it is.
fn is_of_a_package(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|it| it.starts_with("CARGO_PKG_") || it.starts_with("CARGO_MANIFEST_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_set_for_cargo_is_kept() {
        assert!(is_of_a_package(OsStr::new("CARGO_PKG_VERSION")));
        assert!(is_of_a_package(OsStr::new("CARGO_MANIFEST_DIR")));
        assert!(!is_of_a_package(OsStr::new("CARGO_TARGET_DIR")));
        assert!(!is_of_a_package(OsStr::new("CARGO_HOME")));
    }
}
