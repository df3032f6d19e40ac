//! What a server answers: the results inside replies.

use super::message::{Text, message};
use super::publication::{ClientInfo, Publication};
use crate::code::Code;

/// A command that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorReply<'a> {
    /// One of [`code`](crate::code), or of the application.
    pub code: u32,
    /// For a person.
    pub message: Text<'a>,
    /// True when the same may succeed later.
    pub temporary: bool,
}

message!(ErrorReply<'a> {
    1 "code" code: uint32,
    2 "message" message: text,
    3 "temporary" temporary: flag,
});

impl From<Code> for ErrorReply<'_> {
    fn from(code: Code) -> Self {
        let temporary = code.is_temporary();
        Self { code: code.number.into(), message: code.text.into(), temporary }
    }
}

/// A connection that was made; also the push that says so where clients send nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectResult<'a> {
    /// The id of the connection.
    pub client: Text<'a>,
    /// The version of the server.
    pub version: Text<'a>,
    /// True when the connection ends in `ttl` unless the token is made new.
    pub expires: bool,
    /// Seconds.
    pub ttl: u32,
    /// From the application.
    pub data: &'a [u8],
    /// Server-side subscriptions by channel.
    pub subs: Vec<(Text<'a>, SubscribeResult<'a>)>,
    /// Seconds between pings; 0 for none.
    pub ping: u32,
    /// True when the client must answer them.
    pub pong: bool,
    /// For commands that come by other requests.
    pub session: Text<'a>,
    /// The same.
    pub node: Text<'a>,
    /// Milliseconds since 1970; 0 for not told.
    pub time: i64,
    /// Features of the request that are on. Not in the push.
    pub flag: i64,
}

message!(ConnectResult<'a> {
    1 "client" client: text,
    2 "version" version: text,
    3 "expires" expires: flag,
    4 "ttl" ttl: uint32,
    5 "data" data: raw,
    6 "subs" subs: message_map,
    7 "ping" ping: uint32,
    8 "pong" pong: flag,
    9 "session" session: text,
    10 "node" node: text,
    11 "time" time: int64,
    12 "flag" flag: int64,
});

/// A subscription that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the schema has them")]
pub struct SubscribeResult<'a> {
    /// True when it ends in `ttl` unless the token is made new.
    pub expires: bool,
    /// Seconds.
    pub ttl: u32,
    /// The client may go on from its position later.
    pub recoverable: bool,
    /// The epoch of the stream.
    pub epoch: Text<'a>,
    /// What the client missed.
    pub publications: Vec<Publication<'a>>,
    /// True when that is all that it missed.
    pub recovered: bool,
    /// The end of the stream; when recovered, the offset that was asked for.
    pub offset: u64,
    /// The client tracks its position.
    pub positioned: bool,
    /// From the application.
    pub data: &'a [u8],
    /// True when the client asked to go on from a position.
    pub was_recovering: bool,
    /// True when publications may be patches.
    pub delta: bool,
    /// A number that stands for the channel in pushes; 0 for none.
    pub id: i64,
}

message!(SubscribeResult<'a> {
    1 "expires" expires: flag,
    2 "ttl" ttl: uint32,
    3 "recoverable" recoverable: flag,
    6 "epoch" epoch: text,
    7 "publications" publications: messages,
    8 "recovered" recovered: flag,
    9 "offset" offset: uint64,
    10 "positioned" positioned: flag,
    11 "data" data: raw,
    12 "was_recovering" was_recovering: flag,
    13 "delta" delta: flag,
    14 "id" id: int64,
});

/// Who is subscribed to a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PresenceResult<'a> {
    /// By the id of the connection.
    pub presence: Vec<(Text<'a>, ClientInfo<'a>)>,
}

message!(PresenceResult<'a> { 1 "presence" presence: message_map, });

/// How many are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PresenceStatsResult {
    /// Connections.
    pub num_clients: u32,
    /// Users.
    pub num_users: u32,
}

message!(PresenceStatsResult {
    1 "num_clients" num_clients: uint32,
    2 "num_users" num_users: uint32,
});

/// What was published in a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryResult<'a> {
    /// In the order that was asked for.
    pub publications: Vec<Publication<'a>>,
    /// The epoch of the stream.
    pub epoch: Text<'a>,
    /// Its end.
    pub offset: u64,
}

message!(HistoryResult<'a> {
    1 "publications" publications: messages,
    2 "epoch" epoch: text,
    3 "offset" offset: uint64,
});

/// What a call came to; also a message that nobody asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Payload<'a> {
    /// From the application.
    pub data: &'a [u8],
}

message!(Payload<'a> { 1 "data" data: raw, });

/// How long a connection lives with its new token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefreshResult<'a> {
    /// The id of the connection; may be empty.
    pub client: Text<'a>,
    /// The version of the server; may be empty.
    pub version: Text<'a>,
    /// True when it ends in `ttl`.
    pub expires: bool,
    /// Seconds.
    pub ttl: u32,
}

message!(RefreshResult<'a> {
    1 "client" client: text,
    2 "version" version: text,
    3 "expires" expires: flag,
    4 "ttl" ttl: uint32,
});

/// How long something lives: a subscription with its new token; in a push, the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expiry {
    /// True when it ends in `ttl`.
    pub expires: bool,
    /// Seconds.
    pub ttl: u32,
}

message!(Expiry {
    1 "expires" expires: flag,
    2 "ttl" ttl: uint32,
});
