//! `/v1/jobs`, `/v1/queues`, `/v1/workers`, `/v1/schedules` and `/v1/triggers`: jobs are enqueued, claimed, finished and
//! looked after.

pub(crate) mod call;
mod change;
mod claim;
mod enqueue;
mod figures;
mod finish;
mod incoming;
mod list;
pub(crate) mod orders;
mod outgoing;
pub(crate) mod queues;
mod refusal;
mod show;
pub(crate) mod workers;

pub(crate) use change::{bulk, cancel, delete, retry};
pub(crate) use claim::claim;
pub(crate) use enqueue::{EnqueuedOut, enqueue, nth, take};
pub(crate) use figures::{Figures, JobsOut};
pub(crate) use finish::{EndingForm, check_count, end, extend, finish, of_item};
pub(crate) use list::list;
pub(crate) use show::{progress, show};

use arrw::{JobId, JobStatus, Refused};

use crate::app::App;
use crate::json::shown;
use crate::keys::Grant;
use crate::problem::{Code, Problem};

/// The number of a job in a path.
fn number(text: &str) -> Result<JobId, Problem> {
    let wrong = |_not_a_number| {
        Problem::new(Code::Job, format!("{} is not the number of a job", shown(text)))
            .hint("take it from the answer to an enqueue, a claim or a list")
    };
    Ok(JobId::from_number(text.parse().map_err(wrong)?))
}

/// A job that the key covers.
fn find(app: &App, grant: &Grant, job: JobId) -> Result<JobStatus, Problem> {
    // That there is none is said to everybody.
    let status = app.jobs.get(job).ok_or_else(|| Problem::from(&Refused::NotFound { job }))?;
    grant.check_queue(&status.queue)?;
    Ok(status)
}
