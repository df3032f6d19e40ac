//! Whether what was seen of jobs can be true, in O(n log n).

use std::collections::{BTreeMap, BTreeSet};

use arrw::JobState;

use super::chains::Chains;
use super::{Ending, Enqueue, Finish, JobDemand, JobFault, JobHistory, JobSummary, Lease, Said};
use super::{Task, Transition};

/// A lease by its job and its token.
type Key = (u64, u64);

impl JobHistory {
    /// Checks that every acknowledged job is there once, as its client was told, and is completed at the end; that nobody
    /// was handed what nobody enqueued, nor what was done; that later leases have greater tokens; that each acknowledged
    /// end of a lease is the one that the log has, and that nobody who came too late was let in.
    ///
    /// # Errors
    /// The first fault; [`JobFault::Thin`] only when there is no other.
    pub fn check(&self, demand: &JobDemand) -> Result<JobSummary, JobFault> {
        self.check_leases()?;
        self.check_late()?;
        let chains = Chains::of(&self.log)?;
        for enqueue in &self.enqueues {
            check_enqueue(enqueue, &chains)?;
        }
        self.check_senders(&chains)?;
        for lease in &self.leases {
            check_lease(lease, &chains)?;
        }
        self.check_finishes(&chains)?;
        self.check_ends(&chains)?;
        let summary = self.summary(&chains);
        enough(&summary, demand)?;
        Ok(summary)
    }

    /// Of two leases of a job of which one was there before the other was asked for, that has the greater token; and
    /// nothing is handed out that was done before.
    fn check_leases(&self) -> Result<(), JobFault> {
        let mut completed = BTreeMap::new();
        for finish in self.finishes.iter().filter(|it| it.ending == Ending::Complete) {
            if let Some((at, Said::Done)) = finish.answer {
                completed.entry(finish.job).or_insert(at);
            }
        }
        let mut seen = BTreeSet::new();
        for Lease { job, token, asked_at, .. } in &self.leases {
            if completed.get(job).is_some_and(|at| at < asked_at) {
                return Err(JobFault::Again { job: *job, token: *token });
            }
            if !seen.insert((*job, *token)) {
                return Err(JobFault::Overtaken { job: *job, before: *token, token: *token });
            }
        }
        for leases in self.leases_of_jobs().values() {
            let mut answered: Vec<&&Lease> = leases.iter().collect();
            answered.sort_unstable_by_key(|lease| lease.got_at);
            let mut asked = leases.clone();
            asked.sort_unstable_by_key(|lease| lease.asked_at);
            let (mut answered, mut before) = (answered.into_iter().peekable(), 0);
            for Lease { job, token, asked_at, .. } in asked {
                while let Some(lease) = answered.next_if(|lease| lease.got_at < *asked_at) {
                    before = before.max(lease.token);
                }
                if *token <= before {
                    return Err(JobFault::Overtaken { job: *job, before, token: *token });
                }
            }
        }
        Ok(())
    }

    /// Nobody ended a job with a token when a newer lease was known.
    fn check_late(&self) -> Result<(), JobFault> {
        let leases = self.leases_of_jobs();
        for Finish { job, token, sent_at, answer, .. } in &self.finishes {
            let is_done = matches!(answer, Some((_, Said::Done)));
            let of_job = leases.get(job).map_or(&[][..], Vec::as_slice);
            let newer = of_job.iter().find(|it| token < &it.token && it.got_at < *sent_at);
            if let Some(newer) = newer.filter(|_| is_done) {
                return Err(JobFault::Late { job: *job, token: *token, newer: newer.token });
            }
        }
        Ok(())
    }

    fn leases_of_jobs(&self) -> BTreeMap<u64, Vec<&Lease>> {
        let mut all = BTreeMap::<u64, Vec<&Lease>>::new();
        for lease in &self.leases {
            all.entry(lease.job).or_default().push(lease);
        }
        all
    }

    /// Nothing is in the log that nobody sent.
    fn check_senders(&self, chains: &Chains) -> Result<(), JobFault> {
        let mut ranges: Vec<(Task, u64)> =
            self.enqueues.iter().map(|it| (it.first, it.count)).collect();
        ranges.sort_unstable();
        for (task, job) in chains.tasks() {
            let behind = ranges.partition_point(|(first, _)| *first <= task);
            let range = behind.checked_sub(1).map(|at| ranges[at]);
            let is_sent = range.is_some_and(|(first, count)| {
                first.client == task.client && task.number - first.number < count
            });
            if !is_sent {
                return Err(JobFault::Phantom { job });
            }
        }
        Ok(())
    }

    /// What was acknowledged of a lease is what the log has behind it, and once; what was refused had ended by then.
    fn check_finishes(&self, chains: &Chains) -> Result<(), JobFault> {
        let mut ended = BTreeMap::<Key, &Finish>::new();
        for finish in self.finishes.iter().filter(|it| matches!(it.answer, Some((_, Said::Done)))) {
            let Finish { job, token, ending, .. } = *finish;
            let behind = chains.lease(job, token).and_then(|chain| chain.get(1));
            let instead = match (behind, ended.insert((job, token), finish)) {
                (_, Some(_)) => "ended twice",
                (Some(behind), None) if behind.state == ending.state() => continue,
                (Some(behind), None) => behind.state.name(),
                (None, None) => "leased",
            };
            return Err(JobFault::Undone { job, token, ending: ending.name(), instead });
        }
        for Finish { job, token, answer, .. } in &self.finishes {
            let Some((at, Said::Over)) = answer else { continue };
            let is_later = ended.get(&(*job, *token)).is_some_and(|end| *at < end.sent_at);
            let has_ended = chains.lease(*job, *token).is_some_and(|chain| 1 < chain.len());
            if is_later || !has_ended {
                return Err(JobFault::Refused { job: *job, token: *token });
            }
        }
        Ok(())
    }

    /// All jobs are completed, and said to be.
    fn check_ends(&self, chains: &Chains) -> Result<(), JobFault> {
        let ends = chains.last().map(|Transition { job, state, .. }| (*job, *state));
        for (job, state) in ends.chain(self.shown.iter().copied()) {
            if state != JobState::Completed {
                return Err(JobFault::Open { job, state: state.name() });
            }
        }
        Ok(())
    }

    fn summary(&self, chains: &Chains) -> JobSummary {
        let done = |finish: &&Finish| matches!(finish.answer, Some((_, Said::Done)));
        let over = |finish: &&Finish| matches!(finish.answer, Some((_, Said::Over)));
        let answered = self.enqueues.iter().filter(|it| !it.answers.is_empty());
        let acknowledged = answered.map(|it| it.count).sum();
        let is_completed = |finish: &&Finish| done(finish) && finish.ending == Ending::Complete;
        // Whoever was not answered may have given it back as well.
        let ended: BTreeSet<Key> = self
            .finishes
            .iter()
            .filter(|it| it.ending == Ending::Release)
            .map(|it| (it.job, it.token))
            .collect();
        JobSummary {
            acknowledged,
            unanswered: chains.tasks().count() as u64 - acknowledged,
            leases: self.leases.len() as u64,
            completed: self.finishes.iter().filter(is_completed).count() as u64,
            refused: self.finishes.iter().filter(over).count() as u64,
            lost: chains.given_back().filter(|key| !ended.contains(key)).count() as u64,
        }
    }
}

/// The jobs of a call are there as it was answered; without an answer all or none.
fn check_enqueue(enqueue: &Enqueue, chains: &Chains) -> Result<(), JobFault> {
    let Enqueue { first, count, answers } = enqueue;
    let task = |at: u64| Task { number: first.number + at, ..*first };
    let there = (0..*count).filter(|at| chains.number(task(*at)).is_some()).count() as u64;
    for answer in answers {
        for (at, job) in (0..).zip(answer) {
            match chains.number(task(at)) {
                Some(number) if number == *job => (),
                Some(first) => {
                    return Err(JobFault::Doubled { task: task(at), first, second: *job });
                }
                None => return Err(JobFault::Lost { task: task(at), job: *job }),
            }
        }
    }
    match (0..*count).map(task).find(|task| chains.number(*task).is_none()) {
        Some(missing) if 0 < there => Err(JobFault::Torn { missing }),
        Some(_) | None => Ok(()),
    }
}

/// What was handed out is in the log, with the args that it was enqueued with.
fn check_lease(lease: &Lease, chains: &Chains) -> Result<(), JobFault> {
    let Lease { job, token, task, .. } = *lease;
    if task.is_none() || chains.task(job) != task {
        return Err(JobFault::Phantom { job });
    }
    match chains.lease(job, token) {
        Some(_) => Ok(()),
        None => Err(JobFault::Unleased { job, token }),
    }
}

fn enough(summary: &JobSummary, demand: &JobDemand) -> Result<(), JobFault> {
    let JobSummary { acknowledged, leases, completed, refused, lost, .. } = *summary;
    let all = [
        ("acknowledged jobs", acknowledged, demand.jobs),
        ("leases of jobs", leases, demand.jobs),
        ("acknowledged completions of jobs", completed, demand.jobs),
        ("refused ends of leases", refused, demand.refused),
        ("lost leases", lost, demand.lost),
    ];
    match all.into_iter().find(|(_, found, wanted)| found < wanted) {
        Some((what, found, wanted)) => Err(JobFault::Thin { what, found, wanted }),
        None => Ok(()),
    }
}
