//! What is told about a channel: its publications and its members.

use super::message::{Text, message};

/// A publication.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publication<'a> {
    /// The payload.
    pub data: &'a [u8],
    /// Who published it, when it was a client.
    pub info: Option<ClientInfo<'a>>,
    /// Its place in the stream, from 1; 0 where there is no stream. Clients in JavaScript lose precision from 2^53 on.
    pub offset: u64,
    /// For filters.
    pub tags: Vec<(Text<'a>, Text<'a>)>,
    /// True when the payload is a patch of the one before.
    pub delta: bool,
    /// The channel, when it is another than that of the subscription.
    pub channel: Text<'a>,
    /// The epoch, when the client does not know it.
    pub epoch: Text<'a>,
}

message!(Publication<'a> {
    4 "data" data: raw,
    5 "info" info: message,
    6 "offset" offset: uint64,
    7 "tags" tags: text_map,
    8 "delta" delta: flag,
    10 "channel" channel: text,
    14 "epoch" epoch: text,
});

/// Who a client is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientInfo<'a> {
    /// The user; empty for an anonymous one.
    pub user: Text<'a>,
    /// The id of the connection.
    pub client: Text<'a>,
    /// What the application said of the connection.
    pub conn_info: &'a [u8],
    /// What it said of the subscription.
    pub chan_info: &'a [u8],
}

message!(ClientInfo<'a> {
    1 "user" user: text,
    2 "client" client: text,
    3 "conn_info" conn_info: raw,
    4 "chan_info" chan_info: raw,
});
