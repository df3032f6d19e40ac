//! Runs all jobs that are ready, on the calling thread, until none is left: for tests, and for programs that work jobs off
//! and end.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use crate::jobs::watch::Watch;
use crate::parker::block_on;
use crate::worker::attempt::Attempt;
use crate::worker::crew::Ran;
use crate::worker::desk::Desk;
use crate::worker::error::RunError;
use crate::worker::finishes::Finishes;
use crate::worker::handler::Handler;
use crate::worker::limits::RUN_DUE_MAX;
use crate::worker::plan::Plan;
use crate::worker::stats::Attempted;
use crate::worker::stop::Stage;
use crate::worker::task;

/// See [`Worker::run_due`](super::Worker::run_due).
pub(crate) fn run_due(plan: &Plan) -> Result<Vec<Attempted>, RunError> {
    let watch = plan.watch()?;
    let mut finishes = Finishes::new(&plan.jobs);
    let mut all = Vec::new();
    loop {
        let claimed = plan.jobs.claim_now(plan.claim(1)).wait(None)?;
        let Some(job) = claimed.into_iter().next() else { return Ok(all) };
        if all.len() == RUN_DUE_MAX {
            watch.give_back(std::iter::once(&job));
            return Err(RunError::Endless { max: RUN_DUE_MAX });
        }
        let attempt = plan.attempt(job);
        match plan.handlers.get(attempt.kind()) {
            Some(handler) => handle(plan, handler, &attempt, &mut finishes),
            None => finishes.unknown_kind(&attempt),
        }
        all.extend(finish(plan, &watch, &mut finishes)?);
    }
}

fn handle(plan: &Plan, handler: &Handler, attempt: &Attempt, finishes: &mut Finishes) {
    let desk = Arc::new(Desk::default());
    match handler {
        Handler::Async(handler) => {
            block_on(task::of_async(handler(attempt.clone()), attempt, &desk));
        }
        Handler::Blocking(handler) => {
            task::of_blocking(Arc::clone(handler), attempt.clone(), &desk)();
        }
    }
    for (_, ended) in desk.take().ended {
        let ran = Ran { attempt: attempt.clone(), ended, is_lost: false };
        finishes.end(plan, ran, Stage::Runs);
    }
}

/// Waits until all that ended is on the disk.
fn finish(plan: &Plan, watch: &Watch, finishes: &mut Finishes) -> Result<Vec<Attempted>, RunError> {
    let mut all = Vec::new();
    block_on(poll_fn(|context| {
        loop {
            if finishes.is_due() {
                finishes.write()?;
            }
            for (how, attempted) in finishes.poll(watch, context)? {
                plan.ended(how, &attempted);
                all.push(attempted);
            }
            if finishes.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if !finishes.is_due() {
                return Poll::Pending;
            }
        }
    }))
    .map(|()| all)
}
