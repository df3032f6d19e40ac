//! Damage is noticed: no wrong bytes, no silent loss of what was proven.

use arrw_sim::damage::{DamagePlan, run};

#[test]
fn ten_thousand_damages_serve_no_wrong_bytes_and_lose_nothing_in_silence() {
    let plan = DamagePlan { damages: 10_000, ..DamagePlan::default() };
    let report = run(plan);
    assert_eq!(report.verdict(), Ok(()), "{report}\n{:#?}", report.failures);
    assert!(report.damages >= 10_000, "{report}");
    println!("{report}");
}

#[test]
fn a_damage_that_there_is_not_is_none_that_holds() {
    let check = |only, expected: bool| {
        let plan = DamagePlan { damages: 100, bases: 48, only, ..DamagePlan::default() };
        assert_eq!(plan.check().is_ok(), expected, "{plan:?}");
        assert_eq!(run(plan).damages == 0, !expected, "{plan:?}");
    };
    check(Some((0, 0)), true);
    check(Some((47, 2)), true);
    check(Some((48, 0)), false);
    check(Some((0, 3)), false);
}
