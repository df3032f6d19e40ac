//! `/v1/workers`: workers that are known, and that say that they are alive.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrw::{JobId, WorkerStatus, jobs_limits};
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::consumers::blocking;
use crate::json;
use crate::keys::Grant;
use crate::part::Part;
use crate::problem::Problem;
use crate::query::Given;
use crate::rfc3339::rfc3339;

/// A worker as it is answered.
#[derive(Debug, Serialize)]
struct WorkerOut<'a> {
    name: &'a str,
    /// Jobs that it has, of the queues that the key covers.
    leases: usize,
    /// How many more its waiting claims would take.
    wants: usize,
    /// When they are lost if it is not heard of before.
    #[serde(skip_serializing_if = "Option::is_none")]
    silent_until: Option<String>,
}

impl<'a> WorkerOut<'a> {
    /// `None` of one that has nothing to do with the queues that the key covers.
    fn new(grant: &Grant, status: &'a WorkerStatus) -> Option<Self> {
        let seen = status.leases.iter().filter(|(queue, _)| grant.covers_queue(queue));
        let leases: usize = seen.map(|(_, count)| count).sum();
        let is_seen = 0 < leases || grant.covers_all();
        let silent_until = status.silent_until.map(rfc3339);
        is_seen.then_some(Self { name: &status.name, leases, wants: status.wants, silent_until })
    }
}

/// The workers that are known now, by name, a page of them.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    request: Request,
) -> Result<Response, Problem> {
    let mut given = Given::parse(request.uri().query(), &["limit", "after"])?;
    let limit = given.limit(&app.limits)?;
    let after = given.take("after").unwrap_or_default();
    // It looks at all leases.
    let found = blocking(app, move |app| Ok(app.jobs.workers(&after, limit + 1)));
    let mut found = found.await?;
    let has_more = limit < found.len();
    found.truncate(limit);
    let next = has_more.then(|| found.last().map(|last| &*last.name)).flatten();
    let workers: Vec<WorkerOut<'_>> =
        found.iter().filter_map(|status| WorkerOut::new(&grant, status)).collect();
    Ok(json::answer(&serde_json::json!({ "workers": workers, "next": next })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeartbeatForm {
    lease_ms: Option<u64>,
    /// Those that it has, if it says.
    jobs: Option<Vec<u64>>,
}

#[derive(Debug, Serialize)]
struct HeartbeatOut {
    /// Those that are to be cancelled.
    cancel: Vec<u64>,
    /// Those that it named and does not have, if it named any.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<Vec<u64>>,
}

/// A worker is alive: all its leases are good for as long as it may be silent again. Those that it does not name twice,
/// if it names any, are lost.
pub(crate) async fn heartbeat(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(worker): Part,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let form: HeartbeatForm = json::read(&app, &head.headers, body).await?;
    let lease_ms = form.lease_ms.unwrap_or(jobs_limits::LEASE_MS_DEFAULT);
    let is_covered =
        |job: &JobId| app.jobs.get(*job).is_some_and(|status| grant.covers_queue(&status.queue));
    let mut lost = None;
    let cancelling = match form.jobs {
        None => app.jobs.heartbeat(&worker, lease_ms),
        Some(jobs) => {
            let mut holds: Vec<JobId> = jobs.into_iter().map(JobId::from_number).collect();
            let held: BTreeSet<JobId> = app.jobs.held_by(&worker).into_iter().collect();
            let over = holds.iter().filter(|job| !held.contains(job));
            lost = Some(over.map(|job| job.get()).collect());
            if !grant.covers_all() {
                // Of what it may not touch it says nothing.
                holds.extend(held.into_iter().filter(|job| !is_covered(job)));
            }
            app.jobs.heartbeat_holding(&worker, lease_ms, &holds)
        }
    };
    let cancel = cancelling.into_iter().filter(is_covered).map(JobId::get).collect();
    Ok(json::answer(&HeartbeatOut { cancel, lost }))
}
