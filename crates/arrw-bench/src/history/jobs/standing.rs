//! Whether each slot of a schedule and each event of a trigger had its one job.

use std::collections::BTreeSet;

use serde::Serialize;

use super::chains::Chains;
use super::{JobFault, Transition};

/// Parts of a step of the schedule, in each of which somebody did something if the server was there all the time.
const PARTS: u64 = 10;

/// A schedule and a trigger that are there from the first life to the end.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Standing {
    /// The client that stands for the schedule; its jobs are numbered by their slots, in microseconds.
    pub schedule: u32,
    /// Microseconds between two slots.
    pub step: u64,
    /// Jobs that the schedule was said to have made, and slots that it was said to have missed, at the end.
    pub said: (u64, u64),
    /// The client that stands for the trigger; its jobs are numbered by their events.
    pub trigger: u32,
    /// All events up to this one were before the trigger.
    pub after: u64,
    /// The events that it follows, in their order.
    pub events: Vec<u64>,
}

impl Standing {
    /// The number of a job whose args do not tell it.
    pub const ANY: u64 = 0;

    /// Whether a job is of one of both.
    pub(super) fn makes(&self, client: u32) -> bool {
        [self.schedule, self.trigger].contains(&client)
    }

    /// The numbers of the jobs that a client stands for, with the jobs.
    fn made(chains: &Chains, client: u32) -> Vec<(u64, u64)> {
        chains
            .tasks()
            .filter(|(task, _)| task.client == client)
            .map(|(it, job)| (it.number, job))
            .collect()
    }

    /// Each slot has one job, in its order, and none is left out while the server was there; answers how many there are,
    /// and how many have none. That none has two is seen by the chains.
    pub(super) fn check_slots(
        &self,
        chains: &Chains,
        log: &[Transition],
    ) -> Result<(u64, u64), JobFault> {
        let made = Self::made(chains, self.schedule);
        let wrong = |slot, wrong| Err(JobFault::Slot { slot, wrong });
        let parts: BTreeSet<u64> =
            log.iter().map(|it| it.time / (self.step / PARTS).max(1)).collect();
        let was_there = |slot: u64| {
            let first = slot.div_ceil((self.step / PARTS).max(1));
            (first..first + PARTS).all(|part| parts.contains(&part))
        };
        let mut missed = 0;
        for (slot, job) in &made {
            let Some(time) = chains.enqueued(*job).map(|it| it.time) else { continue };
            if time < *slot {
                return wrong(*slot, "has its job before its time");
            }
            if slot + self.step <= time {
                return wrong(*slot, "has a job, and a newer one had come");
            }
        }
        for pair in made.windows(2) {
            let ((before, job), (next, next_job)) = (pair[0], pair[1]);
            if (next - before) % self.step != 0 {
                return wrong(next, "is not in step");
            }
            if next_job < job {
                return wrong(next, "has its job before the one before");
            }
            let mut slot = before + self.step;
            while slot < next {
                if was_there(slot) {
                    return wrong(slot, "has no job, and the server was there");
                }
                missed += 1;
                slot += self.step;
            }
        }
        let count = made.len() as u64;
        let (said_made, said_missed) = self.said;
        // Those before the first one and behind the last one are told as well.
        if said_made != count || said_missed < missed || missed + 2 < said_missed {
            return wrong(
                made.last().map_or(0, |(slot, _)| *slot),
                "is the last, and they are miscounted",
            );
        }
        Ok((count, missed))
    }

    /// Each event has one job, in their order; answers how many there are.
    pub(super) fn check_trips(&self, chains: &Chains) -> Result<u64, JobFault> {
        let made = Self::made(chains, self.trigger);
        let wrong = |event, wrong| Err(JobFault::Trigger { event, wrong });
        let events: BTreeSet<u64> = self.events.iter().copied().collect();
        let tripped: BTreeSet<u64> = made.iter().map(|(event, _)| *event).collect();
        if let Some(event) = tripped.difference(&events).next() {
            return wrong(*event, "has a job, and is not there");
        }
        let missing = events.difference(&tripped).find(|event| self.after < **event);
        if let Some(event) = missing {
            return wrong(*event, "has no job");
        }
        for (event, job) in &made {
            if job <= event {
                return wrong(*event, "has its job before it was there");
            }
        }
        if let Some(pair) = made.windows(2).find(|pair| pair[1].1 < pair[0].1) {
            return wrong(pair[1].0, "has its job before the one before");
        }
        Ok(made.len() as u64)
    }
}
