//! The replies and pushes of a server, as bytes of a frame.

use super::answer::{
    ConnectResult, ErrorReply, Expiry, HistoryResult, Payload, PresenceResult, PresenceStatsResult,
    RefreshResult, SubscribeResult,
};
use super::command::part;
use super::message::{Malformed, Message, Names, Nothing, Read, Write};
use super::push::Push;
use super::{Encoding, json, protobuf};
use crate::code::Code;

/// What a server says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply<'a> {
    /// That of the command; 0 for a push and for a ping.
    pub id: u32,
    /// What it says.
    pub what: Answer<'a>,
}

/// What a reply says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer<'a> {
    /// Nothing: the server asks whether the client is there.
    #[default]
    Ping,
    /// The command failed.
    Error(ErrorReply<'a>),
    /// It answers no command.
    Push(Push<'a>),
    /// There is a connection.
    Connect(ConnectResult<'a>),
    /// There is a subscription.
    Subscribe(SubscribeResult<'a>),
    /// There is no more.
    Unsubscribe,
    /// It was published.
    Publish,
    /// Who is subscribed.
    Presence(PresenceResult<'a>),
    /// How many are.
    PresenceStats(PresenceStatsResult),
    /// What was published.
    History(HistoryResult<'a>),
    /// What a call came to.
    Rpc(Payload<'a>),
    /// The connection has a new token.
    Refresh(RefreshResult<'a>),
    /// The subscription has.
    SubRefresh(Expiry),
}

impl<'a> Reply<'a> {
    /// A ping.
    #[must_use]
    pub fn ping() -> Self {
        Self::default()
    }

    /// The answer to a command that failed by one of our codes.
    #[must_use]
    pub fn error(id: u32, code: Code) -> Self {
        Self { id, what: Answer::Error(code.into()) }
    }

    /// A push.
    #[must_use]
    pub const fn push(push: Push<'a>) -> Self {
        Self { id: 0, what: Answer::Push(push) }
    }

    /// Appends it to a frame, behind what is there. Payloads are copied as they are: in JSON each must be one value
    /// ([`is_json`](json::is_json)). Allocates only when the frame has no room.
    pub fn append(&self, encoding: Encoding, frame: &mut Vec<u8>) {
        append(encoding, self, frame);
    }

    /// It alone as bytes, made once for all who get it; [`join`] puts them into frames.
    #[must_use]
    pub fn ready(&self, encoding: Encoding) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append(encoding, &mut bytes);
        bytes
    }
}

impl Push<'_> {
    /// Appends it to a frame without the reply around it, as clients that send nothing get it.
    pub fn append_bare(&self, encoding: Encoding, frame: &mut Vec<u8>) {
        append(encoding, self, frame);
    }
}

/// Appends ready bytes of one or more messages to a frame, behind what is there.
pub fn join(encoding: Encoding, frame: &mut Vec<u8>, ready: &[u8]) {
    separate(encoding, frame);
    frame.extend_from_slice(ready);
}

fn append<'a>(encoding: Encoding, message: &impl Message<'a>, frame: &mut Vec<u8>) {
    write(encoding, frame, |to| message.write(to), |to| message.write(to));
}

/// Appends one message, which is written in the one encoding or the other.
pub(super) fn write(
    encoding: Encoding,
    frame: &mut Vec<u8>,
    in_json: impl FnOnce(&mut json::Writer<'_>),
    in_protobuf: impl FnOnce(&mut protobuf::Writer<'_>),
) {
    separate(encoding, frame);
    match encoding {
        Encoding::Json => json::Writer::object(frame, in_json),
        Encoding::Protobuf => protobuf::append_delimited(frame, in_protobuf),
    }
}

/// What comes between two messages.
fn separate(encoding: Encoding, frame: &mut Vec<u8>) {
    if encoding == Encoding::Json && !frame.is_empty() {
        frame.push(b'\n');
    }
}

/// Names and numbers of the members of a reply.
const NAMES: Names = &[
    ("id", 1),
    ("error", 2),
    ("push", 4),
    ("connect", 5),
    ("subscribe", 6),
    ("unsubscribe", 7),
    ("publish", 8),
    ("presence", 9),
    ("presence_stats", 10),
    ("history", 11),
    ("rpc", 13),
    ("refresh", 14),
    ("sub_refresh", 15),
];

impl<'a> Message<'a> for Reply<'a> {
    fn read<R: Read<'a>>(&mut self, from: &mut R) -> Result<(), Malformed> {
        from.fields(NAMES, |from, number| {
            let answer = match number {
                1 => return from.uint32(&mut self.id),
                2 => part(from)?.map(Answer::Error),
                4 => part(from)?.map(Answer::Push),
                5 => part(from)?.map(Answer::Connect),
                6 => part(from)?.map(Answer::Subscribe),
                7 => part(from)?.map(|Nothing| Answer::Unsubscribe),
                8 => part(from)?.map(|Nothing| Answer::Publish),
                9 => part(from)?.map(Answer::Presence),
                10 => part(from)?.map(Answer::PresenceStats),
                11 => part(from)?.map(Answer::History),
                13 => part(from)?.map(Answer::Rpc),
                14 => part(from)?.map(Answer::Refresh),
                15 => part(from)?.map(Answer::SubRefresh),
                _ => return from.skip(),
            };
            if let Some(answer) = answer {
                self.what = answer;
            }
            Ok(())
        })
    }

    fn write<W: Write>(&self, to: &mut W) {
        to.uint32((1, "id"), &self.id);
        match &self.what {
            Answer::Ping => {}
            Answer::Error(it) => to.inside((2, "error"), |to| it.write(to)),
            Answer::Push(it) => to.inside((4, "push"), |to| it.write(to)),
            Answer::Connect(it) => to.inside((5, "connect"), |to| it.write(to)),
            Answer::Subscribe(it) => to.inside((6, "subscribe"), |to| it.write(to)),
            Answer::Unsubscribe => to.inside((7, "unsubscribe"), |to| Nothing.write(to)),
            Answer::Publish => to.inside((8, "publish"), |to| Nothing.write(to)),
            Answer::Presence(it) => to.inside((9, "presence"), |to| it.write(to)),
            Answer::PresenceStats(it) => to.inside((10, "presence_stats"), |to| it.write(to)),
            Answer::History(it) => to.inside((11, "history"), |to| it.write(to)),
            Answer::Rpc(it) => to.inside((13, "rpc"), |to| it.write(to)),
            Answer::Refresh(it) => to.inside((14, "refresh"), |to| it.write(to)),
            Answer::SubRefresh(it) => to.inside((15, "sub_refresh"), |to| it.write(to)),
        }
    }
}
