//! Frames and messages, as they arrive.

mod messages;
mod properties;
mod rules;

use super::deflate::Inflater;
use super::limits::MESSAGE_BYTES_MAX;
use super::*;

/// An event that keeps what it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    Violation(Violation),
}

fn text(text: &str) -> Told {
    Told::Text(text.to_owned())
}

/// A connection as its owner holds it.
struct Connection {
    reader: Reader,
    received: Vec<u8>,
    gathered: Vec<u8>,
    inflater: Inflater,
}

impl Connection {
    fn new(peer: Peer, compression: Compression, message_bytes_max: u32) -> Self {
        let reader = Reader::new(peer, compression, message_bytes_max);
        Self { reader, received: Vec::new(), gathered: Vec::new(), inflater: Inflater::default() }
    }

    fn of_client() -> Self {
        Self::new(Peer::Client, Compression::Off, MESSAGE_BYTES_MAX)
    }

    /// What comes of more bytes, up to the first violation.
    fn receive(&mut self, bytes: &[u8]) -> Vec<Told> {
        self.received.extend_from_slice(bytes);
        let mut told = Vec::new();
        let mut at = 0;
        loop {
            let received = &mut self.received[at..];
            let read = self.reader.next(received, &mut self.gathered, &mut self.inflater);
            let (consumed, event) = match read {
                Ok(Read { consumed, event: Event::More(more) }) => {
                    assert!(0 < more);
                    self.received.drain(..at + consumed);
                    assert!(self.received.len() <= 130, "{} are left", self.received.len());
                    return told;
                }
                Ok(Read { consumed, event }) => (consumed, owned(event)),
                Err(violation) => {
                    told.push(Told::Violation(violation));
                    return told;
                }
            };
            told.push(event);
            at += consumed;
        }
    }
}

fn owned(event: Event<'_>) -> Told {
    match event {
        Event::More(_) => unreachable!("it tells nothing"),
        Event::Text(it) => text(it),
        Event::Binary(it) => Told::Binary(it.to_vec()),
        Event::Ping(it) => Told::Ping(it.to_vec()),
        Event::Pong(it) => Told::Pong(it.to_vec()),
        Event::Close(it) => Told::Close(it.code, it.reason.to_owned()),
    }
}

/// A frame of a client.
fn masked(head: Head, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write::masked_frame(head, [0x37, 0xfa, 0x21, 0x3d], payload, &mut out);
    out
}

const fn begin(opcode: Opcode) -> Head {
    Head { is_final: false, ..Head::whole(opcode) }
}

/// What comes of bytes of a client that arrive at once, and of the same one by one.
fn check(bytes: &[u8], expected: &[Told]) {
    assert_eq!(Connection::of_client().receive(bytes), expected, "at once: {bytes:02x?}");
    let mut connection = Connection::of_client();
    let mut told = Vec::new();
    for byte in bytes {
        told.extend(connection.receive(&[*byte]));
        if matches!(told.last(), Some(Told::Violation(_))) {
            break;
        }
    }
    assert_eq!(told, expected, "one by one: {bytes:02x?}");
}
