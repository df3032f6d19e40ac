//! Payloads that tell who published them, with a text that follows from the seed.

use serde::Deserialize;

use super::limits::{LARGE_EVERY, LARGE_TEXT_MAX, TEXT_MAX};
use crate::history::Written;
use crate::random::Random;

/// The name of a channel.
pub(super) fn channel(number: u32) -> String {
    // Not where the events of the other torture are.
    format!("channels.{number}")
}

/// The payload of a publication, as JSON.
pub(super) fn json(seed: u64, event: Written) -> String {
    let Written { writer, number } = event;
    format!(r#"{{"w":{writer},"n":{number},"x":"{}"}}"#, text(seed, event))
}

#[derive(Debug, Deserialize)]
struct Payload<'a> {
    w: u32,
    n: u64,
    x: &'a str,
}

/// Whose a payload is; nobody's when it is not what was published.
pub(super) fn written(seed: u64, offset: u64, payload: &[u8]) -> Written {
    let Ok(Payload { w, n, x }) = serde_json::from_slice(payload) else {
        return Written::by_nobody(offset);
    };
    let event = Written { writer: w, number: n };
    if x == text(seed, event) { event } else { Written::by_nobody(offset) }
}

/// What belongs to this publication alone.
fn text(seed: u64, event: Written) -> String {
    let mut random = Random::new(seed);
    for part in [u64::from(event.writer), event.number] {
        random = Random::new(random.next() ^ part);
    }
    let max = if random.below(LARGE_EVERY) == 0 { LARGE_TEXT_MAX } else { TEXT_MAX };
    let len = usize::try_from(random.below(max + 1)).unwrap_or(0);
    let mut text = String::with_capacity(len + 16);
    while text.len() < len {
        for digit in random.next().to_le_bytes() {
            text.push(char::from(b'a' + digit % 26));
        }
    }
    text.truncate(len);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_that_was_changed_is_nobodys() {
        let event = Written { writer: 3, number: 15 };
        let sent = json(5, event);
        assert!(!text(5, event).is_empty(), "{sent}");
        assert_eq!(written(5, 7, sent.as_bytes()), event);
        assert_eq!(written(6, 7, sent.as_bytes()), Written::by_nobody(7));
        let other = sent.replace("\"n\":15", "\"n\":16");
        assert_eq!(written(5, 7, other.as_bytes()), Written::by_nobody(7));
        assert_eq!(written(5, 7, &sent.as_bytes()[1..]), Written::by_nobody(7));
    }
}
