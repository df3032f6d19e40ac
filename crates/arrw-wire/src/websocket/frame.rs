//! What the first bytes of a frame say.

use super::Violation;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// More of the message that was begun.
    Continuation,
    /// A message of text, or its beginning.
    Text,
    /// A message of bytes, or its beginning.
    Binary,
    /// No more follows.
    Close,
    /// The peer asks for an answer.
    Ping,
    /// The answer to a ping, or a sign of life.
    Pong,
}

impl Opcode {
    /// # Errors
    /// [`Violation::Opcode`] for one that is reserved.
    pub(super) const fn from_bits(bits: u8) -> Result<Self, Violation> {
        match bits {
            0 => Ok(Self::Continuation),
            1 => Ok(Self::Text),
            2 => Ok(Self::Binary),
            8 => Ok(Self::Close),
            9 => Ok(Self::Ping),
            10 => Ok(Self::Pong),
            reserved => Err(Violation::Opcode(reserved)),
        }
    }

    pub(super) const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    /// True for close, ping and pong: they stand between the frames of a message, and are whole.
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The head of a frame: all but what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it is for.
    pub opcode: Opcode,
    /// True for the last frame of a message.
    pub is_final: bool,
    /// True for the first frame of a compressed message (the first reserved bit).
    pub is_compressed: bool,
}

pub(super) const FINAL: u8 = 0x80;
pub(super) const COMPRESSED: u8 = 0x40;
pub(super) const RESERVED: u8 = 0x30;
pub(super) const MASKED: u8 = 0x80;
pub(super) const LEN: u8 = 0x7f;

impl Head {
    /// A frame that is a whole message, or a control frame.
    #[must_use]
    pub const fn whole(opcode: Opcode) -> Self {
        Self { opcode, is_final: true, is_compressed: false }
    }

    /// # Errors
    /// [`Violation`] for bits that have no meaning.
    pub(super) const fn from_byte(byte: u8) -> Result<Self, Violation> {
        if byte & RESERVED != 0 {
            return Err(Violation::ReservedBit);
        }
        match Opcode::from_bits(byte & 0x0f) {
            Ok(opcode) => Ok(Self {
                opcode,
                is_final: byte & FINAL != 0,
                is_compressed: byte & COMPRESSED != 0,
            }),
            Err(violation) => Err(violation),
        }
    }

    pub(super) const fn byte(self) -> u8 {
        let last = if self.is_final { FINAL } else { 0 };
        let compressed = if self.is_compressed { COMPRESSED } else { 0 };
        last | compressed | self.opcode.bits()
    }
}

/// Bytes with which the length is written after the first seven bits.
pub(super) const fn len_bytes(short: u8) -> usize {
    match short {
        126 => 2,
        127 => 8,
        _ => 0,
    }
}

/// The length of a frame. `long` are the bytes that [`len_bytes`] says.
///
/// # Errors
/// [`Violation`] when it is not in its shortest form, or has 64 bits.
pub(super) fn len(short: u8, long: &[u8]) -> Result<u64, Violation> {
    let len = long.iter().fold(0, |len, &byte| len << 8 | u64::from(byte));
    let least = match short {
        126 => 126,
        127 => 1 << 16,
        short => return Ok(u64::from(short)),
    };
    if len >> 63 != 0 {
        return Err(Violation::LengthBit);
    }
    if len < least { Err(Violation::LengthNotMinimal) } else { Ok(len) }
}
