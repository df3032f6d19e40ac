//! What clients were told of jobs, and what may be so because they were not told.

use std::collections::{BTreeMap, BTreeSet};

use arrw::{Db, Done, Job, JobId, JobOutcome, JobState, JobStatus, Token};

use super::WorkReport;

/// Milliseconds that a worker may be silent after a start, whatever it said before.
const GRACE_MS: u64 = 60_000;

/// All that clients know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    jobs: BTreeMap<JobId, Known>,
    /// What was asked for in the call that is under way. Nobody knows whether it was done.
    pub(crate) asked: Vec<Asked>,
    /// Args of jobs that may have been enqueued all the same.
    maybe: BTreeSet<String>,
    /// By when each worker may be lost, in microseconds of the clock.
    silent_until: BTreeMap<String, u64>,
    pub(crate) report: WorkReport,
    /// What was wrong with a state that a crash would have left.
    pub(crate) failure: Option<String>,
}

/// What is known of a job.
#[derive(Clone, Debug)]
struct Known {
    args: String,
    what: What,
    newest_token: u64,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    /// It will be handed out some time.
    Waits,
    /// Somebody has it.
    Leased(Lease),
    /// It ended so.
    Ended(JobState),
}

#[derive(Clone, Debug, PartialEq)]
struct Lease {
    token: Token,
    worker: String,
    /// When its attempt takes too long, and for how long it may, in microseconds.
    late: Option<(u64, u64)>,
    is_cancelling: bool,
}

/// What a call asks for.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Enqueue(String),
    Finish(JobId, Token, JobOutcome),
    Cancel(JobId),
    Retry(JobId),
    /// Jobs may be handed out to somebody who never learns it.
    Claim,
}

impl Ledger {
    pub(crate) fn enqueued(&mut self, job: JobId, args: &str) -> Result<(), String> {
        self.report.enqueued += 1;
        let known = Known { args: args.to_owned(), what: What::Waits, newest_token: 0 };
        match self.jobs.insert(job, known) {
            None => Ok(()),
            Some(before) => Err(format!("job {job} was enqueued twice: {before:?}")),
        }
    }

    /// A worker was heard of: until then it is not lost.
    pub(crate) fn heard_of(&mut self, worker: &str, now: u64, lease_ms: u64) {
        let until = self.silent_until.entry(worker.to_owned()).or_default();
        *until = now + lease_ms * 1_000;
    }

    /// The process was started: everybody has the whole grace.
    pub(crate) fn started(&mut self, now: u64) {
        for until in self.silent_until.values_mut() {
            *until = now + GRACE_MS * 1_000;
        }
        for known in self.jobs.values_mut() {
            if let What::Leased(Lease { late: Some((at, timeout)), .. }) = &mut known.what {
                *at = now + *timeout;
            }
        }
    }

    /// The clock was set back: attempts are timed by it from then on, if they were not before.
    pub(crate) fn set_back(&mut self, now: u64) {
        for known in self.jobs.values_mut() {
            if let What::Leased(Lease { late: Some((at, timeout)), .. }) = &mut known.what {
                *at = (*at).min(now + *timeout);
            }
        }
    }

    /// True when the engine may have ended the lease by itself.
    fn may_be_over(&self, lease: &Lease, now: u64) -> bool {
        let until = self.silent_until.get(&lease.worker).copied().unwrap_or(0);
        until <= now || lease.late.is_some_and(|(at, _)| at <= now)
    }

    /// A worker got a job, which was leased to it at a time between `at` and `now`.
    pub(crate) fn leased(
        &mut self,
        worker: &str,
        job: &Job,
        (at, now): (u64, u64),
    ) -> Result<(), String> {
        self.report.leased += 1;
        let id = job.id();
        if !self.jobs.contains_key(&id) {
            if !self.maybe.remove(job.args()) {
                return Err(format!(
                    "job {id} with {} was handed out: nobody enqueued it",
                    job.args()
                ));
            }
            self.report.unknown_kept += 1;
            let known = Known { args: job.args().to_owned(), what: What::Waits, newest_token: 0 };
            self.jobs.insert(id, known);
        }
        let known = &self.jobs[&id];
        if known.args != job.args() {
            return Err(format!("job {id} has the args {} and not {}", job.args(), known.args));
        }
        let token = job.token().seq().get();
        if token <= known.newest_token {
            return Err(format!("job {id} has the token {token} behind {}", known.newest_token));
        }
        match &known.what {
            What::Waits => {}
            What::Leased(lease) if self.may_be_over(lease, now) => self.report.lost += 1,
            What::Leased(lease) => {
                return Err(format!("job {id} was given to {worker} while {lease:?} is good"));
            }
            What::Ended(state) => {
                return Err(format!("job {id} was handed out though it is {}", state.name()));
            }
        }
        let timeout = u64::from(job.timeout_ms()) * 1_000;
        let late = (timeout != 0).then_some((at + timeout, timeout));
        let (token_of, worker) = (job.token(), worker.to_owned());
        let lease = Lease { token: token_of, worker, late, is_cancelling: false };
        if let Some(known) = self.jobs.get_mut(&id) {
            (known.what, known.newest_token) = (What::Leased(lease), token);
        }
        Ok(())
    }

    /// The end of a lease was accepted.
    pub(crate) fn ended(
        &mut self,
        (job, token): (JobId, Token),
        outcome: JobOutcome,
        done: Done,
    ) -> Result<(), String> {
        let Done::Job { state, .. } = done else { return Err(format!("{done:?} of a lease")) };
        let Some(known) = self.jobs.get_mut(&job) else { return Err(format!("no job {job}")) };
        match &known.what {
            What::Leased(lease) if lease.token == token => {}
            other @ (What::Waits | What::Leased(_) | What::Ended(_)) => {
                return Err(format!("token {token:?} of job {job} was taken: it is {other:?}"));
            }
        }
        let is_complete = outcome == JobOutcome::Complete;
        if is_complete != (state == JobState::Completed) {
            return Err(format!("{outcome:?} of job {job} made it {}", state.name()));
        }
        known.what = if state.is_final() { What::Ended(state) } else { What::Waits };
        if is_complete {
            self.report.completed += 1;
        } else {
            self.report.ended += 1;
        }
        Ok(())
    }

    /// The end of a lease was refused as stale.
    pub(crate) fn refused(&mut self, job: JobId, token: Token, now: u64) -> Result<(), String> {
        self.report.stale += 1;
        let Some(known) = self.jobs.get(&job) else { return Ok(()) };
        match &known.what {
            What::Leased(lease) if lease.token == token && !self.may_be_over(lease, now) => {
                Err(format!("the good token of {lease:?} of job {job} was refused"))
            }
            What::Leased(_) | What::Waits | What::Ended(_) => Ok(()),
        }
    }

    pub(crate) fn cancelled(&mut self, job: JobId, done: Done) {
        let Some(known) = self.jobs.get_mut(&job) else { return };
        self.report.cancelled += 1;
        match (&mut known.what, done) {
            (_, Done::Job { state: JobState::Cancelled, .. }) => {
                known.what = What::Ended(JobState::Cancelled);
            }
            (What::Leased(lease), _) => lease.is_cancelling = true,
            (What::Waits | What::Ended(_), _) => {}
        }
    }

    pub(crate) fn retried(&mut self, job: JobId) {
        if let Some(known) = self.jobs.get_mut(&job) {
            known.what = What::Waits;
        }
    }

    /// True when a job was enqueued with these args.
    pub(crate) fn has_args(&self, job: JobId, args: &str) -> bool {
        self.jobs.get(&job).is_some_and(|known| known.args == args)
    }

    /// Jobs that are known.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = JobId> + '_ {
        self.jobs.keys().copied()
    }

    /// Sees that all is as clients were told, or as what they asked for, or time, may have made it.
    pub(crate) fn check(&self, db: &Db, now: u64) -> Result<(), String> {
        for (job, known) in &self.jobs {
            let status = db.jobs().get(*job);
            let Some(status) = status else {
                return Err(format!("job {job} is gone; it was {:?}", known.what));
            };
            if !self.may_be(*job, known, &status, now) {
                let asked = &self.asked;
                return Err(format!(
                    "{known:?} became {status:?} at {now}, with {asked:?} asked for"
                ));
            }
        }
        Ok(())
    }

    /// Time was minded: sees which leases are over by it.
    pub(crate) fn notice(&mut self, db: &Db, now: u64) -> Result<(), String> {
        self.check(db, now)?;
        for (job, known) in &mut self.jobs {
            let What::Leased(lease) = &known.what else { continue };
            let Some(status) = db.jobs().get(*job) else { continue };
            if status.state != JobState::Leased || status.last != lease.token.seq() {
                self.report.lost += 1;
                let state = status.state;
                known.what = if state.is_final() { What::Ended(state) } else { What::Waits };
            }
        }
        Ok(())
    }

    fn may_be(&self, job: JobId, known: &Known, status: &JobStatus, now: u64) -> bool {
        let claims = self.asked.iter().any(|asked| matches!(asked, Asked::Claim));
        let cancels = self.asked.iter().any(|it| matches!(it, Asked::Cancel(of) if *of == job));
        let retries = self.asked.iter().any(|it| matches!(it, Asked::Retry(of) if *of == job));
        let waits = is_waiting(status.state);
        let is_new_lease =
            status.state == JobState::Leased && known.newest_token < status.last.get() && claims;
        let is_cancelled = status.state == JobState::Cancelled && cancels;
        match &known.what {
            What::Waits => waits || is_new_lease || is_cancelled,
            What::Ended(JobState::Dead) if retries => {
                waits || is_new_lease || status.state == JobState::Dead
            }
            What::Ended(state) => status.state == *state,
            What::Leased(lease) => {
                let is_it = status.state == JobState::Leased && status.last == lease.token.seq();
                let finishes = |wanted: fn(&JobOutcome) -> bool| {
                    self.asked.iter().any(|asked| match asked {
                        Asked::Finish(of, token, outcome) => {
                            *of == job && *token == lease.token && wanted(outcome)
                        }
                        Asked::Enqueue(_) | Asked::Cancel(_) | Asked::Retry(_) | Asked::Claim => {
                            false
                        }
                    })
                };
                let completed = finishes(|it| *it == JobOutcome::Complete);
                let ends =
                    self.may_be_over(lease, now) || finishes(|it| *it != JobOutcome::Complete);
                let may_cancel = lease.is_cancelling || cancels;
                is_it
                    || completed && status.state == JobState::Completed
                    || ends
                        && (waits
                            || is_new_lease
                            || status.state == JobState::Dead
                            || status.state == JobState::Cancelled && may_cancel)
            }
        }
    }

    /// Learns how all is, after what nobody was told of.
    pub(crate) fn learn(&mut self, db: &Db) {
        for asked in std::mem::take(&mut self.asked) {
            if let Asked::Enqueue(args) = asked {
                self.maybe.insert(args);
            }
        }
        for (job, known) in &mut self.jobs {
            let Some(status) = db.jobs().get(*job) else { continue };
            self.report.looked_for += 1;
            let token = Token::new(status.last);
            let was_it = matches!(&known.what, What::Leased(lease) if lease.token == token);
            if status.state != JobState::Leased {
                if matches!(known.what, What::Leased(_)) {
                    self.report.lost += 1;
                }
                let state = status.state;
                known.what = if state.is_final() { What::Ended(state) } else { What::Waits };
            } else if !was_it {
                let worker = status.worker.as_deref().unwrap_or_default().to_owned();
                let is_cancelling = status.is_cancelling;
                self.silent_until.entry(worker.clone()).or_insert(0);
                let timeout = u64::from(status.plan.timeout_ms) * 1_000;
                let late = (timeout != 0).then_some((timeout, timeout));
                known.what = What::Leased(Lease { token, worker, late, is_cancelling });
                known.newest_token = token.seq().get();
            } else if let What::Leased(lease) = &mut known.what {
                lease.is_cancelling |= status.is_cancelling;
            }
        }
    }

    /// Sees that all has ended, and that what is there was enqueued.
    pub(crate) fn check_the_end(&self, db: &Db) -> Result<(), String> {
        for (job, known) in &self.jobs {
            let What::Ended(state) = known.what else {
                return Err(format!("job {job} is stuck: {known:?}, {:?}", db.jobs().get(*job)));
            };
            let status = db.jobs().get(*job).ok_or_else(|| format!("job {job} is gone"))?;
            if status.state != state {
                return Err(format!("job {job} ended as {state:?} and is {:?}", status.state));
            }
        }
        Ok(())
    }
}

/// True when a job in this state is handed out some time.
fn is_waiting(state: JobState) -> bool {
    state.is_timed() || state == JobState::Ready
}
