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

    /// All that happened to a job before the lease with this token.
    pub(super) fn before(&self, job: u64, token: u64) -> &[Transition] {
        let chain = self.all(job);
        let at = chain.partition_point(|it| it.seq < token);
        &chain[..at]
    }

    /// All that happened to a job.
    pub(super) fn all(&self, job: u64) -> &[Transition] {
        self.jobs.get(&job).map_or(&[], Vec::as_slice)
    }

    /// How it was enqueued.
    pub(super) fn enqueued(&self, job: u64) -> Option<&Transition> {
        self.all(job).first()
    }

    /// Where a job came to its end, if it did.
    pub(super) fn end(&self, job: u64) -> Option<u64> {
        self.all(job).last().filter(|it| it.state.is_final()).map(|it| it.seq)
    }

    /// How the last lease of a job ended, with its token.
    pub(super) fn last_end(&self, job: u64) -> Option<(u64, JobState)> {
        let [.., lease, end] = self.all(job) else { return None };
        (lease.state == JobState::Leased).then_some((lease.seq, end.state))
    }

    /// All leases of all jobs that ended, and their ends.
    pub(super) fn leases(&self) -> impl Iterator<Item = (&Transition, &Transition)> {
        let pairs = self.jobs.values().flat_map(|chain| chain.windows(2));
        pairs.map(|pair| (&pair[0], &pair[1])).filter(|(lease, _)| lease.state == JobState::Leased)
    }

    /// All leases of all jobs that ended so that the job is ready again.
    pub(super) fn given_back(&self) -> impl Iterator<Item = (u64, u64)> {
        let back = self.leases().filter(|(_, end)| end.state == JobState::Ready);
        back.map(|(lease, _)| (lease.job, lease.seq))
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
            let may_be = matches!(next.state, JobState::Leased | JobState::Cancelled);
            (!may_be).then_some("and nobody had it")
        }
        JobState::Leased => match next.state {
            JobState::Leased => Some("and somebody had it already"),
            JobState::Cancelled => Some("and nobody wanted it to end so"),
            JobState::Scheduled
            | JobState::Ready
            | JobState::Retrying
            | JobState::Completed
            | JobState::Dead => None,
        },
        JobState::Completed => Some("and it was completed"),
        JobState::Dead => Some("and it was dead"),
        JobState::Cancelled => Some("and it was cancelled"),
    }
}

fn waits(state: JobState) -> bool {
    matches!(state, JobState::Scheduled | JobState::Ready)
}
