//! An event as its publisher gives it and as its subscribers see it.

use arrw_log::limits::SHOWN_CHARS_MAX;
use arrw_log::{Batch, Headers, Kind, NewRecord, Record, RecordError, Seq, Timestamp};

use crate::filter::{begins_with, is_volatile};
use crate::limits::{CONTENT_TYPE_BYTES_MAX, ID_BYTES_MAX};

/// The kind of the records that are events. All other kinds are control records of a view.
pub const EVENT: Kind = Kind(0);

/// What the payload is when nothing is said.
pub const CONTENT_TYPE_DEFAULT: &str = "application/json";

/// Headers with this first character are ours.
const OURS: char = ':';
const CONTENT_TYPE: &str = ":type";
const ID: &str = ":id";

/// Bytes that an event takes beside its parts, about.
const EVENT_BYTES: usize = 48;

/// First tokens of topics that only views write to.
const RESERVED: [&str; 2] = ["collections", "jobs"];

/// An event to be published, borrowed from the caller.
///
/// ```
/// use arrw_bus::NewEvent;
///
/// let event = NewEvent { key: b"42", ..NewEvent::new("orders.created", br#"{"total": 7}"#) };
/// assert_eq!(event.content_type, None); // JSON
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NewEvent<'a> {
    /// Its topic: 1 to 255 bytes, tokens between dots. One whose first token is `~` is volatile. Those whose
    /// first token is `collections` or `jobs` are written by arrwDB alone.
    pub topic: &'a str,
    /// Its key, at most 1 KiB; empty for none. What `conflate` keeps the last event of.
    pub key: &'a [u8],
    /// What the payload is, at most 255 bytes; `None` for JSON.
    pub content_type: Option<&'a str>,
    /// An id by which a repeated publish is known, at most 255 bytes; `None` for none.
    pub id: Option<&'a str>,
    /// Its headers, at most 60; a name does not begin with `:`.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Its payload.
    pub payload: &'a [u8],
}

/// An event that cannot be published as it is. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// A part of it is over its limit, or its topic has no valid name.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The topic is not the user's to write.
    #[error(
        "`{topic}` is written by arrwDB alone; choose a topic whose first token is not `{first}`"
    )]
    Reserved {
        /// The topic. A very long one is cut.
        topic: String,
        /// Its first token.
        first: &'static str,
    },
    /// The name of a header is empty or one of ours.
    #[error(
        "`{name}` cannot be the name of a header; it must have a character and not begin with `:`"
    )]
    Header {
        /// The name. A very long one is cut.
        name: String,
    },
    /// A text is empty, too long, or has characters that cannot be shown.
    #[error("the {part} must have 1 to {max} printable characters of ASCII")]
    Text {
        /// Which text.
        part: &'static str,
        /// Bytes that it may have.
        max: usize,
    },
}

impl<'a> NewEvent<'a> {
    /// An event of JSON without key, id and headers.
    #[must_use]
    pub fn new(topic: &'a str, payload: &'a [u8]) -> Self {
        Self { topic, payload, ..Self::default() }
    }

    /// True when its topic is volatile: in memory only.
    #[inline]
    #[must_use]
    pub fn is_volatile(&self) -> bool {
        is_volatile(self.topic)
    }

    /// Bytes that it takes about, headers apart.
    pub(crate) fn bytes(&self) -> usize {
        let parts = [self.topic.len(), self.key.len(), self.payload.len()];
        parts.into_iter().fold(EVENT_BYTES, usize::saturating_add)
    }

    /// Adds it to a batch as a record.
    ///
    /// # Errors
    /// [`EventError`]; the batch is then as it was.
    pub fn push_to(&self, batch: &mut Batch) -> Result<(), EventError> {
        if let Some(first) = RESERVED.into_iter().find(|first| begins_with(first, self.topic)) {
            return Err(EventError::Reserved { topic: shown(self.topic), first });
        }
        let plain = NewRecord {
            kind: EVENT,
            topic: self.topic,
            key: self.key,
            headers: self.headers,
            payload: self.payload,
        };
        if self.topic.is_empty() {
            // That of a control record, which the log would take and no user may write.
            arrw_log::check_topic(self.topic)?;
        }
        if self.headers.is_empty() && self.content_type.is_none() && self.id.is_none() {
            return Ok(batch.push(plain)?);
        }
        let wrong = |(name, _): &&(&str, &[u8])| name.is_empty() || name.starts_with(OURS);
        if let Some((name, _)) = self.headers.iter().find(wrong) {
            return Err(EventError::Header { name: shown(name) });
        }
        let mut headers = Vec::with_capacity(self.headers.len() + 2);
        if let Some(content_type) = self.content_type {
            check_text("content type", content_type, CONTENT_TYPE_BYTES_MAX)?;
            headers.push((CONTENT_TYPE, content_type.as_bytes()));
        }
        if let Some(id) = self.id {
            check_text("id", id, ID_BYTES_MAX)?;
            headers.push((ID, id.as_bytes()));
        }
        headers.extend_from_slice(self.headers);
        Ok(batch.push(NewRecord { headers: &headers, ..plain })?)
    }
}

/// As much of a text as an error repeats.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

fn check_text(part: &'static str, text: &str, max: usize) -> Result<(), EventError> {
    let printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let fits = (1..=max).contains(&text.len()) && printable;
    if fits { Ok(()) } else { Err(EventError::Text { part, max }) }
}

/// An event that was committed, or published to a volatile topic; borrowed from its frame.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a>(Record<'a>);

impl<'a> Event<'a> {
    /// The event that a record is; `None` for a control record.
    #[inline]
    #[must_use]
    pub fn of(record: Record<'a>) -> Option<Self> {
        (record.kind() == EVENT && !record.topic().is_empty()).then_some(Self(record))
    }

    /// Its place in the order of all.
    #[inline]
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.0.seq()
    }

    /// When it was committed; for a volatile event, within a millisecond of when it was published.
    #[inline]
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.0.time()
    }

    /// Its topic.
    #[inline]
    #[must_use]
    pub fn topic(&self) -> &'a str {
        self.0.topic()
    }

    /// Its place in its topic, dense from 1; 0 for a volatile event.
    #[inline]
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.0.offset()
    }

    /// The first record in its topic's life: with the log's epoch, the topic's epoch.
    #[inline]
    #[must_use]
    pub fn topic_born(&self) -> Seq {
        self.0.topic_born()
    }

    /// Its key; empty for none.
    #[inline]
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        self.0.key()
    }

    /// What its payload is.
    #[inline]
    #[must_use]
    pub fn content_type(&self) -> &'a str {
        self.ours(CONTENT_TYPE).unwrap_or(CONTENT_TYPE_DEFAULT)
    }

    /// The id that its publisher gave it.
    #[inline]
    #[must_use]
    pub fn id(&self) -> Option<&'a str> {
        self.ours(ID)
    }

    /// The headers that its publisher gave it, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.0.headers().filter(|(name, _)| !name.starts_with(OURS))
    }

    /// Its payload.
    #[inline]
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.0.payload()
    }

    fn ours(&self, name: &str) -> Option<&'a str> {
        let headers: Headers<'a> = self.0.headers();
        let (_, value) = headers.into_iter().find(|(found, _)| *found == name)?;
        std::str::from_utf8(value).ok()
    }
}

#[cfg(test)]
mod tests {
    use arrw_log::{Epoch, Frame};

    use super::*;

    fn published(event: &NewEvent<'_>) -> Result<Frame, EventError> {
        let mut batch = Batch::new();
        event.push_to(&mut batch)?;
        let (seq, time, epoch) = (Seq::new(5), Timestamp::from_micros(9), Epoch::from_random(1));
        Ok(Frame::in_memory(batch, seq, time, epoch))
    }

    #[test]
    fn an_event_is_seen_as_it_was_given() {
        let given = NewEvent {
            key: b"k",
            content_type: Some("text/plain"),
            id: Some("id-1"),
            headers: &[("trace", b"abc")],
            ..NewEvent::new("a.b", b"hello")
        };
        let frame = published(&given).unwrap();
        let event = frame.records().find_map(Event::of).unwrap();
        assert_eq!(
            (event.topic(), event.key(), event.payload()),
            ("a.b", &b"k"[..], &b"hello"[..])
        );
        assert_eq!((event.content_type(), event.id()), ("text/plain", Some("id-1")));
        assert_eq!(event.headers().collect::<Vec<_>>(), [("trace", &b"abc"[..])]);
        assert_eq!((event.seq().get(), event.time().micros()), (5, 9));

        let frame = published(&NewEvent::new("a.b", b"{}")).unwrap();
        let event = frame.records().find_map(Event::of).unwrap();
        assert_eq!((event.content_type(), event.id()), (CONTENT_TYPE_DEFAULT, None));
        assert_eq!(event.headers().count(), 0);
    }

    #[test]
    fn an_event_that_cannot_be_is_refused() {
        let check = |event: NewEvent<'_>, part: &str| {
            let refused = published(&event).unwrap_err().to_string();
            assert!(refused.contains(part), "{refused}");
        };
        check(NewEvent::new("", b""), "a topic needs a name");
        check(NewEvent::new("a b", b""), "not a topic");
        check(NewEvent::new("jobs.mail.done", b""), "arrwDB alone");
        check(NewEvent::new("collections", b""), "first token is not `collections`");
        check(NewEvent { id: Some(""), ..NewEvent::new("a", b"") }, "the id must");
        check(NewEvent { content_type: Some("a\nb"), ..NewEvent::new("a", b"") }, "content type");
        check(NewEvent { headers: &[(":id", b"x")], ..NewEvent::new("a", b"") }, "`:id`");
        assert!(published(&NewEvent::new("jobs2.x", b"")).is_ok());

        let (topic, name) = (format!("jobs.{}", "x".repeat(100_000)), ":".repeat(100_000));
        let headers: &[(&str, &[u8])] = &[(&name, b"x")];
        for event in [NewEvent::new(&topic, b""), NewEvent { headers, ..NewEvent::new("a", b"") }] {
            let refused = published(&event).unwrap_err().to_string();
            assert!(refused.len() < 1_000, "{} bytes", refused.len());
        }
    }
}
