//! Why a server cannot begin, and why one stopped.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use arrw::WorkerError;

use crate::keys::KeysError;
use crate::sockets::{ProxyError, TokenKeysError};
use crate::tls::TlsError;

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
    /// Others could reach it, and its WebSockets would need no tokens.
    #[error(
        "`{listen}` can be reached by others, and `client.insecure` lets everybody do anything"
    )]
    Insecure {
        /// Where it should listen.
        listen: SocketAddr,
    },
    /// The file of keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// No token can be verified with its keys.
    #[error(transparent)]
    Tokens(#[from] TokenKeysError),
    /// A back end cannot be asked as it is set.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The server's own work cannot begin.
    #[error(transparent)]
    Worker(WorkerError),
}

/// Why a server stopped that was not asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A write of the log failed: nothing can be published until it is opened again.
    #[error("the log stopped after a failed write; start again to find out what is in it")]
    LogStopped(#[source] Arc<io::Error>),
}
