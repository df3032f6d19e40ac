//! How often jobs of a queue came into a state, for whoever watches the queue.
//!
//! Counted while changes are decided, and not when records are read: they begin at 0 with each start of the program, as
//! counters of a process do. So they are no part of the digest, nor of a checkpoint.

use crate::job::State;

/// How often something happened to the jobs of a queue since the view was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Jobs that were enqueued.
    pub enqueued: u64,
    /// Attempts that began.
    pub started: u64,
    /// Attempts that ended with a completed job.
    pub completed: u64,
    /// Attempts that ended otherwise, with a job that waits for its next one or is dead: they failed, took too long, or
    /// lost their worker at the last attempt.
    pub failed: u64,
    /// Of those, the ones that are tried again after a delay.
    pub retried: u64,
    /// Jobs that ended dead.
    pub dead: u64,
    /// Jobs that ended cancelled.
    pub cancelled: u64,
}

impl Totals {
    /// Those of two queues together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            enqueued: self.enqueued.wrapping_add(other.enqueued),
            started: self.started.wrapping_add(other.started),
            completed: self.completed.wrapping_add(other.completed),
            failed: self.failed.wrapping_add(other.failed),
            retried: self.retried.wrapping_add(other.retried),
            dead: self.dead.wrapping_add(other.dead),
            cancelled: self.cancelled.wrapping_add(other.cancelled),
        }
    }

    /// A job came from one state into another; `None` of one that is not there. `by` is 1, or -1 when it is taken back.
    pub(crate) fn count(&mut self, from: Option<State>, to: Option<State>, by: i64) {
        let Some(to) = to else { return };
        let add = |total: &mut u64| *total = total.wrapping_add_signed(by);
        if from.is_none() {
            add(&mut self.enqueued);
            return;
        }
        if from == Some(to) {
            return;
        }
        let is_attempt = from == Some(State::Leased);
        match to {
            State::Leased => add(&mut self.started),
            State::Completed => add(&mut self.completed),
            State::Cancelled => add(&mut self.cancelled),
            State::Retrying => {
                add(&mut self.retried);
                add(&mut self.failed);
            }
            State::Dead => {
                add(&mut self.dead);
                if is_attempt {
                    add(&mut self.failed);
                }
            }
            State::Scheduled | State::Ready => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_taken_back() {
        let states = || State::ALL.into_iter().map(Some).chain([None]);
        let mut totals = Totals::default();
        for by in [1, -1] {
            for (from, to) in states().flat_map(|from| states().map(move |to| (from, to))) {
                totals.count(from, to, by);
            }
            // Into seven states from none; into one from each of the six others; attempts fail by two of these ways.
            let all = Totals {
                enqueued: 7,
                started: 6,
                completed: 6,
                failed: 7,
                retried: 6,
                dead: 6,
                cancelled: 6,
            };
            assert_eq!(totals, if by == 1 { all } else { Totals::default() });
        }
    }
}
