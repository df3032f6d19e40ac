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
        out.number(self.producers.map().len() as u64);
        for (name, number) in self.producers.map() {
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
        out.number(self.retention.map().len() as u64);
        for (pattern, policy) in self.retention.map() {
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

    /// The memory in its bytes; `None` when another version of the program wrote them, or they say two things of
    /// one name: then it must be made from the log.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut bytes = In(bytes);
        let mut memory = Self::default();
        if bytes.number()? != VERSION {
            return None;
        }
        for _ in 0..bytes.number()? {
            let name = bytes.string()?;
            let number = bytes.number()?;
            is_new(memory.producers.set(name, Some(number)).as_ref())?;
        }
        for _ in 0..bytes.number()? {
            let name = bytes.string()?;
            let (cursor, generation) = (Seq::new(bytes.number()?), bytes.number()?);
            let filter = Filter::parse(&bytes.string()?).ok()?;
            let consumer = Consumer { filter, cursor, generation };
            is_new(memory.consumers.set(&name, Some(consumer)).as_ref())?;
        }
        for _ in 0..bytes.number()? {
            let pattern = bytes.string()?;
            let policy = TopicRetention::decode(bytes.text()?)?;
            is_new(memory.retention.set(pattern, Some(policy)).as_ref())?;
        }
        for _ in 0..bytes.number()? {
            let topic = bytes.string()?;
            let seq = Seq::new(bytes.number()?);
            is_new(memory.floors.insert(topic, seq).as_ref())?;
        }
        let mut ids = 0;
        for _ in 0..bytes.number()? {
            let key = Arc::from(bytes.text()?);
            let (body, seq) = (bytes.number()?, Seq::new(bytes.number()?));
            let (offset, time) = (bytes.number()?, Timestamp::from_micros(bytes.number()?));
            ids += 1;
            memory.ids.restore(key, Known { body, seq, offset, time });
        }
        // Each is of an event of its own.
        let are_new = memory.ids.iter().count() == ids && memory.ids.len() == ids;
        (are_new && bytes.0.is_empty()).then_some(memory)
    }
}

/// `None` when something of that name was there: no memory has it twice.
fn is_new<T>(before: Option<&T>) -> Option<()> {
    before.is_none().then_some(())
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

#[cfg(test)]
mod tests {
    use arrw_log::{Batch, Decider, Epoch, Frame, NewRecord, Settled, Timestamp};

    use super::*;
    use crate::event::NewEvent;
    use crate::rules::{CONSUMER, RETENTION, Rules, producer_record};

    /// Records of every kind that is remembered; `salt` tells one from another.
    fn records(salt: u8, first: u64) -> Frame {
        let mut batch = Batch::new();
        let id = format!("{}", salt % 3);
        for topic in ["a", "b"] {
            let event =
                NewEvent { id: Some(&id), ..NewEvent::new(topic, std::slice::from_ref(&salt)) };
            event.push_to(&mut batch).unwrap();
        }
        batch.push(producer_record("p", &u64::from(salt).to_le_bytes())).unwrap();
        let opened = crate::Consumer {
            filter: Filter::parse("a").unwrap(),
            cursor: Seq::new(u64::from(salt)),
            generation: u64::from(salt),
        };
        let fact = crate::ConsumerFact::Opened(opened).encode();
        let policy =
            TopicRetention { count_max: Some(u64::from(salt)), ..TopicRetention::default() };
        let policy = policy.encode();
        for (kind, payload) in [(CONSUMER, &fact), (RETENTION, &policy)] {
            batch.push(NewRecord { kind, key: b"c", payload, ..NewRecord::default() }).unwrap();
        }
        let time = Timestamp::from_micros(u64::from(salt) * 100_000_000);
        Frame::in_memory(batch, Seq::new(first), time, Epoch::from_random(1))
    }

    fn after(salts: &[u8]) -> Memory {
        let mut memory = Memory::default();
        for (at, salt) in (0..).zip(salts) {
            records(*salt, 1 + at * 5).records().for_each(|record| memory.apply(&record));
        }
        memory
    }

    #[test]
    fn the_digest_is_that_of_what_is_remembered_however_it_came_to_be() {
        // The ids of the first three are over when the last two come.
        let salts = [1, 2, 3, 4, 1, 12, 13];
        for count in 0..salts.len() {
            let memory = after(&salts[..count]);
            let decoded = Memory::decode(&memory.encode()).unwrap();
            assert_eq!(decoded, memory);
            assert_eq!(decoded.digest(), memory.digest());
            assert_ne!(after(&salts[..=count]).digest(), memory.digest(), "{count}");
        }
    }

    #[test]
    fn bytes_that_say_two_things_of_one_name_are_no_memory() {
        let mut out = Out(Vec::new());
        [VERSION, 2].into_iter().for_each(|number| out.number(number));
        for number in [5, 6] {
            out.text(b"p");
            out.number(number);
        }
        [0; 4].into_iter().for_each(|count| out.number(count));
        assert_eq!(Memory::decode(&out.0), None);
        let twice = after(&[1]).encode();
        let (before, id) = twice.split_at(twice.len() - (8 + 3 + 4 * 8));
        let mut bytes = [before, id, id].concat();
        let count_at = before.len() - 8 - (8 + 3 + 4 * 8);
        assert_eq!(bytes[count_at], 2, "the ids of two events");
        bytes[count_at] = 3;
        assert_eq!(Memory::decode(&bytes), None);
    }

    #[test]
    fn what_is_taken_back_is_not_in_the_digest() {
        let memory = after(&[1, 2, 3]);
        let mut rules = Rules::new(Epoch::from_random(1), memory.clone());
        let live = rules.committed();
        rules.place(records(15, 16).records());
        rules.settle(Settled::TakenBack);
        assert_eq!(live.digest(), memory.digest());
        rules.place(records(4, 16).records());
        rules.settle(Settled::Committed);
        assert_eq!(live.digest(), after(&[1, 2, 3, 4]).digest());
    }
}
