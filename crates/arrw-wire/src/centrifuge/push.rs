//! What a server says without being asked.

use super::answer::{ConnectResult, Expiry, Payload};
use super::command::part;
use super::message::{Malformed, Message, Names, Read, Text, Write, message};
use super::publication::{ClientInfo, Publication};
use crate::code::Code;

/// A message of a server that answers no command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Push<'a> {
    /// Stands for the channel, when the subscription has such a number; 0 for none.
    pub id: i64,
    /// The channel; empty with an `id`, and for what is about the connection.
    pub channel: Text<'a>,
    /// What it says.
    pub what: News<'a>,
}

/// What a push says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum News<'a> {
    /// Nothing: where clients send nothing, this is the ping.
    #[default]
    Nothing,
    /// Something was published.
    Publication(Publication<'a>),
    /// A client has subscribed.
    Join(Member<'a>),
    /// A client has unsubscribed.
    Leave(Member<'a>),
    /// The server ended a subscription.
    Unsubscribe(Ended<'a>),
    /// For the application, about no channel.
    Message(Payload<'a>),
    /// The server made a subscription.
    Subscribe(Subscribed<'a>),
    /// There is a connection. Only where clients send nothing.
    Connect(ConnectResult<'a>),
    /// The server ends the connection. Only where there is no close frame.
    Disconnect(Disconnected<'a>),
    /// The connection lives longer, or not.
    Refresh(Expiry),
}

/// A client that came or went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member<'a> {
    /// Who it is.
    pub info: Option<ClientInfo<'a>>,
}

message!(Member<'a> { 1 "info" info: message, });

/// Why a subscription ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended<'a> {
    /// One of [`code`](crate::code), or of the application.
    pub code: u32,
    /// For a person.
    pub reason: Text<'a>,
}

message!(Ended<'a> {
    2 "code" code: uint32,
    3 "reason" reason: text,
});

impl From<Code> for Ended<'_> {
    fn from(code: Code) -> Self {
        Self { code: code.number.into(), reason: code.text.into() }
    }
}

/// Why a connection ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disconnected<'a> {
    /// One of [`code`](crate::code), or of the application.
    pub code: u32,
    /// For a person.
    pub reason: Text<'a>,
    /// True when the client should connect again. Clients of today go by the code.
    pub reconnect: bool,
}

message!(Disconnected<'a> {
    1 "code" code: uint32,
    2 "reason" reason: text,
    3 "reconnect" reconnect: flag,
});

impl From<Code> for Disconnected<'_> {
    fn from(code: Code) -> Self {
        let reconnect = code.is_temporary();
        Self { code: code.number.into(), reason: code.text.into(), reconnect }
    }
}

/// A subscription that the server made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscribed<'a> {
    /// The client may go on from its position when it connects again.
    pub recoverable: bool,
    /// The epoch of the stream.
    pub epoch: Text<'a>,
    /// Its end.
    pub offset: u64,
    /// The client tracks its position.
    pub positioned: bool,
    /// From the application.
    pub data: &'a [u8],
}

message!(Subscribed<'a> {
    1 "recoverable" recoverable: flag,
    4 "epoch" epoch: text,
    5 "offset" offset: uint64,
    6 "positioned" positioned: flag,
    7 "data" data: raw,
});

/// Names and numbers of the members of a push.
const NAMES: Names = &[
    ("id", 1),
    ("channel", 2),
    ("pub", 4),
    ("join", 5),
    ("leave", 6),
    ("unsubscribe", 7),
    ("message", 8),
    ("subscribe", 9),
    ("connect", 10),
    ("disconnect", 11),
    ("refresh", 12),
];

impl<'a> Message<'a> for Push<'a> {
    fn read<R: Read<'a>>(&mut self, from: &mut R) -> Result<(), Malformed> {
        from.fields(NAMES, |from, number| {
            let news = match number {
                1 => return from.int64(&mut self.id),
                2 => return from.text(&mut self.channel),
                4 => part(from)?.map(News::Publication),
                5 => part(from)?.map(News::Join),
                6 => part(from)?.map(News::Leave),
                7 => part(from)?.map(News::Unsubscribe),
                8 => part(from)?.map(News::Message),
                9 => part(from)?.map(News::Subscribe),
                10 => part(from)?.map(News::Connect),
                11 => part(from)?.map(News::Disconnect),
                12 => part(from)?.map(News::Refresh),
                _ => return from.skip(),
            };
            if let Some(news) = news {
                self.what = news;
            }
            Ok(())
        })
    }

    fn write<W: Write>(&self, to: &mut W) {
        to.int64((1, "id"), &self.id);
        to.text((2, "channel"), &self.channel);
        match &self.what {
            News::Nothing => {}
            News::Publication(it) => to.inside((4, "pub"), |to| it.write(to)),
            News::Join(it) => to.inside((5, "join"), |to| it.write(to)),
            News::Leave(it) => to.inside((6, "leave"), |to| it.write(to)),
            News::Unsubscribe(it) => to.inside((7, "unsubscribe"), |to| it.write(to)),
            News::Message(it) => to.inside((8, "message"), |to| it.write(to)),
            News::Subscribe(it) => to.inside((9, "subscribe"), |to| it.write(to)),
            News::Connect(it) => to.inside((10, "connect"), |to| it.write(to)),
            News::Disconnect(it) => to.inside((11, "disconnect"), |to| it.write(to)),
            News::Refresh(it) => to.inside((12, "refresh"), |to| it.write(to)),
        }
    }
}
