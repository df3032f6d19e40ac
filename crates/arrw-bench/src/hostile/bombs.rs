//! Small bodies of which much comes out.

use std::sync::{Arc, LazyLock};

use flate2::{Compress, Compression, FlushCompress};

/// Bytes that come out of [`ZEROS`].
pub(super) const ZEROS_BYTES: u64 = 1024 * 1024;

/// A piece of a body of gzip: a MiB of zeros, which may stand again and again behind [`GZIP_HEAD`].
pub(super) static ZEROS: LazyLock<Arc<[u8]>> = LazyLock::new(|| {
    let mut out = Vec::with_capacity(8 * 1024);
    let zeros = vec![0; 1024 * 1024];
    // Behind a full flush nothing refers to what came before it. It fits: a thousandth of it comes out.
    let _done = Compress::new(Compression::best(), false).compress_vec(
        &zeros,
        &mut out,
        FlushCompress::Full,
    );
    out.into()
});

/// How a body of gzip begins.
pub(super) const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// A part of a body of zstd.
#[derive(Clone, Copy, Debug)]
pub(super) enum Run<'a> {
    /// These bytes, at most [`BLOCK_BYTES`].
    Text(&'a [u8]),
    /// A byte so many times.
    Byte(u8, u64),
}

/// Bytes of a block of zstd at most: RFC 8878, 3.1.1.2.4.
const BLOCK_BYTES: u64 = 128 * 1024;

/// A frame of zstd, four bytes for each 128 KiB of the same byte: RFC 8878, 3.1.1.
pub(super) fn zstd(runs: &[Run<'_>]) -> Vec<u8> {
    // No checksum, no length, and a window of 128 KiB.
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 7 << 3];
    for run in runs {
        match *run {
            Run::Text(bytes) => {
                out.extend(block_header(0, bytes.len() as u64));
                out.extend(bytes);
            }
            Run::Byte(byte, count) => {
                let mut left = count;
                while 0 < left {
                    let bytes = left.min(BLOCK_BYTES);
                    out.extend(block_header(1, bytes));
                    out.push(byte);
                    left -= bytes;
                }
            }
        }
    }
    // The last block, an empty one.
    out.extend([1, 0, 0]);
    out
}

fn block_header(kind: u64, bytes: u64) -> [u8; 3] {
    let [first, second, third, ..] = (kind << 1 | bytes << 3).to_le_bytes();
    [first, second, third]
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn much_comes_out_of_gzip() {
        // It has no end: what is behind is there for decoders that look ahead.
        let body = [&GZIP_HEAD[..], &ZEROS, &ZEROS, &ZEROS, &[0]].concat();
        let mut out = vec![1; 3 * 1024 * 1024];
        flate2::read::GzDecoder::new(&body[..]).read_exact(&mut out).unwrap();
        assert!(out.iter().all(|byte| *byte == 0));
        assert!(body.len() < 16 * 1024, "{}", body.len());
    }

    #[test]
    fn a_frame_of_zstd_has_its_blocks() {
        let frame = zstd(&[Run::Text(b"ab"), Run::Byte(b'c', BLOCK_BYTES + 1)]);
        let blocks = [0x10, 0, 0, b'a', b'b', 2, 0, 0x10, b'c', 0x0a, 0, 0, b'c', 1, 0, 0];
        assert_eq!(frame, [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0x38][..], &blocks].concat());
    }
}
