//! Carries jobs forward whose records are about to go: what they were enqueued with, and what happened to them, is put into
//! new records. So retention never takes anything that a job still needs.

use arrw_jobs::{Carry, Command, JobId, JobStatus};
use arrw_log::{Log, ReadError, Seq, Urgency};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::jobs::asking;
use crate::jobs::history::{self, Kept};
use crate::jobs::limits::{CARRIED_BYTES_MAX, HISTORY_MAX};
use crate::jobs::records::{self, Recent};
use crate::jobs::rules::{Core, is_needed};

/// The payload of the record that carries a job.
#[derive(Debug, Serialize)]
struct Carried<'a> {
    #[serde(flatten)]
    kept: Kept<'a>,
    job: &'a RawValue,
}

/// Puts what the records before `floor` tell of jobs into new ones. False when some of it is still to be done: the log
/// refuses, or cannot be read there.
pub(crate) fn carry(log: &Log, core: &Core, jobs: &[JobId], floor: Seq) -> bool {
    let recent = Recent::default();
    let mut commands: Vec<Command> = Vec::new();
    let (mut bytes, mut is_done) = (0, true);
    for job in jobs {
        let Some(status) = look(log, core, *job).filter(|it| it.args_at < floor) else { continue };
        match command(log, &recent, &status) {
            Ok(Some(command)) => commands.push(command),
            Ok(None) | Err(_) => is_done = false,
        }
        bytes += commands.last().map_or(0, Command::bytes_max);
        if CARRIED_BYTES_MAX <= bytes {
            // Those that changed meanwhile are left for the next time.
            is_done &= asking::ask(log, std::mem::take(&mut commands), Urgency::Reserved).is_done();
            bytes = 0;
        }
    }
    asking::ask(log, commands, Urgency::Reserved).is_done() && is_done
}

/// A job as it is on the disk, if it still needs its records.
fn look(log: &Log, core: &Core, job: JobId) -> Option<JobStatus> {
    let status = log.between_commits(|_| core.lock().jobs.get(job))?;
    is_needed(status.state).then_some(status)
}

/// The command that carries a job forward; `None` when what it was enqueued with is no JSON any more.
fn command(log: &Log, recent: &Recent, status: &JobStatus) -> Result<Option<Command>, ReadError> {
    let history = history::read(log, recent, status, HISTORY_MAX)?;
    let Some(payload) = records::payloads(log, recent, &[status.args_at])?.pop() else {
        return Ok(None);
    };
    let Ok(job) = serde_json::from_str(payload.text()) else { return Ok(None) };
    let carried = Carried { kept: history.keep(), job };
    let Ok(payload) = serde_json::to_string(&carried) else { return Ok(None) };
    Ok(Some(Command::Carry(Carry { job: status.job, newest: status.newest, payload })))
}
