//! Workers that die, stall, come back and call twice, over crashes: the short form, in parts that can run beside each other.

use arrw_sim::work::{self, WorkPlan};

const PARTS: u64 = 4;

fn part(number: u64) {
    let whole = WorkPlan::default();
    let histories = whole.histories / PARTS;
    let plan = WorkPlan { seed: whole.seed + number * histories, histories, ..whole };
    let proved = work::run(plan).and_then(|report| report.verdict());
    assert_eq!(proved, Ok(()));
}

#[test]
fn jobs_are_neither_lost_nor_run_again_nor_leased_twice_nor_stuck_part_1() {
    part(0);
}

#[test]
fn jobs_are_neither_lost_nor_run_again_nor_leased_twice_nor_stuck_part_2() {
    part(1);
}

#[test]
fn jobs_are_neither_lost_nor_run_again_nor_leased_twice_nor_stuck_part_3() {
    part(2);
}

#[test]
fn jobs_are_neither_lost_nor_run_again_nor_leased_twice_nor_stuck_part_4() {
    part(3);
}
