//! How a connection is told what it gets: encoded, and put into frames.

use std::cell::RefCell;

use arrw_wire::centrifuge::Encoding;
use arrw_wire::websocket::deflate::Deflater;
use arrw_wire::websocket::write::{self, Kind};
use bytes::Bytes;

use crate::limits::DEFLATE_BYTES_MIN;

/// Encoding and framing of a connection. What many get is made once for each form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Replies in JSON, in text frames.
    Json,
    /// The same, compressed.
    JsonDeflated,
    /// Replies in Protobuf, in binary frames.
    Protobuf,
    /// The same, compressed.
    ProtobufDeflated,
    /// Pushes in JSON, as server-sent events.
    Events,
}

/// How many forms there are.
pub(crate) const FORMS: usize = 5;

/// What a publication is made into before it is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A reply in JSON.
    Json,
    /// A reply in Protobuf.
    Protobuf,
    /// A push in JSON, without a reply around it.
    Bare,
}

/// How many shapes there are.
pub(crate) const SHAPES: usize = 3;

thread_local! {
    static DEFLATER: RefCell<Deflater> = RefCell::default();
}

impl Form {
    pub(crate) const fn of(encoding: Encoding, is_deflated: bool) -> Self {
        match (encoding, is_deflated) {
            (Encoding::Json, false) => Self::Json,
            (Encoding::Json, true) => Self::JsonDeflated,
            (Encoding::Protobuf, false) => Self::Protobuf,
            (Encoding::Protobuf, true) => Self::ProtobufDeflated,
        }
    }

    pub(crate) const fn encoding(self) -> Encoding {
        match self {
            Self::Json | Self::JsonDeflated | Self::Events => Encoding::Json,
            Self::Protobuf | Self::ProtobufDeflated => Encoding::Protobuf,
        }
    }

    pub(crate) const fn shape(self) -> Shape {
        match self {
            Self::Json | Self::JsonDeflated => Shape::Json,
            Self::Protobuf | Self::ProtobufDeflated => Shape::Protobuf,
            Self::Events => Shape::Bare,
        }
    }

    /// How it is called.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::JsonDeflated => "json+deflate",
            Self::Protobuf => "protobuf",
            Self::ProtobufDeflated => "protobuf+deflate",
            Self::Events => "sse",
        }
    }

    /// True where messages are compressed.
    pub(crate) const fn is_deflated(self) -> bool {
        matches!(self, Self::JsonDeflated | Self::ProtobufDeflated)
    }

    /// True where clients send nothing after their request.
    pub(crate) const fn is_one_way(self) -> bool {
        matches!(self, Self::Events)
    }

    /// One frame of several messages, each encoded as the [shape](Self::shape) says.
    pub(crate) fn frame(self, messages: &[&[u8]]) -> Bytes {
        match self {
            Self::Json => write::joined(Kind::Text, messages, b"\n"),
            Self::Protobuf => write::joined(Kind::Binary, messages, b""),
            Self::JsonDeflated => deflated(Kind::Text, messages, b"\n"),
            Self::ProtobufDeflated => deflated(Kind::Binary, messages, b""),
            Self::Events => {
                let len: usize = messages.iter().map(|message| message.len() + 8).sum();
                let mut out = Vec::with_capacity(len);
                for message in messages {
                    out.extend_from_slice(b"data: ");
                    out.extend_from_slice(message);
                    out.extend_from_slice(b"\n\n");
                }
                out.into()
            }
        }
    }

    /// A frame of messages that stand behind each other already, as replies to one client.
    pub(crate) fn frame_of_replies(self, replies: &[u8]) -> Bytes {
        match self {
            Self::Json | Self::JsonDeflated => write::message(Kind::Text, replies),
            Self::Protobuf | Self::ProtobufDeflated => write::message(Kind::Binary, replies),
            Self::Events => self.frame(&[replies]),
        }
    }
}

/// A compressed frame, when that is worth it.
fn deflated(kind: Kind, messages: &[&[u8]], separator: &[u8]) -> Bytes {
    let len: usize = messages.iter().map(|message| message.len()).sum();
    if len < DEFLATE_BYTES_MIN {
        return write::joined(kind, messages, separator);
    }
    let payload = messages.join(separator);
    DEFLATER.with_borrow_mut(|deflater| write::compressed(kind, &payload, deflater))
}
