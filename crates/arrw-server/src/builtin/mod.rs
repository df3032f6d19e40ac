//! Work that the server does itself: jobs of the queue [`QUEUE`], run by a worker in its process.
//!
//! A kind of work is one entry of [`registered`]. Such a job is enqueued, listed, followed and cancelled as any other, by keys
//! that may administer and that name no topics: it can read and write all of them. No other worker gets it.

mod export;
mod folder;
mod import;

use std::path::PathBuf;
use std::sync::Arc;

use arrw::{Db, Worker, WorkerBuilder, WorkerError};

use crate::limits::BUILT_IN_AT_ONCE;
use folder::Folder;

/// The queue of the server's own work.
pub(crate) const QUEUE: &str = "arrwdb";

/// The name of its worker. After a restart it is the same, and so goes on with what it was at.
const WORKER: &str = "arrwdb";

/// What all kinds of it share.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    db: Db,
    folder: Arc<Folder>,
}

/// The worker of the server's own work, with files below a folder.
///
/// # Errors
/// Never: it is complete.
pub(crate) fn worker(db: &Db, files: PathBuf) -> Result<Worker, WorkerError> {
    let work = Work { db: db.clone(), folder: Arc::new(Folder::new(files)) };
    let builder = db.jobs().worker(WORKER).queue(QUEUE).concurrency(BUILT_IN_AT_ONCE);
    registered(builder, &work).build()
}

/// All kinds of it.
fn registered(builder: WorkerBuilder, work: &Work) -> WorkerBuilder {
    let (exports, imports) = (work.clone(), work.clone());
    builder
        .on_blocking(move |args, job| export::run(&exports, &args, &job))
        .on_blocking(move |args, job| import::run(&imports, args, &job))
}

#[cfg(test)]
mod tests;
