//! What all requests share.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arrw::{Bus, Db, Jobs};
use axum::body::Body;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::admission::Admission;
use crate::body::Inflow;
use crate::budget::Budget;
use crate::counters::{Counters, Limit};
use crate::events::Sharing;
use crate::guard::Sites;
use crate::keys::Keys;
use crate::limits::{Limits, PAGES_AT_ONCE_MAX};
use crate::problem::{Code, Problem};
use crate::rates::Rate;
use crate::sockets::{Access, Hub, Namespaces, Proxies, SocketOptions, Tokens};
use crate::tls::Tls;

/// The database, who may ask, and how the server is.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) db: Db,
    pub(crate) bus: Bus,
    pub(crate) jobs: Jobs,
    pub(crate) hub: Arc<Hub>,
    pub(crate) sites: Sites,
    pub(crate) keys: Keys,
    pub(crate) tls: Option<Tls>,
    pub(crate) backups: PathBuf,
    /// Held while a backup is made.
    pub(crate) backing_up: Arc<Semaphore>,
    pub(crate) sharing: Arc<Sharing>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) started: Instant,
    pub(crate) admission: Admission,
    /// Of requests with one key.
    pub(crate) key_rate: Rate,
    pub(crate) limits: Limits,
    /// For the bodies of all requests.
    budget: Budget,
    /// Places for streams of events.
    streams: Arc<Semaphore>,
    /// Places for pages that are read.
    pages: Arc<Semaphore>,
    /// True from when the server stops.
    closing: watch::Sender<bool>,
    /// Told when the log has stopped.
    poisoned: Notify,
}

impl App {
    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn new(db: Db, sites: Sites, keys: Keys, limits: Limits) -> Self {
        let sockets = (SocketOptions::default(), Tokens::none(), Proxies::default());
        Self::with_sockets(db, (sites, keys), limits, sockets)
    }

    /// With connections that follow channels as they are set.
    pub(crate) fn with_sockets(
        db: Db,
        (sites, keys): (Sites, Keys),
        limits: Limits,
        (sockets, tokens, proxies): (SocketOptions, Tokens, Proxies),
    ) -> Self {
        let (bus, jobs) = (db.bus(), db.jobs());
        let SocketOptions { channels, clients, limits: bounds, compression } = sockets;
        // Where nobody needs a key for anything, nobody needs a token either, unless tokens are known or somebody is asked
        // who is who: all is only so on loopback.
        let is_known = clients.tokens.has_keys() || proxies.connect.is_some();
        let is_unguarded = !keys.are_needed() && !is_known;
        let is_open = clients.insecure || is_unguarded;
        let access = Access { is_open, has_personal: clients.personal, tokens, proxies };
        let counters = Arc::<Counters>::default();
        let bounds = (bounds, compression, Arc::clone(&counters));
        let hub = Arc::new(Hub::new(db.clone(), Namespaces::new(channels), access, bounds));
        let streams = Arc::new(Semaphore::new(limits.streams.min(Semaphore::MAX_PERMITS)));
        Self {
            db,
            bus,
            jobs,
            hub,
            sites,
            keys,
            tls: None,
            backups: PathBuf::new(),
            backing_up: Arc::new(Semaphore::new(1)),
            streams,
            budget: Budget::new(limits.bodies_bytes),
            pages: Arc::new(Semaphore::new(PAGES_AT_ONCE_MAX)),
            started: Instant::now(),
            sharing: Arc::default(),
            counters,
            admission: Admission::new(limits.clone()),
            key_rate: Rate::new(limits.requests_per_key),
            closing: watch::Sender::default(),
            poisoned: Notify::default(),
            limits,
        }
    }

    /// With connections that are encrypted.
    pub(crate) fn with_tls(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
    }

    /// With a folder for backups.
    pub(crate) fn with_backups(mut self, backups: PathBuf) -> Self {
        self.backups = backups;
        self
    }

    /// Begins to take in a body.
    pub(crate) fn inflow(&self, body: Body) -> Inflow {
        Inflow::new(body, self.limits.body_idle, self.budget.held())
    }

    /// A place for one more stream of events, for as long as it is kept.
    pub(crate) fn take_stream(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.streams).try_acquire_owned().map_err(|_none_left| {
            let max = self.limits.streams;
            let detail = format!("there are as many streams of events as there may be: {max}");
            Problem::new(Code::TooManySubscriptions, detail)
                .at_limit(Limit::Streams)
                .hint("end some, or start the server with a larger `limits.streams`")
        })
    }

    /// Waits for a place to read a page, which is kept until that is done.
    pub(crate) async fn take_page(&self) -> OwnedSemaphorePermit {
        let place = Arc::clone(&self.pages).acquire_owned().await;
        place.expect("nobody closes it")
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

    /// What a client is told of an error; a log that has stopped ends the server.
    pub(crate) fn refuse<'e, E>(&self, error: &'e E) -> Problem
    where
        Problem: From<&'e E>,
    {
        let problem = Problem::from(error);
        if let Code::LogStopped | Code::OutcomeUnknown = problem.code() {
            self.poisoned.notify_one();
        }
        problem
    }

    /// Waits until a publish found that the log has stopped.
    pub(crate) async fn poisoned(&self) {
        self.poisoned.notified().await;
    }
}
