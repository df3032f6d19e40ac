//! The grammar of JSON over a text: goes forward value by value, and answers parts of the text.

use std::borrow::Cow;

use crate::centrifuge::limits::DEPTH_MAX;
use crate::centrifuge::message::{Malformed, Text};

/// A place in a text of JSON.
#[derive(Clone, Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Entries of maps and lists that may still be kept.
    items: usize,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(text: &'a str, items: usize) -> Self {
        Self { text, at: 0, depth: 0, items }
    }

    pub(super) const fn wrong(&self) -> Malformed {
        Malformed::Json { at: self.at }
    }

    /// Counts one entry that is kept.
    pub(super) fn keep(&mut self) -> Result<(), Malformed> {
        self.items = self.items.checked_sub(1).ok_or(Malformed::Items)?;
        Ok(())
    }

    /// That nothing but whitespace is left.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        self.peek().map_or(Ok(()), |_| Err(self.wrong()))
    }

    /// The next byte that is no whitespace.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    /// Goes past a byte when it is the next.
    fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.eat(byte) { Ok(()) } else { Err(self.wrong()) }
    }

    /// Goes past a word when it is the next.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        self.peek();
        let is_next = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Reads an object; `each` gets the name of a member as it is written and must read the value.
    pub(super) fn members<R: AsMut<Self>>(
        reader: &mut R,
        mut each: impl FnMut(&mut R, &'a str) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        Self::between(reader, b'{', b'}', |reader| {
            let this = reader.as_mut();
            let name = this.quoted()?;
            this.expect(b':')?;
            each(reader, name)
        })
    }

    /// Reads a list; `each` must read one value.
    pub(super) fn elements<R: AsMut<Self>>(
        reader: &mut R,
        each: impl FnMut(&mut R) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        Self::between(reader, b'[', b']', each)
    }

    fn between<R: AsMut<Self>>(
        reader: &mut R,
        open: u8,
        close: u8,
        mut each: impl FnMut(&mut R) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let this = reader.as_mut();
        this.expect(open)?;
        this.depth += 1;
        if DEPTH_MAX < this.depth {
            return Err(Malformed::Depth);
        }
        if !this.eat(close) {
            each(reader)?;
            while reader.as_mut().eat(b',') {
                each(reader)?;
            }
            reader.as_mut().expect(close)?;
        }
        reader.as_mut().depth -= 1;
        Ok(())
    }

    /// Reads any value; answers its text.
    pub(super) fn value(&mut self) -> Result<&'a str, Malformed> {
        let next = self.peek();
        let from = self.at;
        match next {
            Some(b'"') => _ = self.quoted()?,
            Some(b'{') => Self::members(self, |this, _| this.value().map(drop))?,
            Some(b'[') => Self::elements(self, |this| this.value().map(drop))?,
            Some(b'-' | b'0'..=b'9') => _ = self.number()?,
            _ => {
                let is_word = ["null", "true", "false"].iter().any(|word| self.eat_word(word));
                return if is_word { Ok(&self.text[from..self.at]) } else { Err(self.wrong()) };
            }
        }
        Ok(&self.text[from..self.at])
    }

    /// Reads a number; answers its text.
    pub(super) fn number(&mut self) -> Result<&'a str, Malformed> {
        self.peek();
        let from = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(&self.text[from..self.at])
    }

    /// At least one digit.
    fn digits(&mut self) -> Result<(), Malformed> {
        let from = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        if from < self.at { Ok(()) } else { Err(self.wrong()) }
    }

    /// Reads a string; answers what is between the quotes, as it is written.
    pub(super) fn quoted(&mut self) -> Result<&'a str, Malformed> {
        self.expect(b'"')?;
        let from = self.at;
        loop {
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0..=0x1F) | None => return Err(self.wrong()),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok(&self.text[from..self.at - 1])
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        match self.byte() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let digits = self.text.as_bytes().get(self.at + 1..self.at + 5);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(self.wrong());
                }
                self.at += 5;
            }
            _ => return Err(self.wrong()),
        }
        Ok(())
    }

    /// What a string means that [`quoted`](Self::quoted) answered. Half of a surrogate pair alone is no text.
    pub(super) fn unescaped(&self, quoted: &'a str) -> Result<Text<'a>, Malformed> {
        if !quoted.contains('\\') {
            return Ok(Cow::Borrowed(quoted));
        }
        let mut text = String::with_capacity(quoted.len());
        let mut rest = quoted;
        while let Some((plain, escaped)) = rest.split_once('\\') {
            text.push_str(plain);
            rest = unescape(escaped, &mut text).ok_or(self.wrong())?;
        }
        text.push_str(rest);
        Ok(Cow::Owned(text))
    }
}

impl AsMut<Self> for Scanner<'_> {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

/// Appends what stands behind a backslash; answers what comes after it.
fn unescape<'a>(escaped: &'a str, text: &mut String) -> Option<&'a str> {
    let mut chars = escaped.chars();
    let letter = chars.next()?;
    let meant = match letter {
        'b' => '\u{8}',
        'f' => '\u{C}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unescape_unit(chars.as_str(), text),
        itself => itself,
    };
    text.push(meant);
    Some(chars.as_str())
}

/// The same for what stands behind `\u`: one UTF-16 unit, or a pair of them.
fn unescape_unit<'a>(digits: &'a str, text: &mut String) -> Option<&'a str> {
    let (first, rest) = hex(digits)?;
    if !(0xD800..0xDC00).contains(&first) {
        text.push(char::from_u32(first)?);
        return Some(rest);
    }
    let (second, rest) = hex(rest.strip_prefix("\\u")?)?;
    let low = second.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
    text.push(char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + low)?);
    Some(rest)
}

fn hex(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}
