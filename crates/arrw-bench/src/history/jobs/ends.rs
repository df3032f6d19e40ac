//! Whether attempts were counted, and what workers told of their ends is there: delays, results, errors, follow-ups.

use std::collections::BTreeMap;

use arrw::JobState;

use super::chains::Chains;
use super::{Ending, Enqueue, Finish, JobFault, JobHistory, Lease, Said, Shown, Told, Transition};

/// Nanoseconds by which two clocks may differ in the time for which a job is put off.
const CLOCKS_DIFFER: u64 = 2_000_000;

/// All of it.
pub(super) fn check(history: &JobHistory, chains: &Chains) -> Result<(), JobFault> {
    history.leases.iter().try_for_each(|lease| check_attempt(lease, chains))?;
    check_losses(history, chains)?;
    check_delays(history, chains)?;
    check_follow_ups(history, chains)?;
    check_held(history, chains)?;
    history.shown.iter().try_for_each(|shown| check_shown(shown, chains))
}

/// It is the attempt that follows from those that failed, or that were lost, and none that was given back.
fn check_attempt(lease: &Lease, chains: &Chains) -> Result<(), JobFault> {
    let Lease { job, token, attempt, .. } = *lease;
    let before = chains.before(job, token);
    let is_counted = |it: &&Transition| match it.state {
        JobState::Retrying => true,
        // What was lost tells why; what was given back tells nothing.
        JobState::Ready => matches!(it.told, Told::Error(_)),
        JobState::Scheduled
        | JobState::Leased
        | JobState::Completed
        | JobState::Dead
        | JobState::Cancelled => false,
    };
    let failed = before.iter().filter(is_counted).count();
    let counted = u16::try_from(failed + 1).unwrap_or(u16::MAX);
    if attempt == counted {
        return Ok(());
    }
    Err(JobFault::Miscounted { job, token, attempt, counted })
}

/// What the server took back it did not take back too early.
fn check_losses(history: &JobHistory, chains: &Chains) -> Result<(), JobFault> {
    for (lease, end) in chains.leases() {
        let is_lost = end.state == JobState::Ready && matches!(end.told, Told::Error(_));
        if is_lost && end.time - lease.time < history.lease_min {
            return Err(JobFault::CutShort { job: lease.job, token: lease.seq });
        }
    }
    Ok(())
}

/// Nobody was handed a job before the time for which its client, or its last worker, put it off.
fn check_delays(history: &JobHistory, chains: &Chains) -> Result<(), JobFault> {
    let mut not_before = BTreeMap::new();
    for Enqueue { first, count, sent_at, delay, .. } in &history.enqueues {
        for number in first.number..first.number + count {
            let task = super::Task { number, ..*first };
            if let (true, Some(job)) = (0 < *delay, chains.number(task)) {
                not_before.insert((job, job), sent_at + delay);
            }
        }
    }
    for Finish { job, token, delay, sent_at, answer, .. } in &history.finishes {
        let end = chains.lease(*job, *token).and_then(|chain| chain.get(1));
        if let (true, Some((_, Said::Done)), Some(end)) = (0 < *delay, answer, end) {
            not_before.insert((*job, end.seq), sent_at + delay);
        }
    }
    for Lease { job, token, got_at, .. } in &history.leases {
        let before = chains.before(*job, *token).last();
        let not_before = before.and_then(|it| not_before.get(&(*job, it.seq)));
        if not_before.is_some_and(|at| got_at + CLOCKS_DIFFER < *at) {
            return Err(JobFault::Early { job: *job, token: *token });
        }
    }
    Ok(())
}

/// The job that was to be enqueued with a completion is there exactly if that is by the same call.
fn check_follow_ups(history: &JobHistory, chains: &Chains) -> Result<(), JobFault> {
    let mut calls = BTreeMap::<(u64, u64), Vec<&Finish>>::new();
    for finish in history.finishes.iter().filter(|it| it.ending == Ending::Complete) {
        calls.entry((finish.job, finish.token)).or_default().push(finish);
    }
    for ((job, token), calls) in calls {
        let behind = chains.lease(job, token).and_then(|chain| chain.get(1));
        let is_completed = behind.is_some_and(|it| it.state == JobState::Completed);
        let (mut there, mut only, mut last) = (0, true, None);
        for Finish { follow_up, answer, .. } in calls {
            let may_be = !matches!(answer, Some((_, Said::Over)));
            let Some(follow_up) = *follow_up else {
                only &= !may_be;
                continue;
            };
            let is_there = chains.number(follow_up).is_some();
            there += u64::from(is_there);
            let is_wrong = match answer {
                Some((_, Said::Done)) => !is_there,
                Some((_, Said::Over)) => is_there,
                None => false,
            };
            if is_wrong || is_there && !is_completed || 1 < there {
                return Err(JobFault::Half { job, token, follow_up });
            }
            last = Some(follow_up).filter(|_| may_be).or(last);
        }
        // Nobody completed it in another way.
        if let Some(follow_up) = last.filter(|_| only && is_completed && there == 0) {
            return Err(JobFault::Half { job, token, follow_up });
        }
    }
    Ok(())
}

/// Nobody was handed a job of the paused queue before it was to go on, or one that was cancelled.
fn check_held(history: &JobHistory, chains: &Chains) -> Result<(), JobFault> {
    let cancels: BTreeMap<u64, bool> = history.cancels.iter().copied().collect();
    for Lease { job, token, got_at, .. } in &history.leases {
        let is_paused = chains.enqueued(*job).is_some_and(|it| it.queue == super::PAUSED);
        let is_early = history.resumed_at.is_none_or(|at| *got_at < at);
        let why = match cancels.get(job) {
            Some(true) => "cancelled",
            Some(false) | None if is_paused && is_early => "in a paused queue",
            Some(false) | None => continue,
        };
        return Err(JobFault::Held { job: *job, token: *token, why });
    }
    Ok(())
}

/// A job is told of as the log has it: what it is, and how it came to that, with all that was told.
fn check_shown(shown: &Shown, chains: &Chains) -> Result<(), JobFault> {
    let Shown { job, state, history } = shown;
    let chain = chains.all(*job);
    let is_right = chain.last().is_some_and(|last| last.state == *state)
        && history
            .iter()
            .zip(chain.iter().rev())
            .all(|((seq, state, told), it)| (*seq, *state, *told) == (it.seq, it.state, it.told))
        && history.len() == chain.len().min(super::HISTORY_MAX);
    if is_right { Ok(()) } else { Err(JobFault::History { job: *job }) }
}
