//! The parsers of this module as functions of bytes: they panic when a property does not hold. `arrw-fuzz` makes its targets
//! of them, as this crate depends on none of ours.

use super::close;
use super::deflate::{Agreed, Deflater, Inflater, WINDOW_BITS_MAX, WINDOW_BITS_MIN};
use super::handshake::{self, Offer, Refused, Request};
use super::limits::REASON_BYTES_MAX;
use super::parser::{Compression, Peer};
use super::reader::{Event, Read, Reader};
use super::violation::Violation;
use super::write::{self, Kind};
use super::{Head, Opcode};

/// Bytes that a message may have here, so that inputs reach the limit.
const MESSAGE_BYTES_MAX: u32 = 4 * 1024;

/// An event that keeps what it tells.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Message(Opcode, Vec<u8>),
    Control(Opcode, Vec<u8>),
}

/// Frames that arrive: the first byte says from whom and whether messages may be compressed, the second in pieces of how
/// many bytes. They mean the same at once. Answers how many events there were, and the bytes of the longest.
///
/// # Errors
/// The violation with which they end.
///
/// # Panics
/// When something does not hold.
pub fn frames(input: &[u8]) -> Result<[usize; 2], Violation> {
    let [ways, size, bytes @ ..] = input else { return Ok([0; 2]) };
    let peer = if ways & 1 == 0 { Peer::Client } else { Peer::Server };
    let compression = if ways & 2 == 0 { Compression::Off } else { Compression::On };
    let reader = Reader::new(peer, compression, MESSAGE_BYTES_MAX);
    let (told, end) = told(reader.clone(), bytes.chunks(bytes.len().max(1)));
    let in_pieces = self::told(reader, bytes.chunks(usize::from(*size).max(1)));
    assert_eq!((&told, end), (&in_pieces.0, in_pieces.1));
    let longest = told.iter().map(again).max();
    end.map_or(Ok([told.len(), longest.unwrap_or_default()]), |violation| {
        assert!(close::may_be_sent(violation.close_code()));
        assert!(violation.to_string().len() <= REASON_BYTES_MAX);
        Err(violation)
    })
}

fn told<'a>(
    mut reader: Reader,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Told>, Option<Violation>) {
    let (mut received, mut gathered) = (Vec::new(), Vec::new());
    let mut inflater = Inflater::default();
    let mut told = Vec::new();
    for piece in pieces {
        received.extend_from_slice(piece);
        let mut at = 0;
        loop {
            let rest = &mut received[at..];
            let Read { consumed, event } = match reader.next(rest, &mut gathered, &mut inflater) {
                Ok(read) => read,
                Err(violation) => return (told, Some(violation)),
            };
            at += consumed;
            told.push(match event {
                Event::More(more) => {
                    assert!(0 < more);
                    break;
                }
                Event::Text(it) => Told::Message(Opcode::Text, it.as_bytes().to_vec()),
                Event::Binary(it) => Told::Message(Opcode::Binary, it.to_vec()),
                Event::Ping(it) => Told::Control(Opcode::Ping, it.to_vec()),
                Event::Pong(it) => Told::Control(Opcode::Pong, it.to_vec()),
                Event::Close(it) => Told::Control(Opcode::Close, it.answer().to_vec()),
            });
        }
        received.drain(..at);
        assert!(received.len() <= 130, "{} bytes are left", received.len());
    }
    (told, None)
}

/// What was told, written by a server and read by its client, is the same. Answers its bytes.
fn again(told: &Told) -> usize {
    let reader = Reader::new(Peer::Server, Compression::Off, MESSAGE_BYTES_MAX);
    let (payload, frame) = match told {
        Told::Message(Opcode::Text, payload) => (payload, write::message(Kind::Text, payload)),
        Told::Message(_, payload) => (payload, write::message(Kind::Binary, payload)),
        Told::Control(Opcode::Close, answer) => (answer, answer.clone().into()),
        Told::Control(opcode, payload) => {
            let mut out = Vec::new();
            write::frame(Head::whole(*opcode), payload, &mut out);
            (payload, out.into())
        }
    };
    assert_eq!(self::told(reader, [&frame[..]].into_iter()).0, [told_of(told)]);
    payload.len()
}

fn told_of(told: &Told) -> Told {
    match told {
        Told::Message(opcode, payload) => Told::Message(*opcode, payload.clone()),
        Told::Control(opcode, payload) => Told::Control(*opcode, payload.clone()),
    }
}

/// Some frames of each kind.
#[must_use]
pub fn frames_seeds() -> Vec<Vec<u8>> {
    let mut of_client = vec![2, 3];
    let frame = |opcode, is_final, is_compressed| Head { opcode, is_final, is_compressed };
    let hello = Deflater::default().deflate(b"Hello, Hello, Hello").to_vec();
    let frames: [(Head, &[u8]); 6] = [
        (frame(Opcode::Text, true, false), "größe".as_bytes()),
        (frame(Opcode::Binary, false, true), &hello[..3]),
        (frame(Opcode::Ping, true, false), b"ping"),
        (frame(Opcode::Continuation, true, false), &hello[3..]),
        (frame(Opcode::Binary, true, false), &[7; 300]),
        (frame(Opcode::Close, true, false), b"\x03\xe8bye"),
    ];
    for (head, payload) in frames {
        write::masked_frame(head, [1, 2, 3, 4], payload, &mut of_client);
    }
    let of_server = [&[1, 200][..], &write::message(Kind::Text, b"{}"), &write::ping(b"")].concat();
    vec![of_client, of_server]
}

/// A compressed message: it inflates within its limit, and what comes out compresses and inflates to the same. Answers its
/// bytes, and those that came out.
///
/// # Errors
/// The violation.
///
/// # Panics
/// When something does not hold.
pub fn inflate(input: &[u8]) -> Result<[usize; 2], Violation> {
    const MAX: u32 = 1024 * 1024;
    let mut inflater = Inflater::default();
    let message = inflater.inflate(input, MAX)?.to_vec();
    assert!(message.len() <= MAX as usize);
    let mut deflater = Deflater::new(1, WINDOW_BITS_MIN);
    let deflated = deflater.deflate(&message);
    match inflater.inflate(deflated, MAX) {
        Ok(again) => assert!(again == message, "it is another"),
        // It was barely within the ratio before.
        Err(violation) => assert_eq!(violation, Violation::Inflated),
    }
    Ok([input.len(), message.len()])
}

/// Some compressed messages.
#[must_use]
pub fn inflate_seeds() -> Vec<Vec<u8>> {
    let messages: [&[u8]; 4] = [b"", b"Hello", &[b'a'; 5_000], b"{\"a\":1}\n{\"a\":2}\n{\"a\":3}"];
    messages.iter().map(|it| Deflater::default().deflate(it).to_vec()).collect()
}

/// A request, as its line and headers: what is accepted is within what both have. Answers which subprotocol, and the
/// bits of the window.
///
/// # Errors
/// Why it is refused.
///
/// # Panics
/// When something does not hold.
pub fn request(input: &[u8]) -> Result<[usize; 2], Refused> {
    let mut lines = input.split(|&byte| byte == b'\n');
    let line = str::from_utf8(lines.next().unwrap_or_default()).unwrap_or_default();
    let (method, version) = line.split_once(' ').unwrap_or_default();
    let headers = lines.filter_map(|line| {
        let at = line.iter().position(|&byte| byte == b':')?;
        Some((str::from_utf8(&line[..at]).ok()?, &line[at + 1..]))
    });
    let ours = Offer { protocols: &["b", "a"], compression: Compression::On };
    let accepted = handshake::accept(Request { method, version, headers }, ours)?;
    assert_eq!(accepted.accept.len(), 28);
    let protocol = accepted.protocol.map_or(0, |it| usize::from(it.as_bytes()[0]));
    let bits = accepted.deflate.map_or(0, |agreed| {
        assert!((WINDOW_BITS_MIN..=WINDOW_BITS_MAX).contains(&agreed.server_window_bits));
        assert_eq!(Agreed::from_response(&agreed.response()), Some(agreed));
        usize::from(agreed.server_window_bits)
    });
    Ok([protocol, bits])
}

/// Some requests.
#[must_use]
pub fn request_seeds() -> Vec<Vec<u8>> {
    let plain = "GET HTTP/1.1\nUpgrade: websocket\nConnection: keep-alive, Upgrade\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13";
    let more = "Sec-WebSocket-Protocol: a, b\nSec-WebSocket-Extensions: permessage-deflate; \
        server_max_window_bits=10; client_max_window_bits, permessage-deflate";
    vec![plain.into(), format!("{plain}\n{more}").into(), "POST HTTP/1.0\ncontent-length: 5".into()]
}
