//! How values are written for people: bytes, counts, damages.

use arrw_log::Damage;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bytes in the base64 of RFC 4648, section 4, with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A number of bytes in the unit that fits.
pub(crate) fn bytes(count: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(size, _)| *size <= count) {
        Some((size, unit)) => format!("{}.{} {unit}", count / size, count % size * 10 / size),
        None => format!("{count} B"),
    }
}

/// `1 record`, `2 records`.
pub(crate) fn count(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Records that a damage affects.
pub(crate) fn affected(damage: &Damage) -> u64 {
    damage.last.next().get().saturating_sub(damage.first.get())
}

/// A damage as one line: file, bytes, what, records.
pub(crate) fn damage(damage: &Damage) -> String {
    let Damage { file, from, to, first, last, what } = damage;
    let records = match affected(damage) {
        0 => "no record".to_owned(),
        1 => format!("record {first}"),
        many => format!("records {first} to {last}, {many} of them"),
    };
    format!("`{file}` bytes {from} to {to}: {what} ({records})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_the_unit_that_fits() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(64 << 20), "64.0 MiB");
    }
}
