//! A claim on its way, and the jobs that it gets.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use arrw_jobs::{Command, Detail, Finish, JobError, JobId, Leased, Outcome, Priority, Token};
use arrw_log::{Append, AppendError, Batch, Timestamp, Urgency};

use crate::db::Shared;
use crate::jobs::error::ClaimError;
use crate::jobs::records::{self, Payload};
use crate::jobs::rules::JobAsk;
use crate::jobs::running::Answers;
use crate::jobs::slot::{Closed, Slot};
use crate::parker::Parker;

/// A job that is leased to who claimed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    leased: Leased,
    payload: Payload,
}

impl Job {
    /// Its number.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.leased.job
    }

    /// What proves the lease.
    #[must_use]
    pub fn token(&self) -> Token {
        self.leased.token
    }

    /// Its queue.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.leased.queue
    }

    /// What is to be done.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.leased.kind
    }

    /// What its handler gets, as JSON.
    #[must_use]
    pub fn args(&self) -> &str {
        self.payload.args()
    }

    /// What it was enqueued with.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Which attempt this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u16 {
        self.leased.attempt
    }

    /// How many attempts it has.
    #[must_use]
    pub fn max_attempts(&self) -> u16 {
        self.leased.plan.max_attempts
    }

    /// Which come first.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.leased.priority
    }

    /// Milliseconds that the attempt may take; 0 for no limit.
    #[must_use]
    pub fn timeout_ms(&self) -> u32 {
        self.leased.plan.timeout_ms
    }

    pub(crate) fn leased(&self) -> &Leased {
        &self.leased
    }

    /// The command that completes it.
    pub(crate) fn completion(&self, result: &str) -> Result<Command, JobError> {
        let (job, token, outcome) = (self.id(), self.token(), Outcome::Complete);
        let detail = Detail::result(result)?;
        Ok(Command::Finish(Finish { job, token, outcome, detail }))
    }

    /// When it became ready, on the log's clock.
    #[must_use]
    pub fn ready_at(&self) -> Timestamp {
        self.leased.ready_at
    }
}

/// A claim on its way. It does nothing until it is waited for or polled. Dropped before it is answered it is given up:
/// jobs that it would have got go back, without an attempt.
#[derive(Debug)]
#[must_use = "a claim does nothing until it is waited for or awaited"]
pub struct Claiming {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    /// What is to be done before it in the same turn.
    commands: Vec<Command>,
    ask: Option<Arc<JobAsk>>,
    /// The number under which it waits with the writer.
    number: Option<u64>,
    turn: Option<Append>,
}

impl Claiming {
    pub(crate) fn new(shared: Arc<Shared>, slot: Arc<Slot>) -> Self {
        Self { shared, slot, commands: Vec::new(), ask: None, number: None, turn: None }
    }

    /// Has commands done first, each for itself, in the same commit if there is work: finished jobs, most often. What
    /// became of them is told by [`answers`](Self::answers).
    pub fn after(mut self, commands: Vec<Command>) -> Self {
        self.commands = commands;
        self
    }

    /// What became of the commands before it, once it was waited for or polled; empty before they are decided.
    #[must_use]
    pub fn answers(&self) -> Answers {
        let is_answered = self.turn.is_none();
        let answers = self.ask.as_ref().filter(|_| is_answered).and_then(|ask| ask.answers.get());
        answers.map(|answers| answers.to_vec()).unwrap_or_default()
    }

    /// True when it was decided, and nothing was there.
    pub(crate) fn waits_for_jobs(&self) -> bool {
        self.number.is_some() && self.turn.is_none()
    }

    /// Has it wait with the writer, and asks for a turn in which it is looked at.
    fn register(&mut self) {
        if self.number.is_some() {
            return;
        }
        let number = self.shared.jobs.core.wait(&self.slot);
        self.number = Some(number);
        let commands = std::mem::take(&mut self.commands);
        let bytes = commands.iter().map(Command::bytes_max).sum();
        let ask = Arc::new(JobAsk { claim: Some(number), ..JobAsk::new(commands.into(), true) });
        self.ask = Some(Arc::clone(&ask));
        let batch = Batch::new().reserving(bytes).with_urgency(Urgency::Reserved);
        self.turn = Some(self.shared.log.append(batch.asking(ask)));
    }

    /// Waits on this thread for jobs: for ever, or until the time is over, and then there may be none.
    ///
    /// # Errors
    /// When the log refuses or is closed, or the jobs cannot be read.
    pub fn wait(mut self, timeout: Option<Duration>) -> Result<Vec<Job>, ClaimError> {
        self.wait_here(timeout)
    }

    /// The same, with what became of the commands before it.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_with_answers(
        mut self,
        timeout: Option<Duration>,
    ) -> Result<(Answers, Vec<Job>), ClaimError> {
        let jobs = self.wait_here(timeout)?;
        Ok((self.answers(), jobs))
    }

    fn wait_here(&mut self, timeout: Option<Duration>) -> Result<Vec<Job>, ClaimError> {
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self.register();
        if let Some(turn) = self.turn.take() {
            turn.wait()?;
        }
        let parker = Parker::new();
        let waker = parker.waker();
        loop {
            if let Some(answer) = self.slot.take(&waker) {
                return self.finish(answer);
            }
            if !parker.park(until) && self.slot.give_up(false) == Ok(true) {
                return Ok(Vec::new());
            }
        }
    }

    /// Gives up waiting: answers with no jobs, unless some are on their way, which then are answered.
    pub fn give_up(&self) {
        if self.slot.give_up(false) == Ok(true)
            && let Some(number) = self.number
        {
            self.shared.jobs.core.forget(number);
        }
    }

    fn finish(&mut self, answer: Result<Vec<Leased>, Closed>) -> Result<Vec<Job>, ClaimError> {
        let leased = answer.map_err(|Closed| self.shared.refusal())?;
        let seqs: Vec<_> = leased.iter().map(|leased| leased.args_at).collect();
        let payloads = records::payloads(&self.shared.log, &self.shared.jobs.recent, &seqs)?;
        let jobs = leased.into_iter().zip(payloads);
        Ok(jobs.map(|(leased, payload)| Job { leased, payload }).collect())
    }
}

impl Shared {
    /// Why nothing is done any more.
    fn refusal(&self) -> AppendError {
        self.log.poison().map_or(AppendError::Closed, AppendError::Poisoned)
    }
}

impl Future for Claiming {
    type Output = Result<Vec<Job>, ClaimError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.register();
        if let Some(turn) = &mut self.turn {
            match Pin::new(turn).poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(answer) => {
                    self.turn = None;
                    answer?;
                }
            }
        }
        match self.slot.take(context.waker()) {
            Some(answer) => Poll::Ready(self.finish(answer)),
            None => Poll::Pending,
        }
    }
}

impl Drop for Claiming {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        match self.slot.give_up(true) {
            Ok(_) => self.shared.jobs.core.forget(number),
            Err(unwanted) => {
                let core = &self.shared.jobs.core;
                core.lock().abandoned.extend(unwanted);
                core.sooner.notify_all();
            }
        }
        let _nobody = self.slot.take(Waker::noop());
    }
}
