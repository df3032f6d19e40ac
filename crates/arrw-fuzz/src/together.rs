//! Runs targets in processes of their own, one for each core: what overflows its stack ends one of them alone.

use std::process::{Command, ExitCode, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::thread;

use anyhow::Context;
use arrw_fuzz::{Target, write_input};

use crate::Arguments;
use crate::one::HEADS;

/// Exit code of a target that was run too little to say anything.
const TOO_THIN: u8 = 2;

/// Runs the targets and prints what they print. The exit code is that of the worst.
pub(crate) fn run(chosen: &[&'static Target], arguments: &Arguments) -> anyhow::Result<ExitCode> {
    println!("{HEADS}");
    let (next, worst) = (AtomicUsize::new(0), AtomicU8::new(0));
    let failed = Mutex::new(None);
    let work = || {
        while let Some(target) = chosen.get(next.fetch_add(1, Ordering::SeqCst)) {
            match run_one(target, arguments) {
                Ok(code) => {
                    worst
                        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |old| worse(old, code))
                        .ok();
                }
                Err(error) => *failed.lock().expect("no holder of this lock panics") = Some(error),
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        for _ in 0..cores.min(chosen.len()) {
            scope.spawn(work);
        }
    });
    match failed.into_inner().expect("no holder of this lock panics") {
        Some(error) => Err(error),
        None => Ok(ExitCode::from(worst.into_inner())),
    }
}

/// The worse of two codes, if that is not the old one: 1 for what does not hold, then 2, then 0.
fn worse(old: u8, new: u8) -> Option<u8> {
    let is_worse = matches!((old, new), (0, 1..) | (TOO_THIN, 1));
    is_worse.then_some(new)
}

fn run_one(target: &'static Target, arguments: &Arguments) -> anyhow::Result<u8> {
    let mut command = command(target, arguments, arguments.seconds)?;
    let output = command.output().context("start the process of a target")?;
    let text = String::from_utf8_lossy(&output.stdout);
    match output.status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(code @ (0 | TOO_THIN)) => {
            println!("{}", text.trim_end());
            Ok(code)
        }
        Some(_) => {
            println!("{}{}", text, String::from_utf8_lossy(&output.stderr));
            Ok(1)
        }
        None => find_what_ended_it(target, arguments, &output).map(|()| 1),
    }
}

/// Runs a target again that ended its process, the same way, and keeps each input before it is read.
fn find_what_ended_it(
    target: &'static Target,
    arguments: &Arguments,
    ended: &Output,
) -> anyhow::Result<()> {
    println!(
        "{}: FAILED: {}\n{}",
        target.name,
        ended.status,
        String::from_utf8_lossy(&ended.stderr)
    );
    let file = write_input(&arguments.failures, target, b"")?;
    // Writing files takes time.
    let mut again = command(target, arguments, 100 * arguments.seconds)?;
    again.arg("--trace").arg(&file);
    let ended = again.output().context("start the process of a target again")?;
    if ended.status.code().is_some() {
        println!("  the second run did not end so: no input can be named");
        return Ok(());
    }
    println!("  again: cargo run -p arrw-fuzz -- --input {} {}", file.display(), target.name);
    println!("  when it holds, keep it: crates/arrw-fuzz/corpus/{}/", target.name);
    Ok(())
}

fn command(target: &Target, arguments: &Arguments, seconds: u64) -> anyhow::Result<Command> {
    let program = std::env::current_exe().context("find this program")?;
    let mut command = Command::new(program);
    command.arg("--here").arg("--failures").arg(&arguments.failures);
    command.args(["--seed", &arguments.seed.to_string()]);
    command.args(["--executions", &arguments.executions.to_string()]);
    command.args(["--seconds", &seconds.to_string()]).arg(target.name);
    Ok(command)
}
