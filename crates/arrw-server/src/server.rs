//! The server: accepts connections, and stops in order.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use arrw::Db;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::app::App;
use crate::guard::Hosts;
use crate::keys::{Keys, KeysError};
use crate::limits::{
    ACCEPT_PAUSE, CONNECTION_BUFFER_BYTES, CONNECTIONS_MAX, DRAIN_TIME_MAX, HEAD_TIME_MAX,
    HEADERS_MAX, HEALTH_EVERY,
};
use crate::patient::Patient;
use crate::problem::{Code, Problem};
use crate::routes;

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
}

impl Options {
    /// Listens there, with everything else at its default.
    #[must_use]
    pub fn on(listen: SocketAddr) -> Self {
        Self { listen, hosts: Vec::new(), keys: None }
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
        let Options { listen, hosts, keys } = options;
        let failed = |source| BindError::Listen { listen, source };
        let keys = Keys::open(keys)?;
        if keys.is_empty() && !listen.ip().is_loopback() {
            return Err(BindError::NoKeys { listen });
        }
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let app = Arc::new(App::new(db, Hosts::new(address, hosts), keys));
        Ok(Self { listener, address, app })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `shutdown` is ready or the log has stopped. Then it accepts no more, ends
    /// streams, and lets requests finish for [`DRAIN_TIME_MAX`]. The database stays open.
    ///
    /// # Errors
    /// When the log has stopped.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), ServeError> {
        let Self { listener, app, .. } = self;
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
        let router = routes::router(Arc::clone(&app));
        let ended = {
            let accepting = accept_all(&listener, &app, &router, &slots);
            tokio::select! {
                () = shutdown => Ok(()),
                error = stopped_log(&app) => Err(error),
                () = accepting => Ok(()),
            }
        };
        drop(listener);
        app.close();
        // Whoever is not done by then is cut off when the runtime ends.
        drop(timeout(DRAIN_TIME_MAX, slots.acquire_many(CONNECTIONS_MAX)).await);
        ended
    }
}

/// Waits until the log has stopped.
async fn stopped_log(app: &App) -> ServeError {
    let mut ticks = interval(HEALTH_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => (),
            () = app.poisoned() => (),
        }
        // A file that cannot be read now is tried again with the next tick; the keys stay as they were.
        let _changed = app.keys.refresh();
        if let Some(cause) = app.db.poison() {
            return ServeError::LogStopped(cause);
        }
    }
}

async fn accept_all(
    listener: &TcpListener,
    app: &Arc<App>,
    router: &Router,
    slots: &Arc<Semaphore>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => match Arc::clone(slots).try_acquire_owned() {
                Ok(slot) => {
                    drop(tokio::spawn(connection(stream, Arc::clone(app), router.clone(), slot)));
                }
                Err(_) => {
                    app.counters.turned_away();
                    turn_away(&stream);
                }
            },
            Err(error) if is_of_one_connection(&error) => (),
            // No descriptor or no memory is left: until a connection ends, each try would fail at once.
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind())
}

/// Answers one connection's requests until it ends.
async fn connection(stream: TcpStream, app: Arc<App>, router: Router, slot: OwnedSemaphorePermit) {
    let _counted = app.connected();
    // Without it small answers may wait 40 ms for the client's acknowledgement; nothing else depends on it.
    drop(stream.set_nodelay(true));
    let io = TokioIo::new(Patient::new(stream));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
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
    drop(slot);
}

/// Says that there is no room, if that can be said at once.
fn turn_away(stream: &TcpStream) {
    let detail = format!("there are {CONNECTIONS_MAX} connections already");
    let problem = Problem::new(Code::TooManyConnections, detail).hint("end some, or try later");
    let body = problem.to_json();
    let mut answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
         connection: close\r\nretry-after: 1\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    // It fits any socket's buffer; when not even that takes it, the closed connection says the same.
    drop(stream.try_write(&answer));
}
