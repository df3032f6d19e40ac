//! Faults that are planted in fuzz functions are found, made small, and found again.

use std::time::Duration;

use arrw_fuzz::{Current, Outcome, Plan, Stopped, Tally, Target, keep_panics, run, run_once};

/// A run with a number of executions and without an end in time.
fn plan(executions: u64) -> Plan {
    let measure = |call: &mut dyn FnMut()| {
        call();
        0
    };
    Plan { seed: 1, time: Duration::MAX, executions, measure }
}

fn target(run: fn(&[u8]) -> Outcome) -> Target {
    let seeds = || vec![b"{\"name\": [1, 2]}".to_vec(), b"none".to_vec()];
    Target { name: "planted", what: "", run, seeds, words: &["deep", "["] }
}

/// Fails where three things come together, each of which is a new way.
fn fails_at_a_depth(input: &[u8]) -> Outcome {
    let depth = input.iter().filter(|byte| **byte == b'[').count();
    let has_word = input.windows(4).any(|word| word == b"deep");
    assert!(depth < 40 || !has_word, "too deep");
    Outcome::accepted(&[depth, usize::from(has_word)])
}

fn never_reads(input: &[u8]) -> Outcome {
    Outcome::refused(&[input.len()])
}

fn fails_in_a_thread(input: &[u8]) -> Outcome {
    let is_long = 20 < input.len();
    let thread = std::thread::spawn(move || assert!(!is_long, "in a thread"));
    Outcome::accepted(&[usize::from(thread.join().is_ok())])
}

fn found(target: &Target) -> arrw_fuzz::Finding {
    keep_panics();
    match run(target, &plan(200_000), &Current::default(), &mut |_| ()) {
        Err(Stopped::Found(finding)) => *finding,
        Err(Stopped::Kept(error)) => unreachable!("{error}"),
        Ok(tally) => unreachable!("nothing was found: {tally:?}"),
    }
}

#[test]
fn a_fault_that_needs_several_steps_is_found_and_made_small() {
    let target = target(fails_at_a_depth);
    let finding = found(&target);
    assert_eq!(finding.fault.what, "too deep");
    assert_eq!(finding.input.len(), 44, "{:?}", finding.input.escape_ascii().to_string());
    let again = run_once(&target, &finding.input, plan(0).measure).unwrap_err();
    assert_eq!(again, finding.fault);
    assert_eq!(found(&target).input, finding.input, "the same seed finds the same");
}

#[test]
fn a_panic_of_another_thread_is_found() {
    let finding = found(&target(fails_in_a_thread));
    assert!(finding.fault.what.contains("in a thread"), "{:?}", finding.fault);
    assert_eq!(finding.input.len(), 21);
}

#[test]
fn memory_is_bounded() {
    keep_panics();
    let much = |call: &mut dyn FnMut()| {
        call();
        usize::MAX / 2
    };
    let fault = run_once(&target(never_reads), b"x", much).unwrap_err();
    assert!(fault.what.contains("bytes of memory for an input of 1"), "{}", fault.what);
}

#[test]
fn a_run_that_shows_nothing_is_too_thin() {
    keep_panics();
    let thin = |run_of: fn(&[u8]) -> Outcome, executions| {
        let ran = run(&target(run_of), &plan(executions), &Current::default(), &mut |_| ());
        ran.unwrap().too_thin().unwrap_or_default()
    };
    assert!(thin(never_reads, 1_000).contains("never read"));
    assert!(thin(fails_in_a_thread, 0).contains("0 times"));
    let enough = Tally { executions: 100, accepted: 1, ..Tally::default() };
    assert_eq!(enough.too_thin(), None);
}
