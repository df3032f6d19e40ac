//! WebSockets that follow channels, by the Centrifuge client protocol.
//!
//! A channel is the topic of the same name: what is published in one is on the bus, and what is on the bus can be followed
//! by whoever may.

mod channel;
mod clients;
#[cfg_attr(
    not(any(test, feature = "fuzz")),
    expect(dead_code, reason = "connections that bring tokens come with the sessions")
)]
mod tokens;

pub use channel::options::{
    Audience, ChannelOptions, ChannelSettings, Class, JoinLeave, Offer, RecoveryMode, SlowPolicy,
};
pub use clients::ClientSettings;
pub(crate) use tokens::Tokens;
#[cfg(feature = "fuzz")]
pub(crate) use tokens::fuzz;
pub use tokens::{
    KeyError, KeyFamily, NewToken, PublicKey, Revocation, RevocationFile, RevocationsError,
    Revoked, Secret, SignError, TokenKeysError, TokenSettings,
};
