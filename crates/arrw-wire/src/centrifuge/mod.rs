//! The Centrifuge client protocol, version 2, for a server: commands in, replies and pushes out, in JSON and in
//! Protobuf.
//!
//! A client sends frames of [`Command`]s and gets frames of [`Reply`]s. The server answers each command that has an id;
//! what it says unasked is a [`Push`] in a reply without one, and a ping is a reply without anything. Who may do what, in
//! which order, and what a recovery must find is the session's to know, not the codec's.
//!
//! ```
//! use arrw_wire::centrifuge::{Answer, Commands, Encoding, Reply, Request};
//! use arrw_wire::code;
//!
//! let frame = br#"{"id":1,"rpc":{"method":"sum","data":[1,2]}}"#;
//! let mut answers = Vec::new();
//! for command in Commands::new(Encoding::Json, frame)? {
//!     let command = command?;
//!     assert!(matches!(command.what, Request::Rpc(call) if call.data == b"[1,2]"));
//!     Reply::error(command.id, code::NOT_AVAILABLE).append(Encoding::Json, &mut answers);
//! }
//! assert_eq!(answers, br#"{"id":1,"error":{"code":108,"message":"not available"}}"#);
//! # Ok::<(), arrw_wire::centrifuge::CommandError>(())
//! ```
//!
//! The schema is `proto/client.proto` of the crate `centrifuge-client-core`, with which the tests compare both directions.
//! Not served and therefore left out: maps, shared polls and compression by dictionaries.

pub mod limits;

mod message;

mod request;

mod command;

mod answer;
mod publication;
mod push;

mod reply;

mod filter;

mod client;

mod json;
mod protobuf;

#[cfg(feature = "fuzz")]
pub mod fuzz;
#[cfg(test)]
mod tests;

pub use answer::{
    ConnectResult, ErrorReply, Expiry, HistoryResult, Payload, PresenceResult, PresenceStatsResult,
    RefreshResult, SubscribeResult,
};
pub use client::Replies;
pub use command::{Command, CommandError, Commands, Request};
pub use filter::{Filter, FilterError};
pub use json::is_json;
pub use message::Malformed;
pub use publication::{ClientInfo, Publication};
pub use push::{Disconnected, Ended, Member, News, Push, Subscribed};
pub use reply::{Answer, Reply, join};
pub use request::{
    ChannelRequest, ConnectRequest, HistoryRequest, PublishRequest, RefreshRequest, RpcRequest,
    SendRequest, StreamPosition, SubRefreshRequest, SubscribeRequest,
};

/// How messages are bytes. A connection has one for all its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Encoding {
    /// An object a line, in text frames. Payloads are JSON.
    Json,
    /// Each message behind its length, in binary frames. Payloads are bytes.
    Protobuf,
}
