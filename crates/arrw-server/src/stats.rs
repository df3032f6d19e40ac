//! `/v1/stats`, `/v1/subscriptions` and `/readyz`: how the server is.

use std::sync::Arc;

use arrw::{BusStats, Filter, Pending, SubscriptionStats, Traffic};
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::consumers::blocking;
use crate::jobs::{Figures, JobsOut};
use crate::json;
use crate::keys::Grant;
use crate::problem::{Code, Problem};
use crate::query::Query;

#[derive(Debug, Serialize)]
pub(crate) struct PendingOut {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) age_ms: u64,
}

impl From<Pending> for PendingOut {
    fn from(pending: Pending) -> Self {
        let age_ms = u64::try_from(pending.age.as_millis()).unwrap_or(u64::MAX);
        Self { records: pending.records, bytes: pending.bytes, age_ms }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct TrafficOut {
    pub(crate) published: u64,
    pub(crate) delivered: u64,
    pub(crate) errors: u64,
    pub(crate) subscriptions: u64,
    pub(crate) pending: PendingOut,
}

impl From<Traffic> for TrafficOut {
    fn from(traffic: Traffic) -> Self {
        let Traffic { published, delivered, errors, subscriptions, .. } = traffic;
        Self { published, delivered, errors, subscriptions, pending: traffic.pending.into() }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct LogOut {
    pub(crate) epoch: String,
    pub(crate) first: u64,
    pub(crate) tail: u64,
    pub(crate) bytes: u64,
    pub(crate) segments: u64,
    pub(crate) disk_full: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct StatsOut {
    pub(crate) version: &'static str,
    pub(crate) uptime_ms: u64,
    pub(crate) log: LogOut,
    pub(crate) durable: TrafficOut,
    pub(crate) volatile: TrafficOut,
    pub(crate) refused: u64,
    pub(crate) consumers: usize,
    pub(crate) jobs: JobsOut,
    pub(crate) connections: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alarm: Option<String>,
}

impl StatsOut {
    pub(crate) fn of(app: &App, jobs: &Figures) -> Result<Self, Problem> {
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
            jobs: jobs.into(),
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
        let stats = blocking(app, move |app| StatsOut::of(app, &Figures::of(app, &grant)));
        return Ok(json::answer(&stats.await?));
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
