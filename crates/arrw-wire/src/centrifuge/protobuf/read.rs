//! Reads messages from Protobuf.

use std::borrow::Cow;

use super::{DELIMITED, FIXED_32, FIXED_64, VARINT};
use crate::centrifuge::limits::DEPTH_MAX;
use crate::centrifuge::message::{Malformed, Message, Names, Read, Text};

/// Reads one message from its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// The value of the field at hand.
    value: Value<'a>,
    depth: usize,
    /// Entries of maps and lists that may still be kept.
    items: usize,
}

#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Varint(u64),
    Delimited(&'a [u8]),
    /// Four or eight bytes, which no field of the schema has.
    Fixed,
}

impl<'a> Reader<'a> {
    /// A reader that keeps so many entries of maps and lists at most.
    pub(crate) const fn new(bytes: &'a [u8], items: usize) -> Self {
        Self { rest: bytes, value: Value::Fixed, depth: 0, items }
    }

    /// Reads the one message there is with `read`.
    pub(crate) fn whole(
        mut self,
        read: impl FnOnce(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        read(&mut self)
    }

    /// The next field's number; its value is then at hand. `None` at the end.
    fn next(&mut self) -> Result<Option<u32>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = take_varint(&mut self.rest)?;
        self.value = match tag & 7 {
            VARINT => Value::Varint(take_varint(&mut self.rest)?),
            DELIMITED => Value::Delimited(take_delimited(&mut self.rest)?),
            FIXED_64 => take(&mut self.rest, 8).map(|_| Value::Fixed)?,
            FIXED_32 => take(&mut self.rest, 4).map(|_| Value::Fixed)?,
            _ => return Err(Malformed::Protobuf),
        };
        match u32::try_from(tag >> 3) {
            Ok(number) if number != 0 => Ok(Some(number)),
            _ => Err(Malformed::Protobuf),
        }
    }

    fn varint(&self) -> Result<u64, Malformed> {
        match self.value {
            Value::Varint(number) => Ok(number),
            Value::Delimited(_) | Value::Fixed => Err(Malformed::Protobuf),
        }
    }

    fn delimited(&self) -> Result<&'a [u8], Malformed> {
        match self.value {
            Value::Delimited(bytes) => Ok(bytes),
            Value::Varint(_) | Value::Fixed => Err(Malformed::Protobuf),
        }
    }

    fn text_at_hand(&self) -> Result<Text<'a>, Malformed> {
        let text = std::str::from_utf8(self.delimited()?).or(Err(Malformed::Utf8))?;
        Ok(Cow::Borrowed(text))
    }

    /// Counts one entry that is kept.
    fn keep(&mut self) -> Result<(), Malformed> {
        self.items = self.items.checked_sub(1).ok_or(Malformed::Items)?;
        Ok(())
    }

    /// Reads one entry of a map, a message with a key and a value.
    fn entry(
        &mut self,
        mut value: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<Text<'a>, Malformed> {
        self.keep()?;
        let mut key = Text::default();
        self.inside(|entry| {
            entry.fields(&[("key", 1), ("value", 2)], |entry, number| {
                if number == 1 { entry.text(&mut key) } else { value(entry) }
            })
        })?;
        Ok(key)
    }
}

impl<'a> Read<'a> for Reader<'a> {
    fn fields(
        &mut self,
        names: Names,
        mut each: impl FnMut(&mut Self, u32) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        while let Some(number) = self.next()? {
            if names.iter().any(|known| known.1 == number) {
                each(self, number)?;
            }
        }
        Ok(())
    }

    fn is_null(&mut self) -> bool {
        false
    }

    fn skip(&mut self) -> Result<(), Malformed> {
        Ok(())
    }

    fn text(&mut self, into: &mut Text<'a>) -> Result<(), Malformed> {
        *into = self.text_at_hand()?;
        Ok(())
    }

    fn texts(&mut self, into: &mut Vec<Text<'a>>) -> Result<(), Malformed> {
        self.keep()?;
        into.push(self.text_at_hand()?);
        Ok(())
    }

    fn raw(&mut self, into: &mut &'a [u8]) -> Result<(), Malformed> {
        *into = self.delimited()?;
        Ok(())
    }

    fn flag(&mut self, into: &mut bool) -> Result<(), Malformed> {
        *into = self.varint()? != 0;
        Ok(())
    }

    fn uint64(&mut self, into: &mut u64) -> Result<(), Malformed> {
        *into = self.varint()?;
        Ok(())
    }

    fn int64(&mut self, into: &mut i64) -> Result<(), Malformed> {
        *into = self.varint()?.cast_signed();
        Ok(())
    }

    fn inside(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let bytes = self.delimited()?;
        if DEPTH_MAX <= self.depth {
            return Err(Malformed::Depth);
        }
        let depth = self.depth + 1;
        let mut inner = Self { rest: bytes, value: Value::Fixed, depth, items: self.items };
        read(&mut inner)?;
        self.items = inner.items;
        Ok(())
    }

    fn messages<M: Message<'a>>(&mut self, into: &mut Vec<M>) -> Result<(), Malformed> {
        self.keep()?;
        into.push(M::default());
        let last = into.last_mut();
        self.inside(|inner| last.map_or(Ok(()), |message| message.read(inner)))
    }

    fn text_map(&mut self, into: &mut Vec<(Text<'a>, Text<'a>)>) -> Result<(), Malformed> {
        let mut value = Text::default();
        let key = self.entry(|entry| entry.text(&mut value))?;
        into.push((key, value));
        Ok(())
    }

    fn message_map<M: Message<'a>>(
        &mut self,
        into: &mut Vec<(Text<'a>, M)>,
    ) -> Result<(), Malformed> {
        let mut value = None;
        let key = self.entry(|entry| entry.message(&mut value))?;
        into.push((key, value.unwrap_or_default()));
        Ok(())
    }
}

/// A number: seven bits a byte, the lowest first, ten bytes at most.
fn take_varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        let part = u64::from(byte & 0x7F);
        if shift == 63 && 1 < part {
            return Err(Malformed::Protobuf);
        }
        number |= part << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Malformed::Protobuf)
}

/// The bytes behind their length.
pub(crate) fn take_delimited<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let len = take_varint(rest)?;
    take(rest, usize::try_from(len).or(Err(Malformed::Protobuf))?)
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8], Malformed> {
    let (taken, left) = rest.split_at_checked(len).ok_or(Malformed::Protobuf)?;
    *rest = left;
    Ok(taken)
}
