//! Workers that die, stall, come back and call twice, over crashes: the short form.

use arrw_sim::work::{self, WorkPlan};

#[test]
fn no_acknowledged_job_is_lost_run_again_leased_twice_or_stuck() {
    let report = work::run(WorkPlan::default()).unwrap();
    println!("{report}");
    report.verdict().unwrap();
}
