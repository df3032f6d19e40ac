//! Plays a history to the jobs and to the model, and keeps the log between them.

use arrw_jobs::{
    Carry, Claim, Command, Detail, Done, Enqueue, Finish, JobId, Jobs, NewJob, Refused, State,
    Token, Turn, UniqueBy,
};
use arrw_log::{Batch, Epoch, Frame, NewRecord, Place, Record, Seq, Timestamp};

use super::checks;
use super::history::{OneTurn, Op, Proof, Sole, Spec, Step, Which};
use super::ledger::Ledger;
use super::naive::Model;
use super::parts::{Action, Answer, Lease};

/// How much is compared how often, in steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// All that can be asked of the jobs.
    pub(crate) compare: usize,
    /// A checkpoint is taken, and a copy that was made of it and followed since is compared.
    pub(crate) checkpoint: usize,
    /// All is made again from the log.
    pub(crate) replay: usize,
}

/// The jobs, the model, and the log.
pub(crate) struct Driver {
    pace: Pace,
    live: Jobs,
    model: Model,
    log: Vec<Frame>,
    /// What was made of a checkpoint and of all that came then.
    follower: Jobs,
    ledger: Ledger,
    /// What was done in this step and is not taken back.
    done: Vec<(Action, Answer)>,
    /// All that was enqueued with an id.
    with_id: Vec<NewJob<'static>>,
    /// Names that are in the jobs, which taking back leaves there.
    names: Vec<NewJob<'static>>,
    steps: usize,
}

/// What must be again when all since is taken back.
struct Saved {
    model: Model,
    digest: u64,
    bytes: Vec<u8>,
    names: usize,
    changes: usize,
    done: usize,
}

impl Driver {
    pub(crate) fn new(pace: Pace) -> Self {
        let mut live = Jobs::default();
        live.record_changes();
        Self {
            pace,
            live,
            model: Model::new(),
            log: Vec::new(),
            follower: Jobs::default(),
            ledger: Ledger::default(),
            done: Vec::new(),
            with_id: Vec::new(),
            names: Vec::new(),
            steps: 0,
        }
    }

    /// How often something was met.
    pub(crate) fn met(&self, word: &str) -> usize {
        self.model.tally.of(word)
    }

    /// Compares everything.
    pub(crate) fn check_all(&mut self) {
        checks::compare(&self.live, &mut self.model);
        self.follow_a_checkpoint();
        self.replay();
    }

    fn advance(&mut self, micros: u64) {
        self.live.advance(Timestamp::from_micros(micros));
        self.model.advance(micros);
        assert!(self.live.next_due().is_none_or(|due| self.live.now() < due), "something is due");
    }

    /// Plays one step.
    pub(crate) fn step(&mut self, step: &Step) {
        self.steps += 1;
        let begun = self.model.now.max(1_000_000_000);
        if step.idle != 0 {
            self.advance(begun + step.idle);
        }
        let time = begun + step.idle + step.later;
        self.advance(time);
        let saved = step.is_taken_back.then(|| self.save());
        let first = self.model.next;
        let mut frame = Batch::new();
        step.turns.iter().for_each(|turn| self.turn(turn, &mut frame));
        assert_eq!(first + u64::from(frame.records()), self.model.next);
        match saved {
            Some(saved) => self.take_back(saved),
            None => self.commit(frame, first, time),
        }
        if self.steps.is_multiple_of(self.pace.compare) {
            checks::compare(&self.live, &mut self.model);
        }
        if self.steps.is_multiple_of(self.pace.checkpoint) {
            self.follow_a_checkpoint();
        }
        if self.steps.is_multiple_of(self.pace.replay) {
            self.replay();
        }
    }

    fn commit(&mut self, frame: Batch, first: u64, time: u64) {
        for (action, answer) in self.done.drain(..) {
            self.ledger.hear(&action, &answer, time);
        }
        self.live.keep_changes();
        assert_eq!(self.live.changes(), 0);
        if frame.is_empty() {
            return;
        }
        let time = Timestamp::from_micros(time);
        let frame = Frame::in_memory(frame, Seq::new(first), time, Epoch::from_random(1));
        for record in frame.records() {
            self.follower.apply(&record);
            self.ledger.read(&record);
        }
        self.log.push(frame);
    }

    fn save(&self) -> Saved {
        Saved {
            model: self.model.clone(),
            digest: self.live.digest(),
            bytes: self.live.encode(),
            names: self.names.len() + self.model.queues.len(),
            changes: self.live.changes(),
            done: self.done.len(),
        }
    }

    fn take_back(&mut self, saved: Saved) {
        let is_nothing_new = saved.names == self.names.len() + self.model.queues.len();
        self.live.take_back(saved.changes);
        self.done.truncate(saved.done);
        self.model.restore(saved.model);
        assert_eq!(self.live.digest(), saved.digest, "the digest after taking back");
        assert_eq!(self.live.changes(), saved.changes);
        if is_nothing_new {
            assert!(self.live.encode() == saved.bytes, "the bytes after taking back");
        }
        checks::compare(&self.live, &mut self.model);
        self.model.tally.count("taken back");
    }

    /// The jobs as their bytes say are the jobs, and so is what a checkpoint and the log behind it make of them.
    fn follow_a_checkpoint(&mut self) {
        let mut follower = std::mem::take(&mut self.follower);
        follower.advance(self.live.now());
        assert_eq!(follower.digest(), self.live.digest(), "the digest behind a checkpoint");
        let bytes =
            if self.steps.is_multiple_of(2) { follower.encode() } else { self.live.encode() };
        self.follower = Jobs::decode(&bytes).unwrap();
        assert!(self.follower.encode() == bytes, "the bytes of a checkpoint");
        assert_eq!(self.follower.digest(), self.live.digest(), "the digest of a checkpoint");
        checks::compare(&self.follower, &mut self.model);
    }

    /// The log alone makes the same jobs.
    fn replay(&mut self) {
        let mut again = Jobs::default();
        for frame in &self.log {
            frame.records().for_each(|record| again.apply(&record));
        }
        again.advance(self.live.now());
        assert_eq!(again.digest(), self.live.digest(), "the digest of all that the log says");
        checks::compare(&again, &mut self.model);
    }

    fn turn(&mut self, turn: &OneTurn, frame: &mut Batch) {
        let saved = turn.is_taken_back.then(|| self.save());
        let first = self.model.next;
        let time = Timestamp::from_micros(self.model.now);
        self.model.next += u64::from(turn.own);
        let mut made = Batch::new();
        // As many turns as it takes: each goes on behind what was made.
        let place = Place { seq: Seq::new(first), time };
        let (mut live, mut actions) = (std::mem::take(&mut self.live), Vec::new());
        let mut decides = Turn::new(&mut live, place, turn.own, &mut made);
        for op in &turn.ops {
            let Some(action) = self.resolve(op) else { continue };
            let expected = self.model.run(&action);
            let answered = run(&mut decides, &action, self.model.now);
            assert_eq!(answered, expected, "{action:?}");
            actions.push((action, answered));
        }
        drop(decides);
        self.live = live;
        assert_eq!(first + u64::from(turn.own + made.records()), self.model.next, "{actions:?}");
        actions.iter().for_each(|(action, answer)| self.remember(action, answer));
        self.done.extend(actions);
        checks::count(&self.live, &self.model);
        match saved {
            Some(saved) => self.take_back(saved),
            None => {
                (0..turn.own).for_each(|at| frame.push(foreign(at)).unwrap());
                made.iter().for_each(|record| copy(&record, frame));
            }
        }
    }

    /// Says which job is meant. `None` when there is none of that kind.
    fn find(&self, which: Which) -> Option<u64> {
        let of_state = |at: usize, state| {
            let jobs: Vec<u64> =
                self.model.jobs.iter().filter(|it| it.state == state).map(|it| it.id).collect();
            jobs.get(at.checked_rem(jobs.len())?).copied()
        };
        match which {
            Which::Known(at) => {
                let at = at.checked_rem(self.model.jobs.len())?;
                Some(self.model.jobs[at].id)
            }
            Which::Leased(at) => of_state(at, State::Leased),
            Which::Dead(at) => of_state(at, State::Dead),
            Which::Number(number) => Some(number as u64 % (self.model.next + 2)),
        }
    }

    fn token(&self, job: u64, proof: Proof) -> Option<u64> {
        let right = self.model.find(job).map(|job| job.last);
        let leases = &self.model.leases;
        match proof {
            Proof::Right => right.or(Some(job)),
            Proof::Other(at) => Some(leases.get(at.checked_rem(leases.len())?)?.1),
            Proof::Older(at) => {
                let of_job = leases.iter().filter(|lease| lease.0 == job);
                let older: Vec<u64> =
                    of_job.map(|it| it.1).filter(|token| Some(*token) != right).collect();
                older.get(at.checked_rem(older.len())?).copied()
            }
            Proof::MadeUp(token) => Some(token),
        }
    }

    fn resolve(&mut self, op: &Op) -> Option<Action> {
        Some(match op {
            Op::Enqueue(spec) => Action::Enqueue(resolved(spec, self.model.now)),
            Op::EnqueueAgain(at) => {
                let at = at.checked_rem(self.with_id.len())?;
                Action::Enqueue(self.with_id[at].clone())
            }
            Op::Finish(which, proof, outcome) => {
                let job = self.find(*which)?;
                Action::Finish { job, token: self.token(job, *proof)?, outcome: *outcome }
            }
            Op::Cancel(which) => Action::Cancel(self.find(*which)?),
            Op::Retry(which) => Action::Retry(self.find(*which)?),
            Op::Discard(which) => Action::Discard(self.find(*which)?),
            Op::Delete(which) => Action::Delete(self.find(*which)?),
            Op::Carry(which, is_late) => {
                let job = self.find(*which)?;
                let newest = self.model.find(job).map_or(job, |job| job.newest);
                Action::Carry { job, newest: newest.saturating_sub(u64::from(*is_late)) }
            }
            Op::Queue(name, change) => Action::Queue { name, change: *change },
            Op::Claim { worker, queues, count, start } => {
                let queues = queues.clone();
                Action::Claim { worker, queues, count: *count, start: *start }
            }
        })
    }

    /// Remembers what was enqueued.
    fn remember(&mut self, action: &Action, answer: &Answer) {
        let Action::Enqueue(spec) = action else { return };
        if spec.id.is_some() {
            self.with_id.push(spec.clone());
            let surplus = self.with_id.len().saturating_sub(16);
            self.with_id.drain(..surplus);
        }
        let is_known = |it: &NewJob<'_>| it.kind == spec.kind && it.plan == spec.plan;
        if matches!(answer, Answer::Enqueued { is_new: true, .. })
            && !self.names.iter().any(is_known)
        {
            self.names.push(spec.clone());
        }
    }
}

/// A job to be enqueued, with the times that are meant.
fn resolved(spec: &Spec, now: u64) -> NewJob<'static> {
    let at = |from_now: i64| Timestamp::from_micros(now.saturating_add_signed(from_now));
    let unique = spec.unique.as_ref().map(|sole: &Sole| UniqueBy {
        key: sole.key,
        across_queues: sole.across_queues,
        until: sole.until.map(at),
        states: sole.states,
        on_duplicate: sole.on_duplicate,
    });
    NewJob {
        priority: spec.priority,
        run_at: spec.run_at.map(at),
        plan: spec.plan.clone(),
        unique,
        id: spec.id,
        ..NewJob::new(spec.queue, spec.kind, spec.args)
    }
}

/// Decides one action, and says what came of it in the words of the model.
fn run(turn: &mut Turn<'_>, action: &Action, now: u64) -> Answer {
    let job = JobId::from_number;
    let command = match action {
        Action::Claim { worker, queues, count, start } => {
            let claim = Claim::new(worker, queues.iter().copied(), *count).unwrap();
            let leased = turn.claim(&claim, *start, usize::MAX);
            return Answer::Leased(leased.iter().map(lease).collect());
        }
        // It was checked a little earlier.
        Action::Enqueue(spec) => {
            let earlier = Timestamp::from_micros(now - 2);
            Command::Enqueue(Enqueue::new(spec, earlier).unwrap())
        }
        Action::Finish { job: id, token, outcome } => Command::Finish(Finish {
            job: job(*id),
            token: Token::new(Seq::new(*token)),
            outcome: *outcome,
            detail: Detail::default(),
        }),
        Action::Cancel(id) => Command::Cancel(job(*id)),
        Action::Retry(id) => Command::Retry(job(*id)),
        Action::Discard(id) => Command::Discard(job(*id)),
        Action::Delete(id) => Command::Delete(job(*id)),
        Action::Carry { job: id, newest } => {
            let (newest, payload) = (Seq::new(*newest), "{}".to_owned());
            Command::Carry(Carry { job: job(*id), newest, payload })
        }
        Action::Queue { name, change } => {
            Command::Queue { name: (*name).to_owned(), change: *change }
        }
    };
    match turn.run(&command) {
        Ok(Done::Enqueued { job, is_new }) => Answer::Enqueued { job: job.get(), is_new },
        Ok(Done::Job { job, state }) => Answer::Job { job: job.get(), state },
        Ok(Done::Queue) => Answer::Queue,
        Ok(Done::Order) => Answer::Unexpected("an order".to_owned()),
        Err(Refused::NotFound { .. }) => Answer::NotFound,
        Err(Refused::Stale { state, .. }) => Answer::Stale(State::parse(state).unwrap()),
        Err(Refused::State { state, .. }) => Answer::Denied(State::parse(state).unwrap()),
        Err(Refused::IdConflict { .. }) => Answer::IdConflict,
        Err(Refused::Invalid(_)) => Answer::Invalid,
        Err(other) => Answer::Unexpected(other.to_string()),
    }
}

fn lease(leased: &arrw_jobs::Leased) -> Lease {
    let known = super::history::QUEUES.into_iter().find(|name| **name == *leased.queue);
    Lease {
        job: leased.job.get(),
        token: leased.token.seq().get(),
        queue: known.unwrap(),
        attempt: leased.attempt,
        args_at: leased.args_at.get(),
        ready_at: leased.ready_at.micros(),
    }
}

/// A record of somebody else, some of them on a topic of the jobs.
fn foreign(at: u32) -> NewRecord<'static> {
    let topic = if at == 0 { "jobs.mail.ready" } else { "other.things" };
    NewRecord { topic, key: b"1", payload: b"{}", ..NewRecord::default() }
}

fn copy(record: &Record<'_>, frame: &mut Batch) {
    let headers: Vec<(&str, &[u8])> = record.headers().collect();
    let (kind, topic) = (record.kind(), record.topic());
    let (key, headers, payload) = (record.key(), &headers, record.payload());
    frame.push(NewRecord { kind, topic, key, headers, payload }).unwrap();
}
