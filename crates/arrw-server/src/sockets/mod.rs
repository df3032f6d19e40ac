//! WebSockets that follow channels, by the Centrifuge client protocol.
//!
//! A channel is the topic of the same name: what is published in one is on the bus, and what is on the bus can be followed
//! by whoever may.

mod channel;

pub use channel::options::{
    Audience, ChannelOptions, ChannelSettings, Class, JoinLeave, Offer, RecoveryMode, SlowPolicy,
};
