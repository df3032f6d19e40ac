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

/// A number with a comma before each three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut grouped = digits[..first].to_owned();
    for three in digits.as_bytes()[first..].chunks(3) {
        if !grouped.is_empty() {
            grouped.push(',');
        }
        grouped.extend(three.iter().map(|digit| char::from(*digit)));
    }
    grouped
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

    #[test]
    fn thousands_are_told_apart() {
        let check = |number, expected: &str| assert_eq!(grouped(number), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(48_210, "48,210");
        check(12_345_678, "12,345,678");
    }
}
