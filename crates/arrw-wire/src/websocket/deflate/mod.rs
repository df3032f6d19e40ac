//! permessage-deflate (RFC 7692): agreeing on it, compressing and inflating.
//!
//! Each message stands for itself, in both directions: so one compressed message fits all connections, and an idle
//! connection keeps no window, which would be some 300 KiB.

mod compress;
mod inflate;
mod offer;

pub use compress::Deflater;
pub use inflate::Inflater;
pub use offer::{Agreed, OFFER};

/// What ends each message after a sync flush, and is left out (RFC 7692, 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Bits of the largest window, which is also the default.
pub const WINDOW_BITS_MAX: u8 = 15;

/// Bits of the smallest window that can be made here: the compressor has none of 8.
pub const WINDOW_BITS_MIN: u8 = 9;
