//! What a topic's name may be.

use crate::error::RecordError;
use crate::limits::{SHOWN_CHARS_MAX, TOPIC_BYTES_MAX};

/// Checks a topic's name: 1 to 255 bytes, tokens of printable characters separated by dots, none of
/// them empty, without space, `*` or `>` (those are for filters).
///
/// # Errors
/// [`RecordError::Topic`], with what is wrong. A very long name is cut in there.
pub fn check_topic(name: &str) -> Result<(), RecordError> {
    let refuse = |why| {
        let name = name.chars().take(SHOWN_CHARS_MAX).collect();
        Err(RecordError::Topic { name, why })
    };
    if TOPIC_BYTES_MAX < name.len() {
        return refuse("a topic's name has at most 255 bytes");
    }
    let mut before = b'.';
    for byte in name.bytes() {
        match byte {
            b'.' if before == b'.' => return refuse("no token between dots may be empty"),
            b'*' | b'>' => return refuse("`*` and `>` are for filters only"),
            0..=b' ' | 0x7F => return refuse("spaces and control characters are not allowed"),
            _ => before = byte,
        }
    }
    if before == b'.' {
        return refuse("a topic needs a name, and no token between dots may be empty");
    }
    let other_space = |character: char| character.is_whitespace() || character.is_control();
    if !name.is_ascii() && name.chars().any(other_space) {
        return refuse("spaces and control characters are not allowed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_clients_use_are_allowed() {
        for name in
            ["orders", "orders.eu.created", "chat:room.1", "#42", "$private", "größe.ü", "a-b_c"]
        {
            assert!(check_topic(name).is_ok(), "{name}");
        }
        assert!(check_topic(&"x".repeat(255)).is_ok());
    }

    #[test]
    fn names_that_would_confuse_a_filter_are_refused() {
        for name in ["", ".", "a.", ".a", "a..b", "a b", "a\tb", "a\u{7f}", "a.*", ">", "a\u{a0}b"]
        {
            assert!(check_topic(name).is_err(), "{name:?}");
        }
        let refused = check_topic(&"ü".repeat(100_000)).unwrap_err().to_string();
        assert!(refused.len() < 1_000, "{} bytes", refused.len());
        assert!(check_topic(&"x".repeat(256)).is_err());
    }
}
