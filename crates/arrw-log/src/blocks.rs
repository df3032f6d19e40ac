//! Memory for frames that are kept a while, in blocks of one size.

use bytes::{Bytes, BytesMut};

use crate::limits::BLOCK_BYTES;

/// Copies frames into blocks of [`BLOCK_BYTES`]. Frames of all sizes that come and go for months, each with memory of its own,
/// would leave the heap full of holes. A block is free again when the last frame in it is.
#[derive(Debug, Default)]
pub struct Blocks(BytesMut);

impl Blocks {
    /// A copy. Of more than a quarter of a block it has memory of its own, so that little is left over at the end of one.
    #[must_use]
    pub fn copy(&mut self, bytes: &[u8]) -> Bytes {
        let Self(block) = self;
        if BLOCK_BYTES / 4 < bytes.len() {
            return Bytes::copy_from_slice(bytes);
        }
        if block.capacity() < bytes.len() {
            *block = BytesMut::with_capacity(BLOCK_BYTES);
        }
        block.extend_from_slice(bytes);
        block.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_frames_share_a_block_and_large_ones_are_alone() {
        let mut blocks = Blocks::default();
        let frames: Vec<Vec<u8>> = (0..100_u8).map(|byte| vec![byte; 1_000]).collect();
        let copies: Vec<Bytes> = frames.iter().map(|frame| blocks.copy(frame)).collect();
        assert!(copies.iter().zip(&frames).all(|(copy, frame)| copy == frame));
        let are_apart =
            |pair: &&[Bytes]| pair[0].as_ptr_range().end != pair[1].as_ptr_range().start;
        let apart = copies.windows(2).filter(are_apart).count();
        assert!(apart <= 1, "100 kB take two blocks, not {}", apart + 1);
        let large = blocks.copy(&vec![7; BLOCK_BYTES]);
        assert!(large.is_unique() && !copies[0].is_unique());
        assert_eq!(blocks.copy(&[]), Bytes::new());
    }
}
