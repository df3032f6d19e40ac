//! What a client offers of permessage-deflate, and what is agreed on.

use super::{WINDOW_BITS_MAX, WINDOW_BITS_MIN};

const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT: &str = "client_no_context_takeover";
const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_BITS: &str = "client_max_window_bits";

/// What our own clients offer.
pub const OFFER: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// What was agreed on. Neither side uses a message to compress the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Bits of the window that the server may use, 9 to 15.
    pub server_window_bits: u8,
    /// The client asked for a window of its choice, so it must be told.
    tells_window: bool,
}

impl Agreed {
    /// Takes an offer: one element of `Sec-WebSocket-Extensions`. None when it is for something else, is not well formed,
    /// or asks for what cannot be done: a server's window of 8 bits. The client's window may have any size.
    #[must_use]
    pub fn from_offer(offer: &str) -> Option<Self> {
        let mut parts = offer.split(';').map(trimmed);
        if !parts.next()?.eq_ignore_ascii_case(NAME) {
            return None;
        }
        let mut seen = Seen::default();
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (trimmed(name), Some(unquoted(trimmed(value))?)),
                None => (part, None),
            };
            seen.take(name, value)?;
        }
        let bits = seen.server_bits.unwrap_or(WINDOW_BITS_MAX);
        let tells_window = seen.server_bits.is_some();
        (WINDOW_BITS_MIN <= bits).then_some(Self { server_window_bits: bits, tells_window })
    }

    /// True when the server may use the largest window.
    #[must_use]
    pub fn has_full_window(&self) -> bool {
        self.server_window_bits == WINDOW_BITS_MAX
    }

    /// Reads what a server answered to [`OFFER`]. None when it is not what was offered.
    #[must_use]
    pub fn from_response(response: &str) -> Option<Self> {
        let agreed = Self::from_offer(response)?;
        let says = |name| response.split(';').any(|it| trimmed(it) == name);
        (says(SERVER_NO_CONTEXT) && says(CLIENT_NO_CONTEXT)).then_some(agreed)
    }

    /// The value of `Sec-WebSocket-Extensions` for the answer to the client.
    #[must_use]
    pub fn response(self) -> String {
        if self.tells_window {
            format!("{OFFER}; {SERVER_BITS}={}", self.server_window_bits)
        } else {
            OFFER.to_owned()
        }
    }
}

/// The parameters of an offer. None may come twice.
#[derive(Debug, Default)]
struct Seen {
    server_no_context: bool,
    client_no_context: bool,
    server_bits: Option<u8>,
    client_bits: Option<u8>,
}

impl Seen {
    /// None when the parameter is not known, comes twice, or has a value that it cannot have.
    fn take(&mut self, name: &str, value: Option<&str>) -> Option<()> {
        match (name, value) {
            (SERVER_NO_CONTEXT, None) => {
                first(!std::mem::replace(&mut self.server_no_context, true))
            }
            (CLIENT_NO_CONTEXT, None) => {
                first(!std::mem::replace(&mut self.client_no_context, true))
            }
            (SERVER_BITS, Some(value)) => first(self.server_bits.replace(bits(value)?).is_none()),
            (CLIENT_BITS, value) => {
                let bits = value.map_or(Some(WINDOW_BITS_MAX), bits)?;
                first(self.client_bits.replace(bits).is_none())
            }
            _ => None,
        }
    }
}

fn first(is_first: bool) -> Option<()> {
    is_first.then_some(())
}

/// 8 to 15, without zeros before.
fn bits(value: &str) -> Option<u8> {
    let bits = value.parse().ok().filter(|bits| (8..=WINDOW_BITS_MAX).contains(bits))?;
    (bits.to_string() == value).then_some(bits)
}

/// The text of a value in quotes. One with a `\` is none of ours.
fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"'),
        None => Some(value),
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(offer: &str, expected: Option<&str>) {
        let response = Agreed::from_offer(offer).map(Agreed::response);
        let expected = expected.map(|it| format!("{OFFER}{it}"));
        assert_eq!(response, expected, "{offer}");
    }

    #[test]
    fn what_can_be_done_is_agreed_on_without_context() {
        check("permessage-deflate", Some(""));
        check("Permessage-Deflate ;client_max_window_bits", Some(""));
        check("permessage-deflate; client_max_window_bits=8", Some(""));
        check("permessage-deflate; server_no_context_takeover", Some(""));
        check(
            "permessage-deflate; client_no_context_takeover;server_no_context_takeover",
            Some(""),
        );
        check("permessage-deflate; server_max_window_bits=9", Some("; server_max_window_bits=9"));
        check(
            "permessage-deflate;server_max_window_bits = \"15\"",
            Some("; server_max_window_bits=15"),
        );
    }

    #[test]
    fn what_cannot_be_done_or_is_not_well_formed_is_declined() {
        for offer in [
            "",
            "x-webkit-deflate-frame",
            "permessage-deflate;",
            "permessage-deflate; unknown",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=8",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=09",
            "permessage-deflate; server_max_window_bits=+9",
            "permessage-deflate; server_max_window_bits=\"9",
            "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
        ] {
            check(offer, None);
        }
    }

    #[test]
    fn a_client_takes_only_what_it_offered() {
        let agreed = Agreed::from_offer("permessage-deflate; server_max_window_bits=10").unwrap();
        assert_eq!(Agreed::from_response(&agreed.response()), Some(agreed));
        assert_eq!(Agreed::from_response("permessage-deflate"), None);
        assert_eq!(Agreed::from_response("permessage-deflate; server_no_context_takeover"), None);
    }
}
