//! The server: accepts connections, and stops in order.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use arrw::Db;
use axum::Router;
use axum::middleware::from_fn_with_state;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::admission::{Place, turn_away};
use crate::app::App;
use crate::guard::Hosts;
use crate::keys::{Keys, KeysError};
use crate::limits::{ACCEPT_PAUSE, CONNECTION_BUFFER_BYTES, HEADERS_MAX, HEALTH_EVERY, Limits};
use crate::patient::Patient;
use crate::request_id::{self, RequestIds};
use crate::routes;
use crate::seldom::Seldom;
use crate::tls::{Tls, TlsError, TlsFiles};

/// Settings of a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens; port 0 for any that is free.
    pub listen: SocketAddr,
    /// Names under which it may be asked, besides `localhost` and the address. A browser that was led here
    /// under another name is refused.
    pub hosts: Vec<String>,
    /// File of the API keys, made by [`KeyFile`](crate::KeyFile). When it has any, every request needs one.
    pub keys: Option<PathBuf>,
    /// With what connections are encrypted, if they are.
    pub tls: Option<TlsFiles>,
    /// Its bounds.
    pub limits: Limits,
}

impl Options {
    /// Listens there, with everything else at its default.
    #[must_use]
    pub fn on(listen: SocketAddr) -> Self {
        Self { listen, hosts: Vec::new(), keys: None, tls: None, limits: Limits::default() }
    }
}

/// A server that cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address is taken or not ours.
    #[error("cannot listen on `{listen}`")]
    Listen {
        /// Where it should listen.
        listen: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others could reach it, and nobody would need a key.
    #[error("`{listen}` can be reached by others, and there are no API keys")]
    NoKeys {
        /// Where it should listen.
        listen: SocketAddr,
    },
    /// The file of keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Why a server stopped that was not asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A write of the log failed: nothing can be published until it is opened again.
    #[error("the log stopped after a failed write; start again to find out what is in it")]
    LogStopped(#[source] Arc<io::Error>),
}

/// A server that listens. It answers once it [runs](Self::run).
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
}

impl Server {
    /// Begins to listen.
    ///
    /// # Errors
    /// [`BindError`].
    pub async fn bind(db: Db, options: Options) -> Result<Self, BindError> {
        let Options { listen, hosts, keys, tls, limits } = options;
        let failed = |source| BindError::Listen { listen, source };
        let keys = Keys::open(keys)?;
        let tls = tls.map(Tls::open).transpose()?;
        if !keys.are_needed() && !listen.ip().is_loopback() {
            return Err(BindError::NoKeys { listen });
        }
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let app = Arc::new(App::new(db, Hosts::new(address, hosts), keys, limits).with_tls(tls));
        Ok(Self { listener, address, app })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `shutdown` is ready or the log has stopped. Then it accepts no more, ends
    /// streams, and lets requests finish for [`Limits::drain`]. The database stays open.
    ///
    /// # Errors
    /// When the log has stopped.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), ServeError> {
        let Self { listener, app, .. } = self;
        let named = from_fn_with_state(Arc::<RequestIds>::default(), request_id::name);
        let router = routes::router(Arc::clone(&app)).layer(named);
        let ended = {
            let accepting = accept_all(&listener, &app, &router);
            tokio::select! {
                () = shutdown => Ok(()),
                error = stopped_log(&app) => Err(error),
                () = accepting => Ok(()),
            }
        };
        drop(listener);
        app.close();
        // Whoever is not done by then is cut off when the runtime ends.
        drop(timeout(app.limits.drain, app.admission.all_gone()).await);
        ended
    }
}

/// Waits until the log has stopped, and tells of an alarm meanwhile.
async fn stopped_log(app: &App) -> ServeError {
    let mut ticks = interval(HEALTH_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_alarmed = false;
    let refused = Seldom::default();
    loop {
        tokio::select! {
            _ = ticks.tick() => (),
            () = app.poisoned() => (),
        }
        refresh(app, &refused);
        if let Some(alarm) = app.db.alarm().filter(|_| !is_alarmed) {
            is_alarmed = true;
            tracing::error!(%alarm, "an alarm was raised");
        }
        if let Some(cause) = app.db.poison() {
            tracing::error!(%cause, "the log has stopped after a failed write");
            return ServeError::LogStopped(cause);
        }
    }
}

/// Reads files again that have changed. One that cannot be read is tried again with the next tick; until then all
/// stays as it was.
fn refresh(app: &App, refused: &Seldom) {
    let certificate = app.tls.as_ref().map_or(Ok(false), Tls::refresh);
    let certificate = certificate.map_err(anything);
    let keys = app.keys.refresh().map_err(anything);
    for (what, read) in [("certificate", certificate), ("keys", keys)] {
        match read {
            Ok(true) => tracing::info!(what, "read a changed file again"),
            Ok(false) => (),
            Err(error) => {
                if let Some(count) = refused.count() {
                    tracing::error!(what, %error, count, "cannot read a changed file");
                }
            }
        }
    }
}

fn anything(error: impl std::error::Error + 'static) -> Box<dyn std::error::Error> {
    Box::new(error)
}

async fn accept_all(listener: &TcpListener, app: &Arc<App>, router: &Router) {
    let (turned_away, not_accepted) = (Seldom::default(), Seldom::default());
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match app.admission.admit(peer.ip()) {
                Ok(place) => {
                    drop(tokio::spawn(connection(stream, Arc::clone(app), router.clone(), place)));
                }
                Err(why) => {
                    app.counters.turned_away();
                    turn_away(&stream, why);
                    if let Some(count) = turned_away.count() {
                        tracing::warn!(%why, count, "turned connections away");
                    }
                }
            },
            Err(error) if is_of_one_connection(&error) => (),
            // No descriptor or no memory is left: until a connection ends, each try would fail at once.
            Err(error) => {
                if let Some(count) = not_accepted.count() {
                    tracing::error!(%error, count, "cannot accept connections");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind())
}

/// Answers one connection's requests until it ends.
async fn connection(stream: TcpStream, app: Arc<App>, router: Router, place: Place) {
    app.counters.connected();
    // Without it small answers may wait 40 ms for the client's acknowledgement; nothing else depends on it.
    drop(stream.set_nodelay(true));
    let stream = Patient::new(stream, app.limits.write_stall);
    match &app.tls {
        None => answer(stream, &app, router).await,
        Some(tls) => {
            // Who does not greet in time, or not in TLS, is let go without a word.
            if let Ok(Ok(stream)) = timeout(app.limits.head, tls.acceptor().accept(stream)).await {
                answer(stream, &app, router).await;
            }
        }
    }
    drop(place);
}

pub(crate) async fn answer<S>(stream: S, app: &App, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(stream);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.limits.head)
        .max_buf_size(CONNECTION_BUFFER_BYTES)
        .max_headers(HEADERS_MAX)
        .serve_connection(io, TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    // How a connection ends is its client's business.
    tokio::select! {
        _ended = connection.as_mut() => (),
        () = app.closing() => {
            connection.as_mut().graceful_shutdown();
            let _ended = connection.await;
        }
    }
}
