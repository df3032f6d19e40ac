//! Writes messages as Protobuf.

use super::{DELIMITED, VARINT};
use crate::centrifuge::message::{Field, Message, Text, Write};

/// Appends the fields of one message to a buffer.
#[derive(Debug)]
pub(crate) struct Writer<'o>(&'o mut Vec<u8>);

/// Appends a message behind its length; `write` writes its fields.
pub(crate) fn append_delimited(out: &mut Vec<u8>, write: impl FnOnce(&mut Writer<'_>)) {
    Writer(out).delimited(write);
}

/// A number as bytes: seven bits a byte, the lowest first; and how many there are.
fn varint(mut number: u64) -> ([u8; 10], usize) {
    let (mut digits, mut at) = ([0; 10], 0);
    while 0x80 <= number {
        digits[at] = number.to_le_bytes()[0] | 0x80;
        number >>= 7;
        at += 1;
    }
    digits[at] = number.to_le_bytes()[0];
    (digits, at + 1)
}

impl Writer<'_> {
    fn delimited(&mut self, write: impl FnOnce(&mut Self)) {
        // Most messages are shorter than 128 bytes, so their length takes one byte. Longer ones are moved.
        let from = self.0.len() + 1;
        self.0.push(0);
        write(self);
        let len = self.0.len() - from;
        let (digits, count) = varint(len as u64);
        self.0[from - 1] = digits[0];
        if 1 < count {
            self.0.splice(from..from, digits[1..count].iter().copied());
        }
    }

    fn number(&mut self, number: u64) {
        let (digits, count) = varint(number);
        self.0.extend_from_slice(&digits[..count]);
    }

    fn tag(&mut self, (number, _): Field, wire: u64) {
        self.number(u64::from(number) << 3 | wire);
    }

    fn bytes(&mut self, field: Field, bytes: &[u8]) {
        self.tag(field, DELIMITED);
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }
}

impl Write for Writer<'_> {
    fn text(&mut self, field: Field, value: &str) {
        self.raw(field, value.as_bytes());
    }

    fn texts(&mut self, field: Field, values: &[Text<'_>]) {
        for value in values {
            self.bytes(field, value.as_bytes());
        }
    }

    fn raw(&mut self, field: Field, value: &[u8]) {
        if !value.is_empty() {
            self.bytes(field, value);
        }
    }

    fn flag(&mut self, field: Field, value: &bool) {
        self.uint64(field, &u64::from(*value));
    }

    fn uint64(&mut self, field: Field, value: &u64) {
        if *value != 0 {
            self.tag(field, VARINT);
            self.number(*value);
        }
    }

    fn int64(&mut self, field: Field, value: &i64) {
        self.uint64(field, &value.cast_unsigned());
    }

    fn inside(&mut self, field: Field, write: impl FnOnce(&mut Self)) {
        self.tag(field, DELIMITED);
        self.delimited(write);
    }

    fn messages<'a, M: Message<'a>>(&mut self, field: Field, values: &[M]) {
        for value in values {
            self.inside(field, |inner| value.write(inner));
        }
    }

    fn text_map(&mut self, field: Field, entries: &[(Text<'_>, Text<'_>)]) {
        for (key, value) in entries {
            self.inside(field, |entry| {
                entry.text((1, "key"), key);
                entry.text((2, "value"), value);
            });
        }
    }

    fn message_map<'a, M: Message<'a>>(&mut self, field: Field, entries: &[(Text<'_>, M)]) {
        for (key, value) in entries {
            self.inside(field, |entry| {
                entry.text((1, "key"), key);
                entry.inside((2, "value"), |inner| value.write(inner));
            });
        }
    }
}
