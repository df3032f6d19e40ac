//! The commands of a frame, one after the other.

use thiserror::Error;

use super::limits::{COMMAND_ITEMS_MAX, COMMANDS_MAX, FRAME_BYTES_MAX};
use super::message::{Malformed, Message, Names, Nothing, Read, Write};
use super::request::{
    ChannelRequest, ConnectRequest, HistoryRequest, PublishRequest, RefreshRequest, RpcRequest,
    SendRequest, SubRefreshRequest, SubscribeRequest,
};
use super::{Encoding, json, protobuf};
use crate::code::{self, Code};

/// What a client says. Texts and payloads are parts of the frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// What the reply must repeat; 0 for a pong and for a send that wants none.
    pub id: u32,
    /// What it is about.
    pub what: Request<'a>,
}

/// What a command is about. A command with several has the first of them, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request<'a> {
    /// A connection.
    Connect(ConnectRequest<'a>),
    /// A subscription.
    Subscribe(SubscribeRequest<'a>),
    /// The end of one.
    Unsubscribe(ChannelRequest<'a>),
    /// A publication.
    Publish(PublishRequest<'a>),
    /// Who is subscribed to a channel.
    Presence(ChannelRequest<'a>),
    /// How many are.
    PresenceStats(ChannelRequest<'a>),
    /// What was published in a channel.
    History(HistoryRequest<'a>),
    /// An old way to ask whether the server is there; answered by error 108.
    Ping,
    /// A message without a reply.
    Send(SendRequest<'a>),
    /// A call.
    Rpc(RpcRequest<'a>),
    /// A new connection token.
    Refresh(RefreshRequest<'a>),
    /// A new subscription token.
    SubRefresh(SubRefreshRequest<'a>),
    /// The answer to a ping of the server: a command with id 0 that is no send. Whoever was not pinged is
    /// disconnected by [`DISCONNECT_BAD_REQUEST`](code::DISCONNECT_BAD_REQUEST).
    Pong,
}

/// Why a frame is refused. What came before in it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// Nothing is in it.
    #[error("a frame must have a command")]
    Empty,
    /// It is too long.
    #[error(
        "a frame of {bytes} bytes is longer than {FRAME_BYTES_MAX}: send fewer commands at once"
    )]
    Long {
        /// How long.
        bytes: usize,
    },
    /// It has too many commands.
    #[error("a frame has more than {COMMANDS_MAX} commands: send fewer at once")]
    Many,
    /// It does not say what is wanted.
    #[error("a command says nothing of what it wants")]
    NoRequest,
    /// It cannot be read.
    #[error("a command cannot be read")]
    Malformed(#[from] Malformed),
}

impl CommandError {
    /// By which code the connection ends.
    #[must_use]
    pub const fn disconnect(&self) -> Code {
        match self {
            Self::Empty | Self::Long { .. } | Self::Many | Self::NoRequest | Self::Malformed(_) => {
                code::DISCONNECT_BAD_REQUEST
            }
        }
    }
}

/// The commands of a frame, read one by one. After an error there are no more.
#[derive(Clone, Debug)]
pub struct Commands<'a> {
    rest: Rest<'a>,
    taken: usize,
}

#[derive(Clone, Copy, Debug)]
enum Rest<'a> {
    /// Lines.
    Json(&'a str),
    /// Messages behind their length.
    Protobuf(&'a [u8]),
}

impl<'a> Commands<'a> {
    /// The commands of one frame: a message of a WebSocket, or the body of a request.
    ///
    /// # Errors
    /// When it is empty or too long, or, in JSON, not UTF-8.
    pub fn new(encoding: Encoding, frame: &'a [u8]) -> Result<Self, CommandError> {
        if FRAME_BYTES_MAX < frame.len() {
            return Err(CommandError::Long { bytes: frame.len() });
        }
        let rest = match encoding {
            Encoding::Json => {
                let text = std::str::from_utf8(frame).or(Err(Malformed::Utf8))?;
                Rest::Json(text.trim_ascii())
            }
            Encoding::Protobuf => Rest::Protobuf(frame),
        };
        let this = Self { rest, taken: 0 };
        if this.is_empty() { Err(CommandError::Empty) } else { Ok(this) }
    }

    const fn is_empty(&self) -> bool {
        match self.rest {
            Rest::Json(text) => text.is_empty(),
            Rest::Protobuf(bytes) => bytes.is_empty(),
        }
    }

    fn take(&mut self) -> Result<Command<'a>, CommandError> {
        if self.taken == COMMANDS_MAX {
            return Err(CommandError::Many);
        }
        self.taken += 1;
        let mut draft = Draft::default();
        match &mut self.rest {
            Rest::Json(rest) => {
                let text = *rest;
                let (line, after) = text.split_once('\n').unwrap_or((text, ""));
                *rest = after.trim_ascii_start();
                json::Reader::new(line, COMMAND_ITEMS_MAX).whole(|from| draft.read(from))?;
            }
            Rest::Protobuf(rest) => {
                let message = protobuf::take_delimited(rest)?;
                protobuf::Reader::new(message, COMMAND_ITEMS_MAX).whole(|from| draft.read(from))?;
            }
        }
        draft.finish()
    }
}

impl<'a> Iterator for Commands<'a> {
    type Item = Result<Command<'a>, CommandError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_empty() {
            return None;
        }
        let taken = self.take();
        if taken.is_err() {
            self.rest = Rest::Protobuf(&[]);
        }
        Some(taken)
    }
}

/// Names and numbers of the members of a command. The numbers of requests are their order.
const NAMES: Names = &[
    ("id", 1),
    ("connect", 4),
    ("subscribe", 5),
    ("unsubscribe", 6),
    ("publish", 7),
    ("presence", 8),
    ("presence_stats", 9),
    ("history", 10),
    ("ping", 11),
    ("send", 12),
    ("rpc", 13),
    ("refresh", 14),
    ("sub_refresh", 15),
];

/// A command of which not all members are read.
#[derive(Default)]
struct Draft<'a> {
    id: u32,
    /// The first request so far, and its number.
    request: Option<(u32, Request<'a>)>,
}

impl<'a> Draft<'a> {
    fn read<R: Read<'a>>(&mut self, from: &mut R) -> Result<(), Malformed> {
        from.fields(NAMES, |from, number| {
            let first = self.request.as_ref().map_or(u32::MAX, |(number, _)| *number);
            if number == 1 {
                from.uint32(&mut self.id)
            } else if from.is_null() {
                Ok(())
            } else if first < number {
                from.skip()
            } else {
                let request = read_request(from, number)?;
                self.request = request.map(|request| (number, request));
                Ok(())
            }
        })
    }

    fn finish(self) -> Result<Command<'a>, CommandError> {
        let request = self.request.map(|(_, request)| request);
        if self.id == 0 && !matches!(request, Some(Request::Send(_))) {
            return Ok(Command { id: 0, what: Request::Pong });
        }
        let what = request.ok_or(CommandError::NoRequest)?;
        Ok(Command { id: self.id, what })
    }
}

fn read_request<'a, R: Read<'a>>(
    from: &mut R,
    number: u32,
) -> Result<Option<Request<'a>>, Malformed> {
    Ok(match number {
        4 => part(from)?.map(Request::Connect),
        5 => part(from)?.map(Request::Subscribe),
        6 => part(from)?.map(Request::Unsubscribe),
        7 => part(from)?.map(Request::Publish),
        8 => part(from)?.map(Request::Presence),
        9 => part(from)?.map(Request::PresenceStats),
        10 => part(from)?.map(Request::History),
        11 => part(from)?.map(|Nothing| Request::Ping),
        12 => part(from)?.map(Request::Send),
        13 => part(from)?.map(Request::Rpc),
        14 => part(from)?.map(Request::Refresh),
        15 => part(from)?.map(Request::SubRefresh),
        _ => None,
    })
}

/// The message of a member.
pub(super) fn part<'a, R: Read<'a>, M: Message<'a>>(from: &mut R) -> Result<Option<M>, Malformed> {
    let mut message = None;
    from.message(&mut message)?;
    Ok(message)
}

impl Command<'_> {
    /// Writes the members. A pong has none.
    pub(super) fn write<W: Write>(&self, to: &mut W) {
        to.uint32((1, "id"), &self.id);
        match &self.what {
            Request::Connect(it) => to.inside((4, "connect"), |to| it.write(to)),
            Request::Subscribe(it) => to.inside((5, "subscribe"), |to| it.write(to)),
            Request::Unsubscribe(it) => to.inside((6, "unsubscribe"), |to| it.write(to)),
            Request::Publish(it) => to.inside((7, "publish"), |to| it.write(to)),
            Request::Presence(it) => to.inside((8, "presence"), |to| it.write(to)),
            Request::PresenceStats(it) => to.inside((9, "presence_stats"), |to| it.write(to)),
            Request::History(it) => to.inside((10, "history"), |to| it.write(to)),
            Request::Ping => to.inside((11, "ping"), |to| Nothing.write(to)),
            Request::Send(it) => to.inside((12, "send"), |to| it.write(to)),
            Request::Rpc(it) => to.inside((13, "rpc"), |to| it.write(to)),
            Request::Refresh(it) => to.inside((14, "refresh"), |to| it.write(to)),
            Request::SubRefresh(it) => to.inside((15, "sub_refresh"), |to| it.write(to)),
            Request::Pong => {}
        }
    }
}
