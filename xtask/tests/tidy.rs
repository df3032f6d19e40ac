//! Applies the house rules of `xtask::rules` to every file of the repository. STYLE.md says why.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use xtask::rules::{documents, source, workplace};

/// Hidden folders that are part of the repository. Others belong to tools and editors.
const HIDDEN_FOLDERS: &[&str] = &[".cargo", ".ci", ".config", ".github"];

#[test]
fn rust_files_are_tidy() {
    let files: Vec<_> = texts().into_iter().filter(|(at, _)| at.ends_with(".rs")).collect();
    assert!(!files.is_empty(), "no sources found under {}", root().display());
    report(files.iter().flat_map(|(at, text)| source::check(at, text)));
}

#[test]
fn every_crate_has_a_front_door() {
    report(crate_folders().iter().filter_map(|folder| {
        let doors = ["src/lib.rs", "src/main.rs"].iter();
        let texts: Vec<_> =
            doors.filter_map(|door| fs::read_to_string(folder.join(door)).ok()).collect();
        source::check_front_door(&from_root(folder), &texts)
    }));
}

#[test]
fn the_code_map_names_every_crate() {
    let text =
        fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    let folders: Vec<_> = crate_folders().iter().map(|folder| from_root(folder)).collect();
    report(documents::check_code_map(&text, &folders));
}

#[test]
fn links_in_documents_point_to_files() {
    let markdown = |at: &str| at.ends_with(".md") && (!at.contains('/') || at.starts_with("docs/"));
    let files: Vec<_> = texts().into_iter().filter(|(at, _)| markdown(at)).collect();
    assert!(!files.is_empty(), "no documents found under {}", root().display());
    let exists = |path: &Path| root().join(path).exists();
    report(files.iter().flat_map(|(at, text)| documents::check_links(at, text, exists)));
}

#[test]
fn decisions_are_numbered() {
    let folder = root().join("docs/decisions");
    let names: Vec<_> = entries(&folder).iter().filter_map(|path| name(path)).collect();
    report(documents::check_decision_names(&names));
}

#[test]
fn the_changelog_has_a_place_for_the_next_change() {
    let text = fs::read_to_string(root().join("CHANGELOG.md")).expect("CHANGELOG.md is there");
    report(documents::check_changelog(&text));
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    report(texts().iter().flat_map(|(at, text)| workplace::check(at, text)));
}

fn report(problems: impl IntoIterator<Item = String>) {
    let problems: Vec<String> = problems.into_iter().collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// The folder of each crate of the workspace.
fn crate_folders() -> Vec<PathBuf> {
    let mut folders = entries(&root().join("crates"));
    folders.retain(|path| path.is_dir());
    folders.push(root().join("xtask"));
    folders
}

/// Every text file of the repository: its path from the root, and its text. What is not UTF-8 is data.
fn texts() -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(root(), &mut files);
    let read = |path: &PathBuf| Some((from_root(path), fs::read_to_string(path).ok()?));
    files.iter().filter_map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for path in entries(folder) {
        let name = name(&path).unwrap_or_default();
        if path.is_dir() {
            let hidden = name.starts_with('.') && !HIDDEN_FOLDERS.contains(&name.as_str());
            if !hidden && !["target", "node_modules"].contains(&name.as_ref()) {
                collect(&path, files);
            }
        } else if name != ".git" {
            // In a work tree `.git` is a file, with a path of this machine.
            files.push(path);
        }
    }
}

/// What a folder holds, in order of names.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("folder is readable");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("entry is readable").path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> Option<String> {
    path.file_name().and_then(OsStr::to_str).map(str::to_owned)
}

fn from_root(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask sits in the workspace")
}
