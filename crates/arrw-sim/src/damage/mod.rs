//! Damages sound logs in many ways and sees that no damage serves wrong bytes or loses proven ones in silence.
//!
//! ```no_run
//! let report = arrw_sim::damage::run(arrw_sim::damage::DamagePlan::default());
//! assert_eq!(report.verdict(), Ok(()), "{report}");
//! ```

pub(crate) mod base;
pub(crate) mod check;
mod harm;
mod layout;
pub(crate) mod model;
mod report;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use base::{Base, STORIES};
use check::Extent;
use report::{Fault, Finding, RepairFinding};

pub use harm::{KINDS, Kind};
pub use report::{CLASSES, Class, DamageError, DamageReport, OUTCOMES, Outcome};

use crate::Rng;
use crate::rng::mix;

/// How much to damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DamagePlan {
    /// The same seed does the same damages, on any number of threads.
    pub seed: u64,
    /// Damages in all, rounded up to the same number for each log.
    pub damages: u64,
    /// Sound logs to damage, at least one for each story. Default 48.
    pub bases: u64,
    /// After each so many damages a repair is tried as well; 0 for never. Default 8.
    pub repair_every: u64,
    /// Threads. Default 2.
    pub threads: usize,
    /// Only this damage: number of the log, number of the damage. As a failure tells.
    pub only: Option<(u64, u64)>,
}

impl Default for DamagePlan {
    fn default() -> Self {
        Self { seed: 1, damages: 100_000, bases: 48, repair_every: 8, threads: 2, only: None }
    }
}

impl DamagePlan {
    /// Damages of each log.
    fn damages_each(&self) -> u64 {
        self.damages.div_ceil(self.bases.max(1))
    }

    /// Whether the damage that is to be done alone is one of the plan.
    ///
    /// # Errors
    /// When it is not: a text that says which there are.
    pub fn check(&self) -> Result<(), String> {
        let (bases, each) = (self.bases, self.damages_each());
        match self.only {
            Some((base, damage)) if bases <= base || each <= damage => Err(format!(
                "there is no damage {damage} of log {base}: {bases} logs have {each} damages each, all from 0; \
                 give the seed and the number of damages of the run that failed"
            )),
            Some(_) | None => Ok(()),
        }
    }
}

/// Runs a plan. See [`DamageReport::verdict`] for what it proves.
///
/// # Panics
/// When the log fails on a sound disk.
#[must_use]
pub fn run(plan: DamagePlan) -> DamageReport {
    let next = AtomicU64::new(0);
    let work = || {
        let mut report = DamageReport::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if plan.bases <= number {
                return report;
            }
            if plan.only.is_none_or(|(base, _)| base == number) {
                damage_one_log(&plan, number, &mut report);
            }
        }
    };
    let mut report = DamageReport::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.threads.max(1)).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            report.merge(thread.join().expect("a sound log works"));
        }
    });
    report
}

/// Does all damages to one log, each to a copy of its own.
fn damage_one_log(plan: &DamagePlan, number: u64, report: &mut DamageReport) {
    let story = STORIES[usize::try_from(number).unwrap_or(0) % STORIES.len()];
    let base = Base::new(story, mix(plan.seed ^ mix(number + 1)));
    report.bases += 1;
    for damage in 0..plan.damages_each() {
        if plan.only.is_some_and(|(_, only)| only != damage) {
            continue;
        }
        let mut rng = Rng::new(mix(plan.seed ^ mix(number + 1) ^ mix(damage + 1).rotate_left(7)));
        let harm = harm::draw(&base, &mut rng);
        let extent = Extent::of(&base, &harm);
        let about = || {
            let story = base.story;
            let DamagePlan { seed, damages, bases, .. } = plan;
            format!(
                "{story:?} (of {bases} logs; again: `cargo run -p arrw-sim -- damage --count {damages} \
                 --seed {seed} --only {number} {damage}`), proven {} of {}, left {extent:?}, {}",
                base.proven, base.layout.last, harm.text
            )
        };
        match guarded(|| check::examine(&base, &harm, &extent, &mut rng)) {
            Ok(finding) => report.add(harm.kind, &finding),
            Err(fault) => {
                let finding = Finding::failed(extent.class);
                report.add(harm.kind, &finding);
                report.fail(&fault, &about());
            }
        }
        if plan.repair_every != 0 && damage % plan.repair_every == 0 {
            match guarded(|| check::repair_and_check(&base, &harm, &extent, &mut rng)) {
                Ok(finding) => report.add_repair(finding),
                Err(fault) => {
                    report.add_repair(RepairFinding::default());
                    report.fail(&fault, &format!("repair, {}", about()));
                }
            }
        }
    }
}

/// Takes a panic for a fault.
fn guarded<T>(act: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Fault::Panic(text.unwrap_or_default()))
    })
}
