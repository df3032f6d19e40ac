//! Texts: positions and names of topics.

use super::{Outcome, Target, seeds, text_of};
use crate::limits::TOPIC_BYTES_MAX;
use crate::position::Position;
use crate::topic::check_topic;

pub(super) const POSITION: Target = Target {
    name: "log-position",
    what: "text of a position: printed and read again it is the same",
    run: position,
    seeds: || seeds(&["00c0ffee00c0ffee:42", "ffffffffffffffff:18446744073709551615", "42"]),
    words: &[":", "0000000000000001", "18446744073709551616", "+", "-"],
};

pub(super) const TOPIC: Target = Target {
    name: "log-topic",
    what: "name of a topic: as a description in another form says",
    run: topic,
    seeds: || seeds(&["orders.eu.created", "~.room.1", "größe.ü", "a..b", "a b", "a.*"]),
    words: &[".", "..", "*", ">", " ", "\u{a0}", "\u{85}", "\u{7f}", "\u{2028}", "ü"],
};

fn position(input: &[u8]) -> Outcome {
    let text = text_of(input);
    match text.parse::<Position>() {
        Ok(position) => {
            let printed = position.to_string();
            assert_eq!(printed.parse(), Ok(position), "`{text}` is printed as another position");
            assert!(printed.len() <= text.len(), "`{printed}` is longer than `{text}`");
            Outcome::accepted(&[text.len(), printed.len()])
        }
        Err(error) => Outcome::refused_because(&error),
    }
}

fn topic(input: &[u8]) -> Outcome {
    let name = text_of(input);
    let is_plain = |token: &str| {
        let is_other = |it: char| it.is_whitespace() || it.is_control() || "*>".contains(it);
        !token.is_empty() && !token.contains(is_other)
    };
    let is_name = name.len() <= TOPIC_BYTES_MAX && name.split('.').all(is_plain);
    match check_topic(name) {
        Ok(()) => {
            assert!(is_name, "`{name}` is taken for a topic");
            Outcome::accepted(&[name.len(), name.split('.').count(), usize::from(name.is_ascii())])
        }
        Err(error) => {
            assert!(!is_name, "`{name}` is refused: {error}");
            Outcome::refused_because(&error)
        }
    }
}
