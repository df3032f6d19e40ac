//! What a handler answers: that its job is done, and what came of it; or that the attempt failed, and what now.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrw_bus::NewEvent;
use arrw_jobs::{Command, Enqueue, NewJob, Outcome};
use arrw_log::Timestamp;
use serde::Serialize;

use crate::batch::{Batch, Commit};
use crate::db::Shared;
use crate::error::PublishError;

/// A job that is done: its result, and events and jobs that are in the same commit as that it is done. All of it
/// happens, or, when the lease is over by then, nothing.
///
/// ```
/// use arrw::{Completion, Failure, NewEvent, NewJob};
///
/// fn answer() -> Result<Completion, Failure> {
///     let mail = NewJob::new("mail", "invoice", r#"{"order": 7}"#);
///     Ok(Completion::of(&"sent")?
///         .publish(NewEvent::new("invoices.sent", br#"{"order": 7}"#))
///         .enqueue(&mail))
/// }
/// # assert!(answer().is_ok());
/// ```
#[derive(Clone, Debug)]
pub struct Completion {
    result: String,
    events: Vec<OwnedEvent>,
    jobs: Vec<Command>,
    wrong: Option<String>,
}

impl Default for Completion {
    /// With `null` as its result and nothing else.
    fn default() -> Self {
        let (events, jobs) = (Vec::new(), Vec::new());
        Self { result: "null".to_owned(), events, jobs, wrong: None }
    }
}

impl Completion {
    /// With a result, which is kept with the job: at most 1 MiB as JSON.
    ///
    /// # Errors
    /// When the result cannot be written as JSON.
    pub fn of<T: Serialize + ?Sized>(result: &T) -> Result<Self, Failure> {
        Ok(Self { result: serde_json::to_string(result)?, ..Self::default() })
    }

    /// Publishes an event with it, of a durable topic. One that cannot be has the attempt fail.
    #[must_use]
    pub fn publish(mut self, event: NewEvent<'_>) -> Self {
        self.events.push(OwnedEvent::of(&event));
        self
    }

    /// Enqueues a job with it. One that cannot be has the attempt fail.
    #[must_use]
    pub fn enqueue(mut self, job: &NewJob<'_>) -> Self {
        // A `run_at` that is over is told from one that is not where the place is decided.
        match Enqueue::new(job, Timestamp::default()) {
            Ok(enqueue) => self.jobs.push(Command::Enqueue(enqueue)),
            Err(error) => self.wrong = self.wrong.or(Some(error.to_string())),
        }
        self
    }

    pub(crate) fn result(&self) -> &str {
        &self.result
    }

    /// What is wrong with it, if anything is.
    pub(crate) fn wrong(&self) -> Option<&str> {
        self.wrong.as_deref()
    }

    /// True when it is a result alone.
    pub(crate) fn is_plain(&self) -> bool {
        self.events.is_empty() && self.jobs.is_empty()
    }

    /// The same without its events.
    pub(crate) fn without_events(self) -> Self {
        Self { events: Vec::new(), ..self }
    }

    /// Commits its events and jobs with the end of its lease.
    pub(crate) fn commit(
        &self,
        shared: &Arc<Shared>,
        finish: Command,
    ) -> Result<Commit, PublishError> {
        let headers: Vec<_> = self.events.iter().map(OwnedEvent::headers).collect();
        let mut batch = Batch::new(Arc::clone(shared));
        for (event, headers) in self.events.iter().zip(&headers) {
            batch = batch.publish(event.borrow(headers));
        }
        for job in &self.jobs {
            batch = batch.command(job.clone());
        }
        batch.command(finish).commit()
    }
}

/// What a handler may answer for a job that is done: anything that can be written as JSON, which is then the result, or a
/// [`Completion`].
pub trait IntoCompletion {
    /// The completion.
    ///
    /// # Errors
    /// When the result cannot be written as JSON.
    fn into_completion(self) -> Result<Completion, Failure>;
}

impl<T: Serialize> IntoCompletion for T {
    fn into_completion(self) -> Result<Completion, Failure> {
        Completion::of(&self)
    }
}

impl IntoCompletion for Completion {
    fn into_completion(self) -> Result<Completion, Failure> {
        Ok(self)
    }
}

/// Why an attempt does not complete its job, and what becomes of the job. Made of any error by `?`: then it is tried
/// again as its plan says.
///
/// ```
/// use std::time::Duration;
///
/// use arrw::Failure;
///
/// fn read(text: &str) -> Result<u32, Failure> {
///     if text.is_empty() {
///         return Err(Failure::snooze(Duration::from_secs(60), "not there yet"));
///     }
///     Ok(text.parse::<u32>()?)
/// }
/// # assert!(read("").is_err() && read("x").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Failure {
    outcome: Outcome,
    error: String,
}

impl Failure {
    /// The attempt failed; the job is tried again as its plan says, while it has attempts left.
    #[must_use]
    pub fn new(error: impl fmt::Display) -> Self {
        Self { outcome: Outcome::Fail { retry_in_ms: None }, error: error.to_string() }
    }

    /// The attempt failed; the job is tried again after that time, while it has attempts left.
    #[must_use]
    pub fn retry_in(wait: Duration, error: impl fmt::Display) -> Self {
        let retry_in_ms = Some(millis(wait));
        Self { outcome: Outcome::Fail { retry_in_ms }, error: error.to_string() }
    }

    /// The job cannot be done yet; it is ready again after that time. No attempt is counted.
    #[must_use]
    pub fn snooze(wait: Duration, why: impl fmt::Display) -> Self {
        Self { outcome: Outcome::Snooze { for_ms: millis(wait) }, error: why.to_string() }
    }

    /// The job can never be done: it goes to the dead ones, whatever attempts it has left.
    #[must_use]
    pub fn discard(reason: impl fmt::Display) -> Self {
        Self { outcome: Outcome::Discard, error: reason.to_string() }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        self.outcome
    }

    pub(crate) fn error(self) -> String {
        self.error
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    /// With the error and its causes.
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        Self::new(text)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A [`NewEvent`] that is kept until its job is done.
#[derive(Clone, Debug)]
struct OwnedEvent {
    topic: String,
    key: Vec<u8>,
    content_type: Option<String>,
    id: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
    payload: Vec<u8>,
}

impl OwnedEvent {
    fn of(event: &NewEvent<'_>) -> Self {
        let headers = event.headers.iter();
        let headers = headers.map(|(name, value)| ((*name).to_owned(), value.to_vec()));
        Self {
            topic: event.topic.to_owned(),
            key: event.key.to_vec(),
            content_type: event.content_type.map(str::to_owned),
            id: event.id.map(str::to_owned),
            headers: headers.collect(),
            payload: event.payload.to_vec(),
        }
    }

    fn headers(&self) -> Vec<(&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect()
    }

    fn borrow<'a>(&'a self, headers: &'a [(&'a str, &'a [u8])]) -> NewEvent<'a> {
        NewEvent {
            topic: &self.topic,
            key: &self.key,
            content_type: self.content_type.as_deref(),
            id: self.id.as_deref(),
            headers,
            payload: &self.payload,
        }
    }
}
