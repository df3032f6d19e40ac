//! Writes messages as JSON.

use std::io::Write as _;

use crate::centrifuge::message::{Field, Message, Text, Write};

/// Appends one message to a buffer.
#[derive(Debug)]
pub(crate) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// True until the object at hand has a member.
    is_first: bool,
}

impl<'o> Writer<'o> {
    /// Appends an object whose members `write` writes.
    pub(crate) fn object(out: &'o mut Vec<u8>, write: impl FnOnce(&mut Self)) {
        let mut this = Self { out, is_first: true };
        this.braced(write);
    }

    fn braced(&mut self, write: impl FnOnce(&mut Self)) {
        self.out.push(b'{');
        self.is_first = true;
        write(self);
        self.is_first = false;
        self.out.push(b'}');
    }

    /// The comma and the name that come before a value.
    fn name(&mut self, name: &str) {
        if !self.is_first {
            self.out.push(b',');
        }
        self.is_first = false;
        append_text(self.out, name);
        self.out.push(b':');
    }

    fn number(&mut self, (_, name): Field, value: &impl std::fmt::Display) {
        self.name(name);
        let written = write!(self.out, "{value}");
        debug_assert!(written.is_ok(), "a vector takes all bytes");
    }

    /// A list of which `each` writes one element.
    fn list<T>(&mut self, (_, name): Field, of: &[T], mut each: impl FnMut(&mut Self, &T)) {
        if of.is_empty() {
            return;
        }
        self.name(name);
        self.out.push(b'[');
        for (at, element) in of.iter().enumerate() {
            if 0 < at {
                self.out.push(b',');
            }
            each(self, element);
        }
        self.out.push(b']');
    }

    /// An object whose names are data; `each` writes one value.
    fn map<T>(&mut self, of: Field, entries: &[(Text<'_>, T)], each: impl Fn(&mut Self, &T)) {
        if entries.is_empty() {
            return;
        }
        self.inside(of, |inner| {
            for (name, value) in entries {
                inner.name(name);
                each(inner, value);
            }
        });
    }
}

impl Write for Writer<'_> {
    fn text(&mut self, (_, name): Field, value: &str) {
        if !value.is_empty() {
            self.name(name);
            append_text(self.out, value);
        }
    }

    fn texts(&mut self, field: Field, values: &[Text<'_>]) {
        self.list(field, values, |this, value| append_text(this.out, value));
    }

    fn raw(&mut self, (_, name): Field, value: &[u8]) {
        if !value.is_empty() {
            self.name(name);
            append_line(self.out, value);
        }
    }

    fn flag(&mut self, (_, name): Field, value: &bool) {
        if *value {
            self.name(name);
            self.out.extend_from_slice(b"true");
        }
    }

    fn uint64(&mut self, field: Field, value: &u64) {
        if *value != 0 {
            self.number(field, value);
        }
    }

    fn int64(&mut self, field: Field, value: &i64) {
        if *value != 0 {
            self.number(field, value);
        }
    }

    fn inside(&mut self, (_, name): Field, write: impl FnOnce(&mut Self)) {
        self.name(name);
        self.braced(write);
    }

    fn messages<'a, M: Message<'a>>(&mut self, field: Field, values: &[M]) {
        self.list(field, values, |this, value| this.braced(|inner| value.write(inner)));
    }

    fn text_map(&mut self, field: Field, entries: &[(Text<'_>, Text<'_>)]) {
        self.map(field, entries, |this, value| append_text(this.out, value));
    }

    fn message_map<'a, M: Message<'a>>(&mut self, field: Field, entries: &[(Text<'_>, M)]) {
        self.map(field, entries, |this, value| this.braced(|inner| value.write(inner)));
    }
}

/// A string in quotes.
fn append_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| must_escape(*byte)) {
        out.extend_from_slice(&rest[..at]);
        append_escaped(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

const fn must_escape(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..=0x1F)
}

fn append_escaped(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend([b'\\', short]);
}

/// A value as it is, on one line: a line ends a message. In JSON a line ends outside of strings only, where a space
/// means the same.
fn append_line(out: &mut Vec<u8>, value: &[u8]) {
    let from = out.len();
    out.extend_from_slice(value);
    if value.contains(&b'\n') || value.contains(&b'\r') {
        for byte in &mut out[from..] {
            if let b'\n' | b'\r' = *byte {
                *byte = b' ';
            }
        }
    }
}
