//! Who may depend on whom. ARCHITECTURE.md draws the picture; this test keeps it true.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Each of our crates and the crates of ours that it may name in `[dependencies]`.
const LAYERS: &[(&str, &[&str])] = &[
    ("arrw-log", &[]),
    ("arrw-collections", &["arrw-log"]),
    ("arrw-jobs", &["arrw-log"]),
    ("arrw-bus", &["arrw-log"]),
    ("arrw", &["arrw-log", "arrw-collections", "arrw-jobs", "arrw-bus"]),
    ("arrw-wire", &[]),
    ("arrw-server", &["arrw", "arrw-wire"]),
    // `arrw-log` for the offline tools (`log verify`, `log repair`), which must not open an engine.
    ("arrwdb", &["arrw", "arrw-server", "arrw-bench", "arrw-log"]),
    ("arrw-sim", &["arrw", "arrw-log"]),
    // `arrw-jobs` for what its view costs alone.
    ("arrw-bench", &["arrw", "arrw-jobs", "arrw-log", "arrw-wire"]),
    ("arrw-fuzz", &["arrw-log", "arrw-bus", "arrw-jobs", "arrw-wire", "arrw-server", "arrwdb"]),
    ("xtask", &[]),
];

/// Outside crates that only the named crates of ours may use directly.
const FENCED: &[(&str, &[&str])] = &[
    ("axum", &["arrw-server"]),
    ("hyper", &["arrw-server", "arrw-bench"]),
    ("tokio", &["arrw-server", "arrwdb", "arrw-bench"]),
    ("tracing", &["arrw-server", "arrwdb"]),
    ("ring", &["arrw-server"]),
    ("usearch", &["arrw-collections"]),
    ("clap", &["arrwdb", "arrw-sim", "arrw-fuzz"]),
    ("anyhow", &["arrwdb", "arrw-sim", "arrw-bench", "arrw-fuzz", "xtask"]),
];

#[test]
fn dependencies_follow_the_layers() {
    let allowed: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let fenced: BTreeMap<&str, &[&str]> = FENCED.iter().copied().collect();
    let found = dependencies();
    let mut problems = Vec::new();
    for (package, dependencies) in &found {
        let Some(ours) = allowed.get(package.as_str()) else {
            problems.push(format!("{package}: new crate; add it to LAYERS and to ARCHITECTURE.md"));
            continue;
        };
        for dependency in dependencies {
            if allowed.contains_key(dependency.as_str()) && !ours.contains(&dependency.as_str()) {
                problems.push(format!(
                    "{package} must not depend on {dependency}; it may use {ours:?}"
                ));
            }
            if let Some(users) = fenced.get(dependency.as_str())
                && !users.contains(&package.as_str())
            {
                problems.push(format!("{package} must not use {dependency}; only {users:?} may"));
            }
        }
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// Reads `cargo metadata`: package name to the names in its `[dependencies]`, without dev and build ones.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .output()
        .expect("cargo metadata runs");
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("packages is a list");
    packages.iter().map(|package| (text(&package["name"]), normal_dependencies(package))).collect()
}

fn normal_dependencies(package: &serde_json::Value) -> BTreeSet<String> {
    let all = package["dependencies"].as_array().expect("dependencies is a list");
    all.iter().filter(|d| d["kind"].is_null()).map(|d| text(&d["name"])).collect()
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().expect("a JSON string").to_owned()
}
