//! Ends of attempts on their way to the disk. Those that end together go in one append; one with events or jobs has an
//! append of its own, as all of it happens or nothing.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrw_jobs::{Command, Detail, Done, Finish, Outcome, Refused, State as JobState};
use arrw_log::AppendError;

use crate::batch::Commit;
use crate::error::PublishError;
use crate::jobs::watch::{Lease, Watch};
use crate::jobs::{Answers, Job, Jobs, JobsError, Running};
use crate::worker::answer::{Completion, Failure};
use crate::worker::attempt::Attempt;
use crate::worker::crew::Ran;
use crate::worker::desk::Ended;
use crate::worker::error::RunError;
use crate::worker::limits::{DROPPED_MS, FINISH_BYTES_MAX, FINISHES_MAX, UNKNOWN_KIND_MS};
use crate::worker::plan::Plan;
use crate::worker::stats::{Attempted, How};
use crate::worker::stop::Stage;

/// An attempt whose end is on its way.
#[derive(Debug)]
pub(crate) struct Finishing {
    job: Arc<Job>,
    how: How,
    error: Option<String>,
}

/// Ends of attempts.
#[derive(Debug)]
pub(crate) struct Finishes {
    jobs: Jobs,
    /// Those that can go together, in their order.
    waiting: VecDeque<(Command, Finishing)>,
    writes: Vec<Write>,
}

/// An append on its way.
#[derive(Debug)]
enum Write {
    Together(Running, Vec<Finishing>),
    Alone(Box<Alone>),
}

/// A completion that brings more with it.
#[derive(Debug)]
struct Alone {
    commit: Commit,
    completion: Completion,
    finishing: Finishing,
}

impl Finishes {
    pub(crate) fn new(jobs: &Jobs) -> Self {
        Self { jobs: jobs.clone(), waiting: VecDeque::new(), writes: Vec::new() }
    }

    /// True when all that ended is on the disk.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.writes.is_empty()
    }

    /// How many ends are on their way.
    pub(crate) fn written(&self) -> usize {
        let written = self.writes.iter().map(|write| match write {
            Write::Together(_, finishing) => finishing.len(),
            Write::Alone(_) => 1,
        });
        written.sum()
    }

    /// An attempt ended, of a worker that is so far on its way to its end.
    pub(crate) fn end(&mut self, plan: &Plan, ran: Ran, stage: Stage) {
        let Ran { attempt, ended, is_lost } = ran;
        if is_lost {
            return plan.lost(&attempt);
        }
        let job = Arc::clone(attempt.job());
        match ended {
            Ended::Answered(Ok(completion)) => self.complete(job, completion),
            Ended::Answered(Err(failure)) => match failure.outcome() {
                // It was told to end, and did.
                Outcome::Fail { .. } if Stage::Cancels <= stage => self.release(job),
                Outcome::Snooze { .. } => self.fail(job, How::Snoozed, failure),
                Outcome::Complete
                | Outcome::Fail { .. }
                | Outcome::Discard
                | Outcome::Release
                | Outcome::Lost => self.fail(job, How::Failed, failure),
            },
            Ended::Panicked(words) => self.fail(job, How::Panicked, Failure::new(words)),
            Ended::Dropped if Stage::Drains <= stage => self.release(job),
            // By the runtime that had it, which may do so again.
            Ended::Dropped => {
                let wait = Duration::from_millis(DROPPED_MS);
                let failure = Failure::snooze(wait, "its handler was dropped before it ended");
                self.fail(job, How::Snoozed, failure);
            }
        }
    }

    /// A job is of a kind that its worker does not know: it is not harmed, and tried again later.
    pub(crate) fn unknown_kind(&mut self, attempt: &Attempt) {
        let kind = attempt.kind();
        let why = format!("the worker that claimed it has no handler for jobs of kind `{kind}`");
        let failure = Failure::snooze(Duration::from_millis(UNKNOWN_KIND_MS), why);
        self.fail(Arc::clone(attempt.job()), How::UnknownKind, failure);
    }

    /// A job is done.
    pub(crate) fn complete(&mut self, job: Arc<Job>, completion: Completion) {
        if let Some(wrong) = completion.wrong() {
            let failure = Failure::new(format!("a job of the completion cannot be: {wrong}"));
            return self.fail(job, How::Failed, failure);
        }
        let detail = match Detail::result(completion.result()) {
            Ok(detail) => detail,
            Err(error) => return self.fail(job, How::Failed, Failure::from(error)),
        };
        let finish = finish(&job, Outcome::Complete, detail);
        let finishing = Finishing { job, how: How::Completed, error: None };
        if completion.is_plain() {
            return self.waiting.push_back((finish, finishing));
        }
        match completion.commit(&self.jobs.shared, finish) {
            Ok(commit) => {
                let alone = Alone { commit, completion, finishing };
                self.writes.push(Write::Alone(Box::new(alone)));
            }
            Err(error) => self.fail(finishing.job, How::Failed, Failure::from(error)),
        }
    }

    /// An attempt failed, or its job is to wait.
    pub(crate) fn fail(&mut self, job: Arc<Job>, how: How, failure: Failure) {
        let outcome = failure.outcome();
        let error = failure.error();
        let finish = finish(&job, outcome, Detail::error(&error));
        self.waiting.push_back((finish, Finishing { job, how, error: Some(error) }));
    }

    /// A job goes back without an attempt.
    pub(crate) fn release(&mut self, job: Arc<Job>) {
        let finish = finish(&job, Outcome::Release, Detail::default());
        self.waiting.push_back((finish, Finishing { job, how: How::Released, error: None }));
    }

    /// Those that go in the next append, at most as many as it takes.
    pub(crate) fn take(&mut self) -> (Vec<Command>, Vec<Finishing>) {
        let (mut commands, mut finishing, mut bytes) = (Vec::new(), Vec::new(), 0);
        while let Some((command, _)) = self.waiting.front() {
            bytes += command.bytes_max();
            let is_full = FINISHES_MAX <= commands.len() || FINISH_BYTES_MAX < bytes;
            if is_full && !commands.is_empty() {
                break;
            }
            let Some((command, one)) = self.waiting.pop_front() else { break };
            commands.push(command);
            finishing.push(one);
        }
        (commands, finishing)
    }

    /// True when some wait, and nothing that they could have gone with is on its way.
    pub(crate) fn is_due(&self) -> bool {
        let is_together = |write: &Write| matches!(write, Write::Together(..));
        !self.waiting.is_empty() && !self.writes.iter().any(is_together)
    }

    /// Hands all over that wait, and waits for nothing. Answers the jobs of all that is not known to be on the disk.
    pub(crate) fn hand_over_all(&mut self) -> Vec<Arc<Job>> {
        let mut left = Vec::new();
        for write in self.writes.drain(..) {
            match write {
                Write::Together(_, finishing) => left.extend(finishing),
                Write::Alone(alone) => left.push(alone.finishing),
            }
        }
        while !self.waiting.is_empty() {
            let (commands, finishing) = self.take();
            if let Ok(running) = self.jobs.run(commands, true) {
                let _unheard = running.start();
            }
            left.extend(finishing);
        }
        left.into_iter().map(Finishing::into_job).collect()
    }

    /// Hands over those that wait.
    pub(crate) fn write(&mut self) -> Result<(), RunError> {
        let (commands, finishing) = self.take();
        let running = self.jobs.run(commands, true).map_err(RunError::Finish)?;
        self.writes.push(Write::Together(running.start(), finishing));
        Ok(())
    }

    /// What reached the disk since the last time.
    pub(crate) fn poll(
        &mut self,
        watch: &Watch,
        context: &mut Context<'_>,
    ) -> Result<Vec<(How, Attempted)>, RunError> {
        let mut all = Vec::new();
        let mut pending = Vec::new();
        // An answer may bring another append.
        while let Some(write) = self.writes.pop() {
            match write {
                Write::Together(mut running, finishing) => {
                    match Pin::new(&mut running).poll(context) {
                        Poll::Pending => pending.push(Write::Together(running, finishing)),
                        Poll::Ready(answers) => {
                            let answers = answers.map_err(RunError::Finish)?;
                            all.extend(self.answered(answers, finishing));
                        }
                    }
                }
                Write::Alone(mut alone) => match Pin::new(&mut alone.commit).poll(context) {
                    Poll::Pending => pending.push(Write::Alone(alone)),
                    Poll::Ready(answer) => {
                        let answer = answer.map(|_| ());
                        all.extend(self.answered_alone(watch, *alone, answer)?);
                    }
                },
            }
        }
        self.writes = pending;
        Ok(all)
    }

    /// What became of those that went together.
    pub(crate) fn answered(
        &mut self,
        answers: Answers,
        finishing: Vec<Finishing>,
    ) -> Vec<(How, Attempted)> {
        let mut all = Vec::with_capacity(finishing.len());
        for (answer, one) in answers.into_iter().zip(finishing) {
            match answer {
                Ok(Done::Job { state, .. }) => all.push(one.ended(Some(state))),
                // The log does not take the result: then it is not done.
                Err(refused) if one.how == How::Completed && !is_stale(&refused) => {
                    self.fail(one.job, How::Failed, Failure::from(refused));
                }
                Ok(Done::Enqueued { .. } | Done::Queue | Done::Order) | Err(_) => {
                    all.push(one.ended(None));
                }
            }
        }
        all
    }

    fn answered_alone(
        &mut self,
        watch: &Watch,
        alone: Alone,
        answer: Result<(), PublishError>,
    ) -> Result<Option<(How, Attempted)>, RunError> {
        let Alone { completion, finishing, .. } = alone;
        let (id, token) = (finishing.job.id(), finishing.job.token());
        match answer {
            // All its events had been published before, and then nothing is done.
            Ok(()) if watch.lease(id, token) != Lease::Over => {
                self.complete(finishing.job, completion.without_events());
                Ok(None)
            }
            Ok(()) => Ok(Some(finishing.ended(Some(JobState::Completed)))),
            Err(PublishError::Refused(refused)) if is_stale(&refused) => {
                Ok(Some(finishing.ended(None)))
            }
            Err(PublishError::Append(error)) if has_stopped(&error) => {
                Err(RunError::Finish(JobsError::Append(error)))
            }
            Err(error) => {
                self.fail(finishing.job, How::Failed, Failure::from(error));
                Ok(None)
            }
        }
    }
}

impl Finishing {
    pub(crate) fn into_job(self) -> Arc<Job> {
        self.job
    }

    /// What became of it; without a state its lease was over.
    fn ended(self, state: Option<JobState>) -> (How, Attempted) {
        (self.how, Attempted { job: self.job, state, error: self.error })
    }
}

fn finish(job: &Job, outcome: Outcome, detail: Detail) -> Command {
    Command::Finish(Finish { job: job.id(), token: job.token(), outcome, detail })
}

fn is_stale(refused: &Refused) -> bool {
    matches!(refused, Refused::Stale { .. } | Refused::NotFound { .. })
}

/// True when it is not for what was asked that the log refuses.
fn has_stopped(error: &AppendError) -> bool {
    matches!(
        error,
        AppendError::Full
            | AppendError::Closed
            | AppendError::Unknown(_)
            | AppendError::Poisoned(_)
    )
}
