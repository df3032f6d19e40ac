//! What `cargo metadata` knows of the workspace.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::Value;

/// The workspace on this machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Workspace {
    /// The folder with the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo puts build results.
    pub(crate) target: PathBuf,
    /// Every example, in the order of packages and names.
    pub(crate) examples: Vec<Example>,
}

/// One program in an `examples/` folder.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Example {
    pub(crate) package: String,
    pub(crate) name: String,
}

impl Workspace {
    /// Asks cargo about the workspace around the current folder.
    pub(crate) fn load() -> anyhow::Result<Workspace> {
        let output = Command::new("cargo")
            .args(["metadata", "--format-version=1", "--no-deps"])
            .output()
            .context("start `cargo metadata`")?;
        if !output.status.success() {
            bail!("`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let metadata = serde_json::from_slice(&output.stdout).context("read `cargo metadata`")?;
        parse(&metadata)
    }
}

fn parse(metadata: &Value) -> anyhow::Result<Workspace> {
    let mut examples = Vec::new();
    for package in list(metadata, "packages")? {
        for target in list(package, "targets")? {
            if strings(target, "kind").contains(&"example".to_owned()) {
                examples
                    .push(Example { package: text(package, "name")?, name: text(target, "name")? });
            }
        }
    }
    examples.sort();
    Ok(Workspace {
        root: text(metadata, "workspace_root")?.into(),
        target: text(metadata, "target_directory")?.into(),
        examples,
    })
}

fn list<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a Vec<Value>> {
    value[key].as_array().with_context(|| format!("`{key}` of `cargo metadata` is not a list"))
}

fn text(value: &Value, key: &str) -> anyhow::Result<String> {
    let text = value[key].as_str();
    Ok(text.with_context(|| format!("`{key}` of `cargo metadata` is not a text"))?.to_owned())
}

/// The strings of a list; none when there is no list.
fn strings(value: &Value, key: &str) -> Vec<String> {
    let all = value[key].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn examples_are_found() {
        let metadata = serde_json::json!({
            "workspace_root": "w", "target_directory": "w/target",
            "packages": [{ "name": "p", "targets": [
                { "name": "p", "kind": ["lib"] },
                { "name": "b", "kind": ["example"] },
                { "name": "a", "kind": ["example"] },
            ]}],
        });
        let workspace = parse(&metadata).unwrap();
        assert_eq!(workspace.root, Path::new("w"));
        let found: Vec<_> = workspace.examples.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(found, ["a", "b"]);
    }

    #[test]
    fn metadata_of_another_shape_is_an_error() {
        assert!(parse(&serde_json::json!({ "packages": 1 })).is_err());
    }
}
