//! Messages, compressed each for itself.

use std::fmt;

use flate2::{Compress, Compression, FlushCompress};

use super::{TAIL, WINDOW_BITS_MAX, WINDOW_BITS_MIN};
use crate::websocket::limits::INFLATER_BYTES_KEPT;

/// Compresses one message at a time, for all connections whose window is at least its own. Some 300 KiB.
pub struct Deflater {
    raw: Compress,
    out: Vec<u8>,
}

impl Deflater {
    /// `level` is 1 for fast to 9 for small; `window_bits` 9 to 15. What is beyond is taken as the nearest.
    #[must_use]
    pub fn new(level: u32, window_bits: u8) -> Self {
        let level = Compression::new(level.clamp(1, 9));
        let bits = window_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
        Self { raw: Compress::new_with_window_bits(level, false, bits), out: Vec::new() }
    }

    /// A message as permessage-deflate has it. It may be longer than it was.
    pub fn deflate(&mut self, message: &[u8]) -> &[u8] {
        let Self { raw, out } = self;
        out.clear();
        out.shrink_to(INFLATER_BYTES_KEPT);
        raw.reset();
        let mut input = message;
        loop {
            if out.len() == out.capacity() {
                out.reserve(1_024.max(message.len() / 4));
            }
            let before = raw.total_in();
            let is_done = raw.compress_vec(input, out, FlushCompress::Sync).is_err();
            let consumed = usize::try_from(raw.total_in() - before).unwrap_or(usize::MAX);
            input = input.get(consumed..).unwrap_or_default();
            if is_done || (input.is_empty() && out.len() < out.capacity()) {
                break;
            }
        }
        if out.ends_with(&TAIL) {
            out.truncate(out.len() - TAIL.len());
        }
        if out.is_empty() {
            out.push(0); // RFC 7692, 7.2.3.6
        }
        out
    }
}

/// Fast, with the largest window.
impl Default for Deflater {
    fn default() -> Self {
        Self::new(1, WINDOW_BITS_MAX)
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater").finish_non_exhaustive()
    }
}
