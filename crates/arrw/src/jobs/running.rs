//! Commands on their way: wait for them on a thread, or await them in a task.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrw_jobs::{Done, JobId, Refused};
use arrw_log::{Append, AppendError, Committed};

use crate::jobs::error::JobsError;
use crate::jobs::rules::JobAsk;

/// What became of commands: of each what was done, or why it was refused.
pub type Answers = Vec<Result<Done, Refused>>;

/// Commands on their way. They do nothing until they are waited for or polled; from then on they are decided even
/// if this is dropped.
#[derive(Debug)]
#[must_use = "commands do nothing until they are waited for or awaited"]
pub struct Running {
    append: Append,
    ask: Arc<JobAsk>,
}

impl Running {
    pub(crate) fn new(append: Append, ask: Arc<JobAsk>) -> Self {
        Self { append, ask }
    }

    /// Hands them over now, so that other work can be done before the answer is needed.
    pub fn start(self) -> Self {
        Self { append: self.append.start(), ask: self.ask }
    }

    /// Waits on this thread until what was done is on the disk.
    ///
    /// # Errors
    /// See [`JobsError`].
    pub fn wait(self) -> Result<Answers, JobsError> {
        answered(self.append.wait(), &self.ask).map(<[_]>::to_vec)
    }
}

impl Future for Running {
    type Output = Result<Answers, JobsError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { append, ask } = &mut *self;
        let answer = Pin::new(append).poll(context);
        answer.map(|answer| answered(answer, ask).map(<[_]>::to_vec))
    }
}

fn answered(
    answer: Result<Committed, AppendError>,
    ask: &JobAsk,
) -> Result<&[Result<Done, Refused>], JobsError> {
    answer?;
    Ok(ask.answers.get().map_or(&[], |answers| answers))
}

/// A job that was enqueued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// Its number, or that of the first one with its id or unique key.
    pub job: JobId,
    /// False when there was one before.
    pub is_new: bool,
}

/// Jobs on their way into their queues.
#[derive(Debug)]
#[must_use = "nothing is enqueued until this is waited for or awaited"]
pub struct Enqueuing(Running);

impl Enqueuing {
    pub(crate) fn new(running: Running) -> Self {
        Self(running)
    }

    /// Hands them over now, so that other work can be done before the answer is needed.
    pub fn start(self) -> Self {
        Self(self.0.start())
    }

    /// Waits on this thread until the jobs are on the disk. They are answered in their order.
    ///
    /// # Errors
    /// See [`JobsError`].
    pub fn wait(self) -> Result<Vec<Enqueued>, JobsError> {
        let Running { append, ask } = self.0;
        answered(append.wait(), &ask).map(enqueued)
    }
}

impl Future for Enqueuing {
    type Output = Result<Vec<Enqueued>, JobsError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Running { append, ask } = &mut self.0;
        Pin::new(append).poll(context).map(|answer| answered(answer, ask).map(enqueued))
    }
}

/// The jobs among what was done that were enqueued.
pub(crate) fn enqueued(answers: &[Result<Done, Refused>]) -> Vec<Enqueued> {
    let enqueued = answers.iter().map(|answer| match answer {
        Ok(Done::Enqueued { job, is_new }) => Some(Enqueued { job: *job, is_new: *is_new }),
        // One that is refused has all refused.
        Ok(Done::Job { .. } | Done::Queue | Done::Order) | Err(_) => None,
    });
    enqueued.flatten().collect()
}
