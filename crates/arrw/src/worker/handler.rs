//! Handlers of all types behind one face.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::worker::answer::{Completion, Failure, IntoCompletion};
use crate::worker::args::JobArgs;
use crate::worker::attempt::Attempt;

/// How an attempt ended.
pub(crate) type Answer = Result<Completion, Failure>;

/// A handler at work.
pub(crate) type Handling = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Does the jobs of one kind.
#[derive(Clone)]
pub(crate) enum Handler {
    /// In a task.
    Async(Arc<dyn Fn(Attempt) -> Handling + Send + Sync>),
    /// On a thread of its own.
    Blocking(Arc<dyn Fn(Attempt) -> Answer + Send + Sync>),
}

impl Handler {
    /// One that is a future.
    pub(crate) fn of_async<T, F, Fut, R>(handler: F) -> Self
    where
        T: JobArgs + Send,
        F: Fn(T, Attempt) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Failure>> + Send,
        R: IntoCompletion,
    {
        let handler = Arc::new(handler);
        Self::Async(Arc::new(move |attempt| {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                let handling = handler(args::<T>(&attempt)?, attempt);
                handling.await?.into_completion()
            })
        }))
    }

    /// One that blocks a thread.
    pub(crate) fn of_blocking<T, F, R>(handler: F) -> Self
    where
        T: JobArgs,
        F: Fn(T, Attempt) -> Result<R, Failure> + Send + Sync + 'static,
        R: IntoCompletion,
    {
        Self::Blocking(Arc::new(move |attempt| {
            handler(args::<T>(&attempt)?, attempt)?.into_completion()
        }))
    }
}

/// The args of a job, as its type has them.
fn args<T: DeserializeOwned>(attempt: &Attempt) -> Result<T, Failure> {
    serde_json::from_str(attempt.args()).map_err(|error| {
        let kind = attempt.kind();
        Failure::new(format!("the args are not those of a job of kind `{kind}`: {error}"))
    })
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Async(_) => "Async",
            Self::Blocking(_) => "Blocking",
        })
    }
}
