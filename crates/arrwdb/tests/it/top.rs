//! `arrwdb top`: what a server is doing, as a report and on a terminal.

use crate::program::Folder;
use crate::server::Served;

#[test]
fn one_look_is_a_report_of_all_there_is() {
    let server = Served::new();
    server.ask(&["pub", "orders.created", "1"]).ended_with(0);
    server.ask(&["consumer", "create", "billing", "orders.*"]).ended_with(0);
    server.ask(&["job", "enqueue", "mail", "welcome"]).ended_with(0);

    let report = server.ask(&["top", "--once"]).ended_with(0).out;
    assert!(!report.contains('\u{1b}'), "{report}");
    let version = format!("arrwdb {} at {}", env!("CARGO_PKG_VERSION"), server.url());
    assert!(report.starts_with(&version) && report.contains("  ok\n"), "{report}");
    for expected in ["orders.created", "billing  orders.*", "mail", "no workers", "connections"] {
        assert!(report.contains(expected), "no {expected}:\n{report}");
    }

    let told = server.ask(&["top", "--once", "--json"]).ended_with(0).json();
    let told = &told[0];
    assert_eq!(told["queues"][0]["queue"], "mail");
    assert_eq!(told["queues"][0]["ready"], 1.0);
    assert_eq!(told["consumers"][0]["name"], "billing");
    assert!(told["topics"].as_array().unwrap().iter().any(|it| it["topic"] == "orders.created"));
    // The first look is a request that was answered between the two.
    assert!(told["rates"]["requests"].as_f64().is_some_and(|rate| 0.0 < rate), "{told}");
    assert_eq!(told["rates"]["jobs_completed"], 0.0);
    assert_eq!(told["trouble"], serde_json::json!([]));
}

#[test]
fn without_a_terminal_or_a_server_it_says_what_to_do() {
    let folder = Folder::new();
    let said = folder.run(&["top"]).ended_with(1).err;
    assert!(said.contains("needs a terminal") && said.contains("arrwdb top --once"), "{said}");
    let nobody = ["top", "--once", "--server", "http://127.0.0.1:1"];
    let said = folder.run(&nobody).ended_with(69).err;
    assert!(said.contains("cannot connect"), "{said}");
    folder.run(&["top", "--json"]).ended_with(2);
    folder.run(&["top", "--once", "--interval", "0"]).ended_with(2);
}
