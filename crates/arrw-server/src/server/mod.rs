//! The server: accepts connections, and stops in order.

mod error;

use std::convert::Infallible;
use std::error::Error as _;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arrw::{Db, Worker};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tower::{Service, ServiceExt};

use crate::admission::{Place, turn_away};
use crate::app::App;
use crate::builtin;
use crate::cors::Origin;
use crate::counters::Limit;
use crate::guard::Sites;
use crate::keys::Keys;
use crate::limits::{
    ACCEPT_PAUSE, CONNECTION_BUFFER_BYTES, HEADERS_MAX, HEALTH_EVERY, LISTEN_BACKLOG, Limits,
    OWN_WORK_PAUSE, UNSENT_BYTES_MAX,
};
use crate::patient::Patient;
use crate::request_id::{self, RequestIds};
use crate::routes;
use crate::seldom::Seldom;
use crate::sockets::driver::{self, Begun, Encrypted, Head, Tcp};
use crate::sockets::link::Link;
use crate::sockets::{Proxies, SocketOptions, Tokens};
use crate::tls::{Tls, TlsFiles};
pub use error::{BindError, ServeError};

/// Settings of a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens; port 0 for any that is free.
    pub listen: SocketAddr,
    /// Names under which it may be asked, besides `localhost` and the address. A browser that was led here
    /// under another name is refused.
    pub hosts: Vec<String>,
    /// Pages of which other sites may read and write here, with a key if one is needed. None, unless said.
    pub origins: Vec<Origin>,
    /// File of the API keys, made by [`KeyFile`](crate::KeyFile). When it has any, every request needs one.
    pub keys: Option<PathBuf>,
    /// Folder in which backups are made, each in one of its own. Made with the first of them.
    pub backups: PathBuf,
    /// Folder of the files that jobs of the server export to and import from. Made with the first of them.
    pub files: PathBuf,
    /// With what connections are encrypted, if they are.
    pub tls: Option<TlsFiles>,
    /// Connections that follow channels.
    pub sockets: SocketOptions,
    /// Its bounds.
    pub limits: Limits,
}

impl Options {
    /// Listens there, with everything else at its default.
    #[must_use]
    pub fn on(listen: SocketAddr) -> Self {
        Self {
            listen,
            hosts: Vec::new(),
            origins: Vec::new(),
            keys: None,
            backups: "./arrwdb-backups".into(),
            files: "./arrwdb-files".into(),
            tls: None,
            sockets: SocketOptions::default(),
            limits: Limits::default(),
        }
    }
}

/// A server that listens. It answers once it [runs](Self::run).
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    /// Does the server's own work.
    own: Worker,
}

impl Server {
    /// Begins to listen.
    ///
    /// # Errors
    /// [`BindError`].
    #[expect(clippy::unused_async, reason = "it must be called on a runtime, and may wait one day")]
    pub async fn bind(db: Db, options: Options) -> Result<Self, BindError> {
        let Options { listen, hosts, origins, keys, backups, files, tls, sockets, limits } =
            options;
        let failed = |source| BindError::Listen { listen, source };
        let keys = Keys::open(keys)?;
        let tls = tls.map(Tls::open).transpose()?;
        if !keys.are_needed() && !listen.ip().is_loopback() {
            return Err(BindError::NoKeys { listen });
        }
        let clients = &sockets.clients;
        if clients.insecure && !listen.ip().is_loopback() {
            return Err(BindError::Insecure { listen });
        }
        let tokens = Tokens::new(&clients.tokens)?;
        let proxies = Proxies::new(&clients.connect_proxy, &clients.rpc_proxy)?;
        let listener = open(listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let sites = Sites::new(address, hosts, origins);
        let app = App::with_sockets(db, (sites, keys), limits, (sockets, tokens, proxies));
        let own = builtin::worker(&app.db, files).map_err(BindError::Worker)?;
        let app = Arc::new(app.with_tls(tls).with_backups(backups));
        Ok(Self { listener, address, app, own })
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
        let Self { listener, app, own, .. } = self;
        let working = tokio::spawn(work(own.clone()));
        app.hub.start();
        let named = from_fn_with_state(Arc::<RequestIds>::default(), request_id::name);
        let router = routes::router(Arc::clone(&app)).layer(named);
        // A task of its own, so that a worker of the runtime accepts, and goes on with what it accepted: whoever waits here may
        // be on another thread.
        let mut accepting = JoinSet::new();
        accepting.spawn(accept_all(listener, Arc::clone(&app), router));
        let ended = tokio::select! {
            () = shutdown => Ok(()),
            error = stopped_log(&app) => Err(error),
            // It accepts for ever: it can only have panicked.
            Some(Err(ended)) = accepting.join_next() => resume_unwind(ended.into_panic()),
        };
        // Nobody else is let in: the listener is closed with it.
        accepting.shutdown().await;
        app.close();
        app.hub.drain(app.limits.drain / 2).await;
        own.stop(Duration::ZERO);
        // Whoever is not done by then is cut off when the runtime ends.
        if timeout(app.limits.drain, app.admission.all_gone()).await.is_err() {
            let connections = app.admission.count();
            tracing::warn!(
                connections,
                "cut off connections that were not done in `limits.drain_ms`"
            );
        }
        app.hub.close();
        if timeout(app.limits.drain, working).await.is_err() {
            tracing::warn!("cut off the server's own work");
        }
        ended
    }
}

/// Begins to listen. Connections that come together wait in a queue that has room for a crowd: when it is full the system
/// leaves out their first packets, and clients try again a second later.
fn open(listen: SocketAddr) -> io::Result<TcpListener> {
    let socket = if listen.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    let listener = socket.listen(LISTEN_BACKLOG)?;
    #[cfg(target_os = "linux")]
    tune(&listener);
    Ok(listener)
}

/// Sets up a connection, or on Linux a listener, from which each connection has it.
fn tune<'s>(socket: impl Into<SockRef<'s>>) {
    let socket = socket.into();
    // Without it small answers may wait 40 ms for the client's acknowledgement; nothing else depends on it.
    drop(socket.set_tcp_nodelay(true));
    hold_little(&socket);
}

/// Does the server's own work until it is stopped. When the log refuses it is tried again: a full disk may have room later.
async fn work(own: Worker) {
    while let Err(error) = own.run().await {
        tracing::warn!(%error, "the server's own work stands still");
        sleep(OWN_WORK_PAUSE).await;
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
        app.admission.forget_idle();
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
    let revocations = app.hub.refresh_revocations().map_err(anything);
    let files = [("certificate", certificate), ("keys", keys), ("revocations", revocations)];
    for (what, read) in files {
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

async fn accept_all(listener: TcpListener, app: Arc<App>, router: Router) {
    let (turned_away, not_accepted) = (Seldom::default(), Seldom::default());
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match app.admission.admit(peer.ip()) {
                Ok(place) => {
                    drop(tokio::spawn(connection(stream, Arc::clone(&app), router.clone(), place)));
                }
                Err(why) => {
                    let problem = why.problem();
                    app.counters.turned_away(problem.refused());
                    turn_away(&stream, &problem);
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

/// Lets the system hold no more than [`UNSENT_BYTES_MAX`] of what a client does not take: without it, it is MiB of
/// memory for each slow client, and copying them holds up the others.
fn hold_little(socket: &SockRef<'_>) {
    // Where it cannot be said, all works without it.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    drop(socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX));
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    let _unlimited = (socket, UNSENT_BYTES_MAX);
}

/// Answers one connection's requests until it ends, or makes a WebSocket of it.
async fn connection(stream: TcpStream, app: Arc<App>, router: Router, place: Place) {
    app.counters.connected();
    #[cfg(not(target_os = "linux"))]
    tune(&stream);
    match &app.tls {
        None => {
            let into_link = |stream| -> Box<dyn Link> { Box::new(Tcp(stream)) };
            begin(stream, &app, router, place, into_link).await;
        }
        Some(tls) => {
            // Who does not greet in time, or not in TLS, is let go without a word.
            match timeout(app.limits.head, tls.acceptor().accept(stream)).await {
                Ok(Ok(stream)) => {
                    let into_link = |stream| -> Box<dyn Link> { Box::new(Encrypted::new(stream)) };
                    begin(stream, &app, router, place, into_link).await;
                }
                Ok(Err(_not_tls)) => (),
                Err(_too_late) => app.counters.reached(Limit::HeadMs),
            }
        }
    }
}

/// Looks what a connection is for.
async fn begin<S>(
    mut stream: S,
    app: &Arc<App>,
    router: Router,
    place: Place,
    into_link: impl FnOnce(S) -> Box<dyn Link>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let head = tokio::select! {
        head = driver::begin(&mut stream) => head,
        () = sleep(app.limits.head) => return app.counters.reached(Limit::HeadMs),
        () = app.closing() => return,
    };
    match head {
        Err(_gone) => (),
        Ok(Head::Socket { head, behind }) => {
            driver::upgrade(stream, (&head, behind), app, place, into_link).await;
        }
        Ok(Head::Other(received)) => {
            let visitor = Arc::new(place.visitor());
            let router = router.map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Arc::clone(&visitor));
                request
            });
            let stream = Patient::new(Begun::new(stream, received), app.limits.write_stall);
            answer(stream, app, router).await;
            drop(place);
        }
    }
}

pub(crate) async fn answer<S, R>(stream: S, app: &App, router: R)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: Service<Request<Incoming>, Response = Response, Error = Infallible> + Clone,
    R::Future: Send + 'static,
{
    let io = TokioIo::new(stream);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.limits.head)
        .max_buf_size(CONNECTION_BUFFER_BYTES)
        .max_headers(HEADERS_MAX)
        .serve_connection(io, TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = app.closing() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // Otherwise, how a connection ends is its client's business.
    if let Some(limit) = ended.err().and_then(|error| limit_of(&error)) {
        app.counters.reached(limit);
    }
}

/// The limit that ended a connection, if it was one.
fn limit_of(error: &hyper::Error) -> Option<Limit> {
    if error.is_timeout() {
        return Some(Limit::HeadMs);
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return Some(Limit::WriteStallMs);
        }
        cause = error.source();
    }
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::runtime::Builder;

    use super::*;
    use crate::keys::{KeyFile, KeyScope, NewKey};

    #[test]
    fn the_system_holds_little_of_what_is_not_taken() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = open("127.0.0.1:0".parse().unwrap()).unwrap();
            let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (stream, _peer) = listener.accept().await.unwrap();
            let (some, mut taken) = (vec![0; 64 * 1024], 0);
            while let Ok(bytes) = stream.try_write(&some) {
                taken += bytes;
            }
            // What is on its way besides is what the client's system takes.
            let unsent = SockRef::from(&stream).tcp_notsent_lowat().unwrap();
            assert!(stream.nodelay().unwrap());
            assert_eq!(unsent, UNSENT_BYTES_MAX);
            assert!(taken < 4 << 20, "{taken} bytes");
        });
    }

    #[test]
    fn nobody_else_reaches_a_server_on_which_everybody_may_do_anything() {
        let folder = std::env::temp_dir().join(format!("arrw-insecure-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let keys = folder.join("keys.json");
        let wanted = NewKey {
            name: "a".to_owned(),
            scopes: vec![KeyScope::Admin],
            topics: Vec::new(),
            expires: None,
            now: arrw::Timestamp::from_micros(0),
        };
        KeyFile::load(&keys).unwrap().create(wanted).unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let bind = |listen: &str| {
            let mut options = Options::on(listen.parse().unwrap());
            options.keys = Some(keys.clone());
            options.sockets.clients.insecure = true;
            runtime.block_on(Server::bind(Db::in_memory().unwrap(), options))
        };
        let refused = bind("0.0.0.0:0").unwrap_err();
        assert!(matches!(refused, BindError::Insecure { .. }), "{refused:?}");
        bind("127.0.0.1:0").unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }
}
