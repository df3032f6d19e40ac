//! How far jobs are, as their workers say: in memory, on a volatile topic, and with the next record of the job.

use std::collections::{BTreeMap, BTreeSet};

use arrw_bus::NewEvent;
use arrw_jobs::{Command, Finish, JobId, Refused, State as JobState, Token};

use crate::jobs::limits::PROGRESS_MESSAGE_BYTES_MAX;
use crate::jobs::{Jobs, JobsError};

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How much is done, in the worker's own unit.
    pub current: u64,
    /// How much there is to do, if that is known.
    pub total: Option<u64>,
    /// What is being done, for people; what is over 150 bytes of it is cut. Empty for nothing.
    pub message: String,
}

impl Progress {
    /// So much of so much.
    #[must_use]
    pub fn of(current: u64, total: u64) -> Self {
        Self { current, total: Some(total), message: String::new() }
    }

    fn json(&self) -> String {
        let mut json = format!("{{\"current\":{}", self.current);
        if let Some(total) = self.total {
            json.push_str(&format!(",\"total\":{total}"));
        }
        if !self.message.is_empty() {
            json.push_str(&format!(",\"message\":{}", serde_json::Value::from(&*self.message)));
        }
        json.push('}');
        json
    }

    fn cut(mut self) -> Self {
        let mut end = self.message.len().min(PROGRESS_MESSAGE_BYTES_MAX);
        while !self.message.is_char_boundary(end) {
            end -= 1;
        }
        self.message.truncate(end);
        self
    }
}

/// How far leased jobs are.
#[derive(Debug, Default)]
pub(crate) struct Progresses {
    of: BTreeMap<JobId, Progress>,
    /// Those whose leases end with the commit that is decided.
    ending: BTreeSet<JobId>,
}

impl Progresses {
    /// The same command with how far the job was, if it ends a lease and the worker said that.
    pub(crate) fn told_with(&self, command: &Command) -> Option<Command> {
        let Command::Finish(finish) = command else { return None };
        let json = self.of.get(&finish.job)?.json();
        let detail = finish.detail.clone().with_progress(&json).ok()?;
        Some(Command::Finish(Finish { detail, ..finish.clone() }))
    }

    /// The lease that a command ends is over, if that is committed.
    pub(crate) fn end(&mut self, command: &Command) {
        if let Command::Finish(Finish { job, .. }) = command
            && self.of.contains_key(job)
        {
            self.ending.insert(*job);
        }
    }

    /// What was decided is committed, or never happened.
    pub(crate) fn settle(&mut self, is_committed: bool) {
        for job in std::mem::take(&mut self.ending) {
            if is_committed {
                self.of.remove(&job);
            }
        }
    }
}

impl Jobs {
    /// Says how far a leased job is. It is in memory and on the volatile topic `~.jobs.<queue>.progress`, whose events have the job's
    /// number as their key, and the last one is told with the job's next record. Its worker was heard of with it.
    /// Writes nothing.
    ///
    /// # Errors
    /// [`Refused::Stale`] when the lease is over, and [`Refused::NotFound`].
    pub fn progress(&self, job: JobId, token: Token, progress: Progress) -> Result<(), JobsError> {
        let progress = progress.cut();
        let told = progress.json();
        let now = self.shared.environment.clock.now();
        let kept = self.shared.log.between_commits(|_| {
            let mut state = self.shared.jobs.core.lock();
            let status = state.jobs.get(job).ok_or(Refused::NotFound { job })?;
            if status.state != JobState::Leased || status.last != token.seq() {
                return Err(Refused::Stale { job, state: status.state.name() });
            }
            state.progress.of.insert(job, progress);
            if let Some(worker) = &status.worker {
                state.heard_again(worker, now);
            }
            Ok(status)
        });
        let status = kept.map_err(|refused| JobsError::Refused { index: 0, refused })?;
        let (topic, key) = (format!("~.jobs.{}.progress", status.queue), job.to_string());
        let attempt = status.attempt;
        let payload = format!("{{\"job\":{job},\"attempt\":{attempt},\"progress\":{told}}}");
        let event = NewEvent { key: key.as_bytes(), ..NewEvent::new(&topic, payload.as_bytes()) };
        // Who is too slow for it misses it, as of all volatile topics.
        let _nobody_follows = self.shared.tail.publish(&event, now);
        Ok(())
    }

    /// How far a leased job is, as its worker said last; `None` when it said nothing since the start.
    #[must_use]
    pub fn progress_of(&self, job: JobId) -> Option<Progress> {
        self.shared.jobs.core.lock().progress.of.get(&job).cloned()
    }
}
