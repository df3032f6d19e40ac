//! The two checksums of the format: CRC-32C for headers, CRC-64/NVME for what they describe.

use crc_fast::CrcAlgorithm;

/// CRC-32C (Castagnoli) of `bytes`.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    let sum = crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, bytes);
    u32::try_from(sum).expect("a 32-bit checksum has 32 bits")
}

/// CRC-64/NVME of `bytes`: the same for ever, so it may be stored. No protection from who means harm.
#[must_use]
pub fn crc64(bytes: &[u8]) -> u64 {
    crc_fast::checksum(CrcAlgorithm::Crc64Nvme, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the CRC catalogue, for the text `123456789`.
    #[test]
    fn checksums_match_the_catalogue() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc64(b"123456789"), 0xAE8B_1486_0A79_9888);
    }
}
