//! Writes of several kinds that are committed together.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrw_bus::{Acknowledgement, Ask, BatchAsk, NewEvent};
use arrw_jobs::{Command, Enqueue, JobError, NewJob};
use arrw_log::{Position, ReadError, Seq};

use crate::bus::{records_of, refuse_volatile};
use crate::consumer::{Consumer, push_acknowledgement};
use crate::db::Shared;
use crate::error::{PublishError, other_epoch};
use crate::jobs::rules::JobAsk;
use crate::jobs::{Enqueued, Job, enqueued};
use crate::publish::{Publish, Published, Shape};
use crate::views::Both;

/// Events to publish, jobs to enqueue and to finish, and consumers to acknowledge: all of it or nothing, at one place
/// in the order. So an event can be read, acted upon, and acknowledged together with what came of it; and a job is
/// there exactly if what it is about is.
///
/// ```
/// use arrw::{Db, NewEvent, Start};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let db = Db::in_memory()?;
/// db.bus().publish(NewEvent::new("orders.created", b"7"))?.wait()?;
/// let mut billing = db.bus().consumer("billing", "orders.*", Start::Earliest)?;
/// let orders = billing.try_next()?.expect("there is one");
/// db.batch()
///     .publish(NewEvent::new("invoices.sent", b"7"))
///     .acknowledge(&billing, orders.position())
///     .commit()?
///     .wait()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a batch does nothing until it is committed"]
pub struct Batch<'a> {
    shared: Arc<Shared>,
    events: Vec<NewEvent<'a>>,
    acknowledged: Vec<(String, u64, Position)>,
    commands: Vec<Command>,
    /// Why a job cannot be.
    wrong: Option<JobError>,
    expected: Option<Position>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            events: Vec::new(),
            acknowledged: Vec::new(),
            commands: Vec::new(),
            wrong: None,
            expected: None,
        }
    }

    /// Publishes an event. Those of a batch stand next to each other, in this order.
    pub fn publish(mut self, event: NewEvent<'a>) -> Self {
        self.events.push(event);
        self
    }

    /// Enqueues a job.
    pub fn enqueue(mut self, job: &NewJob<'_>) -> Self {
        match Enqueue::new(job, self.shared.environment.clock.now()) {
            Ok(enqueue) => self.commands.push(Command::Enqueue(enqueue)),
            Err(error) => self.wrong = self.wrong.or(Some(error)),
        }
        self
    }

    /// Completes a job with a result, which is JSON: what came of it is in the same commit.
    pub fn complete(mut self, job: &Job, result: &str) -> Self {
        match job.completion(result) {
            Ok(completion) => self.commands.push(completion),
            Err(error) => self.wrong = self.wrong.or(Some(error)),
        }
        self
    }

    /// Does anything else with jobs and queues. Each is decided on what those before it leave.
    pub fn command(mut self, command: Command) -> Self {
        self.commands.push(command);
        self
    }

    /// Acknowledges all up to a position, as its present reader.
    pub fn acknowledge(self, consumer: &Consumer, position: Position) -> Self {
        self.acknowledge_as(consumer.name(), consumer.generation(), position)
    }

    /// Acknowledges all up to a position for who opened the consumer as this generation.
    pub fn acknowledge_as(mut self, name: &str, generation: u64, position: Position) -> Self {
        self.acknowledged.push((name.to_owned(), generation, position));
        self
    }

    /// Only if this is then the position behind the last record of the log.
    pub fn expecting(mut self, last: Position) -> Self {
        self.expected = Some(last);
        self
    }

    /// Hands the batch over: wait for it with [`Commit::wait`], or await it. What it answers is of its events.
    ///
    /// # Errors
    /// When an event, a job or a position cannot be as it is. That a consumer was taken over, that a lease is over, or
    /// that there are later records than those expected, is the answer's to say. Then nothing of it happens.
    pub fn commit(self) -> Result<Commit, PublishError> {
        refuse_volatile(&self.events)?;
        if let Some(error) = self.wrong {
            return Err(PublishError::Job(error));
        }
        let max = arrw_jobs::limits::COMMANDS_MAX;
        if max < self.commands.len() {
            let (what, actual, unit) = ("batch", self.commands.len(), "commands for jobs");
            return Err(PublishError::Job(JobError::TooLarge { what, actual, max, unit }));
        }
        let (mut batch, ids) = records_of(&self.events)?;
        let mut acknowledgements = Vec::with_capacity(self.acknowledged.len());
        for (name, generation, position) in self.acknowledged {
            let seq = self.shared.seq_of(position)?;
            push_acknowledgement(&mut batch, &name, seq)?;
            acknowledgements.push(Acknowledgement { name, generation, seq });
        }
        if let Some(last) = self.expected {
            batch = batch.expecting(self.shared.seq_of(last)?);
        }
        let done = acknowledgements.iter().map(|it| (it.name.clone(), it.seq)).collect::<Vec<_>>();
        let bus = Arc::new(Ask::Batch(BatchAsk { ids, acknowledgements }));
        let bytes = self.commands.iter().map(Command::bytes_max).sum();
        let own = batch.records();
        let jobs = Arc::new(JobAsk { own, ..JobAsk::new(self.commands.into(), false) });
        let batch = match (batch.is_empty(), jobs.commands.is_empty()) {
            // The log refuses one without records only if it asks nothing.
            (true, true) => batch,
            (false, true) => batch.asking(bus),
            (_, false) => {
                batch.reserving(bytes).asking(Arc::new(Both { bus, jobs: Arc::clone(&jobs) }))
            }
        };
        let append = self.shared.log.append(batch);
        let publish = Publish::durable(append, Shape::Mixed(self.events.len() as u64));
        Ok(Commit { publish, shared: self.shared, acknowledged: done, jobs })
    }
}

/// A batch that was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its events.
    pub events: Published,
    /// The jobs that it enqueued, in their order. None when all its events had been published before, as the
    /// same batch enqueued the jobs then.
    pub jobs: Vec<Enqueued>,
}

/// A batch on its way. It does nothing until it is waited for or polled; from then on it will be committed even
/// if this is dropped.
#[derive(Debug)]
#[must_use = "a batch does nothing until it is waited for or awaited"]
pub struct Commit {
    publish: Publish,
    shared: Arc<Shared>,
    acknowledged: Vec<(String, Seq)>,
    jobs: Arc<JobAsk>,
}

impl Commit {
    /// Waits on this thread until it is on the disk.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub fn wait(self) -> Result<Committed, PublishError> {
        let events = self.publish.wait()?;
        release(&self.shared, &self.acknowledged);
        Ok(committed(events, &self.jobs))
    }
}

fn committed(events: Published, jobs: &JobAsk) -> Committed {
    let answers = jobs.answers.get().map_or(&[][..], |answers| answers);
    Committed { events, jobs: enqueued(answers) }
}

impl Future for Commit {
    type Output = Result<Committed, PublishError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.publish).poll(context).map(|answer| {
            let events = answer?;
            release(&self.shared, &self.acknowledged);
            Ok(committed(events, &self.jobs))
        })
    }
}

fn release(shared: &Shared, acknowledged: &[(String, Seq)]) {
    for (name, seq) in acknowledged {
        shared.release_for(name, seq.next());
    }
}

impl Shared {
    /// The seq of a position that this log has had.
    pub(crate) fn seq_of(&self, position: Position) -> Result<Seq, ReadError> {
        if position.epoch != self.log.epoch() {
            return Err(other_epoch(position, self.log.epoch()));
        }
        let tail = self.log.tail();
        if tail <= position.seq {
            return Err(ReadError::BeyondTail { wanted: position.seq, tail });
        }
        Ok(position.seq)
    }
}
