//! What all requests share.

use std::future::Future;
use std::sync::Arc;

use arrw::{AppendError, Bus, Db, PublishError};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::events::Sharing;
use crate::guard::Hosts;
use crate::limits::Limits;
use crate::problem::{Code, Problem};

/// The database, who may ask, and how the server is.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) db: Db,
    pub(crate) bus: Bus,
    pub(crate) hosts: Hosts,
    pub(crate) sharing: Arc<Sharing>,
    pub(crate) limits: Limits,
    /// Places for streams of events.
    streams: Arc<Semaphore>,
    /// True from when the server stops.
    closing: watch::Sender<bool>,
    /// Told when the log has stopped.
    poisoned: Notify,
}

impl App {
    pub(crate) fn new(db: Db, hosts: Hosts, limits: Limits) -> Self {
        let bus = db.bus();
        let (sharing, closing, poisoned) = Default::default();
        let streams = Arc::new(Semaphore::new(limits.streams.min(Semaphore::MAX_PERMITS)));
        Self { db, bus, hosts, sharing, limits, streams, closing, poisoned }
    }

    /// A place for one more stream of events, for as long as it is kept.
    pub(crate) fn take_stream(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_none_left| {
            let max = self.limits.streams;
            let detail = format!("there are as many streams of events as there may be: {max}");
            Problem::new(Code::TooManySubscriptions, detail)
                .hint("end some, or start the server with a larger `limits.streams`")
        })
    }

    /// Begins to stop: streams end, connections take no further request.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Waits until the server stops.
    pub(crate) fn closing(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut closing = self.closing.subscribe();
        // It also ends when nobody is left to say so.
        async move { drop(closing.wait_for(|is_closing| *is_closing).await) }
    }

    /// Looks whether a publish failed because the log has stopped, which ends the server.
    pub(crate) fn watch(&self, error: &PublishError) {
        if let PublishError::Append(AppendError::Poisoned(_) | AppendError::Unknown(_)) = error {
            self.poisoned.notify_one();
        }
    }

    /// Waits until a publish found that the log has stopped.
    pub(crate) async fn poisoned(&self) {
        self.poisoned.notified().await;
    }
}
