//! What was acknowledged is there after every crash.

use arrw_sim::crash::{Plan, run};

/// Short form: `arrw-sim crash` makes as many images as it is told.
#[test]
fn nothing_acknowledged_is_lost_in_any_crash_state() {
    let plan = Plan { seed: 1, images: 12_000, ops: 40, states_max: 300 };
    match run(plan) {
        Ok(report) => assert!(10_000 < report.images && 1_000 < report.crashes, "{report}"),
        Err(what) => panic!("{what}"),
    }
}
