//! Close frames: what they say, and what is answered.

use bytes::Bytes;

use super::Violation;
use super::limits::REASON_BYTES_MAX;
use super::write;

/// All is done.
pub const NORMAL: u16 = 1000;
/// The server stops, or the user leaves the page.
pub const GOING_AWAY: u16 = 1001;
/// A frame is against the protocol.
pub const PROTOCOL: u16 = 1002;
/// Data of a kind that is not taken here.
pub const UNSUPPORTED: u16 = 1003;
/// A message is not what its kind says, such as text that is not UTF-8.
pub const INVALID_DATA: u16 = 1007;
/// A message is longer than is taken here.
pub const TOO_LONG: u16 = 1009;

/// What a close frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close<'a> {
    /// The code; none when the frame is empty.
    pub code: Option<u16>,
    /// The reason, at most 123 bytes; empty for none.
    pub reason: &'a str,
}

impl<'a> Close<'a> {
    /// Reads what a close frame carries.
    ///
    /// # Errors
    /// [`Violation`]: half a code, a code that must not be sent, or a reason that is not UTF-8.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Violation> {
        let Some((code, reason)) = payload.split_first_chunk::<2>() else {
            let empty = Close { code: None, reason: "" };
            return if payload.is_empty() { Ok(empty) } else { Err(Violation::CloseLength) };
        };
        let code = u16::from_be_bytes(*code);
        if !may_be_sent(code) {
            return Err(Violation::CloseCode(code));
        }
        let Ok(reason) = str::from_utf8(reason) else { return Err(Violation::CloseReason) };
        Ok(Close { code: Some(code), reason })
    }

    /// The frame with which a server answers: the same code, and no reason. Whoever sent a close frame first and gets
    /// this one answers nothing. Then the connection is closed, by the server first.
    #[must_use]
    pub fn answer(&self) -> Bytes {
        self.code.map_or_else(write::close_without_code, |code| write::close(code, ""))
    }
}

/// True for a code that may stand in a close frame: those given out for it (RFC 6455, 7.4, and what IANA added), and
/// 3000 to 4999 for libraries and applications.
#[must_use]
pub const fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// The longest beginning of a reason that a close frame takes, ending between two characters.
pub(super) fn cut(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_may_be_sent_are_those_of_autobahn_and_iana() {
        for code in [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4000, 4999] {
            assert!(may_be_sent(code), "{code}");
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, u16::MAX] {
            assert!(!may_be_sent(code), "{code}");
        }
    }

    #[test]
    fn what_a_close_frame_carries() {
        let check = |payload: &[u8], expected| assert_eq!(Close::parse(payload), expected);
        check(b"", Ok(Close { code: None, reason: "" }));
        check(b"\x03\xe8", Ok(Close { code: Some(1000), reason: "" }));
        check(b"\x03\xe9bye", Ok(Close { code: Some(1001), reason: "bye" }));
        check(b"\x03", Err(Violation::CloseLength));
        check(b"\x03\xed", Err(Violation::CloseCode(1005)));
        check(b"\x03\xe8\xff", Err(Violation::CloseReason));
        check(b"\x03\xe8\xc3", Err(Violation::CloseReason));
    }

    #[test]
    fn a_close_frame_is_answered_with_its_code_alone() {
        let check = |payload: &[u8], expected: &[u8]| {
            assert_eq!(&Close::parse(payload).unwrap().answer()[..], expected);
        };
        check(b"", b"\x88\x00");
        check(b"\x0f\xa0now", b"\x88\x02\x0f\xa0");
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(cut(&"x".repeat(200)).len(), 123);
        assert_eq!(cut(&"ü".repeat(100)).len(), 122);
        assert_eq!(cut("short"), "short");
    }
}
