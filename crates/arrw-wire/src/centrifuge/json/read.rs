//! Reads messages from JSON.

use std::str::FromStr;

use super::scan::Scanner;
use crate::centrifuge::message::{Malformed, Message, Names, Read, Text};

/// Reads one message from a text.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a>(Scanner<'a>);

impl<'a> AsMut<Scanner<'a>> for Reader<'a> {
    fn as_mut(&mut self) -> &mut Scanner<'a> {
        &mut self.0
    }
}

impl<'a> Reader<'a> {
    /// A reader that keeps so many entries of maps and lists at most.
    pub(crate) const fn new(text: &'a str, items: usize) -> Self {
        Self(Scanner::new(text, items))
    }

    /// Reads the one message there is with `read`.
    pub(crate) fn whole(
        mut self,
        read: impl FnOnce(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        read(&mut self)?;
        self.0.end()
    }

    fn quoted_text(&mut self) -> Result<Text<'a>, Malformed> {
        let quoted = self.0.quoted()?;
        self.0.unescaped(quoted)
    }

    /// A whole number without a fraction or an exponent.
    fn integer<N: FromStr>(&mut self, into: &mut N) -> Result<(), Malformed> {
        if !self.is_null() {
            *into = self.0.number()?.parse().or(Err(Malformed::Range))?;
        }
        Ok(())
    }

    /// The members of an object whose names are data.
    fn map(
        &mut self,
        mut each: impl FnMut(&mut Self, Text<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        if self.is_null() {
            return Ok(());
        }
        Scanner::members(self, |this, name| {
            this.0.keep()?;
            let name = this.0.unescaped(name)?;
            each(this, name)
        })
    }

    fn list(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        if self.is_null() {
            return Ok(());
        }
        Scanner::elements(self, |this| {
            this.0.keep()?;
            each(this)
        })
    }
}

impl<'a> Read<'a> for Reader<'a> {
    fn fields(
        &mut self,
        names: Names,
        mut each: impl FnMut(&mut Self, u32) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        Scanner::members(self, |this, name| {
            let name = this.0.unescaped(name)?;
            match names.iter().find(|known| known.0 == name) {
                Some((_, number)) => each(this, *number),
                None => this.skip(),
            }
        })
    }

    fn is_null(&mut self) -> bool {
        self.0.eat_word("null")
    }

    fn skip(&mut self) -> Result<(), Malformed> {
        self.0.value().map(drop)
    }

    fn text(&mut self, into: &mut Text<'a>) -> Result<(), Malformed> {
        if !self.is_null() {
            *into = self.quoted_text()?;
        }
        Ok(())
    }

    fn texts(&mut self, into: &mut Vec<Text<'a>>) -> Result<(), Malformed> {
        self.list(|this| {
            into.push(this.quoted_text()?);
            Ok(())
        })
    }

    fn raw(&mut self, into: &mut &'a [u8]) -> Result<(), Malformed> {
        *into = self.0.value()?.as_bytes();
        Ok(())
    }

    fn flag(&mut self, into: &mut bool) -> Result<(), Malformed> {
        if self.is_null() {
            return Ok(());
        }
        *into = self.0.eat_word("true");
        if *into || self.0.eat_word("false") { Ok(()) } else { Err(self.0.wrong()) }
    }

    fn uint64(&mut self, into: &mut u64) -> Result<(), Malformed> {
        self.integer(into)
    }

    fn int64(&mut self, into: &mut i64) -> Result<(), Malformed> {
        self.integer(into)
    }

    fn inside(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        read(self)
    }

    fn messages<M: Message<'a>>(&mut self, into: &mut Vec<M>) -> Result<(), Malformed> {
        self.list(|this| {
            into.push(M::default());
            into.last_mut().map_or(Ok(()), |message| message.read(this))
        })
    }

    fn text_map(&mut self, into: &mut Vec<(Text<'a>, Text<'a>)>) -> Result<(), Malformed> {
        self.map(|this, name| {
            let mut value = Text::default();
            this.text(&mut value)?;
            into.push((name, value));
            Ok(())
        })
    }

    fn message_map<M: Message<'a>>(
        &mut self,
        into: &mut Vec<(Text<'a>, M)>,
    ) -> Result<(), Malformed> {
        self.map(|this, name| {
            let mut value = None;
            this.message(&mut value)?;
            into.push((name, value.unwrap_or_default()));
            Ok(())
        })
    }
}
