//! Every socket: HTTP/JSON and Server-Sent Events over the engine, and the client of the command line.
//!
//! `docs/http.md` says what can be asked and how it is answered, `docs/errors.md` what each refusal means.
//!
//! ```
//! # #[tokio::main(flavor = "multi_thread", worker_threads = 1)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use arrw::Db;
//! use arrw_server::{Client, Options, Server};
//!
//! let db = Db::in_memory()?;
//! let server = Server::bind(db.clone(), Options::on("127.0.0.1:0".parse()?)).await?;
//! let address = server.address();
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let running = tokio::spawn(server.run(async { drop(stopped.await) }));
//!
//! let mut client = Client::new(&format!("http://{address}"))?;
//! let published = client.publish(r#"{"topic":"orders.created","data":{"total":7}}"#).await?;
//! assert_eq!(published.count, 1);
//!
//! drop(stop);
//! running.await??;
//! db.close()?;
//! # Ok(())
//! # }
//! ```

pub mod limits;

#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;

mod server;
mod tls;

mod admission;
mod anew;
mod app;
mod auth;
mod cors;
mod counters;
mod guard;
mod hash;
mod keys;
mod part;
mod patient;
mod planted;
mod rates;
mod request_id;
mod routes;
mod seldom;
mod stamp;

mod backups;
mod batch;
mod body;
mod budget;
mod builtin;
mod consumers;
mod events;
mod jobs;
mod json;
mod metrics;
mod ndjson;
mod nearest;
mod problem;
mod query;
mod rfc3339;
mod sockets;
mod stats;
mod topics;

mod client;

pub use client::{Client, ClientError, Follow, Message, Receipt, Refusal, Told, value_of};
pub use cors::{Origin, OriginError};
pub use counters::Limit;
pub use keys::{KeyFile, KeyScope, KeysError, NewKey, StoredKey};
pub use limits::Limits;
pub use nearest::nearest;
pub use problem::{Code, Retry};
pub use rfc3339::rfc3339;
pub use server::{BindError, Options, ServeError, Server};
pub use sockets::{
    Audience, ChannelOptions, ChannelSettings, Class, ClientSettings, Endpoint, JoinLeave,
    KeyError, KeyFamily, NewToken, NoEndpoint, NotPassed, Offer, PassedHeader, ProxyError,
    ProxySettings, PublicKey, RecoveryMode, Revocation, RevocationFile, RevocationsError, Revoked,
    Secret, SignError, SlowPolicy, SocketLimits, SocketOptions, TokenKeysError, TokenSettings,
};
pub use tls::{TlsError, TlsFiles};
