//! WebSockets that follow channels, by the Centrifuge client protocol.
//!
//! A channel is the topic of the same name: what is published in one is on the bus, and what is on the bus can be followed
//! by whoever may.

pub(crate) mod driver;
pub(crate) mod link;

mod channel;
mod connection;
mod form;
mod hub;
mod limits;
mod session;

pub use self::limits::SocketLimits;
pub(crate) use channel::name::Namespaces;
pub use channel::options::{
    Audience, ChannelOptions, ChannelSettings, Class, JoinLeave, Offer, RecoveryMode, SlowPolicy,
};
pub(crate) use hub::{Access, Hub};

/// Settings of connections that follow channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketOptions {
    /// Namespaces of channels, and what holds in each.
    pub channels: ChannelSettings,
    /// Bounds.
    pub limits: SocketLimits,
    /// Everybody may connect without a token, and do everything. Default no; yes where requests need no API key, which is
    /// on loopback alone.
    pub insecure: bool,
    /// Messages are compressed for clients that offer it (permessage-deflate). Default no: it saves bytes on the line and
    /// costs time.
    pub compression: bool,
    /// Each user is subscribed to the channel `#` and its name. Default no.
    pub personal: bool,
}
