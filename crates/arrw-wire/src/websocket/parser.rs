//! Frames, from bytes as they arrive.

use std::ops::Range;

use super::Violation;
use super::frame::{self, Head, LEN, MASKED};
use super::limits::CONTROL_BYTES_MAX;
use super::mask;

/// Who sends what is read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A client, which masks its frames.
    Client,
    /// A server, which does not.
    Server,
}

/// Whether permessage-deflate was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// No frame may be compressed.
    Off,
    /// The first frame of a message says whether the message is compressed.
    On,
}

/// What is known of a connection between two reads: 16 bytes, and no buffer.
///
/// The caller holds the bytes that it received, and shows them from the first that was not consumed. What is carried is
/// unmasked in place.
#[derive(Clone, Debug)]
pub struct Parser {
    mask: [u8; 4],
    /// Bytes of the frame of data under way that did not arrive yet.
    remaining: u32,
    frame_bytes_max: u32,
    peer: Peer,
    compression: Compression,
    /// A head was told; what the frame carries comes next.
    is_in_frame: bool,
    /// The last frame of data was not final.
    is_in_message: bool,
}

/// What stands at the beginning of the bytes that were shown. Ranges are within these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Nothing that can be told, and nothing is consumed: so many more bytes complete the head or the control frame,
    /// or end what the frame carries. 1 at least.
    More(usize),
    /// A frame of data begins.
    Head {
        /// What it says.
        head: Head,
        /// Bytes that it carries, as it says; they come as [`Payload`](Self::Payload).
        len: u32,
    },
    /// What it carries, or some of it.
    Payload {
        /// Where it stands, unmasked.
        at: Range<usize>,
        /// True when the frame ends with it.
        is_end: bool,
    },
    /// A whole control frame.
    Control {
        /// Close, ping or pong.
        head: Head,
        /// Where it stands what it carries, unmasked: at most 125 bytes.
        at: Range<usize>,
    },
}

/// A part, and how many bytes were consumed for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// Bytes from the first. They are not shown again.
    pub consumed: usize,
    /// What they are.
    pub part: Part,
}

impl Parser {
    /// At the beginning of a connection. A frame of data of more than `frame_bytes_max` bytes is refused by its head.
    #[must_use]
    pub const fn new(peer: Peer, compression: Compression, frame_bytes_max: u32) -> Self {
        Self {
            mask: [0; 4],
            remaining: 0,
            frame_bytes_max,
            peer,
            compression,
            is_in_frame: false,
            is_in_message: false,
        }
    }

    /// The next part of what was received. Allocates nothing; a byte is looked at once, but for heads and control frames
    /// that are not complete.
    ///
    /// # Errors
    /// [`Violation`]. The connection is at its end: nothing is consumed, and the next call says the same.
    pub fn next(&mut self, received: &mut [u8]) -> Result<Parsed, Violation> {
        if self.is_in_frame { Ok(self.payload(received)) } else { self.frame(received) }
    }

    /// True after a frame of data that was not the last of its message.
    #[must_use]
    pub const fn is_in_message(&self) -> bool {
        self.is_in_message
    }

    /// Bytes that a frame of data may carry.
    #[must_use]
    pub const fn frame_bytes_max(&self) -> u32 {
        self.frame_bytes_max
    }

    fn payload(&mut self, received: &mut [u8]) -> Parsed {
        let remaining = usize::try_from(self.remaining).unwrap_or(usize::MAX);
        if received.is_empty() && 0 < remaining {
            return more(remaining);
        }
        let consumed = remaining.min(received.len());
        if self.peer == Peer::Client {
            self.mask = mask::apply(self.mask, &mut received[..consumed]);
        }
        self.remaining -= u32::try_from(consumed).unwrap_or(self.remaining);
        let is_end = self.remaining == 0;
        self.is_in_frame = !is_end;
        Parsed { consumed, part: Part::Payload { at: 0..consumed, is_end } }
    }

    fn frame(&mut self, received: &mut [u8]) -> Result<Parsed, Violation> {
        let Some((&[first, second], rest)) = received.split_first_chunk::<2>() else {
            return Ok(more(2 - received.len()));
        };
        let head = Head::from_byte(first)?;
        let short = second & LEN;
        self.check(head, second)?;
        let len_bytes = frame::len_bytes(short);
        let mask_bytes = if self.peer == Peer::Client { 4 } else { 0 };
        let head_bytes = 2 + len_bytes + mask_bytes;
        let Some((long, rest)) = rest.split_at_checked(len_bytes) else {
            return Ok(more(head_bytes - received.len()));
        };
        let len = self.len(short, long)?;
        let Some(mask) = rest.get(..mask_bytes) else {
            return Ok(more(head_bytes - received.len()));
        };
        // A server sends none.
        let mask: [u8; 4] = mask.try_into().unwrap_or_default();
        if head.opcode.is_control() {
            return Ok(control(head, mask, head_bytes..head_bytes + usize::from(short), received));
        }
        (self.mask, self.remaining) = (mask, len);
        (self.is_in_frame, self.is_in_message) = (true, !head.is_final);
        Ok(Parsed { consumed: head_bytes, part: Part::Head { head, len } })
    }

    /// What the first two bytes of a frame may say here.
    fn check(&self, head: Head, second: u8) -> Result<(), Violation> {
        let is_first = matches!(head.opcode, frame::Opcode::Text | frame::Opcode::Binary);
        if head.is_compressed && (self.compression == Compression::Off || !is_first) {
            return Err(Violation::ReservedBit);
        }
        if head.opcode.is_control() {
            if !head.is_final {
                return Err(Violation::ControlFragmented);
            }
            if CONTROL_BYTES_MAX < usize::from(second & LEN) {
                return Err(Violation::ControlTooLong);
            }
        } else if self.is_in_message && is_first {
            return Err(Violation::Interleaved);
        } else if !self.is_in_message && !is_first {
            return Err(Violation::Continuation);
        }
        match (self.peer, second & MASKED != 0) {
            (Peer::Client, false) => Err(Violation::Unmasked),
            (Peer::Server, true) => Err(Violation::Masked),
            (Peer::Client, true) | (Peer::Server, false) => Ok(()),
        }
    }

    fn len(&self, short: u8, long: &[u8]) -> Result<u32, Violation> {
        let len = frame::len(short, long)?;
        let max = self.frame_bytes_max;
        let within = u32::try_from(len).ok().filter(|&it| it <= max);
        within.ok_or(Violation::MessageTooLong(max))
    }
}

/// A control frame, when it is whole.
fn control(head: Head, mask: [u8; 4], at: Range<usize>, received: &mut [u8]) -> Parsed {
    let have = received.len();
    let Some(payload) = received.get_mut(at.clone()) else { return more(at.end - have) };
    mask::apply(mask, payload);
    Parsed { consumed: at.end, part: Part::Control { head, at } }
}

const fn more(bytes: usize) -> Parsed {
    Parsed { consumed: 0, part: Part::More(bytes) }
}
