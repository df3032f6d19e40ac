//! `/metrics`: how the server is, for Prometheus, in its text format.

mod process;
mod text;

use std::sync::Arc;

use arrw::{ConsumerLag, LogStats, Totals};
use axum::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::consumers::blocking;
use crate::counters::Counters;
use crate::jobs::Figures;
use crate::keys::Grant;
use crate::limits::METRIC_CONSUMERS_MAX;
use crate::problem::Problem;
use crate::sockets::metrics::SocketFigures;
use crate::stats::{StatsOut, TrafficOut};
use process::ProcessFigures;
use text::{Samples, Text, labelled, labels, number, seconds};

/// Answers with all of them.
pub(crate) async fn metrics(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
) -> Result<Response, Problem> {
    let text = blocking(app, move |app| Ok(text_of(&All::of(app, &grant)?, &app.counters)));
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], text.await?).into_response())
}

/// What is told besides what is counted.
struct All {
    stats: StatsOut,
    jobs: Figures,
    sockets: SocketFigures,
    log: LogStats,
    /// By the names of consumers, and of all others those of the one furthest behind.
    lags: Vec<(String, u64)>,
    /// Whether a write has failed, so that the log takes no more.
    is_stopped: bool,
    connections_max: usize,
    process: ProcessFigures,
}

impl All {
    fn of(app: &App, grant: &Grant) -> Result<Self, Problem> {
        let jobs = Figures::of(app, grant);
        Ok(Self {
            stats: StatsOut::of(app, &jobs)?,
            jobs,
            sockets: SocketFigures::of(&app.hub),
            log: app.db.log_stats(),
            lags: lags(app.bus.consumer_lags(), grant),
            is_stopped: app.db.poison().is_some(),
            connections_max: app.limits.connections,
            process: ProcessFigures::now(),
        })
    }
}

/// Names the first consumers, of those that the key covers; the one furthest behind of all others gets a name that none can have.
fn lags(all: Vec<ConsumerLag>, grant: &Grant) -> Vec<(String, u64)> {
    let mut named = Vec::new();
    let mut furthest = None;
    for lag in all {
        if named.len() < METRIC_CONSUMERS_MAX && grant.covers(&lag.filter) {
            named.push((lag.name, lag.records));
        } else {
            furthest = furthest.max(Some(lag.records));
        }
    }
    named.extend(furthest.map(|records| ("other consumers".to_owned(), records)));
    named
}

fn text_of(all: &All, counters: &Counters) -> String {
    let All { stats, jobs, sockets, .. } = all;
    let mut text = Text::with_capacity(32 << 10);
    let version = labels([("version", stats.version)]);
    text.family("build_info", "gauge", "Version of the server.", &[(version, 1.0)]);
    let seconds = vec![(String::new(), seconds(stats.uptime_ms))];
    text.family("uptime_seconds", "gauge", "Time since the start.", &seconds);
    of_bus(&mut text, stats, &all.lags);
    of_jobs(&mut text, jobs);
    of_log(&mut text, stats, &all.log);
    let help = "1 once a write or a sync has failed: the log takes no more until the server is started again.";
    text.gauge("log_stopped", help, u64::from(all.is_stopped));
    of_server(&mut text, stats, counters);
    let help = "How many there may be.";
    text.gauge("connections_max", help, all.connections_max as u64);
    of_sockets(&mut text, sockets);
    of_proxies(&mut text, sockets);
    of_process(&mut text, &all.process);
    text.finish()
}

fn of_bus(text: &mut Text, stats: &StatsOut, lags: &[(String, u64)]) {
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
    let lag = |(name, records): &(String, u64)| (labels([("consumer", name)]), number(*records));
    let help = "Records of the log that a consumer has not acknowledged, wanted or not.";
    let lags: Samples = lags.iter().map(lag).collect();
    text.family("consumer_pending_records", "gauge", help, &lags);
}

/// What is not named is one more queue, with a name that none can have.
fn of_jobs(text: &mut Text, figures: &Figures) {
    let named = figures.named.iter().map(|(queue, counts)| (queue.as_str(), counts));
    let all = || named.clone().chain([("other queues", &figures.others)]);
    let jobs = all().flat_map(|(queue, counts)| {
        counts.jobs().map(move |(state, count)| {
            (labels([("queue", queue), ("state", state.name())]), number(count))
        })
    });
    text.family("jobs", "gauge", "Jobs by queue and state.", &jobs.collect::<Vec<_>>());
    let ages = all().map(|(queue, counts)| {
        let age = counts.oldest_ready_ms().map_or(0.0, seconds);
        (labels([("queue", queue)]), age)
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
        let sample =
            |(queue, totals): &(&str, &Totals)| (labels([("queue", *queue)]), number(of(totals)));
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

fn of_log(text: &mut Text, stats: &StatsOut, log: &LogStats) {
    text.gauge("log_bytes", "Bytes of the log on the disk.", stats.log.bytes);
    text.gauge("log_segments", "Segment files.", stats.log.segments);
    text.gauge("log_first_seq", "The oldest record.", stats.log.first);
    text.gauge("log_next_seq", "The seq of the next record.", stats.log.tail);
    text.counter("commits_total", "Frames that were written and synced.", log.frames);
    text.counter("log_written_bytes_total", "Bytes of these.", log.written_bytes);
    let syncs = &log.syncs;
    let help = "How long the fdatasync of a frame took.";
    text.histogram_us("fsync_seconds", help, syncs.up_to(), (syncs.len(), syncs.sum_us));
    let help = "Batches that wait for the writer of the log.";
    text.gauge("log_waiting_batches", help, log.waiting_batches as u64);
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

fn of_sockets(text: &mut Text, figures: &SocketFigures) {
    let SocketFigures { totals, .. } = figures;
    text.gauge("sockets", "Connections that follow channels.", figures.connections as u64);
    text.gauge("sockets_users", "Users that they have.", figures.users as u64);
    text.gauge("channels", "Channels that somebody is subscribed to.", figures.channels as u64);
    let help = "Subscriptions to channels.";
    text.gauge("channel_subscriptions", help, figures.subscriptions as u64);
    let help = "Subscriptions that get what they missed, or take nothing.";
    text.gauge("channel_subscriptions_behind", help, figures.behind as u64);
    let help = "Publications that the subscription furthest behind has not got.";
    text.gauge("channel_lag_max", help, figures.lag_max);
    let help = "The same of the subscription that one in a hundred is behind.";
    text.gauge("channel_lag_p99", help, figures.lag_p99);
    let help = "Bytes of publications in memory, ready to be sent.";
    text.gauge("channel_ring_bytes", help, figures.ring_bytes);
    let help = "Clients that connected.";
    text.counter("sockets_connected_total", help, totals.connections);
    let help = "Handshakes of WebSockets that were refused; the codes are in refusals_total.";
    text.counter("sockets_handshakes_refused_total", help, totals.handshakes_refused);
    let help = "Connections that were ended as they broke the WebSocket protocol.";
    text.counter("sockets_violations_total", help, totals.violations);
    let help = "Subscriptions that began.";
    text.counter("channel_subscriptions_total", help, totals.subscriptions);
    let help = "Publications of channels that somebody is subscribed to.";
    text.counter("channel_publications_total", help, totals.publications);
    let both = |out, inward| labelled("direction", [("out", out), ("in", inward)]);
    let help = "Messages of connections; out, each publication counts.";
    let messages = both(totals.messages_out, totals.messages_in);
    text.family("sockets_messages_total", "counter", help, &messages);
    let help = "Bytes of connections: out as they are written, in as messages are read.";
    let bytes = both(totals.bytes_out, totals.bytes_in);
    text.family("sockets_bytes_total", "counter", help, &bytes);
    let found = [("ring", totals.ring_hits), ("log", totals.ring_misses)];
    let help =
        "How often subscribers that were behind went on from memory, or had to read the log.";
    text.family("channel_reads_total", "counter", help, &labelled("from", found));
    let recoveries = [("recovered", totals.recovered), ("unrecovered", totals.unrecovered)];
    let help = "Subscribers that came back and wanted to go on.";
    text.family("channel_recoveries_total", "counter", help, &labelled("result", recoveries));
    let kinds = [
        ("sockets_errors_total", "Commands that failed, by code.", &figures.errors),
        (
            "sockets_unsubscribes_total",
            "Subscriptions that were ended, by code.",
            &figures.unsubscribes,
        ),
        (
            "sockets_disconnects_total",
            "Connections that were ended, by code.",
            &figures.disconnects,
        ),
    ];
    for (name, help, counts) in kinds {
        text.family(name, "counter", help, &labelled("code", counts.iter().copied()));
    }
    let (up_to, count, sum_us) = &figures.latency;
    let help = "From when a publication was published until it was written to the last subscriber in step.";
    text.histogram_us("broadcast_seconds", help, up_to.iter().copied(), (*count, *sum_us));
}

fn of_proxies(text: &mut Text, figures: &SocketFigures) {
    let calls = figures.proxies.iter().flat_map(|(proxy, counts)| {
        [("answered", counts.answered), ("failed", counts.failed)]
            .map(|(result, count)| (labels([("proxy", *proxy), ("result", result)]), number(count)))
    });
    let help = "Questions to back ends about clients that connect, and calls; how they ended.";
    text.family("proxy_calls_total", "counter", help, &calls.collect::<Vec<_>>());
    let times = figures.proxies.iter();
    let times = times.map(|(proxy, it)| (labels([("proxy", *proxy)]), number(it.us) / 1e6));
    let help = "Time that these took, together.";
    text.family("proxy_seconds_total", "counter", help, &times.collect::<Vec<_>>());
}

/// Under the names that all programs have.
fn of_process(text: &mut Text, figures: &ProcessFigures) {
    let mut say = |name, kind, help, value: Option<f64>| {
        if let Some(value) = value {
            text.family_of_all(name, (kind, help), &[(String::new(), value)]);
        }
    };
    let help = "Bytes of memory that the process has in use.";
    let resident = figures.resident_bytes.map(number);
    say("process_resident_memory_bytes", "gauge", help, resident);
    let help = "Time of the processor that the process used.";
    say("process_cpu_seconds_total", "counter", help, Some(figures.cpu_seconds));
    let help = "Files that the process has open, sockets among them.";
    say("process_open_fds", "gauge", help, figures.open_files.map(number));
    let help = "How many it may have open.";
    say("process_max_fds", "gauge", help, figures.open_files_max.map(number));
}
