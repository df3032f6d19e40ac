//! Events as [CloudEvents 1.0](https://github.com/cloudevents/spec): structured, batched and binary.
//!
//! Its `type` is the topic, its `subject` the key. What else it has is kept in headers that begin with `ce-`, so that it
//! comes out as it came in. `source` and `id` together are the event's `id`: published again, it changes
//! nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;

use arrw::{CONTENT_TYPE_DEFAULT, Event};
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::value::RawValue;

use super::incoming::{Headers, Incoming};
use crate::hash::sha256;
use crate::json;
use crate::problem::{Code, Problem};
use crate::rfc3339::{self, rfc3339};

/// What the names of kept attributes begin with.
const PREFIX: &str = "ce-";

/// Bytes of an event's `id`.
const ID_MAX: usize = 255;

/// Attributes that have a place of their own.
const PLACED: &[&str] = &["specversion", "type", "subject", "datacontenttype"];

/// Headers that are attributes of the same name.
const TRACING: &[&str] = &["traceparent", "tracestate"];

/// Attributes that are texts; extensions may be numbers and booleans, too.
const TEXTS: &[&str] = &[
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "data_base64",
];

/// The attributes of an event, and what it carries.
#[derive(Debug, Default)]
struct Attributes<'a> {
    texts: BTreeMap<Cow<'a, str>, String>,
    data: Option<&'a RawValue>,
    data_base64: Option<String>,
}

/// Reads one event in structured mode.
pub(super) fn structured(body: &[u8]) -> Result<Incoming<'_>, Problem> {
    let fields = serde_json::from_slice(body).map_err(|error| json::refusal(Code::Body, &error))?;
    attributes(fields)?.into_event()
}

/// Reads a batch in structured mode.
pub(super) fn batched(body: &[u8]) -> Result<Vec<Incoming<'_>>, Problem> {
    let all: Vec<BTreeMap<Cow<'_, str>, &RawValue>> =
        serde_json::from_slice(body).map_err(|error| json::refusal(Code::Body, &error))?;
    let event = |(at, fields)| {
        let event = attributes(fields).and_then(Attributes::into_event);
        event.map_err(|problem| problem.within(&super::taking::nth(at)))
    };
    all.into_iter().enumerate().map(event).collect()
}

/// Whether a request carries an event in binary mode.
pub(super) fn is_binary(headers: &HeaderMap) -> bool {
    headers.contains_key("ce-specversion")
}

/// Reads an event in binary mode: its attributes are headers, the body is what it carries.
pub(super) fn binary<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Incoming<'a>, Problem> {
    let mut attributes = Attributes::default();
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix(PREFIX) else { continue };
        check_name(name)?;
        let value = value.to_str().map_err(|_not_text| wrong(name, "is not text"))?;
        let value = percent_encoding::percent_decode_str(value).decode_utf8();
        let value = value.map_err(|_not_utf8| wrong(name, "is not UTF-8 behind its escapes"))?;
        attributes.texts.insert(Cow::Owned(name.to_owned()), value.into_owned());
    }
    if let Some(content_type) = headers.get(header::CONTENT_TYPE) {
        let content_type = content_type.to_str().unwrap_or_default().to_owned();
        attributes.texts.insert(Cow::Borrowed("datacontenttype"), content_type);
    }
    let content_type = attributes.texts.get("datacontenttype").map(String::as_str);
    if is_json(content_type) && !body.is_empty() {
        let data =
            serde_json::from_slice(body).map_err(|error| json::refusal(Code::Body, &error))?;
        attributes.data = Some(data);
        return attributes.into_event();
    }
    let mut event = attributes.into_event()?;
    if !body.is_empty() {
        event.set_payload(body);
    }
    Ok(event)
}

/// Whether an attribute may have this name: lower-case letters and digits. `data` is none.
fn is_name(name: &str) -> bool {
    let is_plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    !name.is_empty() && name != "data" && name.bytes().all(is_plain)
}

fn check_name(name: &str) -> Result<(), Problem> {
    if is_name(name) {
        return Ok(());
    }
    Err(wrong(
        name,
        "must have lower-case letters and digits only in its name, and another than `data`",
    ))
}

fn wrong(name: &str, why: &str) -> Problem {
    Problem::new(Code::Event, format!("the attribute `{name}` {why}"))
}

fn attributes<'a>(fields: BTreeMap<Cow<'a, str>, &'a RawValue>) -> Result<Attributes<'a>, Problem> {
    let mut found = Attributes::default();
    for (name, raw) in fields {
        if name == "data" {
            found.data = Some(raw);
            continue;
        }
        let value: Value =
            serde_json::from_str(raw.get()).map_err(|error| json::refusal(Code::Body, &error))?;
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            Value::Bool(_) | Value::Number(_) if !TEXTS.contains(&name.as_ref()) => {
                value.to_string()
            }
            Value::Bool(_) | Value::Number(_) => return Err(wrong(&name, "must be a text")),
            Value::Array(_) | Value::Object(_) => {
                return Err(wrong(&name, "must be a text, a number or a boolean"));
            }
        };
        if name == "data_base64" {
            found.data_base64 = Some(text);
        } else {
            check_name(&name)?;
            found.texts.insert(name, text);
        }
    }
    Ok(found)
}

/// Whether what has this content type is JSON.
fn is_json(content_type: Option<&str>) -> bool {
    let Some(content_type) = content_type else { return true };
    let essence = json::essence(content_type);
    essence == CONTENT_TYPE_DEFAULT || essence.ends_with("+json")
}

impl<'a> Attributes<'a> {
    fn into_event(mut self) -> Result<Incoming<'a>, Problem> {
        let version = self.texts.get("specversion").map_or("", String::as_str);
        if version != "1.0" {
            return Err(wrong("specversion", &format!("is `{version}`, and must be `1.0`")));
        }
        for name in ["id", "source", "type"] {
            if self.texts.get(name).is_none_or(String::is_empty) {
                return Err(wrong(name, "is missing"));
            }
        }
        if let Some(time) = self.texts.get("time") {
            rfc3339::parse(time).ok_or_else(|| wrong("time", "is not a time of RFC 3339"))?;
        }
        let id = id_of(&self.texts["source"], &self.texts["id"]);
        let topic = self.texts.remove("type").unwrap_or_default();
        let key = self.texts.remove("subject").unwrap_or_default();
        let content_type = self.texts.remove("datacontenttype");
        let payload = self.payload(content_type.as_deref())?;
        let kept = self.texts.iter().filter(|(name, _)| !PLACED.contains(&name.as_ref()));
        let headers: Headers<'a> = kept
            .map(|(name, value)| (format!("{PREFIX}{name}").into(), value.clone().into()))
            .collect();
        let is_default = content_type.as_deref().is_none_or(|it| it == CONTENT_TYPE_DEFAULT);
        let content_type = content_type.filter(|_| !is_default);
        Incoming::of_parts((topic, key, id), content_type, headers, payload)
    }

    fn payload(&self, content_type: Option<&str>) -> Result<Cow<'a, [u8]>, Problem> {
        match (self.data, &self.data_base64) {
            (Some(_), Some(_)) => Err(wrong("data_base64", "and `data` are both there")),
            (None, Some(text)) => {
                let bytes = STANDARD.decode(text.as_bytes());
                Ok(bytes.map_err(|_not_base64| wrong("data_base64", "is not base64"))?.into())
            }
            (None, None) if is_json(content_type) => Ok(Cow::Borrowed(b"null")),
            (None, None) => Ok(Cow::Borrowed(b"")),
            (Some(data), None) if is_json(content_type) => Ok(data.get().as_bytes().into()),
            // Of another type a JSON text stands for its characters.
            (Some(data), None) => match serde_json::from_str::<String>(data.get()) {
                Ok(text) => Ok(text.into_bytes().into()),
                Err(_) => Ok(data.get().as_bytes().into()),
            },
        }
    }
}

/// What tells an event from all others: its source and its id there.
fn id_of(source: &str, id: &str) -> String {
    let both = format!("{source}#{id}");
    if both.len() <= ID_MAX && both.bytes().all(|it| it.is_ascii_graphic()) {
        return both;
    }
    sha256(&[source.as_bytes(), &[0], id.as_bytes()])
}

/// Whether an attribute may have this name and value in an event that goes out.
fn is_attribute(name: &str, value: &str) -> bool {
    match name {
        "id" | "source" => !value.is_empty(),
        "time" => rfc3339::parse(value).is_some(),
        _ => is_name(name),
    }
}

/// Appends an event in structured mode. One that was not published so is of the source `arrwdb` and has its
/// position as its id.
pub(super) fn write(event: &Event<'_>, position: &str, out: &mut Vec<u8>) {
    let mut members: BTreeMap<String, Value> = BTreeMap::new();
    for (name, value) in event.headers() {
        let attribute = name.strip_prefix(PREFIX);
        let attribute = attribute.or_else(|| TRACING.contains(&name).then_some(name));
        // A header of another program may begin so by chance.
        let value = String::from_utf8_lossy(value);
        if let Some(name) = attribute.filter(|name| is_attribute(name, &value)) {
            members.insert(name.to_owned(), value.into());
        }
    }
    members.entry("id".to_owned()).or_insert_with(|| position.into());
    members.entry("source".to_owned()).or_insert_with(|| "arrwdb".into());
    members.entry("time".to_owned()).or_insert_with(|| rfc3339(event.time()).into());
    members.insert("specversion".to_owned(), "1.0".into());
    members.insert("type".to_owned(), event.topic().into());
    members.insert("sequence".to_owned(), event.seq().to_string().into());
    if !event.key().is_empty() {
        members.insert("subject".to_owned(), String::from_utf8_lossy(event.key()).into());
    }
    members.insert("datacontenttype".to_owned(), event.content_type().into());
    let raw = is_json(Some(event.content_type()))
        .then(|| serde_json::from_slice::<&RawValue>(event.payload()).ok())
        .flatten();
    if raw.is_none() {
        members.insert("data_base64".to_owned(), STANDARD.encode(event.payload()).into());
    }
    let json = serde_json::to_string(&members).expect("texts are always JSON");
    match raw {
        None => out.extend_from_slice(json.as_bytes()),
        Some(raw) => {
            out.extend_from_slice(&json.as_bytes()[..json.len() - 1]);
            out.extend_from_slice(b",\"data\":");
            out.extend_from_slice(raw.get().as_bytes());
            out.push(b'}');
        }
    }
}
