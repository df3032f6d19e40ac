//! `/v1/stats`, `/v1/subscriptions`, `/metrics` and `/readyz`: how the server is.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrw::{BusStats, Filter, Pending, SubscriptionStats, Traffic};
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::App;
use crate::consumers::blocking;
use crate::json;
use crate::keys::Grant;
use crate::problem::{Code, Problem};
use crate::query::Query;

/// What is counted while the server runs.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Requests by the class of their answer: 1xx to 5xx.
    answers: [AtomicU64; 5],
    connections: AtomicU64,
    turned_away: AtomicU64,
}

impl Counters {
    /// A request was answered with this status.
    pub(crate) fn answered(&self, status: u16) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.answers[class].fetch_add(1, Ordering::Relaxed);
    }

    /// A connection was accepted.
    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection found no room.
    pub(crate) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct PendingOut {
    records: u64,
    bytes: u64,
    age_ms: u64,
}

impl From<Pending> for PendingOut {
    fn from(pending: Pending) -> Self {
        let age_ms = u64::try_from(pending.age.as_millis()).unwrap_or(u64::MAX);
        Self { records: pending.records, bytes: pending.bytes, age_ms }
    }
}

#[derive(Debug, Serialize)]
struct TrafficOut {
    published: u64,
    delivered: u64,
    errors: u64,
    subscriptions: u64,
    pending: PendingOut,
}

impl From<Traffic> for TrafficOut {
    fn from(traffic: Traffic) -> Self {
        let Traffic { published, delivered, errors, subscriptions, .. } = traffic;
        Self { published, delivered, errors, subscriptions, pending: traffic.pending.into() }
    }
}

#[derive(Debug, Serialize)]
struct LogOut {
    epoch: String,
    first: u64,
    tail: u64,
    bytes: u64,
    segments: u64,
    disk_full: bool,
}

#[derive(Debug, Serialize)]
struct StatsOut {
    version: &'static str,
    uptime_ms: u64,
    log: LogOut,
    durable: TrafficOut,
    volatile: TrafficOut,
    refused: u64,
    consumers: usize,
    connections: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    alarm: Option<String>,
}

impl StatsOut {
    fn of(app: &App) -> Result<Self, Problem> {
        let bus: BusStats = app.bus.stats().map_err(|error| Problem::from(&error))?;
        let log = app.db.log_stats();
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            uptime_ms: u64::try_from(app.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            log: LogOut {
                epoch: bus.epoch.to_string(),
                first: bus.first.get(),
                tail: bus.tail.get(),
                bytes: log.bytes,
                segments: log.segments as u64,
                disk_full: log.disk_full,
            },
            durable: bus.durable.into(),
            volatile: bus.volatile.into(),
            refused: bus.refused,
            consumers: app.bus.count_consumers(),
            connections: app.admission.count(),
            alarm: bus.alarm.map(|alarm| alarm.to_string()),
        })
    }
}

#[derive(Debug, Serialize)]
struct PatternOut {
    filter: String,
    topics: u64,
    #[serde(flatten)]
    traffic: TrafficOut,
}

/// Of all, or of the topics of a filter.
pub(crate) async fn stats(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    request: Request,
) -> Result<Response, Problem> {
    if request.uri().query().is_none_or(str::is_empty) {
        return Ok(json::answer(&blocking(app, StatsOut::of).await?));
    }
    let filter = Query::parse(request.uri().query(), &["filter"], &app.limits)?.filter;
    grant.check_filter(&filter)?;
    let of_filter = filter.clone();
    let found = blocking(app, move |app| {
        app.bus.pattern_stats(&of_filter).map_err(|error| Problem::from(&error))
    });
    let found = found.await?;
    let (filter, topics) = (filter.to_string(), found.topics);
    Ok(json::answer(&PatternOut { filter, topics, traffic: found.traffic.into() }))
}

#[derive(Debug, Serialize)]
struct SubscriptionOut {
    filter: String,
    next: u64,
    delivered: u64,
    errors: u64,
    pending: PendingOut,
}

impl From<SubscriptionStats> for SubscriptionOut {
    fn from(stats: SubscriptionStats) -> Self {
        Self {
            filter: stats.filter.to_string(),
            next: stats.next.get(),
            delivered: stats.delivered,
            errors: stats.errors,
            pending: stats.pending.into(),
        }
    }
}

/// The subscriptions to topics of a filter, those that are furthest behind first.
pub(crate) async fn subscriptions(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    request: Request,
) -> Result<Response, Problem> {
    let query = Query::parse(request.uri().query(), &["filter", "limit"], &app.limits)?;
    grant.check_filter(&query.filter)?;
    let limit = query.limit;
    let found = blocking(app, move |app| {
        let filter: Filter = query.filter;
        app.bus.slowest_subscriptions(&filter, limit).map_err(|error| Problem::from(&error))
    });
    let found: Vec<SubscriptionOut> = found.await?.into_iter().map(Into::into).collect();
    Ok(json::answer(&serde_json::json!({ "subscriptions": found })))
}

/// Whether requests can be answered now.
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    if let Some(cause) = app.db.poison() {
        return Err(Problem::new(Code::LogStopped, format!("a write failed: {cause}")));
    }
    if app.is_closing() {
        return Err(Problem::new(Code::Closing, "the server is stopping"));
    }
    if app.db.log_stats().disk_full {
        return Err(Problem::new(Code::DiskFull, "the disk is full: only reads are answered")
            .hint("publishing goes on by itself when there is space again"));
    }
    Ok("ready")
}

/// The same for Prometheus, in its text format.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let text = blocking(app, |app| StatsOut::of(app).map(|stats| text_of(&stats, &app.counters)));
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], text.await?).into_response())
}

fn text_of(stats: &StatsOut, counters: &Counters) -> String {
    let mut out = String::with_capacity(4096);
    let mut family = |name: &str, kind: &str, help: &str, samples: &[(&str, f64)]| {
        // Writing to a string cannot fail.
        let _fine = writeln!(out, "# HELP arrwdb_{name} {help}\n# TYPE arrwdb_{name} {kind}");
        for (labels, value) in samples {
            let _fine = writeln!(out, "arrwdb_{name}{labels} {value}");
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "a metric is a float")]
    let number = |number: u64| number as f64;
    let both = |of: fn(&TrafficOut) -> u64| {
        [
            ("{class=\"durable\"}", number(of(&stats.durable))),
            ("{class=\"volatile\"}", number(of(&stats.volatile))),
        ]
    };
    let version = format!("{{version=\"{}\"}}", stats.version);
    family("build_info", "gauge", "Version of the server.", &[(&version, 1.0)]);
    let seconds = number(stats.uptime_ms) / 1000.0;
    family("uptime_seconds", "gauge", "Time since the start.", &[("", seconds)]);
    family("events_published_total", "counter", "Events published.", &both(|it| it.published));
    let help = "Events handed to subscribers, each counted once a subscriber.";
    family("events_delivered_total", "counter", help, &both(|it| it.delivered));
    let help = "Gaps, ends of slow subscribers and failed reads.";
    family("delivery_errors_total", "counter", help, &both(|it| it.errors));
    family("subscriptions", "gauge", "Subscriptions.", &both(|it| it.subscriptions));
    let help = "Records that the slowest subscription has not read.";
    family("pending_records", "gauge", help, &both(|it| it.pending.records));
    let help = "Bytes that the slowest subscription has not read.";
    family("pending_bytes", "gauge", help, &both(|it| it.pending.bytes));
    let ages = both(|it| it.pending.age_ms).map(|(labels, ms)| (labels, ms / 1000.0));
    family("pending_seconds", "gauge", "Age of the oldest of them.", &ages);
    let one = |value: u64| [("", number(value))];
    family("refused_total", "counter", "Batches that the rules refused.", &one(stats.refused));
    family("consumers", "gauge", "Named consumers.", &one(stats.consumers as u64));
    family("log_bytes", "gauge", "Bytes of the log on the disk.", &one(stats.log.bytes));
    family("log_segments", "gauge", "Segment files.", &one(stats.log.segments));
    family("log_first_seq", "gauge", "The oldest record.", &one(stats.log.first));
    family("log_next_seq", "gauge", "The seq of the next record.", &one(stats.log.tail));
    let full = one(u64::from(stats.log.disk_full));
    family("disk_full", "gauge", "1 while appends are refused for want of space.", &full);
    let alarm = one(u64::from(stats.alarm.is_some()));
    family("alarm", "gauge", "1 when an operator must look: see /v1/stats.", &alarm);
    family("connections", "gauge", "Connections now.", &one(stats.connections as u64));
    let accepted = one(counters.connections.load(Ordering::Relaxed));
    family("connections_total", "counter", "Connections accepted.", &accepted);
    let turned_away = one(counters.turned_away.load(Ordering::Relaxed));
    family("connections_turned_away_total", "counter", "Connections without room.", &turned_away);
    let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|class| format!("{{code=\"{class}\"}}"));
    let answers: Vec<(&str, f64)> = classes
        .iter()
        .zip(&counters.answers)
        .map(|(labels, count)| (labels.as_str(), number(count.load(Ordering::Relaxed))))
        .collect();
    family("http_requests_total", "counter", "Requests by the class of their answer.", &answers);
    out
}
