//! A schedule or a trigger as JSON brings it in.

use arrw::{Cron, Filter, Misfire, Schedule, Zone};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::app::App;
use crate::keys::Grant;
use crate::problem::{Code, Problem};

/// A schedule. `zone` goes with `cron`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScheduleForm {
    cron: Option<String>,
    zone: Option<String>,
    every: Option<String>,
    #[serde(default)]
    misfire: MisfireForm,
    pub(super) job: Box<RawValue>,
}

/// What becomes of slots that were missed.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MisfireForm {
    #[default]
    Skip,
    RunOnce,
}

/// A trigger.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TriggerForm {
    pub(super) filter: String,
    pub(super) job: Box<RawValue>,
}

impl ScheduleForm {
    /// Its slots.
    pub(super) fn when(&self, app: &App) -> Result<Schedule, Problem> {
        let wrong = |error: &dyn std::error::Error| Problem::new(Code::Schedule, error.to_string());
        match (&self.cron, &self.every) {
            (Some(cron), None) => {
                let cron = Cron::parse(cron).map_err(|error| wrong(&error))?;
                let zone = self.zone.as_deref().map(Zone::parse).transpose();
                let zone = zone.map_err(|error| wrong(&error))?.unwrap_or_default();
                Ok(Schedule::Cron { cron, zone })
            }
            (None, Some(_)) if self.zone.is_some() => {
                Err(Problem::new(Code::Schedule, "`zone` says nothing of equal steps")
                    .hint("leave it out, or give the times as `cron`"))
            }
            (None, Some(every)) => app.jobs.every(every).map_err(|error| wrong(&error)),
            (Some(_), Some(_)) => Err(Problem::new(
                Code::Schedule,
                "`cron` and `every` are both there; give one of them",
            )),
            (None, None) => Err(Problem::new(Code::Schedule, "`cron` and `every` are missing")
                .hint("write `\"cron\":\"30 2 * * *\"` or `\"every\":\"10min\"`")),
        }
    }

    pub(super) fn misfire(&self) -> Misfire {
        match self.misfire {
            MisfireForm::Skip => Misfire::Skip,
            MisfireForm::RunOnce => Misfire::RunOnce,
        }
    }
}

impl TriggerForm {
    /// Looks whether it has a filter whose events the key may see, and go on from a place.
    pub(super) fn check(&self, grant: &Grant) -> Result<(), Problem> {
        let filter = Filter::parse(&self.filter);
        let filter = filter.map_err(|error| Problem::new(Code::Filter, error.to_string()))?;
        if filter.is_volatile() {
            let detail = format!("`{filter}` is volatile, and a trigger needs history");
            return Err(Problem::new(Code::NoHistory, detail)
                .hint("publish the events that trip it on a durable topic"));
        }
        grant.check_filter(&filter)
    }
}
