//! What a message is made of, written down once for both encodings and both directions.
//!
//! A message lists its fields as the schema does: number, name in JSON, field of ours, kind. [`Read`] and [`Write`] have a
//! method for each kind, and each encoding implements both.

use std::borrow::Cow;

use thiserror::Error;

/// A text of a message: part of the input, unless it had to be unescaped.
pub(super) type Text<'a> = Cow<'a, str>;

/// Names in JSON and their numbers in Protobuf.
pub(super) type Names = &'static [(&'static str, u32)];

/// A field that is written: number and name.
pub(super) type Field = (u32, &'static str);

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Malformed {
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    Utf8,
    /// Not JSON, or another shape than the schema has.
    #[error("byte {at} of the JSON is not what stands there in a message")]
    Json {
        /// From 0, inside the one message.
        at: usize,
    },
    /// Not Protobuf, or another wire type than the schema has.
    #[error("the Protobuf is cut off, or a field has another type than in the schema")]
    Protobuf,
    /// A number that its field has no room for.
    #[error("a number is out of the range of its field")]
    Range,
    /// Objects and lists nest too deep.
    #[error("it nests deeper than {} levels", super::limits::DEPTH_MAX)]
    Depth,
    /// Maps and lists have too many entries.
    #[error("its maps and lists have too many entries")]
    Items,
}

/// Reads the fields of one message. Absent and `null` leave a field as it was; of what comes twice, the last counts.
pub(super) trait Read<'a>: Sized {
    /// Reads a message to its end; calls `each` for every field that has a name here, which must read its value.
    fn fields(
        &mut self,
        names: Names,
        each: impl FnMut(&mut Self, u32) -> Result<(), Malformed>,
    ) -> Result<(), Malformed>;

    /// True when the value of the field at hand is `null`; it is then read.
    fn is_null(&mut self) -> bool;

    fn skip(&mut self) -> Result<(), Malformed>;
    fn text(&mut self, into: &mut Text<'a>) -> Result<(), Malformed>;
    fn texts(&mut self, into: &mut Vec<Text<'a>>) -> Result<(), Malformed>;
    /// In JSON the bytes of any value, in Protobuf bytes.
    fn raw(&mut self, into: &mut &'a [u8]) -> Result<(), Malformed>;
    fn flag(&mut self, into: &mut bool) -> Result<(), Malformed>;
    fn uint64(&mut self, into: &mut u64) -> Result<(), Malformed>;
    fn int64(&mut self, into: &mut i64) -> Result<(), Malformed>;

    fn uint32(&mut self, into: &mut u32) -> Result<(), Malformed> {
        let mut wide = u64::from(*into);
        self.uint64(&mut wide)?;
        *into = u32::try_from(wide).or(Err(Malformed::Range))?;
        Ok(())
    }

    fn int32(&mut self, into: &mut i32) -> Result<(), Malformed> {
        let mut wide = i64::from(*into);
        self.int64(&mut wide)?;
        *into = i32::try_from(wide).or(Err(Malformed::Range))?;
        Ok(())
    }

    /// Reads the message at hand with `read`, in a reader for it alone.
    fn inside(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed>;

    fn message<M: Message<'a>>(&mut self, into: &mut Option<M>) -> Result<(), Malformed> {
        if self.is_null() {
            return Ok(());
        }
        self.inside(|inner| into.insert(M::default()).read(inner))
    }

    fn messages<M: Message<'a>>(&mut self, into: &mut Vec<M>) -> Result<(), Malformed>;
    fn text_map(&mut self, into: &mut Vec<(Text<'a>, Text<'a>)>) -> Result<(), Malformed>;
    fn message_map<M: Message<'a>>(
        &mut self,
        into: &mut Vec<(Text<'a>, M)>,
    ) -> Result<(), Malformed>;
}

/// Writes the fields of one message. What is zero, empty or absent is left out.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    clippy::ref_option,
    reason = "all kinds have one shape"
)]
pub(super) trait Write: Sized {
    fn text(&mut self, field: Field, value: &str);
    fn texts(&mut self, field: Field, values: &[Text<'_>]);
    /// In JSON the bytes must be one value.
    fn raw(&mut self, field: Field, value: &[u8]);
    fn flag(&mut self, field: Field, value: &bool);
    fn uint64(&mut self, field: Field, value: &u64);
    fn int64(&mut self, field: Field, value: &i64);

    fn uint32(&mut self, field: Field, value: &u32) {
        self.uint64(field, &u64::from(*value));
    }

    fn int32(&mut self, field: Field, value: &i32) {
        self.int64(field, &i64::from(*value));
    }

    /// Writes a message whose fields `write` writes, also when it has none.
    fn inside(&mut self, field: Field, write: impl FnOnce(&mut Self));

    fn message<'a, M: Message<'a>>(&mut self, field: Field, value: &Option<M>) {
        if let Some(value) = value {
            self.inside(field, |inner| value.write(inner));
        }
    }

    fn messages<'a, M: Message<'a>>(&mut self, field: Field, values: &[M]);
    fn text_map(&mut self, field: Field, entries: &[(Text<'_>, Text<'_>)]);
    fn message_map<'a, M: Message<'a>>(&mut self, field: Field, entries: &[(Text<'_>, M)]);
}

/// What stands between the braces of an object, or behind a length in Protobuf.
pub(super) trait Message<'a>: Default {
    fn read<R: Read<'a>>(&mut self, from: &mut R) -> Result<(), Malformed>;
    fn write<W: Write>(&self, to: &mut W);
}

/// Says which fields a message has: `NUMBER "NAME" FIELD: KIND`.
macro_rules! message {
    ($message:ty { $($number:literal $name:literal $field:ident: $kind:ident,)* }) => {
        impl<'a> $crate::centrifuge::message::Message<'a> for $message {
            fn read<R: $crate::centrifuge::message::Read<'a>>(
                &mut self,
                from: &mut R,
            ) -> Result<(), $crate::centrifuge::message::Malformed> {
                from.fields(&[$(($name, $number)),*], |from, number| match number {
                    $($number => from.$kind(&mut self.$field),)*
                    _ => from.skip(),
                })
            }

            fn write<W: $crate::centrifuge::message::Write>(&self, to: &mut W) {
                $(to.$kind(($number, $name), &self.$field);)*
            }
        }
    };
}

pub(super) use message;

/// A message without fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Nothing;

impl<'a> Message<'a> for Nothing {
    fn read<R: Read<'a>>(&mut self, from: &mut R) -> Result<(), Malformed> {
        from.fields(&[], |from, _| from.skip())
    }

    fn write<W: Write>(&self, _: &mut W) {}
}
