//! What the licenses of others want: their texts, for each crate that is part of the program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::context::Context;
use crate::process;

const HEAD: &str = "\
arrwdb is MIT OR Apache-2.0. It contains the crates below, each under its license, and, being linked with it, the GNU C Library
(LGPL-2.1-or-later, https://www.gnu.org/software/libc), which can be replaced: build arrwdb again from its sources.
";

/// How the names of files with a license begin.
const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];

/// Names and versions, their licenses, and the texts of these, each once.
pub(super) fn text(context: &Context, triple: &str) -> anyhow::Result<String> {
    let used = used(context, triple)?;
    let mut cargo = context.cargo("metadata --format-version=1 --locked --filter-platform");
    let metadata = process::answer(cargo.arg(triple)).context("`cargo metadata` failed")?;
    let metadata: Value = serde_json::from_str(&metadata).context("read `cargo metadata`")?;
    let packages = metadata["packages"].as_array().context("it has no `packages`")?;
    let mut list = String::new();
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // Ours have no source.
    for package in packages.iter().filter(|it| !it["source"].is_null()) {
        let of = |name| package[name].as_str().unwrap_or_default();
        let name = format!("{} {}", of("name"), of("version"));
        if used.contains(&name) {
            list += &format!("{name}: {}\n", of("license"));
            let folder =
                Path::new(of("manifest_path")).parent().context("a crate has no folder")?;
            for file in licenses(folder)? {
                let bytes = fs::read(&file).with_context(|| format!("read {}", file.display()))?;
                let text = String::from_utf8_lossy(&bytes).trim().to_owned();
                texts.entry(text).or_default().insert(name.clone());
            }
        }
    }
    if list.is_empty() {
        bail!("no crates were found");
    }
    let texts = texts.into_iter().map(|(text, names)| {
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        format!("\n{}\n{names}:\n\n{text}\n", "=".repeat(80))
    });
    Ok(format!("{HEAD}\n{list}{}", texts.collect::<String>()))
}

/// `NAME VERSION` of what the program is made of.
fn used(context: &Context, triple: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut tree =
        context.cargo("tree --package arrwdb --edges normal --prefix none --locked --target");
    let said = process::answer(tree.arg(triple)).context("`cargo tree` failed")?;
    Ok(said.lines().filter_map(name_and_version).collect())
}

/// Of a line such as `serde v1.0.1 (proc-macro) (*)`.
fn name_and_version(line: &str) -> Option<String> {
    let (name, rest) = line.split_once(" v")?;
    Some(format!("{name} {}", rest.split(' ').next()?))
}

/// The files of a crate that hold a license, by name.
fn licenses(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    let is_license = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        path.is_file() && NAMES.iter().any(|it| name.starts_with(it))
    };
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|it| it.path()).filter(is_license).collect();
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_tree_name_crates() {
        let name = |line| name_and_version(line);
        assert_eq!(name("serde v1.0.1"), Some("serde 1.0.1".to_owned()));
        assert_eq!(name("a-b v0.1.0 (proc-macro) (*)"), Some("a-b 0.1.0".to_owned()));
        assert_eq!(name(""), None);
    }
}
