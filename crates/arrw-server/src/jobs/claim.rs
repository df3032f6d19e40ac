//! `POST /v1/queues/{queue}/claim`: jobs for a worker, for which it may wait.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use arrw::{Claim, ClaimError, Claiming, Job, jobs_limits};
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::outgoing::ClaimedOut;
use crate::app::App;
use crate::builtin;
use crate::json;
use crate::keys::Grant;
use crate::limits::{CLAIM_JOBS_MAX, CLAIM_WAIT_MAX};
use crate::part::Part;
use crate::problem::{Code, Problem};

/// What is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    worker: Option<String>,
    count: Option<usize>,
    #[serde(default)]
    wait_ms: u64,
    lease_ms: Option<u64>,
    /// More queues.
    #[serde(default)]
    queues: Vec<String>,
}

/// What is wanted by who finishes jobs. It does not wait.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `queues`")]
pub(super) struct NextForm {
    worker: Option<String>,
    count: Option<usize>,
    lease_ms: Option<u64>,
    queues: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ClaimedJobs<'a> {
    worker: &'a str,
    jobs: Vec<ClaimedOut<'a>>,
}

/// A claim that may be made.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) claim: Claim,
    pub(super) lease_ms: u64,
}

impl NextForm {
    pub(super) fn check(&self, grant: &Grant) -> Result<Wish, Problem> {
        let queues = self.queues.iter().map(String::as_str).collect::<Vec<_>>();
        let (worker, count) = (self.worker.as_deref(), self.count);
        Wish::new(grant, worker, &queues, (count, self.lease_ms))
    }
}

impl Wish {
    fn new(
        grant: &Grant,
        worker: Option<&str>,
        queues: &[&str],
        (count, lease_ms): (Option<usize>, Option<u64>),
    ) -> Result<Self, Problem> {
        queues.iter().try_for_each(|queue| grant.check_queue(queue))?;
        if queues.contains(&builtin::QUEUE) {
            let detail =
                format!("the server does the jobs of the queue `{}` itself", builtin::QUEUE);
            return Err(Problem::new(Code::Job, detail).hint("claim from another queue"));
        }
        let count = count.unwrap_or(1);
        if CLAIM_JOBS_MAX < count {
            let detail = format!("`count` is {count}, and must be from 1 to {CLAIM_JOBS_MAX}");
            return Err(Problem::new(Code::Job, detail));
        }
        let worker = worker.map_or_else(draw, str::to_owned);
        let claim = Claim::new(&worker, queues.iter().copied(), count);
        let claim = claim.map_err(|error| Problem::from(&error))?;
        Ok(Self { claim, lease_ms: lease_ms.unwrap_or(jobs_limits::LEASE_MS_DEFAULT) })
    }
}

/// A name for the worker of one claim, which nobody else draws by all odds: so the leases of one client do not depend
/// on another being alive.
fn draw() -> String {
    format!("http-{:016x}", RandomState::new().hash_one(0))
}

pub(crate) async fn claim(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(queue): Part,
    request: Request,
) -> Result<Response, Problem> {
    grant.check_queue(&queue)?;
    let (head, body) = request.into_parts();
    let form: Form = json::read(&app, &head.headers, body).await?;
    let mut queues = vec![queue.as_str()];
    queues.extend(form.queues.iter().map(String::as_str).filter(|more| *more != queue));
    let wish = Wish::new(&grant, form.worker.as_deref(), &queues, (form.count, form.lease_ms))?;
    let wait = Duration::from_millis(form.wait_ms);
    if CLAIM_WAIT_MAX < wait {
        let max = CLAIM_WAIT_MAX.as_millis();
        let detail = format!("`wait_ms` is {}, and may be {max} at most", form.wait_ms);
        return Err(Problem::new(Code::Job, detail).hint("ask again when there was nothing"));
    }
    let worker = wish.claim.worker().to_owned();
    let jobs = if wait.is_zero() {
        app.jobs.claim_now_for(wish.claim, wish.lease_ms).await
    } else {
        waited_for(&app, app.jobs.claim_for(wish.claim, wish.lease_ms), wait).await
    };
    let jobs = jobs.map_err(|error| app.refuse(&error))?;
    Ok(json::answer(&ClaimedJobs { worker: &worker, jobs: claimed(&app, &jobs) }))
}

/// Waits for jobs until the time is over or the server stops. When the client goes, this is dropped, and the jobs that
/// it would have got go back.
async fn waited_for(
    app: &App,
    mut claiming: Claiming,
    wait: Duration,
) -> Result<Vec<Job>, ClaimError> {
    let waiting = async {
        tokio::select! {
            jobs = &mut claiming => Some(jobs),
            () = app.closing() => None,
        }
    };
    if let Ok(Some(jobs)) = timeout(wait, waiting).await {
        return jobs;
    }
    claiming.give_up();
    // Those that are on their way to the disk still come.
    claiming.await
}

/// Jobs as they are answered to who claimed them.
pub(super) fn claimed<'a>(app: &App, jobs: &'a [Job]) -> Vec<ClaimedOut<'a>> {
    let epoch = app.db.position().epoch;
    jobs.iter().map(|job| ClaimedOut::new(job, epoch)).collect()
}
