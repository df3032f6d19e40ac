//! What all requests share.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use arrw::{AppendError, Bus, ConsumerError, Db, PublishError, RetentionError};
use tokio::sync::{Notify, watch};

use crate::events::Sharing;
use crate::guard::Hosts;
use crate::keys::Keys;
use crate::problem::Problem;
use crate::stats::Counters;

/// The database, who may ask, and how the server is.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) db: Db,
    pub(crate) bus: Bus,
    pub(crate) hosts: Hosts,
    pub(crate) keys: Keys,
    pub(crate) sharing: Arc<Sharing>,
    pub(crate) counters: Counters,
    pub(crate) started: Instant,
    connections: AtomicUsize,
    /// True from when the server stops.
    closing: watch::Sender<bool>,
    /// Told when the log has stopped.
    poisoned: Notify,
}

impl App {
    pub(crate) fn new(db: Db, hosts: Hosts, keys: Keys) -> Self {
        let bus = db.bus();
        let (sharing, counters, connections, closing, poisoned) = Default::default();
        let started = Instant::now();
        Self { db, bus, hosts, keys, sharing, counters, started, connections, closing, poisoned }
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

    /// True from when the server stops.
    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Counts a connection until what this answers is dropped.
    pub(crate) fn connected(self: &Arc<Self>) -> Connected {
        self.counters.connected();
        self.connections.fetch_add(1, Ordering::Relaxed);
        Connected(Arc::clone(self))
    }

    /// Looks whether a publish failed because the log has stopped, which ends the server.
    pub(crate) fn watch(&self, error: &PublishError) {
        if let PublishError::Append(error) = error {
            self.watch_append(error);
        }
    }

    /// The refusal of a call for a consumer; a log that has stopped ends the server.
    pub(crate) fn refuse_consumer(&self, error: &ConsumerError) -> Problem {
        if let ConsumerError::Append(error) = error {
            self.watch_append(error);
        }
        error.into()
    }

    /// The refusal of a call for retention; a log that has stopped ends the server.
    pub(crate) fn refuse_retention(&self, error: &RetentionError) -> Problem {
        if let RetentionError::Append(error) = error {
            self.watch_append(error);
        }
        error.into()
    }

    fn watch_append(&self, error: &AppendError) {
        if let AppendError::Poisoned(_) | AppendError::Unknown(_) = error {
            self.poisoned.notify_one();
        }
    }

    /// Waits until a publish found that the log has stopped.
    pub(crate) async fn poisoned(&self) {
        self.poisoned.notified().await;
    }
}

/// A connection that is counted.
#[derive(Debug)]
pub(crate) struct Connected(Arc<App>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
