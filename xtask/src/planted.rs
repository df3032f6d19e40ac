//! The stage that turns on a known fault and demands that a test notices.

use crate::context::Context;
use crate::process;
use crate::report;
use crate::stage::Failure;

/// Each fault: the number that `ARRW_PLANTED_BUG` takes, what it breaks, and the part of a test's name
/// that must then fail.
pub(crate) const PLANTED: &[(u32, &str, &str)] = &[
    (1, "answers before the sync", "nothing_acknowledged_is_lost_in_any_crash_state"),
    (2, "skips the chain check", "a_frame_of_a_copy_that_went_another_way_is_noticed"),
    (3, "uses a seq again", "log_agrees_with_the_model_in_memory"),
    (4, "forgets to sync the folder", "nothing_acknowledged_is_lost_in_any_crash_state"),
    (5, "publishes before the commit", "nothing_acknowledged_is_lost_in_any_crash_state"),
    (6, "trims too far", "log_agrees_with_the_model_in_memory"),
    (7, "skips what woke a subscriber", "a_task_that_slept_gets_what_woke_it"),
    (8, "publishes a producer's last event again", "the_bus_agrees_with_the_model"),
    (9, "forgets ids over a restart", "the_bus_agrees_with_the_model"),
    (10, "lets a cursor go back", "the_bus_agrees_with_the_model"),
    (11, "fences nobody off", "the_next_reader_fences_off_the_one_before"),
    (12, "brings back what was purged", "the_bus_agrees_with_the_model"),
    (13, "resumes a stream too late", "the_clients_of_a_server_that_is_killed_agree"),
    (14, "resumes a stream too early", "the_clients_of_a_server_that_is_killed_agree"),
    (15, "turns a page too far", "the_clients_of_a_server_that_is_killed_agree"),
    (16, "answers for a line that it left out", "the_clients_of_a_server_that_is_killed_agree"),
    (17, "does not look at a condition", "the_clients_of_a_server_that_is_killed_agree"),
    (18, "answers for no acknowledgement", "the_clients_of_a_server_that_is_killed_agree"),
    (19, "publishes a producer's lines again", "a_producers_lines_are_published_once"),
    (20, "lets a key touch any topic", "every_route_asks_for_its_scope_and_its_topics"),
    (21, "tells no decider what it made", "log_agrees_with_the_model_in_memory"),
    (22, "settles what was taken back", "no_failed_operation_leads_to_a_false_answer"),
    (23, "looks at no token", "jobs_agree_with_the_model"),
    (24, "holds the key of a job that ended", "jobs_agree_with_the_model"),
    (25, "leases more than a queue may", "jobs_agree_with_the_model"),
    (26, "counts no attempt that was lost", "jobs_agree_with_the_model"),
    (27, "leaves what was taken back in the digest", "jobs_agree_with_the_model"),
    (28, "trims what a job was enqueued with", "what_a_job_needs_is_carried_forward"),
    (29, "leases without a record", "jobs_agree_with_the_model"),
    (30, "ends a lease by an old token", "the_clients_of_a_server_that_is_killed_agree"),
    (31, "enqueues again what has an id", "the_clients_of_a_server_that_is_killed_agree"),
    (32, "gives back what it says is completed", "the_clients_of_a_server_that_is_killed_agree"),
    (33, "leaves out events that trip a trigger", "the_clients_of_a_server_that_is_killed_agree"),
    (
        34,
        "forgets which slots and events have their jobs",
        "the_clients_of_a_server_that_is_killed_agree",
    ),
    (
        35,
        "forgets over a restart that a queue is paused",
        "the_clients_of_a_server_that_is_killed_agree",
    ),
    (
        36,
        "holds a key only until somebody has the job",
        "the_clients_of_a_server_that_is_killed_agree",
    ),
    (
        37,
        "forgets over a restart how urgent jobs are",
        "the_clients_of_a_server_that_is_killed_agree",
    ),
    (38, "counts an attempt that was put off", "the_clients_of_a_server_that_is_killed_agree"),
    (39, "recovers a client too late", "the_clients_of_channels_of_a_server_that_is_killed_agree"),
    (40, "recovers a client too early", "the_clients_of_channels_of_a_server_that_is_killed_agree"),
    (
        41,
        "passes over what is behind a page",
        "the_clients_of_channels_of_a_server_that_is_killed_agree",
    ),
    (
        42,
        "repeats for a client that stalled",
        "the_clients_of_channels_of_a_server_that_is_killed_agree",
    ),
    (
        43,
        "lets a client go on from any epoch",
        "the_clients_of_channels_of_a_server_that_is_killed_agree",
    ),
    (
        44,
        "keeps in the presence who was cut",
        "the_clients_of_channels_of_a_server_that_is_killed_agree",
    ),
    (
        45,
        "leaves out a publication for Protobuf",
        "the_clients_of_channels_of_a_server_that_is_killed_agree",
    ),
    (46, "turns publications round", "the_clients_of_channels_of_a_server_that_is_killed_agree"),
    (47, "lets clients subscribe to any channel", "options_say_who_may_do_what"),
];

/// What nextest answers when a test failed, as opposed to a build or a filter.
const TEST_FAILED: i32 = 100;

/// Every fault of the list must make its tests fail.
pub(crate) fn check(context: &Context) -> Result<String, Failure> {
    let results = PLANTED.iter().map(|fault| check_one(context, fault)).collect();
    Failure::all(results)?;
    Ok(format!("{} faults noticed", PLANTED.len()))
}

fn check_one(context: &Context, fault: &(u32, &str, &str)) -> Result<(), Failure> {
    let (number, name, filter) = fault;
    let mut command =
        context.cargo("nextest run --workspace --exclude xtask --profile ci --fail-fast");
    command.arg("--filterset").arg(format!("test({filter})"));
    command.env("ARRW_PLANTED_BUG", number.to_string());
    let output = process::capture(&mut command)?;
    let verdict = judge(output.status.code());
    if let Err(reason) = verdict {
        report::line(&String::from_utf8_lossy(&output.stdout));
        report::line(&String::from_utf8_lossy(&output.stderr));
        return Err(Failure::Check(format!("planted bug {number} ({name}): {reason}")));
    }
    report::line(&format!("planted bug {number} ({name}): noticed by `{filter}`"));
    Ok(())
}

/// Whether nextest's exit code says that a test ran and failed.
fn judge(code: Option<i32>) -> Result<(), String> {
    match code {
        Some(TEST_FAILED) => Ok(()),
        Some(0) => Err("no test noticed it".to_owned()),
        Some(4) => Err("the filter matches no test".to_owned()),
        Some(other) => Err(format!("nextest did not run the tests (exit code {other})")),
        None => Err("nextest was killed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failed_test_counts_as_noticed() {
        assert_eq!(judge(Some(100)), Ok(()));
        for code in [Some(0), Some(4), Some(101), None] {
            assert!(judge(code).is_err(), "{code:?}");
        }
    }

    #[test]
    fn faults_are_numbered_from_one_without_gaps() {
        let numbers = PLANTED.iter().map(|(number, ..)| *number);
        assert!(numbers.eq((1..).take(PLANTED.len())), "{PLANTED:?}");
    }
}
