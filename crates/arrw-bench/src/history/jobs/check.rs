//! Whether what was seen of jobs can be true, in O(n log n).

use std::collections::{BTreeMap, BTreeSet};

use arrw::JobState;

use super::chains::Chains;
use super::{Ending, Enqueue, Finish, JobDemand, JobFault, JobHistory, JobSummary, Lease, Said};
use super::{Standing, Task, Transition, ends, keys, order};

/// A lease by its job and its token.
type Key = (u64, u64);

impl JobHistory {
    /// Checks that every acknowledged job is there once, as its client was told, and is completed at the end; that nobody
    /// was handed what nobody enqueued, nor what was done; that later leases have greater tokens; that each acknowledged
    /// end of a lease is the one that the log has, and that nobody who came too late was let in. Also that jobs came in
    /// their order and not too early, that attempts were counted and ends are told of, that a completion and what
    /// came of it are both there, that a unique key had one holder at a time, that nothing came of a paused queue, and that
    /// each slot of the schedule and each event of the trigger has its one job.
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
        order::check(&self.log)?;
        ends::check(self, &chains)?;
        keys::check(self, &chains)?;
        let mut summary = self.summary(&chains);
        if let Some(standing) = &self.standing {
            summary.trips = standing.check_trips(&chains)?;
            (summary.slots, summary.missed) = standing.check_slots(&chains, &self.log)?;
            summary.unanswered = summary.unanswered.saturating_sub(summary.trips + summary.slots);
        }
        self.check_ends(&chains)?;
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
        let is_made = |client| self.standing.as_ref().is_some_and(|it| it.makes(client));
        for (task, job) in chains.tasks().filter(|(task, _)| !is_made(task.client)) {
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
                (Some(behind), None) if behind.state == ending.state() => {
                    if behind.told != finish.told {
                        return Err(JobFault::Untold { job, token });
                    }
                    continue;
                }
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

    /// All jobs are done: completed, or dead or cancelled where somebody wanted that.
    fn check_ends(&self, chains: &Chains) -> Result<(), JobFault> {
        let is_discard = |finish: &&Finish| finish.ending == Ending::Discard;
        let discards: BTreeSet<Key> =
            self.finishes.iter().filter(is_discard).map(|it| (it.job, it.token)).collect();
        let cancels: BTreeMap<u64, bool> = self.cancels.iter().copied().collect();
        for Transition { job, state, .. } in chains.last() {
            let is_right = match state {
                JobState::Completed => cancels.get(job) != Some(&true),
                JobState::Dead => chains
                    .last_end(*job)
                    .is_some_and(|(token, _)| discards.contains(&(*job, token))),
                JobState::Cancelled => cancels.contains_key(job),
                JobState::Scheduled | JobState::Ready | JobState::Leased | JobState::Retrying => {
                    false
                }
            };
            if !is_right {
                return Err(JobFault::Open { job: *job, state: state.name() });
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
        let follow_ups = self.finishes.iter().filter_map(|it| it.follow_up);
        JobSummary {
            acknowledged,
            unanswered: chains.tasks().count() as u64 - acknowledged,
            leases: self.leases.len() as u64,
            completed: self.finishes.iter().filter(is_completed).count() as u64,
            refused: self.finishes.iter().filter(over).count() as u64,
            lost: chains.given_back().filter(|key| !ended.contains(key)).count() as u64,
            follow_ups: follow_ups.filter(|task| chains.number(*task).is_some()).count() as u64,
            held: self.enqueues.iter().filter(|it| it.held_by.is_some()).count() as u64,
            ..JobSummary::default()
        }
    }
}

/// The jobs of a call are there as it was answered; without an answer all or none.
fn check_enqueue(enqueue: &Enqueue, chains: &Chains) -> Result<(), JobFault> {
    let Enqueue { first, count, answers, priority, .. } = enqueue;
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
    let as_sent = |job: u64| chains.enqueued(job).is_some_and(|it| it.priority == *priority);
    let jobs = (0..*count).filter_map(|at| chains.number(task(at)));
    if let Some(job) = jobs.into_iter().find(|job| !as_sent(*job)) {
        return Err(JobFault::Phantom { job });
    }
    match (0..*count).map(task).find(|task| chains.number(*task).is_none()) {
        Some(missing) if 0 < there => Err(JobFault::Torn { missing }),
        Some(_) | None => Ok(()),
    }
}

/// What was handed out is in the log, with the args that it was enqueued with.
fn check_lease(lease: &Lease, chains: &Chains) -> Result<(), JobFault> {
    let Lease { job, token, task, .. } = *lease;
    // What a schedule enqueues does not say for which slot.
    let is_it = |of: Task, task: Task| {
        of == task || task.number == Standing::ANY && of.client == task.client
    };
    if !chains.task(job).zip(task).is_some_and(|(of, task)| is_it(of, task)) {
        return Err(JobFault::Phantom { job });
    }
    match chains.lease(job, token) {
        Some(_) => Ok(()),
        None => Err(JobFault::Unleased { job, token }),
    }
}

fn enough(summary: &JobSummary, demand: &JobDemand) -> Result<(), JobFault> {
    let JobSummary {
        acknowledged,
        leases,
        completed,
        refused,
        lost,
        follow_ups,
        held,
        slots,
        trips,
        ..
    } = *summary;
    let all = [
        ("acknowledged jobs", acknowledged, demand.jobs),
        ("leases of jobs", leases, demand.jobs),
        ("acknowledged completions of jobs", completed, demand.jobs),
        ("refused ends of leases", refused, demand.refused),
        ("lost leases", lost, demand.lost),
        ("jobs enqueued with a completion", follow_ups, demand.made),
        ("calls whose unique key was held", held, demand.made),
        ("jobs of a schedule", slots, demand.made),
        ("jobs of a trigger", trips, demand.made),
    ];
    match all.into_iter().find(|(_, found, wanted)| found < wanted) {
        Some((what, found, wanted)) => Err(JobFault::Thin { what, found, wanted }),
        None => Ok(()),
    }
}
