//! The transitions of each job, one behind the other, as the topics of jobs have them.

use std::collections::BTreeMap;

use arrw::JobState;

use super::{JobFault, Task, Transition};

/// All jobs of the log.
pub(super) struct Chains {
    /// The transitions of each, the first of which enqueued it.
    jobs: BTreeMap<u64, Vec<Transition>>,
    /// The number of each.
    numbers: BTreeMap<Task, u64>,
}

impl Chains {
    /// Each job is there once, is somebody's, is handed out when it may be, and ends once.
    pub(super) fn of(log: &[Transition]) -> Result<Self, JobFault> {
        let (mut jobs, mut numbers) = (BTreeMap::<u64, Vec<Transition>>::new(), BTreeMap::new());
        for transition in log {
            let Transition { job, seq, task, .. } = *transition;
            let chain = jobs.entry(job).or_default();
            if let Some(instead) = misplaced(chain.last(), transition) {
                let state = transition.state.name();
                return Err(JobFault::Order { job, state, seq, instead });
            }
            if chain.is_empty() {
                let task = task.ok_or(JobFault::Phantom { job })?;
                if let Some(first) = numbers.insert(task, job) {
                    return Err(JobFault::Doubled { task, first, second: job });
                }
            }
            chain.push(*transition);
        }
        Ok(Self { jobs, numbers })
    }

    pub(super) fn number(&self, task: Task) -> Option<u64> {
        self.numbers.get(&task).copied()
    }

    pub(super) fn tasks(&self) -> impl Iterator<Item = (Task, u64)> {
        self.numbers.iter().map(|(task, job)| (*task, *job))
    }

    /// Whose a job is.
    pub(super) fn task(&self, job: u64) -> Option<Task> {
        self.jobs.get(&job)?.first()?.task
    }

    /// What each job is at the end.
    pub(super) fn last(&self) -> impl Iterator<Item = &Transition> {
        self.jobs.values().filter_map(|chain| chain.last())
    }

    /// The lease with this token, with all that comes behind it.
    pub(super) fn lease(&self, job: u64, token: u64) -> Option<&[Transition]> {
        let chain = self.jobs.get(&job)?;
        let at = chain.binary_search_by_key(&token, |it| it.seq).ok()?;
        (chain[at].state == JobState::Leased).then_some(&chain[at..])
    }

    /// All leases of all jobs that ended so that the job is ready again.
    pub(super) fn given_back(&self) -> impl Iterator<Item = (u64, u64)> {
        self.jobs.values().flat_map(|chain| chain.windows(2)).filter_map(|pair| {
            let is_back = pair[0].state == JobState::Leased && pair[1].state == JobState::Ready;
            is_back.then_some((pair[0].job, pair[0].seq))
        })
    }
}

/// What is wrong with a transition behind another of the same job.
fn misplaced(before: Option<&Transition>, next: &Transition) -> Option<&'static str> {
    let Some(before) = before else {
        let is_first = next.seq == next.job && waits(next.state);
        return (!is_first).then_some("before it was enqueued");
    };
    if next.seq <= before.seq {
        return Some("not behind what came before");
    }
    match before.state {
        // What becomes ready in time needs no record.
        JobState::Scheduled | JobState::Ready | JobState::Retrying => {
            (next.state != JobState::Leased).then_some("and nobody had it")
        }
        JobState::Leased => {
            (next.state == JobState::Leased).then_some("and somebody had it already")
        }
        JobState::Completed => Some("and it was completed"),
        JobState::Dead | JobState::Cancelled => Some("and nobody wanted it to end so"),
    }
}

fn waits(state: JobState) -> bool {
    matches!(state, JobState::Scheduled | JobState::Ready)
}
