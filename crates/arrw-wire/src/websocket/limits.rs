//! Every bound of the WebSocket codec, with its unit, its reason and what happens when it is reached.

/// Bytes of a message, inflated, that a server takes by default, as Centrifugo does. A longer one ends the connection
/// with 1009.
pub const MESSAGE_BYTES_MAX: u32 = 64 * 1024;

/// Frames of one message by default: those of a browser have one, of a stream some dozens. One more ends the connection
/// with 1009.
pub const FRAGMENTS_MAX: u32 = 1_024;

/// Bytes of what a control frame carries (RFC 6455, 5.5). A longer one that arrives ends the connection with 1002; of
/// one that is written the rest is cut.
pub const CONTROL_BYTES_MAX: usize = 125;

/// Bytes of the reason in a close frame: what a control frame has beside the code. The rest is cut.
pub const REASON_BYTES_MAX: usize = CONTROL_BYTES_MAX - 2;

/// Bytes of the longest head of a frame: two, eight of the length, four of the mask.
pub const HEAD_BYTES_MAX: usize = 14;

/// Inflated bytes that any compressed message may have, whatever its ratio: JSON of few different letters shrinks well.
pub const INFLATED_BYTES_FREE: usize = 16 * 1024;

/// Times its own length that a compressed message may have inflated, beyond [`INFLATED_BYTES_FREE`]. JSON has 5 to 20,
/// deflate can do 1,032. More ends the connection with 1009.
pub const INFLATED_RATIO_MAX: usize = 100;

/// Bytes of memory that an inflater keeps for the next message. What one took beyond is given back.
pub const INFLATER_BYTES_KEPT: usize = 64 * 1024;

/// Offers of extensions, and names of subprotocols, that are looked at in one request. The rest is passed over, as if
/// it were not known.
pub const OFFERS_MAX: usize = 16;
