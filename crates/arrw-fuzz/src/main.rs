//! The fuzz loop as a command: `cargo run -p arrw-fuzz -- [TARGET]...`.
#![expect(clippy::print_stdout, reason = "a command prints what it found")]

mod one;
mod together;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use arrw_fuzz::{Target, kept_of, targets, write_input};
use clap::Parser;
use peak_alloc::PeakAlloc;

/// Counts what the parsers take. It sees what Rust allocates, not what a library of C does.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Runs fuzz functions: a row for each, and for one that fails the input that does it.
///
/// Exit code 1: something does not hold. 2: a target was called too rarely, or never read an input.
#[derive(Debug, Parser)]
#[command(name = "arrw-fuzz")]
struct Arguments {
    /// Names of targets, or beginnings of them; all when there is none
    targets: Vec<String>,
    /// Seconds for each target
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Changed inputs for each target at most
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    executions: u64,
    /// The same seed gives the same inputs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the targets and what they read
    #[arg(long)]
    list: bool,
    /// Run one target on this input alone
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Write the seeds of one target and the inputs that it once failed on into this folder
    #[arg(long, value_name = "FOLDER", requires = "words")]
    seeds: Option<PathBuf>,
    /// With --seeds: write its words as a dictionary of libFuzzer
    #[arg(long, value_name = "FILE", requires = "seeds")]
    words: Option<PathBuf>,
    /// Where inputs that fail are written
    #[arg(long, value_name = "FOLDER", default_value = "target/fuzz")]
    failures: PathBuf,
    /// Run one target in this process
    #[arg(long, hide = true)]
    here: bool,
    /// Write each input to this file before the call
    #[arg(long, hide = true)]
    trace: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let chosen = chosen(&arguments.targets)?;
    if arguments.list {
        for Target { name, what, .. } in chosen {
            println!("{name:24}  {what}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(file) = &arguments.input {
        let input = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
        ensure!(chosen.len() == 1, "name one target for the input");
        return Ok(one::on_input(chosen[0], &input));
    }
    if let (Some(folder), Some(words)) = (&arguments.seeds, &arguments.words) {
        ensure!(chosen.len() == 1, "name one target for its seeds");
        write_seeds(chosen[0], folder, words).context("write the seeds")?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.here {
        ensure!(chosen.len() == 1, "name one target to run here");
        return one::run(chosen[0], arguments);
    }
    together::run(&chosen, arguments)
}

fn write_seeds(target: &Target, folder: &Path, words: &Path) -> std::io::Result<()> {
    for input in (target.seeds)().iter().chain(&kept_of(target)?) {
        write_input(folder, target, input)?;
    }
    let escaped = |byte: u8| format!("\\x{byte:02x}");
    let line = |word: &&str| format!("\"{}\"\n", word.bytes().map(escaped).collect::<String>());
    std::fs::write(words, target.words.iter().map(line).collect::<String>())
}

/// The targets with these names or beginnings of names.
fn chosen(names: &[String]) -> anyhow::Result<Vec<&'static Target>> {
    let all = targets();
    if names.is_empty() {
        return Ok(all);
    }
    let mut chosen = Vec::new();
    for name in names {
        let exact = all.iter().filter(|it| it.name == name);
        let mut found: Vec<&Target> = exact.copied().collect();
        if found.is_empty() {
            found.extend(all.iter().filter(|it| it.name.starts_with(name.as_str())));
        }
        ensure!(!found.is_empty(), "there is no target `{name}`; --list prints all");
        chosen.extend(found);
    }
    Ok(chosen)
}
