//! Decimal numbers in texts, compared without rounding.

use std::cmp::Ordering;

/// A number as its digits: an optional sign, digits, and perhaps a point and more digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal<'a> {
    is_negative: bool,
    /// Without leading zeros.
    whole: &'a str,
    /// Without zeros at the end.
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    /// `None` for what is no number. An exponent makes none.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
        if !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        let is_zero = whole.is_empty() && fraction.is_empty();
        Some(Self { is_negative: text.starts_with('-') && !is_zero, whole, fraction })
    }

    pub(super) fn cmp(self, other: Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.cmp_size(other),
            (true, true) => other.cmp_size(self),
        }
    }

    /// Of two numbers with the same sign, which is farther from zero.
    fn cmp_size(self, other: Self) -> Ordering {
        let by_length = self.whole.len().cmp(&other.whole.len());
        by_length.then(self.whole.cmp(other.whole)).then(self.fraction.cmp(other.fraction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_by_value() {
        let ascending =
            ["-10", "-9.5", "-9.05", "-1", "0", "0.05", "0.5", "1", "9", "10", "9007199254740993"];
        for (at, left) in ascending.iter().enumerate() {
            for (other, right) in ascending.iter().enumerate() {
                let found = Decimal::parse(left).unwrap().cmp(Decimal::parse(right).unwrap());
                assert_eq!(found, at.cmp(&other), "{left} {right}");
            }
        }
    }

    #[test]
    fn one_number_has_several_texts() {
        for (left, right) in [("1", "+01.00"), ("-0", "0"), ("0.5", "00.50")] {
            let found = Decimal::parse(left).unwrap().cmp(Decimal::parse(right).unwrap());
            assert_eq!(found, Ordering::Equal, "{left} {right}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", ".", "1.", ".5", "1e3", "0x1", "1 ", "--1", "NaN", "\u{661}"] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }
}
