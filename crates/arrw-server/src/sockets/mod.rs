//! WebSockets that follow channels, by the Centrifuge client protocol.
//!
//! A channel is the topic of the same name: what is published in one is on the bus, and what is on the bus can be followed
//! by whoever may.

pub(crate) mod api;
pub(crate) mod driver;
pub(crate) mod inspect;
pub(crate) mod link;
pub(crate) mod listen;
pub(crate) mod metrics;

mod channel;
mod clients;
mod connection;
mod form;
mod hub;
mod limits;
mod proxy;
mod session;
#[cfg(test)]
mod simulated;
mod tokens;

pub use self::limits::SocketLimits;
pub(crate) use channel::name::Namespaces;
pub use channel::options::{
    Audience, ChannelOptions, ChannelSettings, Class, JoinLeave, Offer, RecoveryMode, SlowPolicy,
};
pub use clients::ClientSettings;
pub(crate) use hub::{Access, Hub};
pub(crate) use proxy::Proxies;
pub use proxy::{Endpoint, NoEndpoint, NotPassed, PassedHeader, ProxyError, ProxySettings};
pub(crate) use tokens::Tokens;
#[cfg(feature = "fuzz")]
pub(crate) use tokens::fuzz;
pub use tokens::{
    KeyError, KeyFamily, NewToken, PublicKey, Revocation, RevocationFile, RevocationsError,
    Revoked, Secret, SignError, TokenKeysError, TokenSettings,
};

/// Settings of connections that follow channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketOptions {
    /// Namespaces of channels, and what holds in each.
    pub channels: ChannelSettings,
    /// Who may connect, and as whom.
    pub clients: ClientSettings,
    /// Bounds.
    pub limits: SocketLimits,
    /// Messages are compressed for clients that offer it (permessage-deflate). Default no: it saves bytes on the line and
    /// costs time.
    pub compression: bool,
}
