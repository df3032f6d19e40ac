//! Who has which job.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is known of a leased job besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// Who has it.
    pub(crate) worker: Arc<str>,
    /// The newest record of the job: that of the lease, or of a wish to cancel it, or one that carries it forward.
    pub(crate) newest: u64,
}

/// All leases, by job and by worker: who asks for one worker's does not look at the others'.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leases {
    by_job: BTreeMap<u64, Lease>,
    /// None of the sets is empty. The names are those of the leases, so that each is in memory once.
    by_worker: BTreeMap<Arc<str>, BTreeSet<u64>>,
}

impl Leases {
    pub(crate) fn len(&self) -> usize {
        self.by_job.len()
    }

    pub(crate) fn get(&self, job: u64) -> Option<&Lease> {
        self.by_job.get(&job)
    }

    /// All of them, by job.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Lease)> {
        self.by_job.iter().map(|(job, lease)| (*job, lease))
    }

    /// The jobs of a worker.
    pub(crate) fn of(&self, worker: &str) -> impl Iterator<Item = u64> {
        self.by_worker.get(worker).into_iter().flatten().copied()
    }

    /// Puts a lease in place of that which the job had, if it had one.
    pub(crate) fn set(&mut self, job: u64, lease: Option<Lease>) {
        let before = self.by_job.remove(&job);
        if let Some(before) = before
            && lease.as_ref().is_none_or(|lease| lease.worker != before.worker)
            && let Some(jobs) = self.by_worker.get_mut(&before.worker)
        {
            jobs.remove(&job);
            if jobs.is_empty() {
                self.by_worker.remove(&before.worker);
            }
        }
        let Some(Lease { worker, newest }) = lease else { return };
        let known = self.by_worker.get_key_value(&worker).map(|(name, _)| Arc::clone(name));
        let worker = known.unwrap_or(worker);
        self.by_worker.entry(Arc::clone(&worker)).or_default().insert(job);
        self.by_job.insert(job, Lease { worker, newest });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leases_of_a_worker_are_those_that_name_it() {
        let mut leases = Leases::default();
        let lease = |worker: &str, newest| Some(Lease { worker: Arc::from(worker), newest });
        for (job, worker) in (0..9).zip(["a", "b", "c"].into_iter().cycle()) {
            leases.set(job, lease(worker, job));
        }
        leases.set(3, lease("b", 10));
        leases.set(4, None);
        leases.set(7, lease("b", 11));
        [2, 5, 8, 99].into_iter().for_each(|job| leases.set(job, None));
        let of = |worker| leases.of(worker).collect::<Vec<_>>();
        assert_eq!((of("a"), of("b"), of("c")), (vec![0, 6], vec![1, 3, 7], vec![]));
        assert_eq!((leases.len(), leases.by_worker.len()), (5, 2));
        let names: BTreeSet<_> = leases.iter().map(|(_, lease)| lease.worker.as_ptr()).collect();
        assert_eq!(names.len(), 2, "each name is in memory once");
        assert_eq!(leases.get(7), lease("b", 11).as_ref());
    }
}
