//! Frames that are none, too large, too many, or compressed to deceive.

use std::sync::OnceLock;

use arrw_wire::websocket::deflate::Deflater;
use arrw_wire::websocket::{Head, Opcode};

use super::super::ground::{ENDED, Ground};
use super::super::limits::FLOOD_TIMES_MAX;
use super::strike::{Strike, TAKEN, binary, frame, text};

/// Makes a strike.
pub(super) type Draft = fn(&Ground) -> Strike;

const PROTOCOL: &[u16] = &[1002];
const DATA: &[u16] = &[1007];
const TOO_LONG: &[u16] = &[1009];
const FLOODED: &[u16] = &[TAKEN, 111, 3013, ENDED];

/// Bytes that come out of a bomb.
const BOMB_BYTES: usize = 8 << 20;

fn part(is_final: bool, opcode: Opcode) -> Head {
    Head { is_final, ..Head::whole(opcode) }
}

pub(super) const UNMASKED: &[Draft] = &[
    |_| Strike::new("text that is not masked", b"\x81\x01x".to_vec(), PROTOCOL),
    |_| Strike::new("a ping that is not masked", b"\x89\x00".to_vec(), PROTOCOL),
];

pub(super) const RESERVED: &[Draft] = &[
    |_| Strike::new("the second reserved bit", b"\xa1\x81\0\0\0\0x".to_vec(), PROTOCOL),
    |_| Strike::new("the third reserved bit", b"\x91\x81\0\0\0\0x".to_vec(), PROTOCOL),
];

pub(super) const OPCODES: &[Draft] = &[
    |_| Strike::new("a reserved opcode of data", b"\x83\x81\0\0\0\0x".to_vec(), PROTOCOL),
    |_| Strike::new("a reserved opcode of control", b"\x8b\x80\0\0\0\0".to_vec(), PROTOCOL),
    |_| Strike::new("the last opcode", b"\x8f\x80\0\0\0\0".to_vec(), PROTOCOL),
];

pub(super) const RSV1: &[Draft] = &[
    |_| Strike::new("compressed, not agreed on", b"\xc1\x81\0\0\0\0x".to_vec(), PROTOCOL),
    |_| Strike::new("a compressed ping", b"\xc9\x80\0\0\0\0".to_vec(), PROTOCOL).compressed(),
];

pub(super) const CONTROL: &[Draft] = &[
    |_| Strike::new("a ping in pieces", b"\x09\x80\0\0\0\0".to_vec(), PROTOCOL),
    |_| Strike::new("a close in pieces", b"\x08\x80\0\0\0\0".to_vec(), PROTOCOL),
    |_| Strike::new("a long ping", b"\x89\xfe\x00\x7e\0\0\0\0".to_vec(), PROTOCOL),
    |_| Strike::new("a long close", b"\x88\xfe\x00\x7e\0\0\0\0".to_vec(), PROTOCOL),
];

pub(super) const CONTINUE: &[Draft] = &[
    |_| Strike::new("the rest of nothing", b"\x80\x81\0\0\0\0x".to_vec(), PROTOCOL),
    |_| {
        let begun = frame(part(false, Opcode::Text), b"{");
        Strike::new("a message inside of another", [begun, text("{}")].concat(), PROTOCOL)
    },
];

pub(super) const FRAGMENTS: &[Draft] = &[
    |_| {
        let begun = frame(part(false, Opcode::Text), b"");
        let more = frame(part(false, Opcode::Continuation), b"").repeat(1_200);
        Strike::new("empty pieces without end", [begun, more].concat(), TOO_LONG)
    },
    |_| {
        let begun = frame(part(false, Opcode::Text), b"");
        let more = frame(part(false, Opcode::Continuation), b" ").repeat(1_200);
        Strike::new("small pieces without end", [begun, more].concat(), TOO_LONG)
    },
];

pub(super) const OVERSIZE: &[Draft] = &[
    |_| Strike::new("a long message", text(&" ".repeat(65 << 10)), TOO_LONG),
    |_| Strike::new("4 GiB", b"\x81\xff\0\0\0\x01\0\0\0\0\0\0\0\0".to_vec(), TOO_LONG),
    |_| {
        let begun = frame(part(false, Opcode::Text), &[b' '; 40 << 10]);
        let more = frame(part(true, Opcode::Continuation), &[b' '; 40 << 10]);
        Strike::new("a long message in two pieces", [begun, more].concat(), TOO_LONG)
    },
];

pub(super) const LENGTHS: &[Draft] = &[
    |_| {
        let bytes = b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0".to_vec();
        Strike::new("a length of 64 bits", bytes, PROTOCOL)
    },
    |_| Strike::new("a length in a long form", b"\x81\xfe\x00\x01\0\0\0\0x".to_vec(), PROTOCOL),
    |_| {
        let bytes = b"\x81\xff\0\0\0\0\0\0\x01\0\0\0\0\0".to_vec();
        Strike::new("a length in the longest form", bytes, PROTOCOL)
    },
];

pub(super) const UTF8: &[Draft] = &[
    |_| Strike::new("no UTF-8", frame(Head::whole(Opcode::Text), b"\"\xff\""), DATA),
    |_| Strike::new("half a character", frame(Head::whole(Opcode::Text), b"\"\xc3"), DATA),
    |_| Strike::new("a surrogate", frame(Head::whole(Opcode::Text), b"\xed\xa0\x80"), DATA),
    |_| {
        let bytes = frame(part(false, Opcode::Text), b"{\xff");
        Strike::new("no UTF-8 in a message that goes on", bytes, DATA)
    },
    |_| Strike::new("a reason", frame(Head::whole(Opcode::Close), b"\x03\xe8\xff"), DATA),
];

fn close(code: u16) -> Strike {
    let bytes = frame(Head::whole(Opcode::Close), &code.to_be_bytes());
    Strike::new("a code that is not sent", bytes, PROTOCOL)
}

pub(super) const CLOSE: &[Draft] = &[
    |_| close(0),
    |_| close(999),
    |_| close(1004),
    |_| close(1005),
    |_| close(1006),
    |_| close(1015),
    |_| close(u16::MAX),
    |_| Strike::new("half a code", frame(Head::whole(Opcode::Close), b"\x03"), PROTOCOL),
];

pub(super) const PINGS: &[Draft] = &[|_| {
    let bytes = frame(Head::whole(Opcode::Ping), b"are you there").repeat(50);
    Strike::new("pings", bytes, FLOODED).times(FLOOD_TIMES_MAX)
}];

pub(super) const TINY: &[Draft] = &[|_| {
    let command = br#"{"id":2,"rpc":{"method":"echo","data":1}}"#;
    let (last, all) = command.split_last().unwrap_or((&b'}', b"{"));
    let mut bytes = frame(part(false, Opcode::Text), b"");
    for byte in all {
        bytes.extend_from_slice(&frame(part(false, Opcode::Continuation), &[*byte]));
    }
    bytes.extend_from_slice(&frame(part(true, Opcode::Continuation), &[*last]));
    Strike::new("commands byte by byte", bytes.repeat(10), FLOODED).times(FLOOD_TIMES_MAX)
}];

pub(super) const BOMB: &[Draft] = &[|_| {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    let bomb = BOMB.get_or_init(|| {
        let deflated = Deflater::default().deflate(&vec![b' '; BOMB_BYTES]).to_vec();
        frame(Head { is_compressed: true, ..Head::whole(Opcode::Text) }, &deflated)
    });
    Strike::new("8 MiB in 8 KiB", bomb.clone(), TOO_LONG).compressed()
}];

pub(super) const INFLATE: &[Draft] = &[
    |_| {
        let head = Head { is_compressed: true, ..Head::whole(Opcode::Text) };
        Strike::new("what does not inflate", frame(head, &[0xff; 64]), DATA).compressed()
    },
    |_| {
        let head = Head { is_compressed: true, ..Head::whole(Opcode::Binary) };
        Strike::new("no deflate at all", frame(head, &[0x06, 0x55, 0xaa]), DATA).compressed()
    },
    |_| {
        let deflated = Deflater::default().deflate(b"\"\xff\xfe\"").to_vec();
        let head = Head { is_compressed: true, ..Head::whole(Opcode::Text) };
        Strike::new("no UTF-8, compressed", frame(head, &deflated), DATA).compressed()
    },
];

pub(super) const KINDS: &[Draft] =
    &[|_| Strike::new("bytes where text is agreed on", binary(b"\x02\x08\x01"), &[3506])];
