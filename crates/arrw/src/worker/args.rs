//! Types that are kinds of jobs, and the values of which are their args.

use arrw_jobs::{JobError, NewJob};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::jobs::{Enqueuing, Jobs, JobsError};

/// A type that is a kind of job. A value is what one job of that kind is to do; it goes through the log as JSON, so old
/// jobs must be readable by new versions of the type: give new fields a default.
///
/// ```
/// use arrw::{Db, JobArgs, NewJob, Priority};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct SendMail {
///     to: String,
/// }
///
/// impl JobArgs for SendMail {
///     const KIND: &'static str = "mail.send";
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let db = Db::in_memory()?;
/// let mail = SendMail { to: "ada@example.org".to_owned() };
/// db.jobs().enqueue_args("mail", &mail)?.wait()?;
///
/// // With all that a job can have, and in a batch.
/// let args = mail.encode()?;
/// let urgent = NewJob { priority: Priority::Urgent, ..args.on("mail") };
/// db.batch().enqueue(&urgent).commit()?.wait()?;
/// # Ok(())
/// # }
/// ```
pub trait JobArgs: Serialize + DeserializeOwned {
    /// The name of the kind: 1 to 128 visible ASCII characters. It is in the log, so it does not change with the type's.
    const KIND: &'static str;

    /// The args as the log has them.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    fn encode(&self) -> Result<EncodedArgs, JobError> {
        let json = serde_json::to_string(self);
        let json = json
            .map_err(|error| JobError::Json { what: "args of the job", why: error.to_string() })?;
        Ok(EncodedArgs { kind: Self::KIND, json })
    }
}

/// A kind of job with args for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedArgs {
    kind: &'static str,
    json: String,
}

impl EncodedArgs {
    /// The job that does it, on a queue, with all else at its default.
    #[must_use]
    pub fn on<'a>(&'a self, queue: &'a str) -> NewJob<'a> {
        NewJob::new(queue, self.kind, &self.json)
    }
}

impl Jobs {
    /// Enqueues the job of a type: wait for the answer, or await it.
    ///
    /// # Errors
    /// When the job cannot be as it is. That it is refused is the answer's to say.
    pub fn enqueue_args<T: JobArgs>(&self, queue: &str, args: &T) -> Result<Enqueuing, JobsError> {
        self.enqueue(&args.encode()?.on(queue))
    }
}
