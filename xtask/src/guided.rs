//! `cargo xtask fuzz`: one fuzz function under libFuzzer, which sees what an input reaches.

use std::fs;
use std::process::Command;

use anyhow::Context as _;

use crate::context::Context;
use crate::process;
use crate::stage::Failure;
use crate::tools;

/// Bytes of an input at most, as in the loop without instrumentation.
const INPUT_BYTES_MAX: usize = 64 * 1024;

/// Runs a target for some seconds. It begins with the seeds and the inputs that once failed, and goes on from what
/// earlier runs found, in `fuzz/corpus`; an input that fails is written to `fuzz/artifacts`.
pub(crate) fn run(context: &Context, target: &str, seconds: u64) -> Result<(), Failure> {
    tools::cargo_fuzz(context)?;
    let folder = context.workspace.root.join("fuzz");
    let (corpus, artifacts) =
        (folder.join("corpus").join(target), folder.join("artifacts").join(target));
    let words = folder.join("corpus").join(format!("{target}.dict"));
    fs::create_dir_all(&artifacts).with_context(|| format!("create {}", artifacts.display()))?;
    let mut seeds = context.cargo("run --quiet --package arrw-fuzz -- --seeds");
    process::run(seeds.arg(&corpus).arg("--words").arg(&words).arg(target))?;
    let mut guided = cargo(context);
    guided.args(["fuzz", "run", "--sanitizer", "none", "--target-dir"]);
    guided.arg(context.workspace.target.join("guided")).arg("guided").arg(&corpus);
    guided.args(["--", &format!("-max_total_time={seconds}")]);
    guided.arg(format!("-max_len={INPUT_BYTES_MAX}")).arg(format!("-dict={}", words.display()));
    guided.arg(format!("-artifact_prefix={}/", artifacts.display()));
    process::run(guided.arg("-print_final_stats=1").env("ARRW_FUZZ_TARGET", target))
}

/// The instrumentation needs flags of a nightly compiler. Where there is none, the stable one is told to take them.
fn cargo(context: &Context) -> Command {
    let is_there = process::answer(context.command("cargo").args(["+nightly", "--version"]));
    let mut cargo = context.command("cargo");
    match is_there {
        Some(_) => cargo.arg("+nightly"),
        None => cargo.env("RUSTC_BOOTSTRAP", "1"),
    };
    cargo
}
