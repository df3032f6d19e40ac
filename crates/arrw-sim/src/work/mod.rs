//! Workers on a simulated disk and clock: they die, stall past their leases and come back, call late and twice, the clock
//! jumps, and the process crashes at any write. What was acknowledged stays, nothing runs twice that may not, nobody
//! holds what is another's, and all of it ends.

mod ledger;
mod life;
mod world;

use std::fmt;

use world::World;

/// How much to simulate.
#[derive(Clone, Copy, Debug)]
pub struct WorkPlan {
    /// First seed; each history takes the next.
    pub seed: u64,
    /// Histories.
    pub histories: u64,
    /// Steps of a life; a history has three lives, each ended by a crash.
    pub steps: u64,
    /// Of so many histories one is looked at in a state that a crash leaves before each operation of the disk.
    pub watch_every: u64,
}

impl Default for WorkPlan {
    fn default() -> Self {
        Self { seed: 1, histories: 2_000, steps: 80, watch_every: 20 }
    }
}

/// What was simulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkReport {
    /// Histories.
    pub histories: u64,
    /// Crashes inside of a call, at an operation of the disk.
    pub crashes: u64,
    /// States of the disk that were opened and looked at besides, each before another operation.
    pub images: u64,
    /// Jobs that were acknowledged.
    pub enqueued: u64,
    /// Jobs that were handed out.
    pub leased: u64,
    /// Jobs whose completion was acknowledged.
    pub completed: u64,
    /// Attempts that ended otherwise.
    pub ended: u64,
    /// Late and repeated calls that were refused.
    pub stale: u64,
    /// Leases that were found to be over without their worker's doing.
    pub lost: u64,
    /// Jobs that were cancelled.
    pub cancelled: u64,
    /// Jobs of which nobody was told, and which were found behind a crash.
    pub unknown_kept: u64,
    /// Jobs whose state was compared with what was told, behind crashes.
    pub looked_for: u64,
}

impl fmt::Display for WorkReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} histories, {} crashes inside of a call, {} more states looked at; {} jobs enqueued, {} leases, {} completed, \
             {} ended otherwise, {} cancelled, {} late calls refused, {} leases lost, {} jobs kept of which nobody was told; \
             {} times a job was looked for behind a crash: 0 lost, 0 run after their completion, 0 leased twice, 0 stuck",
            self.histories,
            self.crashes,
            self.images,
            self.enqueued,
            self.leased,
            self.completed,
            self.ended,
            self.cancelled,
            self.stale,
            self.lost,
            self.unknown_kept,
            self.looked_for
        )
    }
}

impl WorkReport {
    /// Says what a run that shows something must have met.
    ///
    /// # Errors
    /// What it met too seldom.
    pub fn verdict(&self) -> Result<(), String> {
        let per_history = [
            ("crashes", self.crashes),
            ("leases", self.leased / 10),
            ("completions", self.completed / 10),
            ("late calls", self.stale),
            ("lost leases", self.lost),
            ("jobs looked for", self.looked_for / 10),
        ];
        for (what, count) in per_history {
            if count < self.histories {
                return Err(format!("too few {what}: {count} in {} histories", self.histories));
            }
        }
        Ok(())
    }
}

/// Simulates until the plan is fulfilled.
///
/// # Errors
/// The first promise that was broken, with the seed that shows it again.
pub fn run(plan: WorkPlan) -> Result<WorkReport, String> {
    let mut report = WorkReport::default();
    for seed in plan.seed..plan.seed + plan.histories {
        let watches = seed.is_multiple_of(plan.watch_every.max(1));
        let of_seed = |what| format!("seed {seed}: {what}");
        let mut world = World::new(seed, watches).map_err(of_seed)?;
        world.live_and_crash(plan.steps).map_err(of_seed)?;
        report = report.and(&world.report());
    }
    Ok(report)
}

impl WorkReport {
    fn and(self, other: &Self) -> Self {
        Self {
            histories: self.histories + 1,
            crashes: self.crashes + other.crashes,
            images: self.images + other.images,
            enqueued: self.enqueued + other.enqueued,
            leased: self.leased + other.leased,
            completed: self.completed + other.completed,
            ended: self.ended + other.ended,
            stale: self.stale + other.stale,
            lost: self.lost + other.lost,
            cancelled: self.cancelled + other.cancelled,
            unknown_kept: self.unknown_kept + other.unknown_kept,
            looked_for: self.looked_for + other.looked_for,
        }
    }
}
