//! What a client of channels does with jobs, by calls: enqueue one, look at one, cancel one.

use std::future::Future;

use arrw::{Command, Db, JobId, JobStatus, Jobs, Refused};
use serde::Deserialize;

use super::change::changed;
use super::enqueue::EnqueuedOut;
use super::incoming::Incoming;
use super::outgoing::JobOut;
use crate::auth::now;
use crate::json;
use crate::problem::{Code, Problem};

/// Names a job.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JobForm {
    job: u64,
}

/// Reads a job that is to be enqueued.
pub(crate) fn incoming(form: &[u8]) -> Result<Incoming<'_>, Problem> {
    Incoming::parse(form, now())
}

/// The job that is named.
pub(crate) fn named(jobs: &Jobs, form: &[u8]) -> Result<JobStatus, Problem> {
    let JobForm { job } = json::object(Code::Body, form)?;
    let job = JobId::from_number(job);
    jobs.get(job).ok_or_else(|| Problem::from(&Refused::NotFound { job }))
}

/// Enqueues a job. It is handed over when this returns, and answered when it is on the disk.
pub(crate) fn enqueue(
    jobs: &Jobs,
    incoming: &Incoming<'_>,
) -> Result<impl Future<Output = Result<Vec<u8>, Problem>> + Send + use<>, Problem> {
    let tags = incoming.tag_refs();
    let enqueuing = jobs.enqueue_all(&[incoming.new_job(&tags)]);
    let enqueuing = enqueuing.map_err(|error| Problem::from(&error))?;
    Ok(async move {
        let enqueued = enqueuing.await.map_err(|error| Problem::from(&error))?;
        Ok(serde_json::to_vec(&enqueued.first().map(EnqueuedOut::from)).unwrap_or_default())
    })
}

/// A job as it is now, without what it was enqueued with.
pub(crate) fn shown(db: &Db, status: &JobStatus) -> Vec<u8> {
    let out = JobOut::new(status, db.position().epoch, None);
    serde_json::to_vec(&out).unwrap_or_default()
}

/// Cancels a job, and answers the state that it then has.
pub(crate) fn cancel(
    jobs: &Jobs,
    job: JobId,
) -> Result<impl Future<Output = Result<Vec<u8>, Problem>> + Send + use<>, Problem> {
    let running = jobs.run(vec![Command::Cancel(job)], false);
    let running = running.map_err(|error| Problem::from(&error))?;
    Ok(async move {
        let done = running.await.map_err(|error| Problem::from(&error))?;
        Ok(changed(job, done).to_string().into_bytes())
    })
}
