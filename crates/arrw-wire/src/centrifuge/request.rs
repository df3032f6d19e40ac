//! What a client asks for: the requests inside commands.

use super::message::{Text, message};

/// Asks for a connection. Must be the first command, and there is only one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectRequest<'a> {
    /// The connection token; may be empty.
    pub token: Text<'a>,
    /// For the application.
    pub data: &'a [u8],
    /// Server-side subscriptions that the client had, by channel, with the position that each is to go on from.
    pub subs: Vec<(Text<'a>, SubscribeRequest<'a>)>,
    /// Which client this is.
    pub name: Text<'a>,
    /// Its version.
    pub version: Text<'a>,
    /// Headers that the client would set if it could.
    pub headers: Vec<(Text<'a>, Text<'a>)>,
    /// Features that the client offers: bit 0 is compression by a dictionary.
    pub flag: i64,
    /// Which of several dictionaries fits.
    pub profile: Text<'a>,
    /// The id of the dictionary that the client has.
    pub dict: Text<'a>,
}

message!(ConnectRequest<'a> {
    1 "token" token: text,
    2 "data" data: raw,
    3 "subs" subs: message_map,
    4 "name" name: text,
    5 "version" version: text,
    6 "headers" headers: text_map,
    7 "flag" flag: int64,
    9 "profile" profile: text,
    8 "dict" dict: text,
});

/// Asks for a subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the schema has them")]
pub struct SubscribeRequest<'a> {
    /// The channel; in the `subs` of a connect it is the key, and this is empty.
    pub channel: Text<'a>,
    /// The subscription token; may be empty.
    pub token: Text<'a>,
    /// True to go on from `epoch` and `offset`.
    pub recover: bool,
    /// The epoch of the last known position; empty for any.
    pub epoch: Text<'a>,
    /// Its offset.
    pub offset: u64,
    /// For the application.
    pub data: &'a [u8],
    /// The client would track its position.
    pub positioned: bool,
    /// The client would go on from its position later.
    pub recoverable: bool,
    /// The client would be told who comes and goes.
    pub join_leave: bool,
    /// Which compression of publications the client understands: `fossil` or nothing.
    pub delta: Text<'a>,
    /// A filter on tags, unread; [`Filter::read`](super::Filter::read) reads it. Empty for none.
    pub tf: &'a [u8],
    /// Bit 0 asks for a numeric channel id; bit 1 for an error where the position cannot be gone on from.
    pub flag: i64,
    /// 0 for a stream; others are kinds of maps.
    pub kind: i32,
    /// For maps.
    pub phase: i32,
    /// For maps.
    pub cursor: Text<'a>,
    /// For maps.
    pub limit: i32,
    /// For maps.
    pub asc: bool,
}

message!(SubscribeRequest<'a> {
    1 "channel" channel: text,
    2 "token" token: text,
    3 "recover" recover: flag,
    6 "epoch" epoch: text,
    7 "offset" offset: uint64,
    8 "data" data: raw,
    9 "positioned" positioned: flag,
    10 "recoverable" recoverable: flag,
    11 "join_leave" join_leave: flag,
    12 "delta" delta: text,
    13 "tf" tf: raw,
    14 "flag" flag: int64,
    15 "type" kind: int32,
    16 "phase" phase: int32,
    17 "cursor" cursor: text,
    18 "limit" limit: int32,
    19 "asc" asc: flag,
});

/// Asks for something about one channel: to unsubscribe, for the presence, for its stats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelRequest<'a> {
    /// The channel.
    pub channel: Text<'a>,
}

message!(ChannelRequest<'a> { 1 "channel" channel: text, });

/// Publishes to a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishRequest<'a> {
    /// The channel.
    pub channel: Text<'a>,
    /// The payload.
    pub data: &'a [u8],
    /// 0 for a stream, 1 for a map.
    pub kind: i32,
    /// For maps.
    pub key: Text<'a>,
    /// For maps.
    pub removed: bool,
}

message!(PublishRequest<'a> {
    1 "channel" channel: text,
    2 "data" data: raw,
    3 "type" kind: int32,
    4 "key" key: text,
    5 "removed" removed: flag,
});

/// Asks for publications of the past.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryRequest<'a> {
    /// The channel.
    pub channel: Text<'a>,
    /// How many at most: 0 for the position alone, -1 for all.
    pub limit: i32,
    /// Those after this position; before it when `reverse`.
    pub since: Option<StreamPosition<'a>>,
    /// True for the newest first.
    pub reverse: bool,
}

message!(HistoryRequest<'a> {
    1 "channel" channel: text,
    7 "limit" limit: int32,
    8 "since" since: message,
    9 "reverse" reverse: flag,
});

/// A place in the stream of a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamPosition<'a> {
    /// From 1; 0 is before the first.
    pub offset: u64,
    /// Which life of the stream; offsets of two are not comparable.
    pub epoch: Text<'a>,
}

message!(StreamPosition<'a> {
    1 "offset" offset: uint64,
    2 "epoch" epoch: text,
});

/// A message that gets no reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendRequest<'a> {
    /// For the application.
    pub data: &'a [u8],
}

message!(SendRequest<'a> { 1 "data" data: raw, });

/// A call of a procedure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RpcRequest<'a> {
    /// For the application.
    pub data: &'a [u8],
    /// Which procedure; may be empty.
    pub method: Text<'a>,
}

message!(RpcRequest<'a> {
    1 "data" data: raw,
    2 "method" method: text,
});

/// A new connection token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefreshRequest<'a> {
    /// The token.
    pub token: Text<'a>,
}

message!(RefreshRequest<'a> { 1 "token" token: text, });

/// A new subscription token. Keys of shared polls (`track`, `untrack`) are not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubRefreshRequest<'a> {
    /// The channel.
    pub channel: Text<'a>,
    /// The token.
    pub token: Text<'a>,
    /// 0 for a token; others are for shared polls.
    pub kind: i32,
}

message!(SubRefreshRequest<'a> {
    1 "channel" channel: text,
    2 "token" token: text,
    3 "type" kind: int32,
});
