//! `/metrics`: how the server is, for Prometheus, in its text format.

use std::fmt::Write;
use std::sync::Arc;

use arrw::Totals;
use axum::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::consumers::blocking;
use crate::counters::Counters;
use crate::jobs::Figures;
use crate::keys::Grant;
use crate::problem::Problem;
use crate::stats::{StatsOut, TrafficOut};

/// Answers with all of them.
pub(crate) async fn metrics(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
) -> Result<Response, Problem> {
    let text = blocking(app, move |app| {
        let jobs = Figures::of(app, &grant);
        StatsOut::of(app, &jobs).map(|stats| text_of(&stats, &jobs, &app.counters))
    });
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], text.await?).into_response())
}

fn text_of(stats: &StatsOut, jobs: &Figures, counters: &Counters) -> String {
    let mut text = Text(String::with_capacity(16 << 10));
    let version = format!("{{version=\"{}\"}}", stats.version);
    text.family("build_info", "gauge", "Version of the server.", &[(version, 1.0)]);
    let seconds = vec![(String::new(), seconds(stats.uptime_ms))];
    text.family("uptime_seconds", "gauge", "Time since the start.", &seconds);
    of_bus(&mut text, stats);
    of_jobs(&mut text, jobs);
    of_log(&mut text, stats);
    of_server(&mut text, stats, counters);
    text.0
}

fn of_bus(text: &mut Text, stats: &StatsOut) {
    let both = |of: fn(&TrafficOut) -> u64| {
        labelled("class", [("durable", of(&stats.durable)), ("volatile", of(&stats.volatile))])
    };
    text.family("events_published_total", "counter", "Events published.", &both(|it| it.published));
    let help = "Events handed to subscribers, each counted once a subscriber.";
    text.family("events_delivered_total", "counter", help, &both(|it| it.delivered));
    let help = "Gaps, ends of slow subscribers and failed reads.";
    text.family("delivery_errors_total", "counter", help, &both(|it| it.errors));
    text.family("subscriptions", "gauge", "Subscriptions.", &both(|it| it.subscriptions));
    let help = "Records that the slowest subscription has not read.";
    text.family("pending_records", "gauge", help, &both(|it| it.pending.records));
    let help = "Bytes that the slowest subscription has not read.";
    text.family("pending_bytes", "gauge", help, &both(|it| it.pending.bytes));
    let mut ages = both(|it| it.pending.age_ms);
    ages.iter_mut().for_each(|(_, age)| *age /= 1000.0);
    text.family("pending_seconds", "gauge", "Age of the oldest of them.", &ages);
    text.counter("refused_total", "Batches that the rules refused.", stats.refused);
    text.gauge("consumers", "Named consumers.", stats.consumers as u64);
}

/// What is not named is one more queue, with a name that none can have.
fn of_jobs(text: &mut Text, figures: &Figures) {
    let named = figures.named.iter().map(|(queue, counts)| (queue.as_str(), counts));
    let all = || named.clone().chain([("other queues", &figures.others)]);
    let jobs = all().flat_map(|(queue, counts)| {
        counts.jobs().map(move |(state, count)| {
            (format!("{{queue=\"{queue}\",state=\"{}\"}}", state.name()), number(count))
        })
    });
    text.family("jobs", "gauge", "Jobs by queue and state.", &jobs.collect::<Vec<_>>());
    let ages = all().map(|(queue, counts)| {
        let age = counts.oldest_ready_ms().map_or(0.0, seconds);
        (format!("{{queue=\"{queue}\"}}"), age)
    });
    let help = "How long the ready job that has waited longest has done so; 0 when none waits.";
    text.family("jobs_oldest_ready_seconds", "gauge", help, &ages.collect::<Vec<_>>());
    of_totals(text, &all().map(|(queue, counts)| (queue, counts.totals())).collect::<Vec<_>>());
    of_leases(text, figures);
    let Figures { schedules, triggers, .. } = figures;
    text.gauge("schedules", "Schedules.", schedules.count);
    text.gauge("triggers", "Triggers.", triggers.count);
    // No counters: what is removed takes its figures along.
    let help = "Jobs made of the schedules that there are.";
    text.gauge("schedules_jobs_made", help, schedules.made);
    let help = "Slots of the schedules that there are which got no job.";
    text.gauge("schedules_slots_missed", help, schedules.missed);
    let help = "Jobs made of the triggers that there are.";
    text.gauge("triggers_jobs_made", help, triggers.made);
}

/// One of the totals.
type Total = fn(&Totals) -> u64;

/// What happened to jobs, by queue.
fn of_totals(text: &mut Text, totals: &[(&str, &Totals)]) {
    let families: [(&str, &str, Total); 7] = [
        ("enqueued", "Jobs that were enqueued.", |it| it.enqueued),
        ("started", "Attempts that began.", |it| it.started),
        ("completed", "Attempts that ended with a completed job.", |it| it.completed),
        ("failed", "Attempts that failed or took too long.", |it| it.failed),
        ("retried", "Failed attempts whose job is tried again after a delay.", |it| it.retried),
        ("dead", "Jobs that ended dead.", |it| it.dead),
        ("cancelled", "Jobs that ended cancelled.", |it| it.cancelled),
    ];
    for (name, help, of) in families {
        let sample = |(queue, totals): &(&str, &Totals)| {
            (format!("{{queue=\"{queue}\"}}"), number(of(totals)))
        };
        let samples: Vec<_> = totals.iter().map(sample).collect();
        text.family(&format!("jobs_{name}_total"), "counter", help, &samples);
    }
}

/// How busy workers are, how late jobs came to them, and which leases went wrong.
fn of_leases(text: &mut Text, figures: &Figures) {
    let Figures { load, leases, .. } = figures;
    text.gauge("workers", "Workers that are known now.", load.workers as u64);
    text.gauge("jobs_wanted", "Jobs that waiting claims would take.", load.wanted as u64);
    let help = "Leased jobs over leased and wanted ones: how busy workers are, from 0 to 1.";
    text.family("workers_utilisation", "gauge", help, &[(String::new(), load.utilisation())]);
    let help = "Leases whose worker was not heard of in time, or did not have the job any more.";
    text.counter("leases_lost_total", help, leases.lost);
    let help = "Ends of leases that were refused, as the lease was over.";
    text.counter("leases_stale_refused_total", help, leases.stale);
    let help = "From when a job was ready until it was leased.";
    let waits = &leases.waits;
    text.histogram("jobs_wait_seconds", help, waits.up_to(), (waits.len(), waits.sum_us));
}

fn of_log(text: &mut Text, stats: &StatsOut) {
    text.gauge("log_bytes", "Bytes of the log on the disk.", stats.log.bytes);
    text.gauge("log_segments", "Segment files.", stats.log.segments);
    text.gauge("log_first_seq", "The oldest record.", stats.log.first);
    text.gauge("log_next_seq", "The seq of the next record.", stats.log.tail);
    let help = "1 while appends are refused for want of space.";
    text.gauge("disk_full", help, u64::from(stats.log.disk_full));
    let help = "1 when an operator must look: see /v1/stats.";
    text.gauge("alarm", help, u64::from(stats.alarm.is_some()));
}

fn of_server(text: &mut Text, stats: &StatsOut, counters: &Counters) {
    text.gauge("connections", "Connections now.", stats.connections as u64);
    text.counter("connections_total", "Connections accepted.", counters.connections());
    let turned_away = counters.connections_turned_away();
    text.counter("connections_turned_away_total", "Connections without room.", turned_away);
    let answers = ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().zip(counters.answers());
    let help = "Requests by the class of their answer.";
    text.family("http_requests_total", "counter", help, &labelled("code", answers));
    let refusals = counters.refusals().map(|(code, count)| (code.name(), count));
    let help = "Refusals by the code of their error, lines that were left out among them.";
    text.family("refusals_total", "counter", help, &labelled("code", refusals));
    let limits = counters.limits().map(|(limit, count)| (limit.name(), count));
    let help = "How often a limit was reached, by its name in the settings.";
    text.family("limit_reached_total", "counter", help, &labelled("limit", limits));
}

/// Samples that differ in the value of one label.
fn labelled(
    label: &str,
    samples: impl IntoIterator<Item = (&'static str, u64)>,
) -> Vec<(String, f64)> {
    let sample = |(value, count)| (format!("{{{label}=\"{value}\"}}"), number(count));
    samples.into_iter().map(sample).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a metric is a float")]
fn number(number: u64) -> f64 {
    number as f64
}

fn seconds(ms: u64) -> f64 {
    number(ms) / 1000.0
}

/// The text as far as it is written.
struct Text(String);

impl Text {
    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help, &[(String::new(), number(value))]);
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "gauge", help, &[(String::new(), number(value))]);
    }

    /// Counts up to bounds in milliseconds, their number, and their sum in microseconds.
    fn histogram(
        &mut self,
        name: &str,
        help: &str,
        up_to: impl Iterator<Item = (u64, u64)>,
        (count, sum_us): (u64, u64),
    ) {
        self.family(name, "histogram", help, &[]);
        for (bound, count) in up_to {
            let bound = seconds(bound);
            let _fine = writeln!(self.0, "arrwdb_{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        let sum = seconds(sum_us) / 1000.0;
        let _fine = writeln!(
            self.0,
            "arrwdb_{name}_bucket{{le=\"+Inf\"}} {count}\narrwdb_{name}_sum {sum}\narrwdb_{name}_count {count}"
        );
    }

    /// Samples of one name, each with its labels.
    fn family(&mut self, name: &str, kind: &str, help: &str, samples: &[(String, f64)]) {
        // Writing to a string cannot fail.
        let _fine = writeln!(self.0, "# HELP arrwdb_{name} {help}\n# TYPE arrwdb_{name} {kind}");
        for (labels, value) in samples {
            let _fine = writeln!(self.0, "arrwdb_{name}{labels} {value}");
        }
    }
}
