//! Numbers that tell things from others: for digests, and for waits that look drawn and are not.

/// Spreads each bit over all. The finisher of `SplitMix64`.
pub(crate) fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

/// One number for several, which depends on their order.
pub(crate) fn mix_all(numbers: impl IntoIterator<Item = u64>) -> u64 {
    numbers.into_iter().fold(0, |sum, number| mix(sum.wrapping_add(number).wrapping_add(1)))
}
