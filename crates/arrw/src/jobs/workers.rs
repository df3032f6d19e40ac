//! Who works on jobs, as far as it is known.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use arrw_jobs::JobId;
use arrw_log::Timestamp;

use crate::jobs::Jobs;
use crate::jobs::rules::State;

/// A worker that was heard of lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerStatus {
    /// Its name.
    pub name: Arc<str>,
    /// How many jobs it has, by their queue.
    pub leases: BTreeMap<Arc<str>, usize>,
    /// How many more its waiting claims would take.
    pub wants: usize,
    /// When its leases are lost if it is not heard of before; `None` of one that runs in this process.
    pub silent_until: Option<Timestamp>,
}

impl Jobs {
    /// The workers behind the one of that name that are known now, by name, at most `limit`: whoever has leases, or was
    /// heard of and may be silent still.
    #[must_use]
    pub fn workers(&self, after: &str, limit: usize) -> Vec<WorkerStatus> {
        self.shared.log.between_commits(|_| status_of(&self.shared.jobs.core.lock(), after, limit))
    }

    /// The jobs that a worker has.
    #[must_use]
    pub fn held_by(&self, worker: &str) -> Vec<JobId> {
        self.looking(|jobs| jobs.leases_of(worker).map(|(job, _)| job).collect())
    }
}

fn status_of(state: &State, after: &str, limit: usize) -> Vec<WorkerStatus> {
    let behind = (Bound::Excluded(after), Bound::Unbounded);
    let known = state.workers.range::<str, _>(behind).take(limit);
    let statuses = known.map(|(name, worker)| {
        let until = Timestamp::from_micros(worker.until);
        let silent_until = (!state.watchers.has(name)).then_some(until);
        let (name_of, leases) = (Arc::clone(name), BTreeMap::new());
        let status = WorkerStatus { name: name_of, leases, wants: 0, silent_until };
        (&**name, status)
    });
    let mut found: BTreeMap<&str, WorkerStatus> = statuses.collect();
    for status in found.values_mut() {
        for job in state.jobs.leases_of(&status.name).filter_map(|(job, _)| state.jobs.get(job)) {
            *status.leases.entry(job.queue).or_default() += 1;
        }
    }
    for (worker, wanted) in state.wanted_by_worker() {
        if let Some(status) = found.get_mut(worker) {
            status.wants += wanted;
        }
    }
    found.into_values().collect()
}
