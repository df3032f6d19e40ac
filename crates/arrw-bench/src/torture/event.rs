//! Events that tell who sent them, with a text that follows from the seed.

use serde::Deserialize;

use super::limits::TEXT_MAX;
use crate::history::Written;
use crate::random::Random;

/// A filter that wants all of them.
pub(super) const FILTER: &str = "torture.%3E";

/// The same where nothing needs an escape.
pub(super) const FILTER_PLAIN: &str = "torture.>";

/// The event as it is published, on one line.
pub(super) fn json(seed: u64, event: Written) -> String {
    let Written { writer, number } = event;
    let text = text(seed, event);
    format!(r#"{{"topic":"torture.{writer}","data":{{"w":{writer},"n":{number},"x":"{text}"}}}}"#)
}

/// What belongs to this event alone.
pub(super) fn text(seed: u64, event: Written) -> String {
    let mut random = Random::new(seed);
    for part in [u64::from(event.writer), event.number] {
        random = Random::new(random.next() ^ part);
    }
    let len = usize::try_from(random.below(TEXT_MAX + 1)).unwrap_or(0);
    let mut text = String::with_capacity(len + 16);
    while text.len() < len {
        text.push_str(&format!("{:016x}", random.next()));
    }
    text.truncate(len);
    text
}

/// An event as the server gives it.
#[derive(Debug, Deserialize)]
pub(super) struct Given<'a> {
    seq: u64,
    topic: &'a str,
    data: Data<'a>,
}

#[derive(Debug, Deserialize)]
struct Data<'a> {
    w: u32,
    n: u64,
    x: &'a str,
}

impl Given<'_> {
    /// Its seq, and whose it is; nobody's when topic or text are not what was sent.
    pub(super) fn seen(&self, seed: u64) -> (u64, Written) {
        let event = Written { writer: self.data.w, number: self.data.n };
        let is_whole =
            self.data.x == text(seed, event) && self.topic == format!("torture.{}", event.writer);
        (self.seq, if is_whole { event } else { Written::by_nobody(self.seq) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_was_changed_is_nobodys() {
        let event = Written { writer: 3, number: 14 };
        let given = |json: &str, seed| {
            let json = json.replacen('{', r#"{"seq":7,"epoch":"e","#, 1);
            serde_json::from_str::<Given<'_>>(&json).unwrap().seen(seed)
        };
        let sent = json(5, event);
        assert!(!text(5, event).is_empty());
        assert_eq!(given(&sent, 5), (7, event));
        assert_eq!(given(&sent, 6), (7, Written::by_nobody(7)));
        assert_eq!(given(&sent.replace("torture.3", "torture.4"), 5).1, Written::by_nobody(7));
        assert_eq!(given(&sent.replace("\"n\":14", "\"n\":15"), 5).1, Written::by_nobody(7));
    }
}
