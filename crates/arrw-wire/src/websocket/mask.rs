//! The mask over what a client sends (RFC 6455, 5.3).

/// Puts a mask on bytes, or takes it off, which is the same; answers the mask for the bytes that follow.
///
/// Eight bytes at a time, which the compiler makes wider; any number of bytes at any address.
#[inline]
pub fn apply(mask: [u8; 4], bytes: &mut [u8]) -> [u8; 4] {
    let [a, b, c, d] = mask;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for eight in words {
        *eight = (u64::from_ne_bytes(*eight) ^ word).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(word.to_ne_bytes()) {
        *byte ^= mask;
    }
    let mut following = mask;
    following.rotate_left(rest.len() % 4);
    following
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        let mut bytes = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let following = apply([0x37, 0xfa, 0x21, 0x3d], &mut bytes);
        assert_eq!(&bytes, b"Hello");
        assert_eq!(following, [0xfa, 0x21, 0x3d, 0x37]);
    }

    proptest! {
        #[test]
        fn it_is_what_the_rfc_says_however_the_bytes_are_cut(
            mask: [u8; 4],
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            cuts in prop::collection::vec(0_usize..100, 0..4),
        ) {
            let expected: Vec<u8> =
                bytes.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]).collect();
            let mut masked = bytes.clone();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|it| it.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut mask = mask;
            for pair in cuts.windows(2) {
                mask = apply(mask, &mut masked[pair[0]..pair[1]]);
            }
            prop_assert_eq!(masked, expected);
        }
    }
}
