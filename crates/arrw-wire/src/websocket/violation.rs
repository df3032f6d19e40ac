//! What a peer may do wrong, each with the code that closes the connection.

/// What a peer did against RFC 6455, RFC 7692 or our limits. The connection is then closed with
/// [`close_code`](Self::close_code) and, as the reason, this text, which repeats nothing that was received but numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A reserved bit is set that no extension gave a meaning: 1002.
    #[error("a reserved bit of a frame is set")]
    ReservedBit,
    /// An opcode that is not given out: 1002.
    #[error("opcode {0} is reserved")]
    Opcode(u8),
    /// A client did not mask a frame: 1002.
    #[error("a frame of a client is not masked")]
    Unmasked,
    /// A server masked a frame: 1002.
    #[error("a frame of a server is masked")]
    Masked,
    /// A control frame is not final: 1002.
    #[error("a control frame is fragmented")]
    ControlFragmented,
    /// A control frame carries more than 125 bytes: 1002.
    #[error("a control frame is longer than 125 bytes")]
    ControlTooLong,
    /// A length is written with more bytes than it needs: 1002.
    #[error("the length of a frame is not in its shortest form")]
    LengthNotMinimal,
    /// The highest bit of a length of 64 bits is set: 1002.
    #[error("the length of a frame has its highest bit set")]
    LengthBit,
    /// A continuation without a message that it continues: 1002.
    #[error("a continuation without a message")]
    Continuation,
    /// A new message before the one before is complete: 1002.
    #[error("a message begins inside of another")]
    Interleaved,
    /// A close frame with one byte, which is no code: 1002.
    #[error("a close frame has half a code")]
    CloseLength,
    /// A close code that must not be sent: 1002.
    #[error("close code {0} must not be sent")]
    CloseCode(u16),
    /// The reason of a close frame is not UTF-8: 1007.
    #[error("the reason of a close frame is not UTF-8")]
    CloseReason,
    /// A text message is not UTF-8: 1007.
    #[error("a text message is not UTF-8")]
    Text,
    /// What should inflate does not: 1007.
    #[error("a compressed message does not inflate")]
    Compressed,
    /// A message has more bytes than the limit, as it is sent or inflated: 1009.
    #[error("a message is longer than {0} bytes")]
    MessageTooLong(u32),
    /// A message has more frames than the limit: 1009.
    #[error("a message has more than {0} fragments")]
    Fragments(u32),
    /// A message inflates to so much more than it has that it is no honest one: 1009.
    #[error("a compressed message inflates to too much")]
    Inflated,
}

impl Violation {
    /// The code for the close frame: 1002, 1007 or 1009.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::ReservedBit
            | Self::Opcode(_)
            | Self::Unmasked
            | Self::Masked
            | Self::ControlFragmented
            | Self::ControlTooLong
            | Self::LengthNotMinimal
            | Self::LengthBit
            | Self::Continuation
            | Self::Interleaved
            | Self::CloseLength
            | Self::CloseCode(_) => super::close::PROTOCOL,
            Self::CloseReason | Self::Text | Self::Compressed => super::close::INVALID_DATA,
            Self::MessageTooLong(_) | Self::Fragments(_) | Self::Inflated => super::close::TOO_LONG,
        }
    }
}
