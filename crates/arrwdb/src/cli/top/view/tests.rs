//! How the view looks, on a small screen and on a large one. What is expected stands in `screens`, to be read like the rest.

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;
use crate::cli::top::samples::Samples;
use crate::cli::top::snapshot::Snapshot;

/// The figures of a server at a moment, `at` being how often everything has happened by then.
fn metrics(at: u64) -> String {
    let mut text = format!(
        "arrwdb_build_info{{version=\"1.2.3\"}} 1\narrwdb_uptime_seconds {at}\narrwdb_log_bytes 123456789\narrwdb_log_segments 3\n\
         arrwdb_log_first_seq 1\narrwdb_log_next_seq 1000001\nprocess_resident_memory_bytes 45678901\n\
         process_cpu_seconds_total {}\nprocess_open_fds 64\nprocess_max_fds 20000\n\
         arrwdb_events_published_total{{class=\"durable\"}} {}\narrwdb_events_published_total{{class=\"volatile\"}} {at}\n\
         arrwdb_events_delivered_total{{class=\"durable\"}} {}\narrwdb_log_written_bytes_total {}\narrwdb_commits_total {at}\n\
         arrwdb_http_requests_total{{code=\"2xx\"}} {at}\narrwdb_sockets_messages_total{{direction=\"out\"}} {}\n\
         arrwdb_sockets_messages_total{{direction=\"in\"}} 7\narrwdb_workers_utilisation 0.75\n\
         arrwdb_fsync_seconds_bucket{{le=\"0.0001\"}} {at}\narrwdb_fsync_seconds_bucket{{le=\"+Inf\"}} {at}\n\
         arrwdb_connections 12\narrwdb_connections_max 10000\narrwdb_connections_total {at}\narrwdb_connections_turned_away_total 2\n\
         arrwdb_sockets 10\narrwdb_sockets_users 4\narrwdb_channels 3\narrwdb_channel_subscriptions 12\n\
         arrwdb_channel_subscriptions_behind 1\narrwdb_channel_lag_max 120\narrwdb_sockets_disconnects_total{{code=\"slow\"}} {at}\n\
         arrwdb_sockets_disconnects_total{{code=\"stale\"}} 0\n",
        at / 200,
        at * 600,
        at * 1_500,
        at * 100_000,
        at * 12_345,
    );
    for (queue, ready, leased) in [("mail", 1_200, 8), ("reports", 0, 1), ("other queues", 0, 0)] {
        for (state, count) in [
            ("ready", ready),
            ("leased", leased),
            ("scheduled", leased * 2),
            ("retrying", 0),
            ("dead", leased / 4),
        ] {
            text += &format!("arrwdb_jobs{{queue=\"{queue}\",state=\"{state}\"}} {count}\n");
        }
        text += &format!(
            "arrwdb_jobs_oldest_ready_seconds{{queue=\"{queue}\"}} 4.5\narrwdb_jobs_completed_total{{queue=\"{queue}\"}} {}\n",
            at * ready
        );
    }
    text
}

/// A look at a server on which everything happens ever faster.
fn snapshot(start: Instant, second: u64) -> Snapshot {
    let at = second * second;
    let topic = |n: u64| (format!("orders.created.in.region.{n:02}"), at * (30 - n));
    let consumer = |n: u64| {
        let pending =
            json!({ "records": (20 - n) * 1_000, "bytes": (20 - n) * 60_000, "age_ms": 1_500 });
        json!({ "name": format!("billing-{n}"), "filter": "orders.*", "pending": pending })
    };
    let worker = |n: u64| json!({ "name": format!("worker-{n}"), "leases": 9 - n, "wants": n, "silent_until": "2026-11-26T18:30:00.5Z" });
    Snapshot {
        taken: start + Duration::from_secs(second),
        samples: Samples::parse(&metrics(at)),
        topics: (0..30).map(topic).collect(),
        consumers: (0..20).map(consumer).collect(),
        workers: (0..9).map(worker).collect(),
    }
}

fn state(seconds: u64) -> State {
    let mut state = State::new("http://127.0.0.1:7650".to_owned(), 1);
    let start = Instant::now();
    (0..seconds).for_each(|second| state.see(snapshot(start, second)));
    state
}

/// Fails with the whole screen, which can be put into the file when it is as it should be.
fn check(state: &State, size: (usize, usize), expected: &str) {
    let lines = screen(state, size);
    assert_eq!(lines.len(), size.1);
    assert!(
        lines.iter().all(|line| width(&line.text()) == size.0),
        "a line is not as wide as the screen"
    );
    let text: String = lines.iter().map(|line| format!("{}\n", line.text().trim_end())).collect();
    assert!(text == expected, "it looks like this:\n{text}");
}

#[test]
fn the_overview_on_a_small_screen() {
    check(&state(40), (80, 24), include_str!("screens/overview-80x24.txt"));
}

#[test]
fn the_overview_on_a_large_screen() {
    check(&state(90), (140, 40), include_str!("screens/overview-140x40.txt"));
}

#[test]
fn events_on_a_small_screen() {
    let mut state = state(40);
    state.section = Section::Events;
    check(&state, (80, 24), include_str!("screens/events-80x24.txt"));
}

#[test]
fn jobs_on_a_small_screen() {
    let mut state = state(40);
    state.section = Section::Jobs;
    check(&state, (80, 24), include_str!("screens/jobs-80x24.txt"));
}

#[test]
fn clients_on_a_small_screen() {
    let mut state = state(40);
    state.section = Section::Clients;
    check(&state, (80, 24), include_str!("screens/clients-80x24.txt"));
}

#[test]
fn a_server_that_went_away_is_still_to_be_read() {
    let mut state = state(3);
    state.miss("cannot connect to `http://127.0.0.1:7650`".to_owned());
    check(&state, (80, 24), include_str!("screens/gone-80x24.txt"));
    // It comes back, and what was before counts no more.
    state.see(snapshot(Instant::now(), 0));
    assert!(state.failure.is_none());
    assert!(state.figures.as_ref().is_some_and(|it| it.rates.values().all(Option::is_none)));
}

#[test]
fn every_size_and_every_state_can_be_drawn() {
    let mut gone = State::new("http://127.0.0.1:7650".to_owned(), 1);
    gone.miss("nobody".to_owned());
    let mut paused = state(2);
    paused.is_paused = true;
    for state in [&State::new("s".to_owned(), 1), &gone, &paused, &state(1), &state(70)] {
        for size in [(1, 1), (3, 2), (20, 5), (79, 11), (119, 60), (120, 3), (500, 200)] {
            let lines = screen(state, size);
            assert_eq!(lines.len(), size.1);
            assert!(lines.iter().all(|line| width(&line.text()) == size.0), "{size:?}");
        }
        assert!(!report(state, 100).is_empty());
    }
}

#[test]
fn what_a_person_must_see_stands_in_the_first_line() {
    let mut look = snapshot(Instant::now(), 1);
    look.samples = Samples::parse("arrwdb_disk_full 1\narrwdb_alarm 1\narrwdb_log_stopped 0\n");
    let mut state = State::new("s".to_owned(), 1);
    state.see(look);
    let first = screen(&state, (80, 24))[0].text();
    assert!(first.contains("THE DISK IS FULL, ALARM") && !first.contains("ok"), "{first}");
}
