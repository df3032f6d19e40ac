//! All that can be asked of the jobs is as the model says, and holds together.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrw_jobs::{JobId, JobStatus, Jobs, State};
use arrw_log::{Seq, Timestamp};

use super::history::QUEUES;
use super::naive::Model;
use super::parts::Job;

/// Counts only.
pub(crate) fn count(jobs: &Jobs, model: &Model) {
    let statuses = jobs.queues("", usize::MAX);
    let names: Vec<&str> = statuses.iter().map(|queue| &*queue.name).collect();
    assert!(names.iter().eq(model.queues.keys()), "{names:?}");
    assert_eq!(jobs.len(), model.jobs.len());
    let counted: usize = statuses.iter().flat_map(|queue| queue.counts).sum();
    assert_eq!(counted, jobs.len(), "each job is in one state");
    for queue in statuses {
        let counts = State::ALL.map(|state| model.count(&queue.name, state));
        assert_eq!(queue.counts, counts, "{}", queue.name);
        assert_eq!(queue.control, model.queues[&*queue.name].control);
    }
}

/// All.
pub(crate) fn compare(jobs: &Jobs, model: &mut Model) {
    assert_eq!(jobs.now().micros(), model.now);
    keys_have_one_holder(model);
    let mut seen = BTreeSet::new();
    for queue in QUEUES {
        for (at, state) in State::ALL.into_iter().enumerate() {
            let expected: Vec<JobStatus> =
                model.list(queue, state).into_iter().map(status).collect();
            let pages = pages(jobs, queue, state, [1, 7, 1_000][at % 3]);
            assert_eq!(pages, expected, "{queue} {}", state.name());
            let is_new = pages.iter().all(|it| seen.insert(it.job));
            assert!(is_new, "a job is in two lists");
            let found = pages.iter().all(|it| jobs.get(it.job).as_ref() == Some(it));
            assert!(found && pages.iter().all(|it| jobs.state(it.job) == Some(state)));
        }
        let is_open = model.is_open(queue);
        let ready = model.list(queue, State::Ready);
        let oldest = ready.iter().map(|job| job.due).min().map(Timestamp::from_micros);
        assert_eq!(jobs.has_work(queue), is_open && !ready.is_empty(), "{queue}");
        if let Some(status) = jobs.queue(queue) {
            assert_eq!((status.is_closed, status.oldest_ready), (!is_open, oldest), "{queue}");
        }
    }
    assert_eq!(seen.len(), jobs.len(), "each job is in one list");
    assert_eq!(seen.len(), model.jobs.len());
    let leased = model.jobs.iter().filter(|job| job.state == State::Leased);
    let mut leased: Vec<(u64, u64, &str)> =
        leased.map(|job| (job.id, job.last, job.worker.unwrap())).collect();
    leased.sort_unstable();
    let leases: Vec<(u64, u64, &str)> = jobs
        .leases()
        .map(|(job, token, worker)| (job.get(), token.seq().get(), &**worker))
        .collect();
    assert_eq!(leases, leased);
    assert_eq!(jobs.next_due().map(Timestamp::micros), next_due(model));
    let needed = model.jobs.iter().filter(|job| !job.state.is_final()).map(|job| job.args_at).min();
    assert_eq!(jobs.oldest_args(|state| !state.is_final()).map(Seq::get), needed);
}

/// The whole list of a state, page by page.
fn pages(jobs: &Jobs, queue: &str, state: State, limit: usize) -> Vec<JobStatus> {
    let mut all: Vec<JobStatus> = Vec::new();
    loop {
        let page = jobs.list(queue, state, all.last().map(JobStatus::cursor), limit);
        if page.is_empty() {
            return all;
        }
        assert!(page.len() <= limit);
        all.extend(page);
    }
}

fn status(job: &Job) -> JobStatus {
    JobStatus {
        job: JobId::from_number(job.id),
        queue: Arc::from(job.queue),
        kind: Arc::from(job.kind),
        priority: job.priority,
        plan: Arc::new(job.plan.clone()),
        state: job.state,
        attempt: job.attempt,
        due: Timestamp::from_micros(job.due),
        last: Seq::new(job.last),
        newest: Seq::new(job.newest),
        args_at: Seq::new(job.args_at),
        worker: job.worker.map(Arc::from),
        is_cancelling: job.is_cancelling,
    }
}

fn next_due(model: &Model) -> Option<u64> {
    let due = |job: &Job| {
        let control = model.queues[job.queue].control;
        match job.state {
            State::Scheduled | State::Retrying => Some(job.due),
            State::Completed | State::Cancelled => {
                Some(job.due.saturating_add(control.keep_done.for_ms * 1_000))
            }
            State::Dead => Some(job.due.saturating_add(control.keep_dead.for_ms * 1_000)),
            State::Ready | State::Leased => None,
        }
    };
    model.jobs.iter().filter_map(due).min()
}

fn keys_have_one_holder(model: &Model) {
    let mut held = BTreeSet::new();
    for job in &model.jobs {
        let key = job.key.as_ref().filter(|key| key.holds(job.state, model.now));
        assert!(key.is_none_or(|key| held.insert(&key.name)), "two hold a key: {job:?}");
    }
}
