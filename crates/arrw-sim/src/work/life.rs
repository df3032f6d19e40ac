//! One step of those who enqueue and work.

use std::time::Duration;

use arrw::{
    Backoff, Claim, Command, Detail, Done, Finish, Job, JobAnswers, JobId, JobOutcome, JobsError,
    NewEvent, NewJob, Plan, Refused, Timestamp, Token,
};

use super::ledger::Asked;
use super::world::{End, LEASE_MS, QUEUES, WORKERS, World};

/// Claims that wait at once.
const WAITING_MAX: usize = 3;

/// Jobs whose workers may come back.
const LATE_MAX: usize = 40;

impl World {
    pub(crate) fn step(&mut self) -> Result<(), End> {
        match self.rng.below(100) {
            0..=17 => self.enqueue(),
            18..=22 => self.enqueue_with_an_event(),
            23..=39 => self.claim(),
            40..=44 => {
                self.begin_to_wait();
                Ok(())
            }
            45..=46 => {
                self.stop_waiting();
                Ok(())
            }
            47..=66 => self.finish_one(),
            67..=71 => self.finish_and_claim(),
            72..=78 => self.come_back_late(),
            79..=80 => {
                self.die();
                Ok(())
            }
            81..=82 => {
                self.heartbeat();
                Ok(())
            }
            83..=85 => self.cancel(),
            86..=87 => self.retry(),
            88..=90 => {
                self.pass_time();
                Ok(())
            }
            91..=93 => self.upkeep(),
            _ => self.make_noise(),
        }
    }

    fn worker(&mut self) -> &'static str {
        WORKERS[self.rng.index(WORKERS.len())]
    }

    fn ask(&self, asked: Asked) {
        self.ledger().asked.push(asked);
    }

    fn new_args(&mut self) -> String {
        self.enqueued += 1;
        format!("[{}]", self.enqueued)
    }

    fn plan(&mut self) -> Plan {
        let max_attempts = *self.rng.pick(&[1, 2, 3, 25]);
        let timeout_ms = *self.rng.pick(&[0, 0, 0, 3_000]);
        Plan { max_attempts, timeout_ms, backoff: Backoff::Fixed { ms: self.rng.below(20_000) } }
    }

    fn enqueue(&mut self) -> Result<(), End> {
        let count = 1 + self.rng.index(3);
        let args: Vec<String> = (0..count).map(|_| self.new_args()).collect();
        let queue = *self.rng.pick(&QUEUES);
        let later = Timestamp::from_micros(self.now() + self.rng.below(30_000_000));
        let run_at = self.rng.chance(1, 4).then_some(later);
        let plan = self.plan();
        let new = args.iter().map(|args| NewJob::new(queue, "k", args));
        let jobs: Vec<NewJob<'_>> =
            new.map(|job| NewJob { run_at, plan: plan.clone(), ..job }).collect();
        args.iter().for_each(|args| self.ask(Asked::Enqueue(args.clone())));
        let all = self.db.jobs();
        if self.rng.chance(1, 2) {
            // All in one commit.
            let enqueued = all.enqueue_all(&jobs).and_then(arrw::Enqueuing::wait);
            let enqueued = enqueued.map_err(|error| end_of(&error))?;
            let mut ledger = self.ledger();
            for (it, args) in enqueued.iter().zip(&args) {
                ledger.enqueued(it.job, args)?;
            }
            return Ok(());
        }
        // Each for itself, all of them on their way together.
        let ways: Vec<_> = jobs.iter().map(|job| all.enqueue(job)).collect();
        let mut end = Ok(());
        for (way, args) in ways.into_iter().zip(&args) {
            match way.and_then(arrw::Enqueuing::wait) {
                Ok(enqueued) => self.ledger().enqueued(enqueued[0].job, args)?,
                Err(error) => end = Err(end_of(&error)),
            }
        }
        end
    }

    fn enqueue_with_an_event(&mut self) -> Result<(), End> {
        let args = self.new_args();
        self.ask(Asked::Enqueue(args.clone()));
        let queue = *self.rng.pick(&QUEUES);
        let job = NewJob::new(queue, "k", &args);
        let batch = self.db.batch().publish(NewEvent::new("seen", args.as_bytes())).enqueue(&job);
        match batch.commit().and_then(arrw::Commit::wait) {
            Ok(committed) => Ok(self.ledger().enqueued(committed.jobs[0].job, &args)?),
            Err(_) => Err(End::Crash),
        }
    }

    fn wish(&mut self, worker: &'static str) -> Claim {
        let count = 1 + self.rng.index(3);
        let both = self.rng.chance(1, 2);
        let queues = if both { &QUEUES[..] } else { &QUEUES[..1] };
        Claim::new(worker, queues.iter().copied(), count).expect("it can be")
    }

    fn claim(&mut self) -> Result<(), End> {
        let worker = self.worker();
        let claim = self.wish(worker);
        self.ask(Asked::Claim);
        let claiming = self.db.jobs().claim_now(claim);
        let jobs = claiming.wait(None).map_err(|error| self.end_of_claim(&error))?;
        let now = self.now();
        Ok(self.got(worker, jobs, now)?)
    }

    fn begin_to_wait(&mut self) {
        if self.waiting.len() < WAITING_MAX {
            let worker = self.worker();
            let claim = self.wish(worker);
            self.ask(Asked::Claim);
            let claiming = self.db.jobs().claim_for(claim, LEASE_MS);
            self.waiting.push((worker, claiming));
        }
    }

    fn stop_waiting(&mut self) {
        if !self.waiting.is_empty() {
            let at = self.rng.index(self.waiting.len());
            drop(self.waiting.swap_remove(at));
            self.has_dropped = true;
        }
    }

    fn outcome(&mut self) -> JobOutcome {
        let ms = self.rng.below(20_000);
        match self.rng.below(10) {
            0..=4 => JobOutcome::Complete,
            5 | 6 => JobOutcome::Fail { retry_in_ms: None },
            7 => JobOutcome::Snooze { for_ms: ms },
            8 => JobOutcome::Release,
            _ => JobOutcome::Discard,
        }
    }

    fn finish_command(&mut self, job: &Job) -> (Command, JobOutcome) {
        let outcome = self.outcome();
        let detail = match outcome {
            JobOutcome::Complete => Detail::default(),
            JobOutcome::Fail { .. }
            | JobOutcome::Snooze { .. }
            | JobOutcome::Discard
            | JobOutcome::Release
            | JobOutcome::Lost => Detail::error("it broke"),
        };
        self.ask(Asked::Finish(job.id(), job.token(), outcome));
        (Command::Finish(Finish { job: job.id(), token: job.token(), outcome, detail }), outcome)
    }

    /// Hears what became of the end of a lease.
    fn hear(
        &mut self,
        (job, token): (JobId, Token),
        outcome: JobOutcome,
        answer: Option<&Result<Done, Refused>>,
    ) -> Result<(), End> {
        let now = self.now();
        match answer {
            Some(Ok(done)) => Ok(self.ledger().ended((job, token), outcome, *done)?),
            Some(Err(Refused::Stale { .. } | Refused::NotFound { .. })) => {
                Ok(self.ledger().refused(job, token, now)?)
            }
            other => Err(End::Broken(format!("{outcome:?} of job {job} is answered {other:?}"))),
        }
    }

    fn keep_late(&mut self, job: Job) {
        self.late.push(job);
        if LATE_MAX < self.late.len() {
            let at = self.rng.index(self.late.len());
            self.late.swap_remove(at);
        }
    }

    fn finish_one(&mut self) -> Result<(), End> {
        if self.held.is_empty() {
            return Ok(());
        }
        let at = self.rng.index(self.held.len());
        let (_, job) = self.held.swap_remove(at);
        let (command, outcome) = self.finish_command(&job);
        let answers = self.run(vec![command])?;
        self.hear((job.id(), job.token()), outcome, answers.first())?;
        self.keep_late(job);
        Ok(())
    }

    /// What ends and what comes next in one call.
    fn finish_and_claim(&mut self) -> Result<(), End> {
        if self.held.is_empty() {
            return Ok(());
        }
        let at = self.rng.index(self.held.len());
        let (worker, job) = self.held.swap_remove(at);
        let claim = self.wish(worker);
        let (command, outcome) = self.finish_command(&job);
        self.ask(Asked::Claim);
        let claiming = self.db.jobs().claim_now(claim).after(vec![command]);
        let (answers, jobs) =
            claiming.wait_with_answers(None).map_err(|error| self.end_of_claim(&error))?;
        self.hear((job.id(), job.token()), outcome, answers.first())?;
        self.keep_late(job);
        let now = self.now();
        Ok(self.got(worker, jobs, now)?)
    }

    /// Somebody who had a job once comes back, or calls again.
    fn come_back_late(&mut self) -> Result<(), End> {
        if self.late.is_empty() {
            return Ok(());
        }
        let at = self.rng.index(self.late.len());
        let job = self.late[at].clone();
        let (command, outcome) = self.finish_command(&job);
        let answers = self.run(vec![command])?;
        self.hear((job.id(), job.token()), outcome, answers.first())
    }

    /// A worker dies with all that it has.
    fn die(&mut self) {
        let dead = self.worker();
        for (worker, job) in std::mem::take(&mut self.held) {
            if worker == dead {
                self.keep_late(job);
            } else {
                self.held.push((worker, job));
            }
        }
    }

    fn heartbeat(&mut self) {
        let (worker, now) = (self.worker(), self.now());
        let _to_cancel = self.db.jobs().heartbeat(worker, LEASE_MS);
        self.ledger().heard_of(worker, now, LEASE_MS);
    }

    fn some_job(&mut self) -> Option<JobId> {
        let jobs: Vec<JobId> = self.ledger().jobs().collect();
        (!jobs.is_empty()).then(|| *self.rng.pick(&jobs))
    }

    fn cancel(&mut self) -> Result<(), End> {
        let Some(job) = self.some_job() else { return Ok(()) };
        self.ask(Asked::Cancel(job));
        if let Some(Ok(done)) = self.run(vec![Command::Cancel(job)])?.first() {
            self.ledger().cancelled(job, *done);
        }
        Ok(())
    }

    fn retry(&mut self) -> Result<(), End> {
        let Some(job) = self.some_job() else { return Ok(()) };
        self.ask(Asked::Retry(job));
        if let Some(Ok(_)) = self.run(vec![Command::Retry(job)])?.first() {
            self.ledger().retried(job);
        }
        Ok(())
    }

    fn pass_time(&mut self) {
        let most = *self.rng.pick(&[1_000_u64, 2_000_000, 8_000_000, 90_000_000, 3_600_000_000]);
        let micros = self.rng.below(most);
        if self.rng.chance(1, 6) {
            let back = self.now().saturating_sub(micros);
            self.clock.set_micros(back);
            self.ledger().set_back(back);
        } else {
            self.clock.advance(Duration::from_micros(micros));
        }
    }

    fn upkeep(&mut self) -> Result<(), End> {
        self.db.upkeep();
        if self.db.poison().is_some() {
            return Err(End::Crash);
        }
        let now = self.now();
        Ok(self.ledger().notice(&self.db, now)?)
    }

    fn make_noise(&mut self) -> Result<(), End> {
        let payload = vec![b'1'; 8_000];
        let published = self.db.bus().publish(NewEvent::new("noise", &payload));
        match published.and_then(arrw::Publish::wait) {
            Ok(_) => self.upkeep(),
            Err(_) => Err(End::Crash),
        }
    }

    fn run(&self, commands: Vec<Command>) -> Result<JobAnswers, End> {
        let ran = self.db.jobs().run(commands, true).and_then(arrw::Running::wait);
        ran.map_err(|error| end_of(&error))
    }

    /// Completes all that workers hold.
    pub(crate) fn complete_all(&mut self) -> Result<(), End> {
        for (_, job) in std::mem::take(&mut self.held) {
            let (id, token) = (job.id(), job.token());
            let completion = Command::Finish(Finish {
                job: id,
                token,
                outcome: JobOutcome::Complete,
                detail: Detail::default(),
            });
            let answers = self.run(vec![completion])?;
            self.hear((id, token), JobOutcome::Complete, answers.first())?;
        }
        Ok(())
    }
}

/// A call that the disk let down ends the life; any other error is a broken promise.
fn end_of(error: &JobsError) -> End {
    match error {
        JobsError::Append(_) => End::Crash,
        JobsError::Job { .. }
        | JobsError::Wrong(_)
        | JobsError::Filter(_)
        | JobsError::TooMany { .. }
        | JobsError::Refused { .. }
        | _ => End::Broken(error.to_string()),
    }
}
