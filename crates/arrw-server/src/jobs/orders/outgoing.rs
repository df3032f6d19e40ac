//! A schedule or a trigger as it is answered.

use std::borrow::Cow;

use arrw::{Misfire, OrderRule, Position, Schedule, StandingOrder};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::app::App;
use crate::auth::now;
use crate::jobs::outgoing::{BackoffOut, raw};
use crate::json;
use crate::rfc3339::rfc3339;

#[derive(Debug, Serialize)]
struct OrderOut<'a> {
    name: &'a str,
    #[serde(flatten)]
    rule: RuleOut<'a>,
    paused: bool,
    queue: &'a str,
    job: TemplateOut<'a>,
    made: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_job: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum RuleOut<'a> {
    Schedule {
        #[serde(flatten)]
        when: WhenOut,
        misfire: &'static str,
        next_runs: Vec<String>,
        missed: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_slot: Option<String>,
    },
    Trigger {
        filter: &'a str,
        /// All events up to this place have their jobs.
        cursor: String,
    },
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum WhenOut {
    Cron { cron: String, zone: String },
    Every { every: String },
}

/// The job that others are like, as it is enqueued.
#[derive(Debug, Serialize)]
struct TemplateOut<'a> {
    queue: &'a str,
    kind: &'a str,
    args: Option<&'a RawValue>,
    priority: &'static str,
    max_attempts: u16,
    timeout_ms: u32,
    backoff: BackoffOut<'a>,
    /// Only a digest of the key is kept, so no more can be told. Put again as it is, it is refused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unique: bool,
    #[serde(flatten)]
    more: MoreOut<'a>,
}

/// What only the text of the job has.
#[derive(Debug, Default, Serialize, Deserialize)]
struct MoreOut<'a> {
    #[serde(borrow, default)]
    tags: Vec<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawValue>,
}

impl<'a> RuleOut<'a> {
    fn new(app: &App, order: &'a StandingOrder) -> Self {
        match order.rule() {
            OrderRule::Schedule { when, misfire } => Self::Schedule {
                when: WhenOut::new(when),
                misfire: match misfire {
                    Misfire::Skip => "skip",
                    Misfire::RunOnce => "run_once",
                },
                next_runs: order.next_runs(now()).into_iter().map(rfc3339).collect(),
                missed: order.missed(),
                last_slot: order.last_slot().map(rfc3339),
            },
            OrderRule::Trigger { filter } => {
                let epoch = app.db.position().epoch;
                let cursor = Position { epoch, seq: order.cursor() }.to_string();
                Self::Trigger { filter, cursor }
            }
        }
    }
}

impl WhenOut {
    fn new(when: &Schedule) -> Self {
        match when {
            Schedule::Cron { cron, zone } => {
                Self::Cron { cron: cron.to_string(), zone: zone.to_string() }
            }
            Schedule::Interval(interval) => Self::Every { every: interval.to_string() },
            _ => Self::Every { every: "?".to_owned() },
        }
    }
}

impl<'a> TemplateOut<'a> {
    fn new(order: &'a StandingOrder) -> Self {
        let plan = order.plan();
        Self {
            queue: order.queue(),
            kind: order.job_kind(),
            args: raw(order.args()),
            priority: order.priority().name(),
            max_attempts: plan.max_attempts,
            timeout_ms: plan.timeout_ms,
            backoff: BackoffOut::new(&plan.backoff),
            unique: order.is_unique(),
            more: serde_json::from_str(order.template()).unwrap_or_default(),
        }
    }
}

/// An order as JSON.
pub(super) fn json_of(app: &App, name: &str, order: &StandingOrder) -> String {
    let out = OrderOut {
        name,
        rule: RuleOut::new(app, order),
        paused: order.is_paused(),
        queue: order.queue(),
        job: TemplateOut::new(order),
        made: order.made(),
        last_job: order.last().map(arrw::JobId::get),
    };
    serde_json::to_string(&out).expect("texts and numbers are always JSON")
}

/// The answer that tells of an order.
pub(super) fn shown(app: &App, name: &str, order: &StandingOrder) -> Response {
    json::of_bytes(json_of(app, name, order).into_bytes())
}
