//! The example texts, which come as events for ever and ever, each under its category.

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// Concepts of WordNet, one a line. Their licence is beside the file.
const LINES: &str = include_str!("../../../../examples/data/wordnet-2000.ndjson");
/// How many lines further the next event is: the file is in order of categories, the stream is mixed. It has no divisor
/// in common with the number of lines.
const STEP: u64 = 787;

/// Who shows the page to others need not expect these words: texts that have one are left out.
const LEFT_OUT: [&str; 8] =
    ["sexual", "genital", "vulva", "vagina", "testicle", "venereal", "offensive term", "mongol"];

#[derive(Debug, Deserialize)]
struct Line<'a> {
    id: &'a str,
    category: &'a str,
    words: Vec<&'a str>,
    definition: String,
}

/// What a client and a worker read of an event.
#[derive(Debug, Deserialize)]
pub(super) struct Payload {
    /// Which event of its topic it is, from 1.
    pub(super) number: u64,
    /// When it was made, in microseconds of the board's clock.
    pub(super) at: u64,
    pub(super) word: String,
}

#[derive(Serialize)]
struct Made<'a> {
    number: u64,
    at: u64,
    word: &'a str,
    text: &'a str,
}

/// An event to be made of a text.
#[derive(Debug)]
pub(super) struct Text {
    /// The number of its topic.
    pub(super) topic: usize,
    key: String,
    word: String,
    definition: String,
}

/// All texts, and the topics that they come under.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) topics: Vec<String>,
    texts: Vec<Text>,
}

impl Texts {
    /// Reads the texts that are in this program.
    pub(super) fn read() -> anyhow::Result<Self> {
        let (mut topics, mut texts) = (Vec::<String>::new(), Vec::new());
        for line in LINES.lines() {
            let line: Line<'_> = serde_json::from_str(line)?;
            if LEFT_OUT.iter().any(|word| line.definition.contains(word)) {
                continue;
            }
            let known = topics.iter().position(|topic| topic == line.category);
            let topic = known.unwrap_or_else(|| {
                topics.push(line.category.to_owned());
                topics.len() - 1
            });
            let word = line.words.first().context("a text has a word")?.replace('_', " ");
            let key = line.id.to_owned();
            texts.push(Text { topic, key, word, definition: line.definition });
        }
        Ok(Self { topics, texts })
    }

    /// The text of the event with this number among all, from 0.
    pub(super) fn nth(&self, number: u64) -> &Text {
        let count = self.texts.len() as u64;
        let at = usize::try_from(number % count * STEP % count).unwrap_or(0);
        &self.texts[at]
    }

    /// A first text for each topic.
    pub(super) fn firsts(&self) -> impl Iterator<Item = &Text> {
        (0..self.topics.len()).filter_map(|topic| self.texts.iter().find(|it| it.topic == topic))
    }

    /// Appends an event as a line: its number in its topic, and when it was made.
    pub(super) fn append(
        &self,
        text: &Text,
        (number, at): (u64, u64),
        lines: &mut Vec<u8>,
    ) -> anyhow::Result<()> {
        let Text { topic, key, word, definition } = text;
        let data = serde_json::to_string(&Made { number, at, word, text: definition })?;
        let topic = &self.topics[*topic];
        let line = format!("{{\"topic\":\"{topic}\",\"key\":\"{key}\",\"data\":{data}}}\n");
        lines.extend_from_slice(line.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_once_a_round() {
        let texts = Texts::read().unwrap();
        let count = texts.texts.len();
        assert_eq!((count, texts.topics.len()), (1_983, 45));
        let mut keys: Vec<_> = (0..count as u64).map(|number| &texts.nth(number).key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count);
        assert_eq!(texts.nth(7).key, texts.nth(7 + count as u64).key);
        assert_eq!(texts.firsts().count(), 45);
    }

    #[test]
    fn an_event_has_what_clients_look_for() {
        let texts = Texts::read().unwrap();
        let mut line = Vec::new();
        texts.append(texts.nth(0), (3, 4_000), &mut line).unwrap();
        let event: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(event["topic"], "noun.Tops");
        let payload: Payload = serde_json::from_value(event["data"].clone()).unwrap();
        assert_eq!((payload.number, payload.at, &*payload.word), (3, 4_000, "entity"));
    }
}
