//! `GET /v1/jobs/{job}`: what is known of a job, with what it was enqueued with.

use std::sync::Arc;

use arrw::{JobStatus, Payload, ReadError};
use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::outgoing::JobOut;
use crate::app::App;
use crate::consumers::blocking;
use crate::json;
use crate::keys::Grant;
use crate::part::Part;
use crate::problem::Problem;

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    Part(job): Part,
) -> Result<Response, Problem> {
    let status = super::find(&app, &grant, super::number(&job)?)?;
    let epoch = app.db.position().epoch;
    let shown = blocking(app, move |app| {
        let payload = payload(app, &status)?;
        Ok(json::answer(&JobOut::new(&status, epoch, payload.as_ref())))
    });
    shown.await
}

/// What a job was enqueued with; `None` when the log has let go of it, as it may of finished jobs.
pub(super) fn payload(app: &App, status: &JobStatus) -> Result<Option<Payload>, Problem> {
    match app.jobs.payload(status) {
        Ok(payload) => Ok(payload),
        Err(ReadError::Trimmed { .. } | ReadError::Lost { .. }) => Ok(None),
        Err(error) => Err(Problem::from(&error)),
    }
}
