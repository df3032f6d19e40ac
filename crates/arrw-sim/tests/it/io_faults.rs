//! Operations that fail lead to no false answer.

use arrw_sim::faults::{FaultsPlan, run};

#[test]
fn no_failed_operation_leads_to_a_false_answer() {
    let report = run(FaultsPlan { one_of: 8, ..FaultsPlan::default() });
    assert_eq!(report.verdict(), Ok(()), "{report}");
    println!("{report}");
}
