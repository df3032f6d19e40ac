//! Decides commands and claims where their place is decided: makes the records, and takes them in at once.
//!
//! So each command is decided on what those before it leave, those of the same call included. What was taken in can be
//! taken back ([`Jobs::take_back`]) when the records find no place, or never reach the disk.

mod done;

use std::fmt::Write as _;
use std::sync::Arc;

use arrw_log::{Batch, Kind, NewRecord, Place, Seq, Timestamp};

use crate::codec::Out;
use crate::command::{Carry, Claim, Command, ControlChange, Detail, Finish, Outcome};
use crate::control::QUEUE;
use crate::error::Refused;
use crate::event::{self, CARRIED, Changed, Enqueued, FACT, Origin};
use crate::job::{JobId, State, Token};
use crate::json;
use crate::limits::{JOBS_MAX, NAMES_MAX, PLANS_MAX, QUEUES_MAX, SCRATCH_BYTES_MAX};
use crate::new_job::{Enqueue, OnDuplicate, check_queue};
use crate::planted::{Bug, is_planted};
use crate::table::Job;
use crate::view::{Jobs, Scratch};
pub use done::{Done, Leased};

/// The kind of the control records that forget a job: its number is the payload.
pub const FORGOTTEN: Kind = Kind(17);

/// A turn: what is decided goes behind `own` records, as far as `made` does.
#[derive(Debug)]
pub struct Turn<'a> {
    pub(crate) jobs: &'a mut Jobs,
    pub(crate) time: Timestamp,
    first: Seq,
    pub(crate) made: &'a mut Batch,
    topic: String,
    text: String,
    fact: Out,
}

impl Drop for Turn<'_> {
    /// The next one uses its memory.
    fn drop(&mut self) {
        let (topic, text) = (std::mem::take(&mut self.topic), std::mem::take(&mut self.text));
        let fact = std::mem::take(&mut self.fact);
        if text.capacity() <= SCRATCH_BYTES_MAX {
            self.jobs.scratch = Scratch { topic, text, fact };
        }
    }
}

impl<'a> Turn<'a> {
    /// A turn whose first made record comes `own` records behind the place.
    pub fn new(jobs: &'a mut Jobs, place: Place, own: u32, made: &'a mut Batch) -> Self {
        jobs.advance(place.time);
        let first = place.seq.plus(u64::from(own));
        let Scratch { topic, text, fact } = std::mem::take(&mut jobs.scratch);
        Self { jobs, time: place.time, first, made, topic, text, fact }
    }

    /// Decides one command.
    ///
    /// # Errors
    /// When it is refused. Nothing changed then.
    pub fn run(&mut self, command: &Command) -> Result<Done, Refused> {
        match command {
            Command::Enqueue(enqueue) => self.enqueue(enqueue, None),
            Command::Finish(finish) => self.finish(finish),
            Command::Cancel(job) => self.cancel(*job),
            Command::Retry(job) => self.retry(*job),
            Command::Discard(job) => self.discard(*job),
            Command::Delete(job) => self.delete(*job),
            Command::Queue { name, change } => self.control(name, *change),
            Command::Carry(carry) => self.carry(carry),
            Command::Order { kind, name, change, .. } => self.order(*kind, name, change),
            Command::Fire { name, .. } => self.fire(name),
            Command::Trip(trip) => self.trip(trip),
        }
    }

    /// Hands out jobs, one of each queue by turns, beginning with the one at `start`. A queue that is paused or at its
    /// limit gives none. At most `max`, and as many as are wanted.
    pub fn claim(&mut self, claim: &Claim, start: usize, max: usize) -> Vec<Leased> {
        let count = claim.count().min(max);
        let find = |name: &String| self.jobs.queues.find(name);
        let mut queues: Vec<u32> = claim.queues().iter().filter_map(find).collect();
        let turn = start.checked_rem(queues.len()).unwrap_or(0);
        queues.rotate_left(turn);
        let mut leased = Vec::new();
        while !queues.is_empty() && leased.len() < count {
            let mut is_full = false;
            queues.retain(|queue| {
                if is_full || leased.len() == count {
                    return true;
                }
                let queue = self.jobs.queues.get(*queue);
                let first = queue.is_open(self.time).then(|| queue.first_ready()).flatten();
                let Some((_, job)) = first else { return false };
                match self.lease(job, claim.worker()) {
                    Some(one) => leased.push(one),
                    // No more room for records.
                    None => is_full = true,
                }
                true
            });
            if is_full {
                break;
            }
        }
        leased
    }

    pub(crate) fn enqueue(
        &mut self,
        it: &Enqueue,
        origin: Option<Origin<'_>>,
    ) -> Result<Done, Refused> {
        if let Some((of, id)) = &it.id
            && let Some(known) = self.jobs.ids.get(&of.key, self.time)
        {
            if known.body != of.body {
                return Err(Refused::IdConflict { id: id.clone() });
            }
            return Ok(Done::Enqueued { job: JobId::from_number(known.job), is_new: false });
        }
        if let Some((unique, on_duplicate)) = &it.unique
            && let Some(holder) = self.jobs.uniques.holder(&unique.key)
            && let Some(image) = self.jobs.image(holder)
            && image.unique.is_some_and(|held| held.holds(image.job.state, self.time))
        {
            self.duplicate(JobId::from_number(holder), it, *on_duplicate)?;
            return Ok(Done::Enqueued { job: JobId::from_number(holder), is_new: false });
        }
        self.check_room(it)?;
        let state = if self.time < it.run_at { State::Scheduled } else { State::Ready };
        let seq = self.next_seq();
        event::write_topic(&mut self.topic, &it.queue, state);
        let event = Enqueued { origin, ..it.event() };
        let made = origin.map(|_| event.encode());
        let record = NewRecord {
            topic: &self.topic,
            headers: &[(FACT, made.as_ref().unwrap_or(&it.fact))],
            payload: it.payload.as_bytes(),
            ..NewRecord::default()
        };
        push(self.made, record)?;
        self.jobs.enqueued(seq, self.time, (&it.queue, state), &event);
        Ok(Done::Enqueued { job: JobId::new(seq), is_new: true })
    }

    fn check_room(&self, it: &Enqueue) -> Result<(), Refused> {
        let jobs = &*self.jobs;
        let refuse = |what, max, hint| Err(Refused::TooMany { what, max, hint });
        if JOBS_MAX <= jobs.table.len() {
            return refuse("jobs", JOBS_MAX, "keep finished ones for less long, or work some off");
        }
        // A name is looked for only when there is no room for a new one.
        if QUEUES_MAX <= jobs.queues.len() && jobs.queues.find(&it.queue).is_none() {
            return refuse("queues", QUEUES_MAX, "use kinds or tags to tell jobs apart");
        }
        if NAMES_MAX <= jobs.kinds.len() && jobs.kinds.find(&it.kind).is_none() {
            return refuse("kinds of jobs", NAMES_MAX, "put what varies into the args");
        }
        if PLANS_MAX <= jobs.plans.len() && jobs.plans.find(&it.plan).is_none() {
            let what = "different plans (attempts, timeout, backoff)";
            return refuse(what, PLANS_MAX, "use a few round numbers");
        }
        Ok(())
    }

    /// What becomes of the first when a second came.
    fn duplicate(&mut self, job: JobId, it: &Enqueue, on: OnDuplicate) -> Result<(), Refused> {
        let Some(image) = self.jobs.image(job.get()) else { return Ok(()) };
        let state = image.job.state;
        let waits = state.is_timed() || state == State::Ready;
        let changed = self.unchanged(&image.job);
        let due = changed.due;
        match on {
            OnDuplicate::Replace if waits => {
                let changed = Changed { has_args: true, ..changed };
                self.push_change(state, &changed, &it.payload)
            }
            OnDuplicate::Delay if waits && due < it.run_at && self.time < it.run_at => {
                let state = if state == State::Retrying { state } else { State::Scheduled };
                self.change(state, &Changed { due: it.run_at, ..changed }, &Detail::default())
            }
            OnDuplicate::Keep | OnDuplicate::Replace | OnDuplicate::Delay => Ok(()),
        }
    }

    fn finish(&mut self, finish: &Finish) -> Result<Done, Refused> {
        let Finish { job, token, outcome, detail } = finish;
        let found = self.jobs.table.get(job.get()).copied();
        let Some(found) = found else { return Err(Refused::NotFound { job: *job }) };
        if found.state != State::Leased
            || found.last != token.seq().get() && !is_planted(Bug::NoToken)
        {
            return Err(Refused::Stale { job: *job, state: found.state.name() });
        }
        let attempt = found.attempt;
        let plan = Arc::clone(self.jobs.plans.get(found.plan));
        let after_ms = |ms: u64| {
            Timestamp::from_micros(self.time.micros().saturating_add(ms.saturating_mul(1_000)))
        };
        let ready_at = Timestamp::from_micros(found.due);
        let is_last = plan.max_attempts <= attempt;
        let uncounted = attempt.saturating_sub(1);
        let (state, attempt, due) = match *outcome {
            Outcome::Complete => (State::Completed, attempt, self.time),
            _ if found.is_cancelling => (State::Cancelled, attempt, self.time),
            Outcome::Discard => (State::Dead, attempt, self.time),
            Outcome::Fail { .. } | Outcome::Lost if is_last => (State::Dead, attempt, self.time),
            Outcome::Lost if is_planted(Bug::LostForFree) => (State::Ready, uncounted, ready_at),
            Outcome::Lost => (State::Ready, attempt, ready_at),
            Outcome::Fail { retry_in_ms } => {
                let ms = retry_in_ms.unwrap_or_else(|| plan.backoff.delay_ms(*job, attempt));
                (State::Retrying, attempt, after_ms(ms))
            }
            Outcome::Snooze { for_ms } if is_planted(Bug::CountTheSnooze) => {
                (State::Scheduled, attempt, after_ms(for_ms))
            }
            Outcome::Snooze { for_ms } => (State::Scheduled, uncounted, after_ms(for_ms)),
            Outcome::Release => (State::Ready, uncounted, ready_at),
        };
        let changed = Changed { attempt, due, ..self.unchanged(&found) };
        self.change(state, &changed, detail)?;
        Ok(Done::Job { job: *job, state })
    }

    fn cancel(&mut self, job: JobId) -> Result<Done, Refused> {
        let (state, changed) = self.present(job)?;
        match state {
            State::Scheduled | State::Ready | State::Retrying => {
                self.change_to(State::Cancelled, &Changed { due: self.time, ..changed })
            }
            State::Leased => {
                let Some(image) = self.jobs.image(job.get()) else {
                    return Err(Refused::NotFound { job });
                };
                if image.job.is_cancelling {
                    return Ok(Done::Job { job, state });
                }
                let worker = image.lease.map(|lease| lease.worker).unwrap_or_default();
                let wish = Changed { worker: &worker, is_cancelling: true, ..changed };
                self.change_to(state, &wish)
            }
            State::Cancelled => Ok(Done::Job { job, state }),
            State::Completed | State::Dead => {
                Err(Refused::state(job, state, "cancelled", "it does not run any more"))
            }
        }
    }

    fn retry(&mut self, job: JobId) -> Result<Done, Refused> {
        let (state, changed) = self.present(job)?;
        match state {
            State::Dead => {
                self.change_to(State::Ready, &Changed { attempt: 0, due: self.time, ..changed })
            }
            State::Scheduled | State::Retrying => {
                self.change_to(State::Ready, &Changed { due: self.time, ..changed })
            }
            State::Ready => Ok(Done::Job { job, state }),
            State::Leased => Err(Refused::state(job, state, "retried", "it runs already")),
            State::Completed | State::Cancelled => {
                Err(Refused::state(job, state, "retried", "enqueue it again as a new job"))
            }
        }
    }

    fn discard(&mut self, job: JobId) -> Result<Done, Refused> {
        let (state, changed) = self.present(job)?;
        match state {
            State::Scheduled | State::Ready | State::Retrying => {
                self.change_to(State::Dead, &Changed { due: self.time, ..changed })
            }
            State::Dead => Ok(Done::Job { job, state }),
            State::Leased => Err(Refused::state(job, state, "discarded", "cancel it instead")),
            State::Completed | State::Cancelled => {
                Err(Refused::state(job, state, "discarded", "it does not run any more"))
            }
        }
    }

    fn delete(&mut self, job: JobId) -> Result<Done, Refused> {
        let (state, _) = self.present(job)?;
        if state == State::Leased {
            return Err(Refused::state(job, state, "deleted", "cancel it first"));
        }
        let number = job.get().to_le_bytes();
        let record = NewRecord { kind: FORGOTTEN, payload: &number, ..NewRecord::default() };
        push(self.made, record)?;
        self.jobs.set(job.get(), None);
        Ok(Done::Job { job, state })
    }

    /// Puts what was told of a job into a new record, if nothing was told since.
    fn carry(&mut self, carry: &Carry) -> Result<Done, Refused> {
        let Carry { job, newest, payload } = carry;
        let Some(found) = self.jobs.table.get(job.get()).copied() else {
            return Err(Refused::NotFound { job: *job });
        };
        if self.jobs.newest(&found) != *newest {
            return Err(Refused::Stale { job: *job, state: found.state.name() });
        }
        let seq = self.next_seq();
        self.fact.0.clear();
        event::encode_carried(*job, &mut self.fact);
        let record = NewRecord {
            kind: CARRIED,
            headers: &[(FACT, &self.fact.0)],
            payload: payload.as_bytes(),
            ..NewRecord::default()
        };
        push(self.made, record)?;
        self.jobs.carried(seq, *job);
        Ok(Done::Job { job: *job, state: found.state })
    }

    fn control(&mut self, name: &str, change: ControlChange) -> Result<Done, Refused> {
        check_queue(name)?;
        let queue = self.jobs.queues.find(name);
        if queue.is_none() && QUEUES_MAX <= self.jobs.queues.len() {
            let hint = "use one that is there";
            return Err(Refused::TooMany { what: "queues", max: QUEUES_MAX, hint });
        }
        let before = queue.map(|queue| self.jobs.queues.get(queue).control).unwrap_or_default();
        let control = change.on(before);
        control.check()?;
        if control == before && queue.is_some() {
            return Ok(Done::Queue);
        }
        let payload = control.encode();
        let key = name.as_bytes();
        let record = NewRecord { kind: QUEUE, key, payload: &payload, ..NewRecord::default() };
        push(self.made, record)?;
        self.jobs.controlled(name, control);
        Ok(Done::Queue)
    }

    /// A job's state, and the change that changes nothing but it.
    fn present(&self, job: JobId) -> Result<(State, Changed<'static>), Refused> {
        let Some(found) = self.jobs.table.get(job.get()) else {
            return Err(Refused::NotFound { job });
        };
        Ok((found.state, self.unchanged(found)))
    }

    fn lease(&mut self, id: u64, worker: &str) -> Option<Leased> {
        let found = *self.jobs.table.get(id)?;
        let job = JobId::from_number(id);
        let token = Token::new(self.next_seq());
        let attempt = found.attempt.saturating_add(1);
        let changed = Changed { attempt, worker, ..self.unchanged(&found) };
        self.change(State::Leased, &changed, &Detail::default()).ok()?;
        Some(Leased {
            job,
            token,
            queue: Arc::clone(&self.jobs.queues.get(found.queue).name),
            kind: Arc::clone(self.jobs.kinds.get(found.kind)),
            priority: found.priority,
            attempt,
            plan: Arc::clone(self.jobs.plans.get(found.plan)),
            args_at: Seq::new(self.jobs.moved.get(&id).copied().unwrap_or(id)),
            ready_at: changed.due,
        })
    }

    fn change_to(&mut self, state: State, changed: &Changed<'_>) -> Result<Done, Refused> {
        self.change(state, changed, &Detail::default())?;
        Ok(Done::Job { job: changed.job, state })
    }

    /// Tells of a change, in JSON as well.
    fn change(
        &mut self,
        state: State,
        changed: &Changed<'_>,
        detail: &Detail,
    ) -> Result<(), Refused> {
        let Some(found) = self.jobs.table.get(changed.job.get()) else {
            return Err(Refused::NotFound { job: changed.job });
        };
        let kind = self.jobs.kinds.get(found.kind);
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        let (job, attempt) = (changed.job, changed.attempt);
        let _infallible = write!(text, "{{\"job\":{job},\"kind\":\"{kind}\",\"attempt\":{attempt}");
        if !changed.worker.is_empty() {
            json::member(&mut text, "worker", changed.worker);
        }
        if state.is_timed() {
            json::time_member(&mut text, "run_at", changed.due);
        }
        if changed.is_cancelling {
            text.push_str(",\"cancelling\":true");
        }
        text.push_str(&detail.0);
        text.push('}');
        let result = self.push_change(state, changed, &text);
        self.text = text;
        result
    }

    fn push_change(
        &mut self,
        state: State,
        changed: &Changed<'_>,
        payload: &str,
    ) -> Result<(), Refused> {
        let Some(found) = self.jobs.table.get(changed.job.get()) else {
            return Err(Refused::NotFound { job: changed.job });
        };
        let seq = self.next_seq();
        event::write_topic(&mut self.topic, &self.jobs.queues.get(found.queue).name, state);
        self.fact.0.clear();
        changed.encode(&mut self.fact);
        let mut digits = [0; 20];
        let record = NewRecord {
            topic: &self.topic,
            key: decimal(changed.job.get(), &mut digits),
            headers: &[(FACT, &self.fact.0)],
            payload: payload.as_bytes(),
            ..NewRecord::default()
        };
        if state != State::Leased || !is_planted(Bug::LeaseUnlogged) {
            push(self.made, record)?;
        }
        self.jobs.changed(seq, self.time, state, changed);
        Ok(())
    }

    /// The change that leaves a job as it is, with nobody at work on it.
    fn unchanged(&self, job: &Job) -> Changed<'static> {
        Changed {
            job: JobId::from_number(job.id),
            attempt: job.attempt,
            due: Timestamp::from_micros(job.due),
            worker: "",
            is_cancelling: false,
            has_args: false,
            before: self.jobs.newest(job),
            depth: job.depth,
        }
    }

    pub(crate) fn next_seq(&self) -> Seq {
        self.first.plus(u64::from(self.made.records()))
    }
}

/// Adds a record to those that were made.
pub(crate) fn push(made: &mut Batch, record: NewRecord<'_>) -> Result<(), Refused> {
    made.push(record).map_err(|error| Refused::Record(error.to_string()))
}

/// A number in decimal.
fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}
