//! The same bytes, read by the crate `tungstenite`, which shares no code with ours.

use std::io::Cursor;

use arrw_wire::websocket::deflate::Inflater;
use arrw_wire::websocket::{Compression, Event, Head, Kind, Opcode, Peer, Reader, write};
use proptest::prelude::*;
use tungstenite::protocol::{CloseFrame, Message, Role, WebSocket, WebSocketConfig};

/// A stream that gives what it was made with, and keeps what is written.
#[derive(Debug)]
struct Ends {
    arrives: Cursor<Vec<u8>>,
    written: Vec<u8>,
}

impl std::io::Read for Ends {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.arrives.read(into)
    }
}

impl std::io::Write for Ends {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.written.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn theirs(role: Role, arrives: Vec<u8>) -> WebSocket<Ends> {
    let ends = Ends { arrives: Cursor::new(arrives), written: Vec::new() };
    WebSocket::from_raw_socket(ends, role, Some(WebSocketConfig::default()))
}

/// What theirs makes of a close frame whose code must not be sent.
const REFUSED: &str = "Protocol violation";

/// What is read of some bytes: the messages up to the first fault, and whether there was one.
#[derive(Debug, PartialEq)]
struct Seen {
    messages: Vec<Message>,
    is_refused: bool,
}

fn seen_by_theirs(bytes: &[u8]) -> Seen {
    let mut socket = theirs(Role::Server, bytes.to_vec());
    let mut messages = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Close(Some(it))) if it.reason == REFUSED => {
                return Seen { messages, is_refused: true };
            }
            Ok(message) => messages.push(message),
            Err(tungstenite::Error::Io(_) | tungstenite::Error::ConnectionClosed) => break,
            // The bytes end inside of a frame.
            Err(tungstenite::Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )) => break,
            Err(_) => return Seen { messages, is_refused: true },
        }
    }
    Seen { messages, is_refused: false }
}

fn seen_by_ours(bytes: &[u8]) -> Seen {
    let mut received = bytes.to_vec();
    let mut at = 0;
    let mut reader = Reader::new(Peer::Client, Compression::Off, 1 << 20);
    let (mut gathered, mut inflater) = (Vec::new(), Inflater::default());
    let mut messages = Vec::new();
    loop {
        let Ok(read) = reader.next(&mut received[at..], &mut gathered, &mut inflater) else {
            return Seen { messages, is_refused: true };
        };
        at += read.consumed;
        match read.event {
            Event::More(_) => return Seen { messages, is_refused: false },
            Event::Text(it) => messages.push(Message::text(it)),
            Event::Binary(it) => messages.push(Message::binary(it.to_vec())),
            Event::Ping(it) => messages.push(Message::Ping(it.to_vec().into())),
            Event::Pong(it) => messages.push(Message::Pong(it.to_vec().into())),
            Event::Close(it) => {
                let frame =
                    it.code.map(|code| CloseFrame { code: code.into(), reason: it.reason.into() });
                messages.push(Message::Close(frame));
                return Seen { messages, is_refused: false };
            }
        }
    }
}

/// A frame that may be anything, with most chance for what has a meaning.
#[derive(Clone, Debug)]
struct Frame {
    first: u8,
    is_masked: bool,
    payload: Vec<u8>,
}

impl Frame {
    fn write(&self, out: &mut Vec<u8>) {
        let begin = out.len();
        let head = Head::whole(Opcode::Text);
        if self.is_masked {
            write::masked_frame(head, [9, 8, 7, 6], &self.payload, out);
        } else {
            write::frame(head, &self.payload, out);
        }
        out[begin] = self.first;
    }
}

fn frame() -> impl Strategy<Value = Frame> {
    let first = prop_oneof![
        6 => prop::sample::select(vec![0x00, 0x80, 0x01, 0x81, 0x82, 0x02, 0x89, 0x8a]),
        1 => Just(0x88),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        4 => "[a-c€]{0,20}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => (0_usize..300).prop_map(|len| vec![b'x'; len]),
        // 1014 was given out later, and is refused by theirs.
        1 => (990_u16..5_010).prop_filter("", |&code| code != 1014).prop_map(|code| code.to_be_bytes().to_vec()),
    ];
    let is_masked = prop::bool::weighted(0.97);
    (first, is_masked, payload).prop_map(|(first, is_masked, payload)| Frame {
        first,
        is_masked,
        payload,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_server_of_theirs_sees_what_ours_sees(frames in prop::collection::vec(frame(), 1..6)) {
        let mut bytes = Vec::new();
        frames.iter().for_each(|it| it.write(&mut bytes));
        prop_assert_eq!(seen_by_ours(&bytes), seen_by_theirs(&bytes));
    }

    #[test]
    fn what_a_server_of_ours_writes_a_client_of_theirs_reads(
        text in "\\PC{0,200}",
        bytes in prop::collection::vec(any::<u8>(), 0..70_000),
        ping in prop::collection::vec(any::<u8>(), 0..=125),
    ) {
        let frames = [
            write::message(Kind::Text, text.as_bytes()),
            write::message(Kind::Binary, &bytes),
            write::ping(&ping),
            write::joined(Kind::Text, &[b"{}", text.as_bytes()], b"\n"),
            write::close(1001, "later"),
        ];
        let mut socket = theirs(Role::Client, frames.concat());
        let close = CloseFrame { code: 1001.into(), reason: "later".into() };
        let expected = [
            Message::text(text.clone()),
            Message::binary(bytes),
            Message::Ping(ping.into()),
            Message::text(format!("{{}}\n{text}")),
            Message::Close(Some(close)),
        ];
        for message in expected {
            prop_assert_eq!(socket.read().unwrap(), message);
        }
    }

    #[test]
    fn what_a_client_of_theirs_writes_ours_reads(
        text in "\\PC{0,200}",
        bytes in prop::collection::vec(any::<u8>(), 0..70_000),
    ) {
        let mut socket = theirs(Role::Client, Vec::new());
        let messages = vec![
            Message::text(text),
            Message::binary(bytes),
            Message::Close(Some(CloseFrame { code: 1000.into(), reason: "done".into() })),
        ];
        for message in &messages {
            socket.write(message.clone()).unwrap();
        }
        socket.flush().unwrap();
        let seen = seen_by_ours(&socket.get_ref().written);
        prop_assert_eq!(seen, Seen { messages, is_refused: false });
    }
}
