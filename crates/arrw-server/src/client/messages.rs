//! Server-Sent Events, bytes in and messages out. After the section "Parsing an event stream" of the HTML
//! standard, without what our streams do not use: a byte order mark and a bare CR at the end of a line.

use std::collections::VecDeque;

use crate::limits::ANSWER_BYTES_MAX;

/// One message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it tells.
    pub told: Told,
    /// The position behind it: what to follow from after it was handled.
    pub position: String,
    /// Its JSON.
    pub data: String,
}

/// What a message tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Told {
    /// An event.
    Event,
    /// That no event up to the position is wanted.
    Progress,
    /// That events are gone.
    Gap,
    /// Why the stream ends, as a problem.
    Error,
    /// Something that a later server says.
    Other,
}

/// Cuts a stream into messages.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    name: String,
    data: String,
    has_data: bool,
    id: String,
}

impl Parser {
    /// Takes bytes in, and adds the messages that they complete.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        messages: &mut VecDeque<Message>,
    ) -> Result<(), &'static str> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if ANSWER_BYTES_MAX < self.line.len() + self.data.len() {
                return Err("a message is too large");
            }
            if self.line.last() != Some(&b'\n') {
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8(line).map_err(|_not_utf8| "a message is not UTF-8")?;
            self.line(line.trim_end_matches(['\n', '\r']), messages);
        }
        Ok(())
    }

    fn line(&mut self, line: &str, messages: &mut VecDeque<Message>) {
        if line.is_empty() {
            self.dispatch(messages);
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "id" => value.clone_into(&mut self.id),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            // A comment, `retry`, or what is not known.
            _ => (),
        }
    }

    fn dispatch(&mut self, messages: &mut VecDeque<Message>) {
        let name = std::mem::take(&mut self.name);
        let data = std::mem::take(&mut self.data);
        if !std::mem::take(&mut self.has_data) {
            return;
        }
        let told = match name.as_str() {
            "" | "message" => Told::Event,
            "progress" => Told::Progress,
            "gap" => Told::Gap,
            "error" => Told::Error,
            _ => Told::Other,
        };
        messages.push_back(Message { told, position: self.id.clone(), data });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_into_messages_wherever_its_bytes_are_cut() {
        let text = "retry: 1000\nevent: progress\nid: e:1\ndata: {}\n\n: still here\n\n\
                    id: e:2\r\ndata: a\r\ndata:b\r\n\r\nid: e:3\n\nevent: gap\ndata: g\n\n";
        let message = |told, position: &str, data: &str| Message {
            told,
            position: position.to_owned(),
            data: data.to_owned(),
        };
        let expected = [
            message(Told::Progress, "e:1", "{}"),
            message(Told::Event, "e:2", "a\nb"),
            message(Told::Gap, "e:3", "g"),
        ];
        for size in 1..=text.len() {
            let (mut parser, mut messages) = (Parser::default(), VecDeque::new());
            for piece in text.as_bytes().chunks(size) {
                parser.push(piece, &mut messages).unwrap();
            }
            assert_eq!(messages, expected, "pieces of {size}");
        }
    }
}
