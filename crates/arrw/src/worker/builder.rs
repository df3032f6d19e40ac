//! How a worker is built.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};

use arrw_jobs::{Claim, JobError, check_name};

use crate::jobs::Jobs;
use crate::worker::Worker;
use crate::worker::answer::{Failure, IntoCompletion};
use crate::worker::args::JobArgs;
use crate::worker::attempt::Attempt;
use crate::worker::crew::Spawner;
use crate::worker::desk::Desk;
use crate::worker::error::WorkerError;
use crate::worker::handler::Handler;
use crate::worker::limits::{CONCURRENCY_DEFAULT, CONCURRENCY_MAX, PREFETCH_MAX};
use crate::worker::plan::{Observer, Plan};
use crate::worker::stats::{Attempted, WorkerStats};
use crate::worker::stop::Stop;
use crate::worker::task::Task;

/// A worker that is being built. What is wrong with it is told by [`build`](Self::build).
#[must_use = "a worker does nothing until it is built and run"]
pub struct WorkerBuilder {
    jobs: Jobs,
    name: String,
    queues: Vec<String>,
    handlers: BTreeMap<&'static str, Handler>,
    /// A kind that has two handlers.
    twice: Option<&'static str>,
    concurrency: usize,
    prefetch: usize,
    spawner: Option<Spawner>,
    observer: Option<Observer>,
}

impl WorkerBuilder {
    pub(crate) fn new(jobs: Jobs, name: &str) -> Self {
        Self {
            jobs,
            name: name.to_owned(),
            queues: Vec::new(),
            handlers: BTreeMap::new(),
            twice: None,
            concurrency: CONCURRENCY_DEFAULT,
            prefetch: 0,
            spawner: None,
            observer: None,
        }
    }

    /// Has it work on a queue, at most 64 of them. They are served by turns.
    pub fn queue(mut self, queue: &str) -> Self {
        self.queues.push(queue.to_owned());
        self
    }

    /// How many attempts run at once, 1 to 1,000. Default 8.
    pub fn concurrency(mut self, attempts: usize) -> Self {
        self.concurrency = attempts;
        self
    }

    /// How many jobs are leased ahead of those that run, at most 1,000. Default 0, so that no job waits here while another
    /// worker is free. For handlers that take less than a commit, some ten of them save much of the waiting.
    pub fn prefetch(mut self, jobs: usize) -> Self {
        self.prefetch = jobs;
        self
    }

    /// Has jobs of a type done by an async handler. The worker drives it, so it must not block; with
    /// [`spawn_on`](Self::spawn_on) a runtime does.
    pub fn on<T, F, Fut, R>(self, handler: F) -> Self
    where
        T: JobArgs + Send,
        F: Fn(T, Attempt) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Failure>> + Send,
        R: IntoCompletion,
    {
        self.handle(T::KIND, Handler::of_async(handler))
    }

    /// Has jobs of a type done by a handler that blocks, on a thread of the worker. There are at most as many threads as
    /// attempts run at once.
    pub fn on_blocking<T, F, R>(self, handler: F) -> Self
    where
        T: JobArgs,
        F: Fn(T, Attempt) -> Result<R, Failure> + Send + Sync + 'static,
        R: IntoCompletion,
    {
        self.handle(T::KIND, Handler::of_blocking(handler))
    }

    /// Gives async handlers to a runtime, which may run them on several threads: `|task| { tokio::spawn(task); }`. A job
    /// whose task the runtime drops is ready again a second later, with no attempt counted.
    pub fn spawn_on(mut self, spawn: impl Fn(Task) + Send + Sync + 'static) -> Self {
        self.spawner = Some(Arc::new(spawn));
        self
    }

    /// Tells of each attempt that ended, once what became of it is on the disk. Called where the worker is driven, so it
    /// must be quick.
    pub fn observe(mut self, observe: impl Fn(&Attempted) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observe));
        self
    }

    /// Builds it.
    ///
    /// # Errors
    /// See [`WorkerError`].
    pub fn build(self) -> Result<Worker, WorkerError> {
        let worker = || self.name.clone();
        if self.queues.is_empty() {
            return Err(WorkerError::NoQueue { worker: worker() });
        }
        if self.handlers.is_empty() {
            return Err(WorkerError::NoHandler { worker: worker() });
        }
        if let Some(kind) = self.twice {
            return Err(WorkerError::TwoHandlers { worker: worker(), kind });
        }
        self.handlers.keys().try_for_each(|kind| check_name("kind", kind))?;
        Claim::new(&self.name, self.queues.iter().map(String::as_str), 1)?;
        check_range("the concurrency of a worker", "1 to 1,000", {
            (1..=CONCURRENCY_MAX).contains(&self.concurrency)
        })?;
        check_range("the prefetch of a worker", "at most 1,000", self.prefetch <= PREFETCH_MAX)?;
        let desk = Arc::new(Desk::default());
        let stats = WorkerStats { capacity: self.concurrency, ..WorkerStats::default() };
        let plan = Plan {
            jobs: self.jobs,
            name: Arc::from(self.name),
            queues: self.queues,
            handlers: self.handlers,
            concurrency: self.concurrency,
            prefetch: self.prefetch,
            spawner: self.spawner,
            observer: self.observer,
            stop: Arc::new(Stop::new(&desk)),
            desk,
            stats: Mutex::new(stats),
        };
        Ok(Worker::new(plan))
    }

    fn handle(mut self, kind: &'static str, handler: Handler) -> Self {
        if self.handlers.insert(kind, handler).is_some() {
            self.twice = Some(kind);
        }
        self
    }
}

fn check_range(what: &'static str, range: &'static str, is_in: bool) -> Result<(), JobError> {
    match is_in {
        true => Ok(()),
        false => Err(JobError::Range { what, range }),
    }
}

impl fmt::Debug for WorkerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerBuilder")
            .field("name", &self.name)
            .field("queues", &self.queues)
            .field("handlers", &self.handlers)
            .finish_non_exhaustive()
    }
}
