//! A worker at work, as one future: claims jobs, has them handled, and tells the log what became of them.
//!
//! ```text
//!  claim --> waiting --> crew (handlers) --> finishes --> with the next claim, or alone --> the log
//! ```

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrw_jobs::{Command, Detail, Finish, Outcome};

use crate::jobs::watch::{Lease, Watch};
use crate::jobs::{Claiming, Running};
use crate::worker::attempt::Attempt;
use crate::worker::crew::Crew;
use crate::worker::desk::News;
use crate::worker::error::RunError;
use crate::worker::finishes::{Finishes, Finishing};
use crate::worker::limits::ROUNDS_MAX;
use crate::worker::plan::Plan;
use crate::worker::signal::Level;
use crate::worker::stats::WorkerStats;
use crate::worker::stop::Stage;

/// A worker at work: await it, or drive it with [`run_blocking`](super::Worker::run_blocking). It ends when the worker
/// is stopped, and answers what it did. Dropped before it gives all its jobs back, without an attempt counted.
#[derive(Debug)]
#[must_use = "a worker does nothing until it is awaited"]
pub struct WorkerRun {
    plan: Arc<Plan>,
    /// There while it runs.
    open: Option<Open>,
    is_over: bool,
}

/// What a worker has while it runs.
#[derive(Debug)]
struct Open {
    watch: Watch,
    /// Ends leases of an earlier life of the worker.
    recovery: Option<Running>,
    claiming: Option<Claiming>,
    /// The claim was told that nobody waits any more.
    has_given_up: bool,
    /// What the claim does before it, until that is answered.
    carried: Vec<Finishing>,
    /// Jobs that are leased and not begun.
    waiting: VecDeque<Attempt>,
    crew: Crew,
    finishes: Finishes,
}

/// What a worker does next.
enum Next {
    /// Look again.
    Again,
    /// Wait until it is woken.
    Wait,
    /// Nothing more.
    End,
}

impl WorkerRun {
    pub(crate) fn new(plan: &Arc<Plan>) -> Self {
        Self { plan: Arc::clone(plan), open: None, is_over: false }
    }
}

impl Future for WorkerRun {
    type Output = Result<WorkerStats, RunError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let run = self.get_mut();
        if run.is_over {
            return Poll::Ready(Ok(run.plan.stats()));
        }
        run.plan.desk.listen(context.waker());
        let open = match &mut run.open {
            Some(open) => open,
            None => match Open::new(&run.plan) {
                Ok(open) => run.open.insert(open),
                Err(error) => {
                    run.is_over = true;
                    return Poll::Ready(Err(error));
                }
            },
        };
        for _ in 0..ROUNDS_MAX {
            match open.step(&run.plan, context) {
                Ok(Next::Again) => {}
                Ok(Next::Wait) => return Poll::Pending,
                Ok(Next::End) => {
                    run.end();
                    return Poll::Ready(Ok(run.plan.stats()));
                }
                Err(error) => {
                    run.end();
                    return Poll::Ready(Err(error));
                }
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl WorkerRun {
    fn end(&mut self) {
        self.is_over = true;
        if let Some(open) = self.open.take() {
            open.close(&self.plan);
        }
    }
}

impl Drop for WorkerRun {
    fn drop(&mut self) {
        self.end();
    }
}

impl Open {
    fn new(plan: &Arc<Plan>) -> Result<Self, RunError> {
        let watch = plan.watch()?;
        let lost = watch.of_before().into_iter().map(|(job, token)| {
            let detail = Detail::error("the program ended while it worked on the job");
            Command::Finish(Finish { job, token, outcome: Outcome::Lost, detail })
        });
        let lost: Vec<Command> = lost.collect();
        let recovery = match lost.is_empty() {
            true => None,
            false => Some(plan.jobs.run(lost, true).map_err(RunError::Finish)?),
        };
        plan.stop.begin_anew();
        Ok(Self {
            watch,
            recovery,
            claiming: None,
            has_given_up: false,
            carried: Vec::new(),
            waiting: VecDeque::new(),
            crew: Crew::new(&plan.name, &plan.desk, plan.spawner.clone()),
            finishes: Finishes::new(&plan.jobs),
        })
    }

    /// One look at everything.
    fn step(&mut self, plan: &Plan, context: &mut Context<'_>) -> Result<Next, RunError> {
        let news = plan.desk.take();
        // Looked at behind the news, which tell when it changes.
        let stage = plan.stop.stage();
        self.take_news(plan, news, stage);
        let mut has_moved = self.take_answers(plan, context)?;
        has_moved |= self.take_claimed(plan, context)?;
        match stage {
            Stage::Runs => self.begin_jobs(plan),
            Stage::Drains | Stage::Cancels => has_moved |= self.give_back(),
            Stage::LetsGo => {
                has_moved |= self.give_back();
                self.let_go(plan);
            }
        }
        has_moved |= self.hand_over(plan, stage)?;
        plan.count(|stats| {
            (stats.running, stats.waiting) = (self.crew.len(), self.waiting.len());
        });
        if stage != Stage::Runs && self.is_done() {
            self.crew.join();
            return Ok(Next::End);
        }
        Ok(if has_moved || plan.desk.has_news() { Next::Again } else { Next::Wait })
    }

    /// Handlers that ended, tasks that can go on, leases that are over.
    fn take_news(&mut self, plan: &Plan, news: News, stage: Stage) {
        if news.must_look {
            self.crew.look(&self.watch);
            match stage {
                Stage::Runs | Stage::Drains => {}
                Stage::Cancels | Stage::LetsGo => self.crew.raise(Level::Cancelled),
            }
        }
        self.crew.go_on(&news.woken);
        for (token, ended) in news.ended {
            if let Some(ran) = self.crew.end(token, ended) {
                self.finishes.end(plan, ran, stage);
            }
        }
    }

    /// What reached the disk.
    fn take_answers(&mut self, plan: &Plan, context: &mut Context<'_>) -> Result<bool, RunError> {
        if let Some(recovery) = &mut self.recovery
            && let Poll::Ready(answer) = Pin::new(recovery).poll(context)
        {
            answer.map_err(RunError::Finish)?;
            self.recovery = None;
        }
        let ended = self.finishes.poll(&self.watch, context)?;
        let has_moved = !ended.is_empty();
        ended.into_iter().for_each(|(how, ended)| plan.ended(how, &ended));
        Ok(has_moved)
    }

    /// The jobs of the claim, and what became of what it did before.
    fn take_claimed(&mut self, plan: &Plan, context: &mut Context<'_>) -> Result<bool, RunError> {
        let Some(claiming) = &mut self.claiming else { return Ok(false) };
        let polled = Pin::new(&mut *claiming).poll(context);
        let answers = if self.carried.is_empty() { Vec::new() } else { claiming.answers() };
        let mut has_moved = false;
        if !answers.is_empty() {
            let carried = std::mem::take(&mut self.carried);
            for (how, ended) in self.finishes.answered(answers, carried) {
                plan.ended(how, &ended);
            }
            has_moved = true;
        }
        if let Poll::Ready(claimed) = polled {
            self.claiming = None;
            let attempts = claimed?.into_iter().map(|job| plan.attempt(job));
            self.waiting.extend(attempts);
            has_moved = true;
        }
        Ok(has_moved)
    }

    /// Begins as many attempts as may run at once.
    fn begin_jobs(&mut self, plan: &Plan) {
        while self.crew.len() < plan.concurrency
            && let Some(attempt) = self.waiting.pop_front()
        {
            match self.watch.lease(attempt.id(), attempt.token()) {
                Lease::Held => match plan.handlers.get(attempt.kind()) {
                    Some(handler) => self.crew.begin(handler, attempt),
                    None => self.finishes.unknown_kind(&attempt),
                },
                // That ends it as cancelled.
                Lease::Cancelling => self.finishes.release(Arc::clone(attempt.job())),
                Lease::Over => plan.lost(&attempt),
            }
        }
    }

    /// Gives back what is leased and not begun, and wants no more. True when the claim is to be asked again.
    fn give_back(&mut self) -> bool {
        for attempt in self.waiting.drain(..) {
            self.finishes.release(Arc::clone(attempt.job()));
        }
        let Some(claiming) = &self.claiming else { return false };
        claiming.give_up();
        !std::mem::replace(&mut self.has_given_up, true)
    }

    /// Tells the log what became of attempts; with a claim, if there is room for more.
    fn hand_over(&mut self, plan: &Plan, stage: Stage) -> Result<bool, RunError> {
        let capacity = plan.concurrency + plan.prefetch;
        let room = capacity.saturating_sub(self.crew.len() + self.waiting.len());
        let may_claim = stage == Stage::Runs && self.claiming.is_none();
        // Leases that end in appends under way make room, but not without bound.
        if may_claim && 0 < room && self.finishes.written() <= capacity {
            let (commands, carried) = self.finishes.take();
            self.carried = carried;
            self.claiming = Some(plan.jobs.claim(plan.claim(room)).after(commands));
            return Ok(true);
        }
        // While a claim is on its way to the log, what ends waits for the next one: it would come no sooner alone.
        let is_on_its_way = self.claiming.as_ref().is_some_and(|it| !it.waits_for_jobs());
        if !is_on_its_way && self.finishes.is_due() {
            self.finishes.write()?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Has handlers end that do not do so themselves, and gives their jobs back.
    fn let_go(&mut self, plan: &Plan) {
        plan.count(|stats| stats.left_behind += self.crew.blocking());
        for attempt in self.crew.let_go() {
            self.finishes.release(Arc::clone(attempt.job()));
        }
    }

    fn is_done(&self) -> bool {
        let is_told = self.claiming.is_none() && self.finishes.is_empty();
        is_told && self.crew.is_empty() && self.recovery.is_none()
    }

    /// Ends it now. Whatever is not told to the log goes back.
    fn close(mut self, plan: &Plan) {
        plan.count(|stats| stats.left_behind += self.crew.blocking());
        let mut left = self.finishes.hand_over_all();
        left.extend(self.carried.into_iter().map(Finishing::into_job));
        let attempts = self.crew.let_go().into_iter().chain(self.waiting);
        left.extend(attempts.map(|attempt| Arc::clone(attempt.job())));
        // What was handed over is decided first, and then this is refused.
        self.watch.give_back(left.iter().map(Arc::as_ref));
        plan.count(|stats| (stats.running, stats.waiting) = (0, 0));
        plan.stop.end();
    }
}
