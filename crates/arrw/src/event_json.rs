//! An event as JSON brings it out, on one line.

use std::borrow::Cow;

use arrw_bus::{CONTENT_TYPE_DEFAULT, Event};
use arrw_jobs::rfc3339;
use arrw_log::{Epoch, Seq};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Writes events of one life of the log as JSON.
#[derive(Debug)]
pub struct Encoder {
    epoch: Epoch,
    text: String,
}

impl Encoder {
    /// One for the events of an epoch.
    #[must_use]
    pub fn new(epoch: Epoch) -> Self {
        Self { epoch, text: epoch.to_string() }
    }

    /// The encoder for the events of `epoch`.
    pub fn of(&mut self, epoch: Epoch) -> &Self {
        if self.epoch != epoch {
            *self = Self::new(epoch);
        }
        self
    }

    /// Appends an event as one line of JSON without its end.
    #[expect(
        clippy::missing_panics_doc,
        reason = "it writes to memory, and what is serialised always can be"
    )]
    pub fn event(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        let data = json_of(event);
        let is_default = event.content_type() == CONTENT_TYPE_DEFAULT;
        let key = std::str::from_utf8(event.key()).ok().filter(|key| !key.is_empty());
        let outgoing = Outgoing {
            seq: event.seq().get(),
            epoch: &self.text,
            topic: event.topic(),
            offset: event.offset(),
            time: rfc3339(event.time()),
            key,
            key_base64: (key.is_none() && !event.key().is_empty()).then(|| base64(event.key())),
            id: event.id(),
            headers: HeadersOut(event),
            content_type: (!is_default || data.is_none()).then(|| event.content_type()),
            data_base64: data.is_none().then(|| base64(event.payload())),
            data: data.as_deref(),
        };
        serde_json::to_writer(out, &outgoing).expect("its parts are always JSON");
    }

    /// Appends the position of a record.
    pub fn position(&self, seq: Seq, out: &mut Vec<u8>) {
        out.extend_from_slice(self.text.as_bytes());
        out.extend_from_slice(format!(":{seq}").as_bytes());
    }
}

/// An event out. `data_base64` stands for what is not JSON, `key_base64` for what is not text.
#[derive(Serialize)]
struct Outgoing<'a> {
    seq: u64,
    epoch: &'a str,
    topic: &'a str,
    offset: u64,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "HeadersOut::is_empty")]
    headers: HeadersOut<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
}

/// The headers of an event as an object. Over this interface they are texts; bytes that a Rust program
/// published and that are not UTF-8 have each wrong byte replaced.
struct HeadersOut<'a>(&'a Event<'a>);

impl HeadersOut<'_> {
    fn is_empty(&self) -> bool {
        self.0.headers().next().is_none()
    }
}

impl Serialize for HeadersOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let texts = self.0.headers().map(|(name, value)| (name, String::from_utf8_lossy(value)));
        serializer.collect_map(texts)
    }
}

/// The payload as JSON on one line; `None` when it is something else, whatever its content type says.
fn json_of<'a>(event: &Event<'a>) -> Option<Cow<'a, RawValue>> {
    if event.content_type() != CONTENT_TYPE_DEFAULT {
        return None;
    }
    let raw: &'a RawValue = serde_json::from_slice(event.payload()).ok()?;
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if !raw.get().as_bytes().iter().any(is_break) {
        return Some(Cow::Borrowed(raw));
    }
    // Inside strings they are always escaped: these are between values, where a space says the same.
    let one_line = raw.get().replace(['\n', '\r'], " ");
    RawValue::from_string(one_line).ok().map(Cow::Owned)
}

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
