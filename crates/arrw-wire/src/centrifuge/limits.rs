//! Every bound of the codec, with its unit, its reason and what happens when it is reached.

/// Bytes of a frame of commands. The transport may allow fewer; a longer one is refused unread.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// Commands in one frame: twice the channels that a client subscribes to at once when it connects again. The one
/// after them is refused.
pub const COMMANDS_MAX: usize = 256;

/// Objects and lists inside each other, in JSON and in Protobuf: bounds the stack. Deeper ones are refused, also
/// inside payloads.
pub const DEPTH_MAX: usize = 64;

/// Entries of maps and lists in one command, such as subscriptions and headers in a connect. Each takes up to 256
/// bytes of memory, against as few as two of the frame. One more is refused.
pub const COMMAND_ITEMS_MAX: usize = 1_024;

/// The same in one reply that a client reads: publications with their tags, members of a presence. One more is an error.
pub const REPLY_ITEMS_MAX: usize = 65_536;

/// Nodes of a tag filter with its values. A larger one is refused.
pub const FILTER_ITEMS_MAX: usize = 256;

/// Nodes of a tag filter inside each other. A deeper one is refused.
pub const FILTER_DEPTH_MAX: usize = 16;
