//! The other side, for load generators and tests: commands out, replies in.

use super::command::Command;
use super::limits::REPLY_ITEMS_MAX;
use super::message::{Malformed, Message};
use super::reply::{self, Reply};
use super::{Encoding, json, protobuf};

impl Command<'_> {
    /// Appends it to a frame, behind what is there. Payloads are copied as they are: in JSON each must be one value.
    pub fn append(&self, encoding: Encoding, frame: &mut Vec<u8>) {
        reply::write(encoding, frame, |to| self.write(to), |to| self.write(to));
    }
}

/// The replies of a frame, read one by one. After an error there are no more.
#[derive(Clone, Debug)]
pub struct Replies<'a> {
    encoding: Encoding,
    rest: &'a [u8],
}

impl<'a> Replies<'a> {
    /// The replies of one frame. It may be of any length: whoever asks a server trusts it so far.
    #[must_use]
    pub const fn new(encoding: Encoding, frame: &'a [u8]) -> Self {
        let rest = match encoding {
            Encoding::Json => frame.trim_ascii(),
            Encoding::Protobuf => frame,
        };
        Self { encoding, rest }
    }

    fn take(&mut self) -> Result<Reply<'a>, Malformed> {
        let mut reply = Reply::default();
        match self.encoding {
            Encoding::Json => {
                let end = self.rest.iter().position(|byte| *byte == b'\n');
                let (line, after) = self.rest.split_at(end.unwrap_or(self.rest.len()));
                self.rest = after.trim_ascii_start();
                let line = std::str::from_utf8(line).or(Err(Malformed::Utf8))?;
                json::Reader::new(line, REPLY_ITEMS_MAX).whole(|from| reply.read(from))?;
            }
            Encoding::Protobuf => {
                let message = protobuf::take_delimited(&mut self.rest)?;
                protobuf::Reader::new(message, REPLY_ITEMS_MAX).whole(|from| reply.read(from))?;
            }
        }
        Ok(reply)
    }
}

impl<'a> Iterator for Replies<'a> {
    type Item = Result<Reply<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let taken = self.take();
        if taken.is_err() {
            self.rest = &[];
        }
        Some(taken)
    }
}
