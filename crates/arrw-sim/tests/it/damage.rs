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
