//! Whether a unique key had one holder at a time, and was free when that was done.

use std::collections::BTreeMap;

use super::chains::Chains;
use super::{Ending, Enqueue, JobFault, JobHistory, Said};

/// No two jobs held a key at a time, and nobody was refused for a job that was known to be done.
pub(super) fn check(history: &JobHistory, chains: &Chains) -> Result<(), JobFault> {
    let mut holders = BTreeMap::<u64, Vec<u64>>::new();
    let mut keys = BTreeMap::new();
    for Enqueue { first, key, .. } in &history.enqueues {
        if let (Some(key), Some(job)) = (*key, chains.number(*first)) {
            holders.entry(key).or_default().push(job);
            keys.insert(job, key);
        }
    }
    for (key, jobs) in &mut holders {
        jobs.sort_unstable();
        for pair in jobs.windows(2) {
            let (first, second) = (pair[0], pair[1]);
            if chains.end(first).is_none_or(|end| second < end) {
                return Err(JobFault::Shared { key: *key, first, second });
            }
        }
    }
    let ended = known_ends(history);
    for Enqueue { first, key, held_by, sent_at, .. } in &history.enqueues {
        let (Some(key), Some(job)) = (*key, *held_by) else { continue };
        if chains.number(*first).is_some() {
            let second = chains.number(*first).unwrap_or_default();
            return Err(JobFault::Shared { key, first: job, second });
        }
        let is_another = keys.get(&job) != Some(&key);
        let was_done = ended.get(&job).is_some_and(|at| at < sent_at);
        if is_another || was_done {
            return Err(JobFault::Withheld { key, job });
        }
    }
    Ok(())
}

/// When each job was known to be done.
fn known_ends(history: &JobHistory) -> BTreeMap<u64, u64> {
    let mut ends = BTreeMap::new();
    for finish in &history.finishes {
        let is_end = matches!(finish.ending, Ending::Complete | Ending::Discard);
        if let Some((at, Said::Done)) = finish.answer.filter(|_| is_end) {
            ends.insert(finish.job, at);
        }
    }
    ends
}
