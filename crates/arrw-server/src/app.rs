//! What all requests share.

use std::future::Future;
use std::sync::Arc;

use arrw::{AppendError, Bus, Db, PublishError};
use tokio::sync::{Notify, watch};

use crate::events::Sharing;
use crate::guard::Hosts;

/// The database, who may ask, and how the server is.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) db: Db,
    pub(crate) bus: Bus,
    pub(crate) hosts: Hosts,
    pub(crate) sharing: Arc<Sharing>,
    /// True from when the server stops.
    closing: watch::Sender<bool>,
    /// Told when the log has stopped.
    poisoned: Notify,
}

impl App {
    pub(crate) fn new(db: Db, hosts: Hosts) -> Self {
        let bus = db.bus();
        let (sharing, closing, poisoned) = Default::default();
        Self { db, bus, hosts, sharing, closing, poisoned }
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
