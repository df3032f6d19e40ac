//! What is shown of a server, made of what it said now and of what it said before.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::samples::{self, Samples};
use super::snapshot::Snapshot;

/// Something that is counted, shown as how much of it there is a second.
#[derive(Debug)]
pub(super) struct Counted {
    /// Its name, also in JSON.
    pub(super) name: &'static str,
    /// What is read beside it.
    pub(super) label: &'static str,
    pub(super) unit: Unit,
    /// The metric, and a label that it must have.
    metric: &'static str,
    with: &'static [(&'static str, &'static str)],
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Count,
    Bytes,
}

const fn count(
    name: &'static str,
    label: &'static str,
    metric: &'static str,
    with: &'static [(&'static str, &'static str)],
) -> Counted {
    Counted { name, label, unit: Unit::Count, metric, with }
}

/// All of them, in the order in which they are shown: first the left column, then the right one.
pub(super) const COUNTED: [Counted; 10] = [
    count("events_published", "events in", "arrwdb_events_published_total", &[]),
    count("events_delivered", "events out", "arrwdb_events_delivered_total", &[]),
    Counted {
        name: "written_bytes",
        label: "written",
        unit: Unit::Bytes,
        metric: "arrwdb_log_written_bytes_total",
        with: &[],
    },
    count("commits", "commits", "arrwdb_commits_total", &[]),
    count("requests", "requests", "arrwdb_http_requests_total", &[]),
    count("jobs_enqueued", "jobs in", "arrwdb_jobs_enqueued_total", &[]),
    count("jobs_completed", "jobs done", "arrwdb_jobs_completed_total", &[]),
    count("jobs_failed", "jobs failed", "arrwdb_jobs_failed_total", &[]),
    count("messages_in", "messages in", "arrwdb_sockets_messages_total", &[("direction", "in")]),
    count("messages_out", "messages out", "arrwdb_sockets_messages_total", &[("direction", "out")]),
];

/// All that is shown of one moment. Sizes in bytes, times in seconds, rates a second; a rate is `None` until there are two moments.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figures {
    pub(super) version: String,
    pub(super) uptime_s: f64,
    /// What a person must look at, in words; none when all is well.
    pub(super) trouble: Vec<&'static str>,
    pub(super) log_bytes: f64,
    pub(super) log_segments: f64,
    pub(super) log_records: f64,
    pub(super) memory_bytes: Option<f64>,
    /// Processors in use.
    pub(super) cpu: Option<f64>,
    pub(super) open_files: Option<f64>,
    pub(super) open_files_max: Option<f64>,
    /// By [`Counted::name`].
    pub(super) rates: BTreeMap<&'static str, Option<f64>>,
    pub(super) fsync: Option<Latency>,
    pub(super) topics: Vec<Topic>,
    pub(super) consumers: Vec<Consumer>,
    pub(super) queues: Vec<Queue>,
    pub(super) workers: Vec<Worker>,
    /// Leased jobs over leased and wanted ones, from 0 to 1.
    pub(super) utilisation: f64,
    pub(super) clients: Clients,
}

/// How long something took that happened since the moment before.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Latency {
    pub(super) p50_s: f64,
    pub(super) p99_s: f64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Topic {
    pub(super) topic: String,
    pub(super) events: u64,
    pub(super) rate: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Consumer {
    pub(super) name: String,
    pub(super) filter: String,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) age_ms: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Queue {
    pub(super) queue: String,
    pub(super) ready: f64,
    pub(super) leased: f64,
    /// Scheduled, and to be tried again.
    pub(super) later: f64,
    pub(super) dead: f64,
    pub(super) oldest_ready_s: f64,
    pub(super) completed_rate: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Worker {
    pub(super) name: String,
    pub(super) leases: u64,
    pub(super) wants: u64,
    /// When its jobs are lost if it is not heard of before.
    pub(super) silent_until: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Clients {
    pub(super) connections: f64,
    pub(super) connections_max: f64,
    pub(super) accepted_rate: Option<f64>,
    pub(super) turned_away: f64,
    /// Those that follow channels.
    pub(super) sockets: f64,
    pub(super) users: f64,
    pub(super) channels: f64,
    pub(super) subscriptions: f64,
    pub(super) behind: f64,
    pub(super) lag_max: f64,
    pub(super) bytes_in_rate: Option<f64>,
    pub(super) bytes_out_rate: Option<f64>,
    pub(super) broadcast: Option<Latency>,
    /// By code, those that happened: connections that the server ended.
    pub(super) disconnects: Vec<Ended>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Ended {
    pub(super) code: String,
    pub(super) count: f64,
    pub(super) rate: Option<f64>,
}

/// Two moments of one server that ran in between.
struct Moments<'a> {
    now: &'a Snapshot,
    before: Option<&'a Snapshot>,
    /// Seconds between them.
    elapsed: f64,
}

impl Figures {
    /// Without a moment before, or when the server was started in between, there are no rates.
    pub(super) fn of(now: &Snapshot, before: Option<&Snapshot>) -> Self {
        let uptime = |it: &Snapshot| it.samples.sum("arrwdb_uptime_seconds", &[]).unwrap_or(0.0);
        let before = before.filter(|before| uptime(before) <= uptime(now));
        let elapsed = before.map_or(0.0, |it| now.taken.duration_since(it.taken).as_secs_f64());
        let moments = Moments { now, before: before.filter(|_| 0.0 < elapsed), elapsed };
        let gauge = |name: &str| now.samples.sum(name, &[]);
        let rate = |it: &Counted| (it.name, moments.rate(it.metric, it.with));
        Self {
            version: now.samples.label("arrwdb_build_info", "version").unwrap_or("?").to_owned(),
            uptime_s: uptime(now),
            trouble: trouble(&now.samples),
            log_bytes: gauge("arrwdb_log_bytes").unwrap_or(0.0),
            log_segments: gauge("arrwdb_log_segments").unwrap_or(0.0),
            log_records: (gauge("arrwdb_log_next_seq").unwrap_or(0.0)
                - gauge("arrwdb_log_first_seq").unwrap_or(0.0))
            .max(0.0),
            memory_bytes: gauge("process_resident_memory_bytes"),
            cpu: moments.rate("process_cpu_seconds_total", &[]),
            open_files: gauge("process_open_fds"),
            open_files_max: gauge("process_max_fds"),
            rates: COUNTED.iter().map(rate).collect(),
            fsync: moments.latency("arrwdb_fsync_seconds"),
            topics: moments.topics(),
            consumers: consumers(&now.consumers),
            queues: moments.queues(),
            workers: workers(&now.workers),
            utilisation: gauge("arrwdb_workers_utilisation").unwrap_or(0.0),
            clients: moments.clients(),
        }
    }
}

impl Moments<'_> {
    /// How much a counter grew in a second.
    fn rate(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let before = self.before?.samples.sum(name, labels).unwrap_or(0.0);
        let now = self.now.samples.sum(name, labels)?;
        Some((now - before).max(0.0) / self.elapsed)
    }

    fn latency(&self, name: &str) -> Option<Latency> {
        let (before, now) = (self.before?.samples.steps(name), self.now.samples.steps(name));
        let at = |share| samples::quantile(&before, &now, share);
        Some(Latency { p50_s: at(0.5)?, p99_s: at(0.99)? })
    }

    /// The busiest first, and among others those with the most events.
    fn topics(&self) -> Vec<Topic> {
        let before: Option<BTreeMap<&str, u64>> = self
            .before
            .map(|it| it.topics.iter().map(|(topic, events)| (topic.as_str(), *events)).collect());
        let topic = |(topic, events): &(String, u64)| {
            let grown = before.as_ref().map(|before| {
                events.saturating_sub(before.get(topic.as_str()).copied().unwrap_or(0))
            });
            #[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
            let rate = grown.map(|grown| grown as f64 / self.elapsed);
            Topic { topic: topic.clone(), events: *events, rate }
        };
        let mut topics: Vec<Topic> = self.now.topics.iter().map(topic).collect();
        let rate = |it: &Topic| it.rate.unwrap_or(0.0);
        topics.sort_by(|a, b| rate(b).total_cmp(&rate(a)).then(b.events.cmp(&a.events)));
        topics
    }

    /// Those with the most ready jobs first; the queue of all others only when it has any.
    fn queues(&self) -> Vec<Queue> {
        let samples = &self.now.samples;
        let ready = samples.by("arrwdb_jobs", "queue", &[("state", "ready")]);
        let queue = |(name, ready): (&str, f64)| {
            let state = |state: &str| {
                samples.sum("arrwdb_jobs", &[("queue", name), ("state", state)]).unwrap_or(0.0)
            };
            let of = [("queue", name)];
            Queue {
                queue: name.to_owned(),
                ready,
                leased: state("leased"),
                later: state("scheduled") + state("retrying"),
                dead: state("dead"),
                oldest_ready_s: samples.sum("arrwdb_jobs_oldest_ready_seconds", &of).unwrap_or(0.0),
                completed_rate: self.rate("arrwdb_jobs_completed_total", &of),
            }
        };
        let is_empty = |it: &Queue| it.ready + it.leased + it.later + it.dead == 0.0;
        let mut queues: Vec<Queue> = ready.into_iter().map(queue).collect();
        queues.retain(|it| it.queue != "other queues" || !is_empty(it));
        queues.sort_by(|a, b| b.ready.total_cmp(&a.ready).then(b.leased.total_cmp(&a.leased)));
        queues
    }

    fn clients(&self) -> Clients {
        let gauge = |name: &str| self.now.samples.sum(name, &[]).unwrap_or(0.0);
        let name = "arrwdb_sockets_disconnects_total";
        let codes =
            self.now.samples.by(name, "code", &[]).into_iter().filter(|(_, count)| 0.0 < *count);
        let ended = |(code, count): (&str, f64)| Ended {
            code: code.to_owned(),
            count,
            rate: self.rate(name, &[("code", code)]),
        };
        let bytes =
            |direction| self.rate("arrwdb_sockets_bytes_total", &[("direction", direction)]);
        Clients {
            connections: gauge("arrwdb_connections"),
            connections_max: gauge("arrwdb_connections_max"),
            accepted_rate: self.rate("arrwdb_connections_total", &[]),
            turned_away: gauge("arrwdb_connections_turned_away_total"),
            sockets: gauge("arrwdb_sockets"),
            users: gauge("arrwdb_sockets_users"),
            channels: gauge("arrwdb_channels"),
            subscriptions: gauge("arrwdb_channel_subscriptions"),
            behind: gauge("arrwdb_channel_subscriptions_behind"),
            lag_max: gauge("arrwdb_channel_lag_max"),
            bytes_in_rate: bytes("in"),
            bytes_out_rate: bytes("out"),
            broadcast: self.latency("arrwdb_broadcast_seconds"),
            disconnects: codes.map(ended).collect(),
        }
    }
}

fn trouble(samples: &Samples) -> Vec<&'static str> {
    let signs = [
        ("arrwdb_log_stopped", "A WRITE HAS FAILED"),
        ("arrwdb_disk_full", "THE DISK IS FULL"),
        ("arrwdb_alarm", "ALARM: see `arrwdb stats`"),
    ];
    let is_on = |name: &str| samples.sum(name, &[]).is_some_and(|value| 0.0 < value);
    signs.into_iter().filter(|(name, _)| is_on(name)).map(|(_, words)| words).collect()
}

/// Those furthest behind first.
fn consumers(answered: &[Value]) -> Vec<Consumer> {
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let number = |it: &Value| it.as_u64().unwrap_or(0);
    let consumer = |it: &Value| Consumer {
        name: text(&it["name"]),
        filter: text(&it["filter"]),
        records: number(&it["pending"]["records"]),
        bytes: number(&it["pending"]["bytes"]),
        age_ms: number(&it["pending"]["age_ms"]),
    };
    let mut all: Vec<Consumer> = answered.iter().map(consumer).collect();
    all.sort_by(|a, b| b.records.cmp(&a.records).then(a.name.cmp(&b.name)));
    all
}

/// Those with the most jobs first.
fn workers(answered: &[Value]) -> Vec<Worker> {
    let number = |it: &Value| it.as_u64().unwrap_or(0);
    let worker = |it: &Value| Worker {
        name: it["name"].as_str().unwrap_or_default().to_owned(),
        leases: number(&it["leases"]),
        wants: number(&it["wants"]),
        silent_until: it["silent_until"].as_str().map(str::to_owned),
    };
    let mut all: Vec<Worker> = answered.iter().map(worker).collect();
    all.sort_by(|a, b| b.leases.cmp(&a.leases).then(a.name.cmp(&b.name)));
    all
}
