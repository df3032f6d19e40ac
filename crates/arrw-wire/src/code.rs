//! Every number by which a client learns that something did not go well, in one table.
//!
//! The numbers are those of the Centrifuge client protocol. A client acts on the number alone; the text is for people.

/// One number, what it is called and what a client does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// From 100. Errors, unsubscribes and disconnects have ranges of their own.
    pub number: u16,
    /// Lower case, words joined by `_`. Unique among codes of its kind; for metrics.
    pub name: &'static str,
    /// For a person; at most [`TEXT_BYTES_MAX`] bytes, and never JSON: a client tries to read the reason of a close as
    /// JSON first.
    pub text: &'static str,
    /// What it ends.
    pub kind: Kind,
    /// Whether the client tries again by itself: the command, the subscription or the connection.
    pub then: Then,
}

/// What a code ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One command. 100 to 399 are ours, 400 to 1999 the application's.
    Error,
    /// One subscription. 2000 to 2999.
    Unsubscribe,
    /// The connection: the code of the WebSocket close frame. 3000 to 4999.
    Disconnect,
}

/// What a client does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It tries again after a while: an error is temporary, a subscription or a connection is made again.
    Again,
    /// It leaves it at that.
    Ends,
}

impl Code {
    /// True when the client tries again by itself.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(self.then, Then::Again)
    }
}

/// The code of a disconnect that an application asks for: one of ours, or one of its own, from 4000 on for clients that
/// are to come again and from 4500 to 4999 for those that are not.
#[must_use]
pub fn disconnect(number: u16) -> Option<Code> {
    let of_application = |then| Code {
        number,
        name: "application",
        text: "disconnected by the application",
        kind: Kind::Disconnect,
        then,
    };
    match number {
        4000..4500 => Some(of_application(Then::Again)),
        4500..5000 => Some(of_application(Then::Ends)),
        _ => ALL.iter().find(|it| it.number == number && it.kind == Kind::Disconnect).copied(),
    }
}

/// Bytes of a code's text: a WebSocket close frame has room for no more.
pub const TEXT_BYTES_MAX: usize = 123;

macro_rules! codes {
    ($($kind:ident $number:literal $constant:ident $name:literal $text:literal $then:ident;)*) => {
        $(
            #[doc = concat!("`", $number, "`: ", $text, ".")]
            pub const $constant: Code = Code {
                number: $number,
                name: $name,
                text: $text,
                kind: Kind::$kind,
                then: Then::$then,
            };
        )*

        /// All codes, by number. The list is append-only: a number never gets another meaning.
        pub const ALL: &[Code] = &[$($constant),*];
    };
}

codes! {
    Error 100 INTERNAL "internal" "internal server error" Again;
    Error 101 UNAUTHORIZED "unauthorized" "unauthorized" Ends;
    Error 102 UNKNOWN_CHANNEL "unknown_channel" "unknown channel" Ends;
    Error 103 PERMISSION_DENIED "permission_denied" "permission denied" Ends;
    Error 104 METHOD_NOT_FOUND "method_not_found" "method not found" Ends;
    Error 105 ALREADY_SUBSCRIBED "already_subscribed" "already subscribed" Ends;
    Error 106 LIMIT_EXCEEDED "limit_exceeded" "limit exceeded" Ends;
    Error 107 BAD_REQUEST "bad_request" "bad request" Ends;
    Error 108 NOT_AVAILABLE "not_available" "not available" Ends;
    Error 109 TOKEN_EXPIRED "token_expired" "token expired" Ends;
    Error 110 EXPIRED "expired" "expired" Ends;
    Error 111 TOO_MANY_REQUESTS "too_many_requests" "too many requests" Again;
    Error 112 UNRECOVERABLE_POSITION "unrecoverable_position" "unrecoverable position" Ends;
    Error 113 CONCURRENT_PAGINATION "concurrent_pagination" "concurrent pagination" Again;

    Unsubscribe 2000 UNSUBSCRIBE_SERVER "server" "server unsubscribe" Ends;
    Unsubscribe 2500 UNSUBSCRIBE_INSUFFICIENT "insufficient_state" "insufficient state" Again;
    Unsubscribe 2501 UNSUBSCRIBE_EXPIRED "expired" "subscription expired" Again;
    Unsubscribe 2502 UNSUBSCRIBE_INVALIDATED "state_invalidated" "state invalidated" Again;

    Disconnect 3000 DISCONNECT_CLOSED "closed" "connection closed" Again;
    Disconnect 3001 DISCONNECT_SHUTDOWN "shutdown" "shutdown" Again;
    Disconnect 3004 DISCONNECT_INTERNAL "internal" "internal server error" Again;
    Disconnect 3005 DISCONNECT_EXPIRED "expired" "connection expired" Again;
    Disconnect 3006 DISCONNECT_SUBSCRIPTION_EXPIRED "subscription_expired" "subscription expired" Again;
    Disconnect 3008 DISCONNECT_SLOW "slow" "slow" Again;
    Disconnect 3009 DISCONNECT_WRITE "write_error" "write error" Again;
    Disconnect 3010 DISCONNECT_INSUFFICIENT "insufficient_state" "insufficient state" Again;
    Disconnect 3011 DISCONNECT_RECONNECT "force_reconnect" "force reconnect" Again;
    Disconnect 3012 DISCONNECT_NO_PONG "no_pong" "no pong" Again;
    Disconnect 3013 DISCONNECT_TOO_MANY_REQUESTS "too_many_requests" "too many requests" Again;
    Disconnect 3014 DISCONNECT_INVALIDATED "state_invalidated" "state invalidated" Again;
    Disconnect 3500 DISCONNECT_INVALID_TOKEN "invalid_token" "invalid token" Ends;
    Disconnect 3501 DISCONNECT_BAD_REQUEST "bad_request" "bad request" Ends;
    Disconnect 3502 DISCONNECT_STALE "stale" "stale" Ends;
    Disconnect 3503 DISCONNECT_FORCED "force_disconnect" "force disconnect" Ends;
    Disconnect 3504 DISCONNECT_CONNECTION_LIMIT "connection_limit" "connection limit" Ends;
    Disconnect 3505 DISCONNECT_CHANNEL_LIMIT "channel_limit" "channel limit" Ends;
    Disconnect 3506 DISCONNECT_INAPPROPRIATE "inappropriate_protocol" "inappropriate protocol" Ends;
    Disconnect 3507 DISCONNECT_PERMISSION_DENIED "permission_denied" "permission denied" Ends;
    Disconnect 3508 DISCONNECT_NOT_AVAILABLE "not_available" "not available" Ends;
    Disconnect 3509 DISCONNECT_TOO_MANY_ERRORS "too_many_errors" "too many errors" Ends;
}

#[cfg(test)]
mod tests {
    use centrifuge_client_core::codes::is_reconnect_code;

    use super::*;

    #[test]
    fn numbers_ascend_and_names_are_unique_in_their_kind() {
        assert!(ALL.is_sorted_by(|a, b| a.number < b.number));
        let mut names: Vec<_> = ALL.iter().map(|code| (code.kind, code.name)).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }

    #[test]
    fn numbers_lie_in_the_range_of_their_kind() {
        for code in ALL {
            let range = match code.kind {
                Kind::Error => 100..400,
                Kind::Unsubscribe => 2000..3000,
                Kind::Disconnect => 3000..4000,
            };
            assert!(range.contains(&code.number), "{code:?}");
        }
    }

    #[test]
    fn what_a_client_does_next_follows_from_the_number() {
        for code in ALL {
            let again = match code.kind {
                Kind::Error => [100, 111, 113].contains(&code.number),
                Kind::Unsubscribe => 2500 <= code.number,
                Kind::Disconnect => is_reconnect_code(code.number.into()),
            };
            assert_eq!(code.is_temporary(), again, "{code:?}");
        }
    }

    #[test]
    fn a_text_fits_a_close_frame_and_is_no_json() {
        for code in ALL {
            assert!(!code.text.is_empty() && code.text.len() <= TEXT_BYTES_MAX, "{code:?}");
            let read: Result<serde_json::Value, _> = serde_json::from_str(code.text);
            assert!(read.is_err(), "{code:?}");
        }
    }
}
