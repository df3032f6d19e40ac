//! What a peer must not do, one by one.

use super::*;

fn check_refused(bytes: &[u8], expected: Violation) {
    check(bytes, &[Told::Violation(expected)]);
    let reason = expected.to_string();
    assert!(reason.len() <= limits::REASON_BYTES_MAX, "{reason}");
    assert!(close::may_be_sent(expected.close_code()));
}

#[test]
fn a_client_masks_and_a_server_does_not() {
    check_refused(b"\x81\x05Hello", Violation::Unmasked);
    check_refused(b"\x89\x00", Violation::Unmasked);
    let mut connection = Connection::new(Peer::Server, Compression::Off, 9);
    let told = connection.receive(&masked(Head::whole(Opcode::Text), b"Hello"));
    assert_eq!(told, [Told::Violation(Violation::Masked)]);
}

#[test]
fn bits_without_a_meaning_are_refused() {
    for bits in [0x10, 0x20, 0x40, 0x70] {
        for opcode in [0, 1, 2, 8, 9, 10] {
            check_refused(&[0x80 | bits | opcode, 0x80], Violation::ReservedBit);
        }
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        check_refused(&[0x80 | opcode, 0x80], Violation::Opcode(opcode));
    }
}

#[test]
fn with_compression_its_bit_is_for_first_frames_of_messages_alone() {
    let first = |bytes: &[u8]| {
        let mut connection = Connection::new(Peer::Client, Compression::On, 9);
        connection.receive(bytes)
    };
    for opcode in [0, 8, 9, 10] {
        let told = first(&[0xc0 | opcode, 0x80]);
        assert_eq!(told, [Told::Violation(Violation::ReservedBit)], "{opcode}");
    }
    let continued = [0x41, 0x80, 0, 0, 0, 0, 0xc0, 0x80];
    assert_eq!(first(&continued), [Told::Violation(Violation::ReservedBit)]);
    assert_eq!(first(&[0xc1, 0x81, 0, 0, 0, 0, 0]), [text("")]);
}

#[test]
fn control_frames_are_short_and_whole() {
    for opcode in [8, 9, 10] {
        check_refused(&[opcode, 0x80], Violation::ControlFragmented);
        check_refused(&[0x80 | opcode, 0xfe], Violation::ControlTooLong);
        check_refused(&[0x80 | opcode, 0xff], Violation::ControlTooLong);
    }
    let longest = [b'x'; 125];
    check(&masked(Head::whole(Opcode::Ping), &longest), &[Told::Ping(longest.to_vec())]);
}

#[test]
fn lengths_have_one_form() {
    check_refused(&[0x82, 0xfe, 0, 125], Violation::LengthNotMinimal);
    check_refused(&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], Violation::LengthNotMinimal);
    check_refused(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], Violation::LengthBit);
    let too_long = Violation::MessageTooLong(MESSAGE_BYTES_MAX);
    check_refused(&[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], too_long);
    check_refused(&[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 1], too_long);
}

#[test]
fn frames_of_a_message_follow_one_another() {
    check_refused(&[0x80, 0x80], Violation::Continuation);
    check_refused(&[0x00, 0x80], Violation::Continuation);
    let begun = masked(begin(Opcode::Text), b"a");
    for opcode in [0x01, 0x81, 0x02, 0x82] {
        check_refused(&[&begun[..], &[opcode, 0x80]].concat(), Violation::Interleaved);
    }
    let whole = masked(Head::whole(Opcode::Text), b"a");
    let bytes = [&whole[..], &[0x80, 0x80]].concat();
    check(&bytes, &[text("a"), Told::Violation(Violation::Continuation)]);
}

#[test]
fn text_is_refused_with_its_first_wrong_byte() {
    let wrong: [&[u8]; 7] = [
        b"\xff",
        b"a\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
        b"\x80",
    ];
    for bytes in wrong {
        check_refused(&masked(Head::whole(Opcode::Text), bytes), Violation::Text);
        let begun = masked(begin(Opcode::Text), bytes);
        check_refused(&begun, Violation::Text);
        // Not a byte later, though the frame goes on.
        let valid = str::from_utf8(bytes).unwrap_err();
        let upto = begun.len() - bytes.len() + valid.valid_up_to() + valid.error_len().unwrap() + 1;
        check_refused(&begun[..upto.min(begun.len())], Violation::Text);
    }
    check_refused(&masked(Head::whole(Opcode::Text), b"\xe2\x82"), Violation::Text);
    let cut =
        [masked(begin(Opcode::Text), b"\xe2\x82"), masked(Head::whole(Opcode::Continuation), b"")];
    check_refused(&cut.concat(), Violation::Text);
    check(&masked(Head::whole(Opcode::Binary), b"\xff"), &[Told::Binary(b"\xff".to_vec())]);
}

#[test]
fn close_frames_are_what_they_may_be() {
    let closing = |payload: &[u8]| masked(Head::whole(Opcode::Close), payload);
    check(&closing(b""), &[Told::Close(None, String::new())]);
    check(&closing(b"\x03\xe8bye"), &[Told::Close(Some(1000), "bye".to_owned())]);
    check_refused(&closing(b"\x03"), Violation::CloseLength);
    check_refused(&closing(b"\x03\xee"), Violation::CloseCode(1006));
    check_refused(&closing(b"\x03\xe8\xce\xba\xff"), Violation::CloseReason);
}

#[test]
fn after_the_end_nothing_has_a_meaning() {
    let closing = masked(Head::whole(Opcode::Close), b"\x03\xe8");
    let more = masked(Head::whole(Opcode::Text), b"more");
    check(
        &[&closing[..], &more, b"\xff\xff\xff"].concat(),
        &[Told::Close(Some(1000), String::new())],
    );
    let mut connection = Connection::of_client();
    assert_eq!(connection.receive(b"\xff\xff").len(), 1);
    assert_eq!(connection.receive(&more), []);
    assert!(connection.received.is_empty() && !connection.reader.needs_gathered());
}

#[test]
fn a_message_has_a_longest_and_a_number_of_frames() {
    let mut connection = Connection::new(Peer::Client, Compression::Off, 10);
    let [first, last] = [begin(Opcode::Binary), Head::whole(Opcode::Continuation)];
    let told = connection.receive(&[masked(first, b"01234"), masked(last, b"56789")].concat());
    assert_eq!(told, [Told::Binary(b"0123456789".to_vec())]);
    let told = connection.receive(&[masked(first, b"01234"), masked(last, b"567890")].concat());
    assert_eq!(told, [Told::Violation(Violation::MessageTooLong(10))]);

    let mut connection = Connection::of_client();
    assert_eq!(connection.receive(&masked(first, b"")), []);
    for _ in 2..limits::FRAGMENTS_MAX {
        assert_eq!(connection.receive(&masked(begin(Opcode::Continuation), b"")), []);
    }
    assert_eq!(connection.receive(&masked(last, b"x")), [Told::Binary(b"x".to_vec())]);
    assert_eq!(connection.receive(&masked(first, b"")), []);
    for _ in 1..limits::FRAGMENTS_MAX {
        assert_eq!(connection.receive(&masked(begin(Opcode::Continuation), b"")), []);
    }
    let told = connection.receive(&masked(last, b"x"));
    let violation = Violation::Fragments(limits::FRAGMENTS_MAX);
    assert_eq!(told, [Told::Violation(violation)]);
    assert_eq!(violation.to_string(), "a message has more than 1024 fragments");
}
