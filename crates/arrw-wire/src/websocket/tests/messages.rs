//! Messages that are well formed: the examples of the RFCs, and what they cost.

use super::deflate::Deflater;
use super::*;

/// RFC 6455, 5.7.
#[test]
fn the_examples_of_the_rfc() {
    check(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", &[text("Hello")]);
    check(b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", &[Told::Pong(b"Hello".to_vec())]);
    let of_server = |bytes: &[u8]| {
        Connection::new(Peer::Server, Compression::Off, MESSAGE_BYTES_MAX).receive(bytes)
    };
    assert_eq!(of_server(b"\x81\x05Hello"), [text("Hello")]);
    assert_eq!(of_server(b"\x01\x03Hel\x80\x02lo"), [text("Hello")]);
    assert_eq!(of_server(b"\x89\x05Hello"), [Told::Ping(b"Hello".to_vec())]);
    let binary = |len: usize, head: &[u8]| {
        let payload = vec![7; len];
        assert_eq!(of_server(&[head, &payload].concat()), [Told::Binary(payload)]);
    };
    binary(256, b"\x82\x7e\x01\x00");
    binary(65_536, b"\x82\x7f\0\0\0\0\0\x01\0\0");
}

#[test]
fn what_a_server_writes_is_as_the_rfc_has_it() {
    assert_eq!(&write::message(Kind::Text, b"Hello")[..], b"\x81\x05Hello");
    assert_eq!(&write::ping(b"Hello")[..], b"\x89\x05Hello");
    assert_eq!(&write::pong(b"")[..], b"\x8a\x00");
    assert_eq!(&write::close(1000, "bye")[..], b"\x88\x05\x03\xe8bye");
    assert_eq!(&write::joined(Kind::Text, &[b"{}", b"{}"], b"\n")[..], b"\x81\x05{}\n{}");
    assert_eq!(&write::joined(Kind::Binary, &[], b"\n")[..], b"\x82\x00");
    assert_eq!(&write::ping(&[0; 200])[..2], b"\x89\x7d");
    let head = |len| write::message(Kind::Binary, &vec![0; len])[..4].to_vec();
    assert_eq!(head(125)[..2], *b"\x82\x7d");
    assert_eq!(head(126), *b"\x82\x7e\x00\x7e");
    assert_eq!(head(65_535), *b"\x82\x7e\xff\xff");
    assert_eq!(head(65_536)[..2], *b"\x82\x7f");
}

/// RFC 7692, 7.2.3.1: whole, and in two frames with a ping between them.
#[test]
fn a_compressed_message_of_the_rfc() {
    let mut connection = Connection::new(Peer::Server, Compression::On, MESSAGE_BYTES_MAX);
    let hello = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
    assert_eq!(connection.receive(hello), [text("Hello")]);
    assert!(!connection.reader.needs_gathered());
    let fragments = b"\x41\x03\xf2\x48\xcd\x89\x01x\x80\x04\xc9\xc9\x07\x00";
    assert_eq!(connection.receive(fragments), [Told::Ping(b"x".to_vec()), text("Hello")]);
    assert_eq!(connection.receive(b"\x81\x05Hello"), [text("Hello")]);
    assert_eq!(connection.receive(hello), [text("Hello")]);
    let wrong = [&b"\xc1\x08"[..], Deflater::default().deflate(b"\xff")].concat();
    let wrong = [&[0xc1, u8::try_from(wrong.len() - 2).unwrap()], &wrong[2..]].concat();
    assert_eq!(connection.receive(&wrong), [Told::Violation(Violation::Text)]);
}

#[test]
fn control_frames_may_stand_inside_of_a_message() {
    let bytes = [
        masked(begin(Opcode::Text), b"\xe2\x82"),
        masked(Head::whole(Opcode::Ping), b"1"),
        masked(begin(Opcode::Continuation), b""),
        masked(Head::whole(Opcode::Pong), b"2"),
        masked(Head::whole(Opcode::Continuation), b"\xac!"),
        masked(Head::whole(Opcode::Text), b"next"),
    ];
    let expected = [Told::Ping(b"1".to_vec()), Told::Pong(b"2".to_vec()), text("€!"), text("next")];
    check(&bytes.concat(), &expected);
}

#[test]
fn a_message_that_is_whole_is_given_where_it_stands() {
    let mut reader = Reader::new(Peer::Client, Compression::Off, MESSAGE_BYTES_MAX);
    let (mut gathered, mut inflater) = (Vec::new(), Inflater::default());
    let mut received = masked(Head::whole(Opcode::Binary), &[9; 1_000]);
    let place = received.as_ptr_range();
    let read = reader.next(&mut received, &mut gathered, &mut inflater).unwrap();
    let Event::Binary(message) = read.event else { panic!("{read:?}") };
    assert!(place.contains(&message.as_ptr()) && message == [9; 1_000]);
    assert_eq!((gathered.capacity(), reader.needs_gathered()), (0, false));
}

#[test]
fn memory_grows_by_what_arrives_and_not_by_what_is_said() {
    let mut connection = Connection::of_client();
    let frame = masked(Head::whole(Opcode::Binary), &vec![9; 60_000]);
    assert_eq!(connection.receive(&frame[..1_000]), []);
    assert!(connection.gathered.capacity() <= 2_000);
    assert!(connection.reader.needs_gathered());
    assert_eq!(connection.receive(&frame[1_000..]), [Told::Binary(vec![9; 60_000])]);
    assert!(!connection.reader.needs_gathered() && connection.gathered.is_empty());
}

#[test]
fn a_connection_is_small() {
    assert_eq!(size_of::<Parser>(), 16);
    assert_eq!(size_of::<Reader>(), 32);
}

#[test]
fn a_message_that_does_not_shrink_is_sent_as_it_is() {
    let mut deflater = Deflater::default();
    assert_eq!(&write::compressed(Kind::Text, b"ab", &mut deflater)[..], b"\x81\x02ab");
    assert_eq!(&write::compressed(Kind::Text, b"", &mut deflater)[..], b"\x81\x00");
    let long = "so much of the same ".repeat(50);
    let frame = write::compressed(Kind::Text, long.as_bytes(), &mut deflater);
    assert!(frame[0] == 0xc1 && frame.len() < 60, "{frame:?}");
}
