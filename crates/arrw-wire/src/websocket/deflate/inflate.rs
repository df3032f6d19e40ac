//! Compressed messages, inflated within limits.

use flate2::{Decompress, FlushDecompress, Status};

use super::TAIL;
use crate::websocket::limits::{INFLATED_BYTES_FREE, INFLATED_RATIO_MAX, INFLATER_BYTES_KEPT};
use crate::websocket::violation::Violation;

/// Inflates one message at a time, of any connection: it keeps nothing from one to the next.
///
/// Without memory until it is used; then some 50 KiB and the message.
#[derive(Debug, Default)]
pub struct Inflater {
    raw: Option<Decompress>,
    out: Vec<u8>,
    /// Bytes that the message at hand may have.
    max: usize,
}

impl Inflater {
    /// What a message of at most `bytes_max` bytes was before it was compressed. It grows by what comes out, and ends
    /// where the limit is.
    ///
    /// # Errors
    /// [`Violation`]: it does not inflate, or to too much.
    pub fn inflate(&mut self, message: &[u8], bytes_max: u32) -> Result<&[u8], Violation> {
        self.out.clear();
        self.out.shrink_to(INFLATER_BYTES_KEPT);
        let bytes_max_of_all = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let by_ratio = message.len().saturating_mul(INFLATED_RATIO_MAX);
        let by_ratio = by_ratio.saturating_add(INFLATED_BYTES_FREE);
        self.max = bytes_max_of_all.min(by_ratio);
        let too_much = if bytes_max_of_all <= by_ratio {
            Violation::MessageTooLong(bytes_max)
        } else {
            Violation::Inflated
        };
        self.raw.get_or_insert_with(|| Decompress::new(false)).reset(false);
        self.feed(message, too_much)?;
        self.feed(&TAIL, too_much)?;
        Ok(&self.out)
    }

    fn feed(&mut self, mut input: &[u8], too_much: Violation) -> Result<(), Violation> {
        let Self { raw: Some(raw), out, max } = self else { return Err(Violation::Compressed) };
        loop {
            if out.len() == out.capacity() {
                // One beyond the limit, to see whether there is more.
                let step = out.len().max(1_024).min(*max + 1 - out.len());
                out.reserve_exact(step);
            }
            let (before, room) = (raw.total_in(), out.capacity() - out.len());
            let Ok(status) = raw.decompress_vec(input, out, FlushDecompress::Sync) else {
                return Err(Violation::Compressed);
            };
            let consumed = usize::try_from(raw.total_in() - before).unwrap_or(usize::MAX);
            let is_stuck = consumed == 0 && out.capacity() - out.len() == room;
            input = input.get(consumed..).unwrap_or_default();
            if *max < out.len() {
                return Err(too_much);
            }
            match status {
                // The sender ended the stream inside of the message, which it may (RFC 7692, 7.2.3.4).
                Status::StreamEnd => raw.reset(false),
                Status::Ok | Status::BufError => {
                    if input.is_empty() && out.len() < out.capacity() {
                        return Ok(());
                    }
                    if is_stuck {
                        return Err(Violation::Compressed);
                    }
                }
            }
            if input.is_empty() && status == Status::StreamEnd {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::deflate::Deflater;

    fn check(message: &[u8], expected: Result<&[u8], Violation>) {
        let mut inflater = Inflater::default();
        for _ in 0..2 {
            assert_eq!(inflater.inflate(message, 1_000), expected);
        }
    }

    /// RFC 7692, 7.2.3.
    #[test]
    fn the_examples_of_the_rfc() {
        check(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], Ok(b"Hello"));
        check(&[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00], Ok(b"Hello"));
        check(&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], Ok(b"Hello"));
        let two_blocks =
            [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
        check(&two_blocks, Ok(b"Hello"));
        check(&[0x00], Ok(b""));
    }

    #[test]
    fn what_is_no_deflate_is_refused() {
        check(&[0xff], Err(Violation::Compressed));
        check(&[0x07, 1, 2, 3], Err(Violation::Compressed));
        // Of the messages before nothing is known.
        check(&[0xf2, 0x00, 0x11, 0x00, 0x00], Err(Violation::Compressed));
    }

    #[test]
    fn a_message_may_have_just_the_limit() {
        let text: Vec<u8> =
            (0..5_000_u32).flat_map(|it| it.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect();
        let deflated = Deflater::default().deflate(&text).to_vec();
        let mut inflater = Inflater::default();
        assert_eq!(inflater.inflate(&deflated, 20_000), Ok(&text[..]));
        let violation = Err(Violation::MessageTooLong(19_999));
        assert_eq!(inflater.inflate(&deflated, 19_999), violation);
        assert_eq!(inflater.inflate(&deflated, 0), Err(Violation::MessageTooLong(0)));
    }

    #[test]
    fn a_bomb_is_refused_and_takes_no_more_memory_than_its_limit() {
        let bomb = Deflater::new(9, 15).deflate(&vec![b'a'; 8 << 20]).to_vec();
        let mut inflater = Inflater::default();
        let violation = inflater.inflate(&bomb, 1 << 30).unwrap_err();
        assert_eq!(violation, Violation::Inflated);
        let max = bomb.len() * INFLATED_RATIO_MAX + INFLATED_BYTES_FREE;
        assert!(inflater.out.capacity() <= 2 * max, "{}", inflater.out.capacity());
        assert_eq!(inflater.inflate(&[0], 9), Ok(&b""[..]));
        assert!(inflater.out.capacity() <= INFLATER_BYTES_KEPT);
    }
}
