//! Frames as bytes: those of a server once for all that get them, those of a client one by one.

use bytes::Bytes;

use super::close;
use super::deflate::Deflater;
use super::frame::{Head, MASKED, Opcode};
use super::limits::{CONTROL_BYTES_MAX, HEAD_BYTES_MAX};
use super::mask;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, which must be UTF-8: whoever writes it sees to that.
    Text,
    /// Bytes.
    Binary,
}

impl Kind {
    /// The opcode of its first frame.
    #[must_use]
    pub const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}

/// A message of a server in one frame. A clone shares the bytes, so that it is made once for all connections.
#[must_use]
pub fn message(kind: Kind, payload: &[u8]) -> Bytes {
    joined(kind, &[payload], b"")
}

/// Several payloads as one message in one frame, with a separator between each two of them.
#[must_use]
pub fn joined(kind: Kind, payloads: &[&[u8]], separator: &[u8]) -> Bytes {
    let between = separator.len() * payloads.len().saturating_sub(1);
    let len = payloads.iter().map(|it| it.len()).sum::<usize>() + between;
    let mut out = Vec::with_capacity(HEAD_BYTES_MAX + len);
    head(Head::whole(kind.opcode()), len, None, &mut out);
    for (at, payload) in payloads.iter().enumerate() {
        if at != 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(payload);
    }
    out.into()
}

/// As [`message`], compressed if that makes it shorter: for connections that agreed on permessage-deflate with the
/// window of this deflater. It says nothing of messages before, so that one fits all these connections.
#[must_use]
pub fn compressed(kind: Kind, payload: &[u8], deflater: &mut Deflater) -> Bytes {
    let deflated = deflater.deflate(payload);
    if payload.len() <= deflated.len() {
        return message(kind, payload);
    }
    let mut out = Vec::with_capacity(HEAD_BYTES_MAX + deflated.len());
    let is_compressed = Head { is_compressed: true, ..Head::whole(kind.opcode()) };
    frame(is_compressed, deflated, &mut out);
    out.into()
}

/// Asks for a pong that carries the same. Of a payload of more than 125 bytes the rest is cut.
#[must_use]
pub fn ping(payload: &[u8]) -> Bytes {
    control(Opcode::Ping, payload)
}

/// Answers a ping with what it carried. Of a payload of more than 125 bytes the rest is cut.
#[must_use]
pub fn pong(payload: &[u8]) -> Bytes {
    control(Opcode::Pong, payload)
}

/// Closes with a code, which [`close::may_be_sent`], and a reason; of one of more than 123 bytes the rest is cut.
#[must_use]
pub fn close(code: u16, reason: &str) -> Bytes {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(close::cut(reason).as_bytes());
    control(Opcode::Close, &payload)
}

/// Closes without a code.
#[must_use]
pub fn close_without_code() -> Bytes {
    control(Opcode::Close, b"")
}

/// Appends a frame of a server.
pub fn frame(of: Head, payload: &[u8], out: &mut Vec<u8>) {
    head(of, payload.len(), None, out);
    out.extend_from_slice(payload);
}

/// Appends a frame of a client. The mask is to be unpredictable where pages choose what is sent (RFC 6455, 10.3).
pub fn masked_frame(of: Head, mask: [u8; 4], payload: &[u8], out: &mut Vec<u8>) {
    head(of, payload.len(), Some(mask), out);
    let begin = out.len();
    out.extend_from_slice(payload);
    mask::apply(mask, &mut out[begin..]);
}

fn control(opcode: Opcode, payload: &[u8]) -> Bytes {
    let payload = &payload[..payload.len().min(CONTROL_BYTES_MAX)];
    let mut out = Vec::with_capacity(2 + payload.len());
    frame(Head::whole(opcode), payload, &mut out);
    out.into()
}

/// Appends all of a frame that stands before what it carries.
fn head(of: Head, len: usize, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let masked = if mask.is_some() { MASKED } else { 0 };
    out.push(of.byte());
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short @ ..126), _) => out.push(masked | short),
        (_, Ok(short)) => {
            out.push(masked | 126);
            out.extend_from_slice(&short.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(masked | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(mask.as_ref().map_or(&[], |mask| mask.as_slice()));
}
