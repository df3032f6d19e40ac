//! Lets every operation of a log fail in every way, and sees that no answer was false.
//!
//! ```no_run
//! let report = arrw_sim::faults::run(arrw_sim::faults::FaultsPlan::default());
//! assert_eq!(report.verdict(), Ok(()), "{report}");
//! ```

mod full;
mod ledger;
mod report;
mod script;
mod stage;
mod watch;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

pub use report::{FaultsReport, Tally};

use script::{Step, script};
use stage::Stage;
use watch::{Struck, Watch};

use crate::rng::mix;
use crate::{EIO, ENOSPC, Effect, Fault, OpKind, SimDisk};

/// How much to let fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultsPlan {
    /// The same seed runs the same script.
    pub seed: u64,
    /// Steps of the script. Default 300.
    pub steps: usize,
    /// Takes one of so many combinations; 1 for all, which is the default.
    pub one_of: usize,
    /// Power cuts that are looked at on each occasion: nothing kept, all kept, the rest at random. Default 8.
    pub crashes: u64,
    /// Threads. Default 2.
    pub threads: usize,
    /// Only this combination. As a failure tells.
    pub only: Option<usize>,
}

impl Default for FaultsPlan {
    fn default() -> Self {
        Self { seed: 1, steps: 300, one_of: 1, crashes: 8, threads: 2, only: None }
    }
}

/// One fault.
#[derive(Clone, Copy, Debug)]
struct Case {
    number: usize,
    struck: Struck,
    effect: Effect,
}

/// Runs a plan. See [`FaultsReport::verdict`] for what it proves.
///
/// # Panics
/// When the log fails on a sound disk.
#[must_use]
pub fn run(plan: FaultsPlan) -> FaultsReport {
    let script = script(plan.seed, plan.steps);
    let mut sound = Stage::new(SimDisk::new(), Watch::default(), plan.seed, plan.crashes);
    sound.watch = Watch::start(&sound.disk, None);
    play(&mut sound, &script).expect("a sound disk does no harm");
    let ops = sound.watch.counts();
    let cases = cases(&ops);
    let mut report = FaultsReport { combinations: cases.len() as u64, ops, ..Default::default() };
    let wanted = |case: &&Case| match plan.only {
        Some(only) => case.number == only,
        // Neighbours differ in effect, so a plain stride would leave effects out.
        None => mix(case.number as u64).is_multiple_of(plan.one_of.max(1) as u64),
    };
    let cases: Vec<&Case> = cases.iter().filter(wanted).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut report = FaultsReport::default();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            run_one(&plan, &script, case, &mut report);
        }
        report
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.threads.max(1)).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            report.merge(thread.join().expect("panics of the log are caught"));
        }
    });
    if plan.only.is_none() {
        full::run(&plan, &script, &mut report);
    }
    report
}

/// All combinations of operation, effect and whether it stays.
fn cases(ops: &BTreeMap<OpKind, u64>) -> Vec<Case> {
    let mut cases = Vec::new();
    for (&kind, &count) in ops {
        let is_io = matches!(kind, OpKind::Read | OpKind::Write);
        for nth in 1..=count {
            let mut effects = vec![Effect::Errno(EIO), Effect::Errno(ENOSPC)];
            effects.push(Effect::Error(ErrorKind::Interrupted));
            let short = usize::try_from(1 + mix(nth) % 700).unwrap_or(1);
            if kind == OpKind::Write {
                effects.push(Effect::ShortWrite(short));
            } else if kind == OpKind::Read {
                effects.push(Effect::ShortRead(short));
            }
            for effect in effects {
                for forever in [false, true] {
                    // No disk interrupts for ever; to try again is right.
                    let endless = is_io && effect == Effect::Error(ErrorKind::Interrupted);
                    if !(forever && endless) {
                        let struck = Struck { kind, nth, forever };
                        cases.push(Case { number: cases.len(), struck, effect });
                    }
                }
            }
        }
    }
    cases
}

/// Plays the script with one fault.
fn run_one(plan: &FaultsPlan, script: &[Step], case: &Case, report: &mut FaultsReport) {
    let disk = SimDisk::new();
    let Struck { kind, nth, forever } = case.struck;
    let fault = if forever {
        Fault::from_then_on(kind, nth, case.effect)
    } else {
        Fault::once(kind, nth, case.effect)
    };
    disk.plan_fault(fault);
    let watch = Watch::start(&disk, Some(case.struck));
    let mut stage = Stage::new(disk, watch, plan.seed, plan.crashes);
    *report.runs.entry(kind).or_default() += 1;
    let FaultsPlan { seed, steps, .. } = plan;
    let about = format!("seed {seed}, steps {steps}, only {case:?}");
    guarded(report, &about, || play(&mut stage, script));
    report.tally.add(&stage.tally);
}

/// Takes an error or a panic for a failure of the run.
fn guarded(report: &mut FaultsReport, about: &str, act: impl FnOnce() -> Result<(), String>) {
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(Ok(())) => (),
        Ok(Err(text)) => report.fail(format!("{about}: {text}")),
        Err(_) => {
            report.panics += 1;
            report.fail(format!("{about}: a panic"));
        }
    }
}

fn play(stage: &mut Stage, script: &[Step]) -> Result<(), String> {
    for (number, step) in script.iter().enumerate() {
        stage.step(*step).map_err(|text| format!("step {number} ({step:?}): {text}"))?;
    }
    stage.finish()
}
