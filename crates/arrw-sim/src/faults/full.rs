//! A disk that becomes full: refusals and no more, a reserve for what is urgent, and then on as before.

use arrw_log::Retention;

use super::report::FaultsReport;
use super::script::Step;
use super::stage::Stage;
use super::watch::Watch;
use super::{FaultsPlan, guarded};
use crate::{PAGE_BYTES, SimDisk};

/// The disk is filled up before each so many steps, in a run of its own.
const FULL_EVERY: usize = 7;

/// Steps on a full disk that must be enough to be refused.
const STEPS_MAX: usize = 200;

/// Fills the disk up at different places of the script.
pub(super) fn run(plan: &FaultsPlan, script: &[Step], report: &mut FaultsReport) {
    for at in (1..script.len()).step_by(FULL_EVERY) {
        for spare_pages in [0, 3] {
            let disk = SimDisk::new();
            let watch = Watch::start(&disk, None);
            let mut stage = Stage::new(disk, watch, plan.seed ^ at as u64, plan.crashes);
            // Retention would make room, and nothing be refused.
            stage.options.retention = Retention::default();
            report.full_runs += 1;
            let mut reserved = 0;
            let about = format!("seed {}, full before step {at}, {spare_pages} pages", plan.seed);
            guarded(report, &about, || play(&mut stage, &script[..at], spare_pages, &mut reserved));
            report.reserved += reserved;
            report.tally.add(&stage.tally);
        }
    }
}

fn play(
    stage: &mut Stage,
    script: &[Step],
    spare_pages: u64,
    reserved: &mut u64,
) -> Result<(), String> {
    for step in script {
        stage.step(*step)?;
    }
    stage.disk.set_capacity(stage.disk.used_bytes() + spare_pages * PAGE_BYTES as u64);
    let append = |reserved| Step::Append { records: 1, bytes: 700, reserved };
    for _ in 0..STEPS_MAX {
        stage.step(append(false))?;
        if stage.tally.full > 0 {
            break;
        }
    }
    if stage.tally.full != 1 {
        return Err("a full disk refuses nothing".to_owned());
    }
    let acked = stage.tally.acked;
    stage.step(append(true))?;
    if stage.tally.acked == acked {
        return Err("the reserve is not there for what is urgent".to_owned());
    }
    *reserved += 1;
    stage.disk.set_capacity(u64::MAX);
    for _ in 0..40 {
        stage.step(append(false))?;
    }
    if stage.tally.full != 1 || stage.tally.poisoned + stage.tally.restarts > 0 {
        return Err(format!("does not go on as before: {:?}", stage.tally));
    }
    stage.finish()
}
