//! What is refused, and that nothing else happens on bytes of any kind.

use proptest::prelude::*;

use super::limits::{COMMAND_ITEMS_MAX, COMMANDS_MAX, DEPTH_MAX, FRAME_BYTES_MAX, REPLY_ITEMS_MAX};
use super::*;
use crate::code;

const ENCODINGS: [Encoding; 2] = [Encoding::Json, Encoding::Protobuf];

/// The error of the last command; all before it are read.
fn refused(encoding: Encoding, frame: &[u8]) -> Option<CommandError> {
    match Commands::new(encoding, frame) {
        Ok(commands) => commands.last()?.err(),
        Err(error) => Some(error),
    }
}

fn is_json_fault(error: Option<CommandError>) -> bool {
    matches!(error, Some(CommandError::Malformed(Malformed::Json { .. })))
}

#[test]
fn a_frame_without_commands_is_refused() {
    for (encoding, frame) in
        [(Encoding::Json, ""), (Encoding::Json, " \n\r\n"), (Encoding::Protobuf, "")]
    {
        assert_eq!(refused(encoding, frame.as_bytes()), Some(CommandError::Empty));
    }
    assert_eq!(CommandError::Empty.disconnect(), code::DISCONNECT_BAD_REQUEST);
}

#[test]
fn a_frame_is_read_up_to_its_bounds() {
    let (bytes, many) = (FRAME_BYTES_MAX + 1, COMMANDS_MAX + 1);
    for encoding in ENCODINGS {
        let long = vec![b' '; bytes];
        assert_eq!(refused(encoding, &long), Some(CommandError::Long { bytes }));
        let mut frame = Vec::new();
        let pong = Command { id: 0, what: Request::Pong };
        (0..COMMANDS_MAX).for_each(|_| pong.append(encoding, &mut frame));
        assert_eq!(refused(encoding, &frame), None);
        pong.append(encoding, &mut frame);
        assert_eq!(refused(encoding, &frame), Some(CommandError::Many));
        assert_eq!(Commands::new(encoding, &frame).unwrap().count(), many);
    }
}

#[test]
fn entries_are_bounded() {
    for encoding in ENCODINGS {
        let frame = |entries: usize| {
            let headers = (0..entries).map(|at| (at.to_string().into(), "".into())).collect();
            let request = ConnectRequest { headers, ..ConnectRequest::default() };
            let mut frame = Vec::new();
            Command { id: 1, what: Request::Connect(request) }.append(encoding, &mut frame);
            frame
        };
        assert_eq!(refused(encoding, &frame(COMMAND_ITEMS_MAX)), None);
        let error = refused(encoding, &frame(COMMAND_ITEMS_MAX + 1));
        assert_eq!(error, Some(CommandError::Malformed(Malformed::Items)));
    }
    let many = vec![("".into(), ClientInfo::default()); REPLY_ITEMS_MAX + 1];
    let what = Answer::Presence(PresenceResult { presence: many });
    let frame = Reply { id: 1, what }.ready(Encoding::Protobuf);
    let read = Replies::new(Encoding::Protobuf, &frame).next().unwrap();
    assert_eq!(read, Err(Malformed::Items));
}

#[test]
fn depth_is_bounded_also_in_payloads_and_in_what_is_ignored() {
    // The command and its request are two levels.
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for member in ["data", "unknown"] {
        let frame = |levels| format!(r#"{{"id":1,"send":{{"{member}":{}}}}}"#, nested(levels));
        assert_eq!(refused(Encoding::Json, frame(DEPTH_MAX - 2).as_bytes()), None);
        let error = refused(Encoding::Json, frame(DEPTH_MAX - 1).as_bytes());
        assert_eq!(error, Some(CommandError::Malformed(Malformed::Depth)));
    }
    assert!(is_json(nested(DEPTH_MAX).as_bytes()) && !is_json(nested(DEPTH_MAX + 1).as_bytes()));
}

#[test]
fn another_shape_than_that_of_the_schema_is_refused() {
    for frame in [
        "[]",
        "1",
        "{",
        "{}{}",
        "{} x",
        r#"{"id":1,"ping":[]}"#,
        r#"{"id":1,"ping":true}"#,
        r#"{"id":"1","ping":{}}"#,
        r#"{"id":1,"send":{"data":}}"#,
        r#"{"id":1,"send":{"data":01}}"#,
        r#"{"id":1,"publish":{"channel":7}}"#,
        r#"{"id":1,"subscribe":{"recover":"true"}}"#,
        r#"{"id":1,"connect":{"subs":[]}}"#,
        "{\"id\":1,\n\"ping\":{}}",
    ] {
        assert!(is_json_fault(refused(Encoding::Json, frame.as_bytes())), "{frame}");
    }
    for frame in [
        &b"\x01"[..],                                // Cut off.
        b"\x02\x08\x80",                             // A number without an end.
        b"\x02\x0a\x00",                             // An id of bytes.
        b"\x02\x58\x00",                             // A ping that is a number.
        b"\x01\x0b",                                 // A group.
        b"\x01\x00",                                 // Field 0.
        b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", // A length beyond 64 bits.
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", // A length beyond the frame.
    ] {
        let error = refused(Encoding::Protobuf, frame);
        assert_eq!(error, Some(CommandError::Malformed(Malformed::Protobuf)), "{frame:?}");
    }
}

#[test]
fn numbers_out_of_range_are_refused() {
    for frame in [
        r#"{"id":4294967296,"ping":{}}"#,
        r#"{"id":-1,"ping":{}}"#,
        r#"{"id":1.0,"ping":{}}"#,
        r#"{"id":1,"history":{"limit":2147483648}}"#,
        r#"{"id":1,"subscribe":{"offset":18446744073709551616}}"#,
    ] {
        let error = refused(Encoding::Json, frame.as_bytes());
        assert_eq!(error, Some(CommandError::Malformed(Malformed::Range)), "{frame}");
    }
    let error = refused(Encoding::Protobuf, b"\x06\x08\x80\x80\x80\x80\x10");
    assert_eq!(error, Some(CommandError::Malformed(Malformed::Range)));
}

#[test]
fn texts_are_utf_8() {
    for (encoding, frame) in [
        (Encoding::Json, &b"{\"id\":1,\"x\":\"\xff\"}"[..]),
        (Encoding::Protobuf, b"\x07\x08\x01\x32\x03\x0a\x01\xff"),
    ] {
        let error = refused(encoding, frame);
        assert_eq!(error, Some(CommandError::Malformed(Malformed::Utf8)));
    }
}

#[test]
fn a_command_without_a_request_is_refused() {
    for (encoding, frame) in [
        (Encoding::Json, &br#"{"id":1}"#[..]),
        (Encoding::Json, br#"{"id":1,"future":{}}"#),
        (Encoding::Protobuf, b"\x02\x08\x01"),
    ] {
        assert_eq!(refused(encoding, frame), Some(CommandError::NoRequest));
    }
}

#[test]
fn after_an_error_there_is_no_more() {
    let mut commands = Commands::new(Encoding::Json, b"{}\nx\n{}").unwrap();
    assert!(matches!(commands.next(), Some(Ok(_))));
    assert!(matches!(commands.next(), Some(Err(_))));
    assert_eq!(commands.next(), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        for encoding in ENCODINGS {
            if let Ok(commands) = Commands::new(encoding, &bytes) {
                prop_assert!(commands.count() <= COMMANDS_MAX + 1);
            }
            prop_assert!(Replies::new(encoding, &bytes).count() <= bytes.len());
            let _checked = Filter::read(encoding, &bytes);
        }
    }
}
