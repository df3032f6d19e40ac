//! Messages, from bytes as they arrive.

use super::close::Close;
use super::deflate::Inflater;
use super::frame::{Head, Opcode};
use super::limits::FRAGMENTS_MAX;
use super::parser::{Compression, Parsed, Parser, Part, Peer};
use super::violation::Violation;
use super::write::Kind;

/// What is known of a connection between two reads: 32 bytes, and no buffer.
///
/// A message that stands whole in what was received, in one frame and not compressed, is given where it stands. Of others
/// the parts gather in a buffer of the caller, which is empty between messages, so that it need not be kept.
#[derive(Clone, Debug)]
pub struct Reader {
    parser: Parser,
    /// Bytes of gathered text that were found to be UTF-8.
    checked: u32,
    /// Frames of the message so far.
    fragments: u32,
    fragments_max: u32,
    kind: Kind,
    is_compressed: bool,
    /// What was gathered was given away, and makes room at the next call.
    is_given: bool,
    /// Nothing that arrives has a meaning.
    is_ended: bool,
}

/// What arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Nothing yet: so many more bytes, at least, end the frame or complete its head. 1 at least.
    More(usize),
    /// A message of text.
    Text(&'a str),
    /// A message of bytes.
    Binary(&'a [u8]),
    /// To be answered by a pong that carries the same ([`write::pong`](super::write::pong)).
    Ping(&'a [u8]),
    /// A sign of life.
    Pong(&'a [u8]),
    /// Nothing follows: to be answered ([`Close::answer`]), unless we closed first.
    Close(Close<'a>),
}

/// An event, and how many bytes were consumed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read<'a> {
    /// Bytes from the first. They are not shown again. What is left after [`Event::More`] is the beginning of a head or of a
    /// control frame, at most 130 bytes.
    pub consumed: usize,
    /// What happened.
    pub event: Event<'a>,
}

/// Where a message stands.
enum Found {
    More(usize),
    Received { from: usize, to: usize },
    Gathered,
    Control { opcode: Opcode, from: usize, to: usize },
}

impl Reader {
    /// At the beginning of a connection. A message of more than `message_bytes_max` bytes, inflated, is refused.
    #[must_use]
    pub const fn new(peer: Peer, compression: Compression, message_bytes_max: u32) -> Self {
        Self {
            parser: Parser::new(peer, compression, message_bytes_max),
            checked: 0,
            fragments: 0,
            fragments_max: FRAGMENTS_MAX,
            kind: Kind::Binary,
            is_compressed: false,
            is_given: false,
            is_ended: false,
        }
    }

    /// Takes messages of so many frames; the default is [`FRAGMENTS_MAX`].
    #[must_use]
    pub const fn with_fragments_max(self, fragments_max: u32) -> Self {
        Self { fragments_max, ..self }
    }

    /// The next event of what was received, which is unmasked in place. To be called with what was not consumed until
    /// there is no [`Event::More`].
    ///
    /// `gathered` belongs to this connection: nothing but this changes it while [`needs_gathered`](Self::needs_gathered)
    /// is true; otherwise it may be any that is empty. It grows by what arrives, never by what a frame says of its length.
    /// `inflater` may be one for all connections of a thread.
    ///
    /// After a close frame and after a violation all that arrives is consumed and without a meaning.
    ///
    /// # Errors
    /// [`Violation`]: the connection is to be closed with its code. Text is refused with its first byte that is wrong, a
    /// compressed message when it is complete.
    pub fn next<'a>(
        &mut self,
        received: &'a mut [u8],
        gathered: &'a mut Vec<u8>,
        inflater: &'a mut Inflater,
    ) -> Result<Read<'a>, Violation> {
        if self.is_given {
            gathered.clear();
            self.is_given = false;
        }
        if self.is_ended {
            return Ok(Read { consumed: received.len(), event: Event::More(1) });
        }
        let read = self.advance(received, gathered, inflater);
        if matches!(read, Err(_) | Ok(Read { event: Event::Close(_), .. })) {
            (self.is_ended, self.is_given, self.fragments) = (true, true, 0);
        }
        read
    }

    /// True while the buffer of this connection holds a part of a message, or one that was just given.
    #[must_use]
    pub const fn needs_gathered(&self) -> bool {
        self.is_given || self.fragments != 0
    }

    fn advance<'a>(
        &mut self,
        received: &'a mut [u8],
        gathered: &'a mut Vec<u8>,
        inflater: &'a mut Inflater,
    ) -> Result<Read<'a>, Violation> {
        let (consumed, found) = self.find(received, gathered)?;
        Ok(Read { consumed, event: self.event(&found, received, gathered, inflater)? })
    }

    /// Consumes what leads to the next event.
    fn find(
        &mut self,
        received: &mut [u8],
        gathered: &mut Vec<u8>,
    ) -> Result<(usize, Found), Violation> {
        let mut consumed = 0;
        loop {
            let Parsed { consumed: more, part } = self.parser.next(&mut received[consumed..])?;
            let begin = consumed;
            consumed += more;
            match part {
                Part::More(bytes) => return Ok((consumed, Found::More(bytes))),
                Part::Head { head, len } => self.begin(head, len, gathered.len())?,
                Part::Payload { at, is_end } => {
                    let is_whole = is_end && !self.parser.is_in_message();
                    let (from, to) = (begin + at.start, begin + at.end);
                    if is_whole && gathered.is_empty() {
                        return Ok((consumed, Found::Received { from, to }));
                    }
                    self.gather(&received[from..to], gathered)?;
                    if is_whole {
                        return Ok((consumed, Found::Gathered));
                    }
                }
                Part::Control { head: Head { opcode, .. }, at } => {
                    let (from, to) = (begin + at.start, begin + at.end);
                    return Ok((consumed, Found::Control { opcode, from, to }));
                }
            }
        }
    }

    /// A frame of data begins.
    fn begin(&mut self, head: Head, len: u32, gathered: usize) -> Result<(), Violation> {
        match head.opcode {
            Opcode::Text => self.kind = Kind::Text,
            Opcode::Binary => self.kind = Kind::Binary,
            Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => (),
        }
        if self.fragments == 0 {
            self.is_compressed = head.is_compressed;
            self.checked = 0;
        }
        let max = self.parser.frame_bytes_max();
        if (max as usize) < gathered.saturating_add(len as usize) {
            return Err(Violation::MessageTooLong(max));
        }
        if self.fragments_max <= self.fragments {
            return Err(Violation::Fragments(self.fragments_max));
        }
        self.fragments += 1;
        Ok(())
    }

    fn gather(&mut self, part: &[u8], gathered: &mut Vec<u8>) -> Result<(), Violation> {
        gathered.extend_from_slice(part);
        if self.kind == Kind::Text && !self.is_compressed {
            self.checked += begun_text(gathered.get(self.checked as usize..).unwrap_or_default())?;
        }
        Ok(())
    }

    fn event<'a>(
        &mut self,
        found: &Found,
        received: &'a [u8],
        gathered: &'a [u8],
        inflater: &'a mut Inflater,
    ) -> Result<Event<'a>, Violation> {
        match *found {
            Found::More(bytes) => Ok(Event::More(bytes)),
            Found::Received { from, to } => self.message(&received[from..to], inflater),
            Found::Gathered => {
                self.is_given = true;
                self.message(gathered, inflater)
            }
            Found::Control { opcode, from, to } => {
                let payload = &received[from..to];
                match opcode {
                    Opcode::Ping => Ok(Event::Ping(payload)),
                    Opcode::Pong => Ok(Event::Pong(payload)),
                    Opcode::Close | Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                        Close::parse(payload).map(Event::Close)
                    }
                }
            }
        }
    }

    /// A message is complete.
    fn message<'a>(
        &mut self,
        bytes: &'a [u8],
        inflater: &'a mut Inflater,
    ) -> Result<Event<'a>, Violation> {
        self.fragments = 0;
        let bytes = if self.is_compressed {
            inflater.inflate(bytes, self.parser.frame_bytes_max())?
        } else {
            bytes
        };
        match self.kind {
            Kind::Binary => Ok(Event::Binary(bytes)),
            Kind::Text => match str::from_utf8(bytes) {
                Ok(text) => Ok(Event::Text(text)),
                Err(_) => Err(Violation::Text),
            },
        }
    }
}

/// Bytes of the beginning of a text that are whole characters. The last may be incomplete.
fn begun_text(bytes: &[u8]) -> Result<u32, Violation> {
    let whole = match str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => return Err(Violation::Text),
    };
    u32::try_from(whole).or(Err(Violation::Text))
}
