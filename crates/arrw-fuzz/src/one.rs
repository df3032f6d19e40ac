//! Runs one target in this process.

use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use arrw_fuzz::limits::{EXECUTION_TIME_MAX, SHOWN_MAX};
use arrw_fuzz::{
    Current, Fault, Finding, Outcome, Plan, Stopped, Tally, Target, keep_and_print_panics,
    keep_panics, run_once, write_input,
};

use crate::{Arguments, MEMORY};

/// Stack of the thread that calls parsers: that of the threads of a server.
const STACK_BYTES: usize = 2 * 1024 * 1024;

/// The heads of the columns.
pub(crate) const HEADS: &str = "target                    executions     per s  accepted   ways  \
                                slowest ms  longest  memory KiB";

/// Runs a target as the arguments say, and prints a row, or what does not hold.
pub(crate) fn run(target: &'static Target, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    keep_panics();
    let plan = Plan {
        seed: arguments.seed,
        time: Duration::from_secs(arguments.seconds),
        executions: arguments.executions,
        measure,
    };
    let current = Current::default();
    let (watched, trace) = (current.clone(), arguments.trace.clone());
    let (done, when_done) = mpsc::channel();
    let looping = move || {
        // Dropped at the end, however it ends.
        let _done: Sender<()> = done;
        let mut see = |input: &[u8]| {
            if let Some(file) = &trace {
                std::fs::write(file, input).expect("the file of the last input can be written");
            }
        };
        arrw_fuzz::run(target, &plan, &current, &mut see)
    };
    let running = thread::Builder::new().stack_size(STACK_BYTES).spawn(looping)?;
    if let Some(input) = watch(&watched, &when_done) {
        let seconds = EXECUTION_TIME_MAX.as_secs();
        let what = format!("it did not end for {seconds} s");
        let fault = Fault { what, place: String::new() };
        let executions = watched.get().0;
        tell(target, &Finding { fault, input, executions }, &arguments.failures)?;
        // The thread is still in there.
        std::process::exit(1);
    }
    let ran = running.join().ok().context("the loop itself failed")?;
    match ran {
        Ok(tally) => Ok(row(target, &tally)),
        Err(Stopped::Found(finding)) => {
            tell(target, &finding, &arguments.failures)?;
            Ok(ExitCode::FAILURE)
        }
        Err(Stopped::Kept(error)) => Err(error).context("read the inputs that are kept"),
    }
}

/// Calls a target with one input, and says what came of it.
pub(crate) fn on_input(target: &Target, input: &[u8]) -> ExitCode {
    // Only so a panic of a thread that the parser started is noticed.
    keep_and_print_panics();
    match run_once(target, input, measure) {
        Ok(Outcome::Accepted(_)) => println!("{}: holds; the input is read", target.name),
        Ok(Outcome::Refused(_)) => println!("{}: holds; the input is refused", target.name),
        Err(Fault { what, .. }) => {
            println!("{}: FAILED: {what}", target.name);
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Waits until all is done; the input of a call that does not end.
fn watch(current: &Current, when_done: &Receiver<()>) -> Option<Vec<u8>> {
    let mut seen = 0;
    loop {
        match when_done.recv_timeout(EXECUTION_TIME_MAX) {
            Err(RecvTimeoutError::Timeout) => (),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return None,
        }
        let (count, input) = current.get();
        if count == seen {
            return Some(input);
        }
        seen = count;
    }
}

/// Bytes in use at most while `call` runs, beyond those before.
fn measure(call: &mut dyn FnMut()) -> usize {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    call();
    MEMORY.peak_usage().saturating_sub(before)
}

fn row(target: &Target, tally: &Tally) -> ExitCode {
    let seconds = tally.elapsed.as_secs_f64().max(0.001);
    let (slowest, _) = tally.slowest;
    #[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
    let (executions, accepted) = (tally.executions as f64, tally.accepted as f64);
    println!(
        "{:24}  {:10}  {:8.0}  {:6.1} %  {:5}  {:10.2}  {:7}  {:10}",
        target.name,
        tally.executions,
        executions / seconds,
        100.0 * accepted / executions.max(1.0),
        tally.ways,
        slowest.as_secs_f64() * 1e3,
        tally.longest,
        tally.memory / 1024
    );
    match tally.too_thin() {
        Some(why) => {
            println!("{}: too thin: {why}", target.name);
            ExitCode::from(2)
        }
        None => ExitCode::SUCCESS,
    }
}

/// Says what does not hold, and how to see it again.
fn tell(target: &Target, finding: &Finding, failures: &Path) -> anyhow::Result<()> {
    let Finding { fault, input, executions } = finding;
    let file = write_input(failures, target, input).context("write the input that fails")?;
    let (name, file) = (target.name, file.display());
    let shown: String = input.escape_ascii().map(char::from).take(SHOWN_MAX).collect();
    println!("{name}: FAILED after {executions} executions\n  {}", fault.what);
    if !fault.place.is_empty() {
        println!("  at {}", fault.place);
    }
    println!("  input of {} bytes: {shown}", input.len());
    println!("  again: cargo run -p arrw-fuzz -- --input {file} {name}");
    println!("  when it holds, keep it: crates/arrw-fuzz/corpus/{name}/");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_that_fails_in_another_thread_fails_again() {
        let run = |input: &[u8]| {
            let is_long = 2 < input.len();
            let thread = thread::spawn(move || assert!(!is_long, "in a thread"));
            Outcome::accepted(&[usize::from(thread.join().is_ok())])
        };
        let target = Target { name: "planted", what: "", run, seeds: Vec::new, words: &[] };
        let check = |input, expected| {
            assert_eq!(format!("{:?}", on_input(&target, input)), format!("{expected:?}"));
        };
        check(b"12", ExitCode::SUCCESS);
        check(b"123", ExitCode::FAILURE);
    }
}
