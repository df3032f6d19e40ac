//! Clients of the job queue, beside those of events.

mod args;
mod closing;
mod enqueuer;
mod planner;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::limits::{CLAIM_WAIT_MS_MAX, LEASE_MS_MIN};
use super::lives::{Ground, Lives, Watch};
use crate::history::{Enqueue, JobHistory};
use crate::random::Random;
use closing::Closing;
use enqueuer::Enqueuer;
use planner::{Planned, Planner};
use worker::Worker;

pub(super) use args::FOLLOWED;
pub(super) use closing::keep_few;
pub(super) use worker::Worked;

/// Clients that enqueue.
const ENQUEUERS: u32 = 2;
/// The number of the first of them: behind those of all writers.
const FIRST_ENQUEUER: u32 = 2_001;
/// Clients that work: more than keep up with those.
const WORKERS: u32 = 6;

/// All clients of jobs.
#[derive(Debug, Default)]
pub(super) struct Crew {
    enqueuers: Vec<JoinHandle<Vec<Enqueue>>>,
    workers: Vec<JoinHandle<Worked>>,
    planner: Option<JoinHandle<Planned>>,
    is_over: Arc<AtomicBool>,
    history: JobHistory,
}

impl Crew {
    pub(super) fn start(
        runtime: &Runtime,
        random: &mut Random,
        (ground, lives): (&Arc<Ground>, &Lives),
    ) -> Self {
        let mut crew = Self::default();
        for number in (FIRST_ENQUEUER..).take(ENQUEUERS as usize) {
            let (random, ground, watch) = (random.fork(), Arc::clone(ground), lives.watch());
            let enqueuer = Enqueuer { number, random, ground, watch };
            crew.enqueuers.push(runtime.spawn(enqueuer.run()));
        }
        for number in 1..=WORKERS {
            let ground = (Arc::clone(ground), lives.watch());
            let worker = Worker::new(number, random.fork(), ground, Arc::clone(&crew.is_over));
            crew.workers.push(runtime.spawn(worker.run()));
        }
        let (random, ground, watch) = (random.fork(), Arc::clone(ground), lives.watch());
        let planner = Planner { random, ground, watch, planned: Planned::default() };
        crew.planner = Some(runtime.spawn(planner.run()));
        crew
    }

    /// The one who plans, which ends when nothing is killed any more.
    pub(super) fn take_planner(&mut self) -> Vec<JoinHandle<Planned>> {
        self.planner.take().into_iter().collect()
    }

    /// Those who enqueue, which end when nothing is killed any more.
    pub(super) fn take_enqueuers(&mut self) -> Vec<JoinHandle<Vec<Enqueue>>> {
        std::mem::take(&mut self.enqueuers)
    }

    /// Those who work, which end when all is done.
    pub(super) fn take_workers(&mut self) -> Vec<JoinHandle<Worked>> {
        self.is_over.store(true, Ordering::Relaxed);
        std::mem::take(&mut self.workers)
    }

    pub(super) fn add_enqueued(&mut self, seen: Vec<Vec<Enqueue>>) {
        self.history.enqueues.extend(seen.into_iter().flatten());
    }

    pub(super) fn add_planned(&mut self, seen: Vec<Planned>) {
        for Planned { enqueues, cancels, standing } in seen {
            self.history.enqueues.extend(enqueues);
            self.history.cancels.extend(cancels);
            self.history.standing = standing;
        }
    }

    pub(super) fn add_worked(&mut self, seen: Vec<Worked>) {
        for Worked { leases, finishes, enqueues } in seen {
            self.history.enqueues.extend(enqueues);
            self.history.leases.extend(leases);
            self.history.finishes.extend(finishes);
        }
    }

    /// Waits until all jobs are done, and reads what happened to them.
    pub(super) async fn close(
        &mut self,
        ground: (Arc<Ground>, Watch),
        (address, shown_max): (SocketAddr, usize),
    ) -> anyhow::Result<()> {
        let now = ground.0.now();
        let mut closing = Closing::new(ground, address).await?;
        self.history.resumed_at = Some(now);
        // A claim that waits is heard of when it begins.
        self.history.lease_min = (LEASE_MS_MIN - CLAIM_WAIT_MS_MAX) * 1_000;
        let (enqueued, finishes) = closing.work_off().await?;
        self.history.enqueues.extend(enqueued);
        self.history.finishes.extend(finishes);
        if let Some(standing) = &mut self.history.standing {
            standing.said = closing.schedule().await?;
        }
        (self.history.log, self.history.shown) = closing.look(shown_max).await?;
        Ok(())
    }

    /// What was seen, with the seqs of the events that trip the trigger.
    pub(super) fn into_history(self, followed: Vec<u64>) -> JobHistory {
        let mut history = self.history;
        if let Some(standing) = &mut history.standing {
            standing.events = followed;
        }
        history
    }
}
