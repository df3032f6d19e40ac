//! Whether the jobs of each queue came in their order, none before its time: as the log's own time has it.

use std::collections::{BTreeMap, BTreeSet};

use arrw::{JobState, Priority};

use super::{JobFault, Transition};

/// The place of a job in its queue: how urgent it is, since when it is ready, and its number.
type Place = (Priority, u64, u64);

/// A queue as the log has told of it so far.
#[derive(Debug, Default)]
struct Queue {
    ready: BTreeSet<Place>,
    /// Those that become ready in time.
    timed: BTreeSet<(u64, u64, Priority)>,
}

impl Queue {
    /// Those whose time has come are ready.
    fn advance(&mut self, time: u64) {
        while let Some((due, job, priority)) = self.timed.first().copied()
            && due <= time
        {
            self.timed.pop_first();
            self.ready.insert((priority, due, job));
        }
    }
}

/// Each job was the first of its queue when it was handed out: the most urgent, and of those the one that was ready first.
pub(super) fn check(log: &[Transition]) -> Result<(), JobFault> {
    let mut queues = BTreeMap::<usize, Queue>::new();
    // How urgent each is, and since when it is ready.
    let mut jobs = BTreeMap::<u64, (Priority, u64)>::new();
    let mut now = 0;
    for it in log {
        // What is put off for no time is ready from the next time on.
        if now < it.time {
            now = it.time;
            queues.values_mut().for_each(|queue| queue.advance(now));
        }
        let queue = queues.entry(it.queue).or_default();
        let (priority, due) = *jobs.entry(it.job).or_insert((it.priority, it.time));
        match it.state {
            JobState::Scheduled | JobState::Retrying => {
                let due = it.run_at.unwrap_or(it.time);
                jobs.insert(it.job, (priority, due));
                queue.timed.insert((due, it.job, priority));
            }
            JobState::Ready => {
                queue.ready.insert((priority, due, it.job));
            }
            JobState::Leased => {
                if queue.timed.contains(&(due, it.job, priority)) {
                    return Err(JobFault::Early { job: it.job, token: it.seq });
                }
                match queue.ready.pop_first() {
                    Some((.., first)) if first != it.job => {
                        return Err(JobFault::Jumped { job: it.job, seq: it.seq, first });
                    }
                    Some(_) | None => (),
                }
            }
            JobState::Cancelled => {
                queue.ready.remove(&(priority, due, it.job));
                queue.timed.remove(&(due, it.job, priority));
            }
            JobState::Completed | JobState::Dead => (),
        }
    }
    Ok(())
}
