//! Parsers as functions that a fuzzer calls: what those of all crates are made of, and the list of this one.

mod format;
mod image;
mod records;
mod text;

use std::fmt::Display;

use crate::checksum::crc64;

/// Every fuzz function of this crate.
pub const TARGETS: &[Target] = &[
    text::POSITION,
    text::TOPIC,
    records::BATCH,
    records::FRAME,
    format::HEADER,
    format::FOOTER,
    format::SUPERBLOCK,
    format::CHECKPOINT,
    image::IMAGE,
];

/// Bytes that the text of a refusal may have: an answer does not grow with what was asked.
pub const REFUSAL_BYTES_MAX: usize = 2_048;

/// A parser as a function of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Letters, digits and `-`; the first word says whose it is.
    pub name: &'static str,
    /// What it reads and what must hold, in one line.
    pub what: &'static str,
    /// Reads an input. Panics when a property does not hold.
    pub run: fn(&[u8]) -> Outcome,
    /// Typical inputs, most of them valid.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What stands in inputs and chance would not hit on.
    pub words: &'static [&'static str],
}

/// What came of an input. The number tells one way through the parser from another: an input that goes a new way
/// is worth keeping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was read.
    Accepted(u64),
    /// It is none of what is read here.
    Refused(u64),
}

impl Outcome {
    /// It was read, and what was found has these features: numbers of which only the size matters.
    #[must_use]
    pub fn accepted(features: &[usize]) -> Self {
        Self::Accepted(way(features))
    }

    /// It was refused without a word.
    #[must_use]
    pub fn refused(features: &[usize]) -> Self {
        Self::Refused(way(features))
    }

    /// It was refused with a text, whose kind are its letters before the first quote.
    ///
    /// # Panics
    /// When the text is empty or longer than [`REFUSAL_BYTES_MAX`].
    #[must_use]
    pub fn refused_because(error: &impl Display) -> Self {
        let text = checked(error);
        // What it repeats of the input stands in quotes.
        let before = text.split(['`', '"']).next().unwrap_or_default();
        let letters = before.replace(|it: char| !it.is_ascii_alphabetic(), "");
        Self::Refused(crc64(letters.as_bytes()))
    }
}

/// The text of a refusal.
///
/// # Panics
/// When it is empty or longer than [`REFUSAL_BYTES_MAX`].
pub fn checked(error: &impl Display) -> String {
    let text = error.to_string();
    assert!(!text.is_empty(), "it is refused without a reason");
    let (len, max) = (text.len(), REFUSAL_BYTES_MAX);
    assert!(len <= max, "the reason has {len} bytes, more than {max}");
    text
}

/// The sizes of numbers, as one number.
fn way(features: &[usize]) -> u64 {
    let size = |feature: &usize| (usize::BITS - feature.leading_zeros()).to_le_bytes();
    let sizes: Vec<u8> = features.iter().flat_map(size).collect();
    crc64(&sizes)
}

/// An input that is taken apart from the front. Where it has no more, there are zeros and nothing.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// All of an input.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or_default()
    }

    /// The next two bytes as a number.
    pub fn short(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// The next eight bytes as a number.
    pub fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, at| number | u64::from(self.byte()) << (8 * at))
    }

    /// The next bytes, as many as there are of `count`.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Bytes whose number, at most 255, comes first.
    pub fn part(&mut self) -> &'a [u8] {
        let count = usize::from(self.byte());
        self.bytes(count)
    }

    /// The same as text; what is not UTF-8 ends it.
    pub fn text(&mut self) -> &'a str {
        text_of(self.part())
    }

    /// All that is left.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// True when nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The text at the start of some bytes.
#[must_use]
pub fn text_of(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    }
}

/// Texts as seeds.
#[must_use]
pub fn seeds(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
