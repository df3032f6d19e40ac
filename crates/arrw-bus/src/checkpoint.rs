//! The memory of the bus as bytes, so that a start need not read the whole log. Same memory, same bytes.
//!
//! ```text
//! version 2 | producers: count, (name, number)* | consumers: count, (name, cursor, generation, filter)*
//!           | retention: count, (pattern, policy)* | floors: count, (topic, seq)*
//!           | ids: count, (key, body, seq, offset, time)* oldest first
//! ```
//! Numbers have 8 bytes, texts are preceded by their length.

use std::sync::Arc;

use arrw_log::{Seq, Timestamp};

use crate::consumers::Consumer;
use crate::filter::Filter;
use crate::ids::Known;
use crate::retention::TopicRetention;
use crate::rules::Memory;

const VERSION: u64 = 2;

impl Memory {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Out(Vec::new());
        out.number(VERSION);
        out.number(self.producers.len() as u64);
        for (name, number) in &self.producers {
            out.text(name.as_bytes());
            out.number(*number);
        }
        out.number(self.consumers.len() as u64);
        for (name, consumer) in self.consumers.iter() {
            out.text(name.as_bytes());
            out.number(consumer.cursor.get());
            out.number(consumer.generation);
            out.text(consumer.filter.as_str().as_bytes());
        }
        out.number(self.retention.len() as u64);
        for (pattern, policy) in &self.retention {
            out.text(pattern.as_bytes());
            out.text(&policy.encode());
        }
        out.number(self.floors.len() as u64);
        for (topic, seq) in &self.floors {
            out.text(topic.as_bytes());
            out.number(seq.get());
        }
        out.number(self.ids.len() as u64);
        for (key, known) in self.ids.iter() {
            out.text(key);
            for number in [known.body, known.seq.get(), known.offset, known.time.micros()] {
                out.number(number);
            }
        }
        out.0
    }

    /// The memory in its bytes; `None` when another version of the program wrote them, which then must be
    /// made from the log.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut bytes = In(bytes);
        let mut memory = Self::default();
        if bytes.number()? != VERSION {
            return None;
        }
        for _ in 0..bytes.number()? {
            let name = bytes.string()?;
            memory.producers.insert(name, bytes.number()?);
        }
        for _ in 0..bytes.number()? {
            let name = bytes.string()?;
            let (cursor, generation) = (Seq::new(bytes.number()?), bytes.number()?);
            let filter = Filter::parse(&bytes.string()?).ok()?;
            memory.consumers.set(&name, Some(Consumer { filter, cursor, generation }));
        }
        for _ in 0..bytes.number()? {
            let pattern = bytes.string()?;
            memory.retention.insert(pattern, TopicRetention::decode(bytes.text()?)?);
        }
        for _ in 0..bytes.number()? {
            let topic = bytes.string()?;
            memory.floors.insert(topic, Seq::new(bytes.number()?));
        }
        for _ in 0..bytes.number()? {
            let key = Arc::from(bytes.text()?);
            let (body, seq) = (bytes.number()?, Seq::new(bytes.number()?));
            let (offset, time) = (bytes.number()?, Timestamp::from_micros(bytes.number()?));
            memory.ids.restore(key, Known { body, seq, offset, time });
        }
        bytes.0.is_empty().then_some(memory)
    }
}

struct Out(Vec<u8>);

impl Out {
    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn text(&mut self, text: &[u8]) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text);
    }
}

struct In<'a>(&'a [u8]);

impl<'a> In<'a> {
    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(text)
    }

    fn string(&mut self) -> Option<String> {
        String::from_utf8(self.text()?.to_vec()).ok()
    }
}
