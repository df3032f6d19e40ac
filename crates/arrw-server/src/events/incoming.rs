//! An event as JSON brings it in.

use std::borrow::Cow;
use std::fmt;

use arrw::NewEvent;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::refusal;
use crate::limits::EVENT_HEADERS_MAX;
use crate::nearest::nearest;
use crate::problem::{Code, Problem};

/// The fields of an event.
const FIELDS: &[&str] = &["topic", "key", "data", "headers", "id", "content_type", "data_base64"];

/// The content type that needs not be stored.
const JSON: &str = "application/json";

/// The content type of bytes of which nothing is said.
const BYTES: &str = "application/octet-stream";

/// An event as it came, borrowed from the body where that can be.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    topic: Cow<'a, str>,
    key: Cow<'a, str>,
    content_type: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    headers: Headers<'a>,
    payload: Cow<'a, [u8]>,
}

/// Names and values of the headers of one event.
pub(super) type Headers<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// The same, as the engine takes them.
pub(crate) type HeaderRefs<'a> = Vec<(&'a str, &'a [u8])>;

impl<'a> Incoming<'a> {
    /// Reads one JSON object.
    pub(crate) fn parse(json: &'a [u8]) -> Result<Self, Problem> {
        let fields: Fields<'a> =
            serde_json::from_slice(json).map_err(|error| refusal(Code::Event, &error))?;
        fields.into_event()
    }

    /// An event of its parts: topic, key and id, what it carries and of which type, and its headers.
    pub(super) fn of_parts(
        (topic, key, id): (String, String, String),
        content_type: Option<String>,
        headers: Headers<'a>,
        payload: Cow<'a, [u8]>,
    ) -> Result<Self, Problem> {
        check_headers(headers.len())?;
        Ok(Self {
            topic: topic.into(),
            key: key.into(),
            content_type: content_type.map(Cow::from),
            id: Some(id.into()),
            headers,
            payload,
        })
    }

    pub(super) fn set_payload(&mut self, payload: &'a [u8]) {
        self.payload = payload.into();
    }

    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// Adds a header, unless it has one of that name.
    pub(crate) fn add_header(&mut self, name: &'static str, value: &str) {
        if !self.headers.iter().any(|(known, _)| known == name) {
            self.headers.push((Cow::Borrowed(name), Cow::Owned(value.to_owned())));
        }
    }

    /// Its headers as [`new_event`](Self::new_event) needs them.
    pub(crate) fn header_refs(&self) -> HeaderRefs<'_> {
        self.headers.iter().map(|(name, value)| (&**name, value.as_bytes())).collect()
    }

    /// The event to publish.
    pub(crate) fn new_event<'b>(&'b self, headers: &'b HeaderRefs<'b>) -> NewEvent<'b> {
        NewEvent {
            topic: &self.topic,
            key: self.key.as_bytes(),
            content_type: self.content_type.as_deref(),
            id: self.id.as_deref(),
            headers,
            payload: &self.payload,
        }
    }
}

/// Splits a JSON array into its elements.
pub(crate) fn elements(json: &[u8]) -> Result<Vec<&RawValue>, Problem> {
    serde_json::from_slice(json).map_err(|error| refusal(Code::Event, &error))
}

fn check_headers(count: usize) -> Result<(), Problem> {
    if count <= EVENT_HEADERS_MAX {
        return Ok(());
    }
    let detail = format!("it has {count} headers, and may have {EVENT_HEADERS_MAX}");
    Err(Problem::new(Code::Event, detail))
}

/// One JSON value.
pub(crate) fn whole_value(json: &[u8]) -> Result<&RawValue, Problem> {
    serde_json::from_slice(json).map_err(|error| refusal(Code::Event, &error))
}

/// What an object has, before it is looked at as an event.
#[derive(Debug, Default)]
struct Fields<'a> {
    topic: Option<Text<'a>>,
    key: Option<Text<'a>>,
    data: Option<&'a RawValue>,
    headers: Option<HeadersIn<'a>>,
    id: Option<Text<'a>>,
    content_type: Option<Text<'a>>,
    data_base64: Option<Text<'a>>,
    unknown: Option<String>,
}

impl<'a> Fields<'a> {
    fn into_event(self) -> Result<Incoming<'a>, Problem> {
        if let Some(name) = self.unknown {
            let problem = Problem::new(Code::UnknownField, format!("an event has no `{name}`"));
            return Err(match nearest(&name, FIELDS) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint("what is yours belongs into `data` or `headers`"),
            });
        }
        let wrong = |detail: &str| Problem::new(Code::Event, detail);
        let topic = self.topic.ok_or_else(|| wrong("`topic` is missing"))?.0;
        let content_type = self.content_type.map(|text| text.0);
        let is_json = content_type.as_deref().is_none_or(|it| it.eq_ignore_ascii_case(JSON));
        let (payload, content_type) = match (self.data, self.data_base64) {
            (Some(data), None) if is_json => (Cow::Borrowed(data.get().as_bytes()), None),
            (Some(_), None) => {
                return Err(wrong("`data` is JSON, and `content_type` says something else")
                    .hint("leave `content_type` out, or give the bytes as `data_base64`"));
            }
            (None, Some(text)) => {
                let bytes = STANDARD
                    .decode(text.0.as_bytes())
                    .map_err(|error| wrong(&format!("`data_base64` is not base64: {error}")))?;
                let given = content_type.unwrap_or(Cow::Borrowed(BYTES));
                (Cow::Owned(bytes), (!given.eq_ignore_ascii_case(JSON)).then_some(given))
            }
            (Some(_), Some(_)) => {
                return Err(wrong("`data` and `data_base64` are both there; give one of them"));
            }
            (None, None) => {
                return Err(wrong("`data` is missing").hint("`\"data\": null` is fine"));
            }
        };
        let headers = self.headers.unwrap_or_default().0;
        check_headers(headers.len())?;
        Ok(Incoming {
            topic,
            key: self.key.unwrap_or_default().0,
            content_type,
            id: self.id.map(|text| text.0),
            headers,
            payload,
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event, which is an object with `topic` and `data`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Fields::default();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            match &*name.0 {
                "topic" => set(&mut map, &mut fields.topic, "topic")?,
                "key" => set(&mut map, &mut fields.key, "key")?,
                "headers" => set(&mut map, &mut fields.headers, "headers")?,
                "id" => set(&mut map, &mut fields.id, "id")?,
                "content_type" => set(&mut map, &mut fields.content_type, "content_type")?,
                "data_base64" => set(&mut map, &mut fields.data_base64, "data_base64")?,
                "data" if fields.data.is_some() => return Err(A::Error::duplicate_field("data")),
                // `null` is a value here.
                "data" => fields.data = Some(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    fields.unknown.get_or_insert_with(|| name.0.into_owned());
                }
            }
        }
        Ok(fields)
    }
}

/// Takes in the value of a field; `null` is none.
fn set<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    map: &mut A,
    slot: &mut Option<T>,
    name: &'static str,
) -> Result<(), A::Error> {
    if slot.is_some() {
        return Err(A::Error::duplicate_field(name));
    }
    *slot = map.next_value().map_err(|error| A::Error::custom(format!("`{name}`: {error}")))?;
    Ok(())
}

/// A text, borrowed unless it has escapes.
#[derive(Debug, Default)]
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

/// An object of strings, in its order.
#[derive(Debug, Default)]
struct HeadersIn<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'de: 'a, 'a> Deserialize<'de> for HeadersIn<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = HeadersIn<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object whose values are strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HeadersIn<'de>, A::Error> {
        let mut headers: Vec<(Cow<'de, str>, Cow<'de, str>)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<Text<'de>, Text<'de>>()? {
            // Each is compared with all before it, so they are not counted at the end.
            if EVENT_HEADERS_MAX <= headers.len() {
                let detail = format!("it has more headers than it may have: {EVENT_HEADERS_MAX}");
                return Err(A::Error::custom(detail));
            }
            if headers.iter().any(|(known, _)| *known == name.0) {
                return Err(A::Error::custom(format!("`{}` is there twice", name.0)));
            }
            headers.push((name.0, value.0));
        }
        Ok(HeadersIn(headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_keeps_the_bytes_of_its_data() {
        let check = |json: &str, topic: &str, content_type: Option<&str>, payload: &[u8]| {
            let incoming = Incoming::parse(json.as_bytes()).unwrap();
            let headers = incoming.header_refs();
            let event = incoming.new_event(&headers);
            assert_eq!((event.topic, event.content_type), (topic, content_type), "{json}");
            assert_eq!(event.payload, payload, "{json}");
        };
        check(r#"{"topic":"a","data":{"b": 1.0}}"#, "a", None, br#"{"b": 1.0}"#);
        check(r#" {"data":null,"topic":"\u0061"} "#, "a", None, b"null");
        check(r#"{"topic":"a","data":1,"content_type":"application/json"}"#, "a", None, b"1");
        check(r#"{"topic":"a","data_base64":"AP8="}"#, "a", Some(BYTES), b"\x00\xff");
        check(
            r#"{"topic":"a","data_base64":"aGk=","content_type":"text/plain"}"#,
            "a",
            Some("text/plain"),
            b"hi",
        );
        let json = br#"{"topic":"a","data":1,"key":"k","id":null,"headers":{"x":"1","y":"2"}}"#;
        let incoming = Incoming::parse(json).unwrap();
        let headers = incoming.header_refs();
        let event = incoming.new_event(&headers);
        assert_eq!((event.key, event.id), (&b"k"[..], None));
        assert_eq!(event.headers, [("x", &b"1"[..]), ("y", b"2")]);
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let check = |json: &str, code: Code, part: &str| {
            let problem = Incoming::parse(json.as_bytes()).unwrap_err();
            let text = String::from_utf8(problem.to_json()).unwrap();
            assert_eq!(problem.code(), code, "{json}: {text}");
            assert!(text.contains(part), "{json}: {text}");
        };
        check("", Code::NotJson, "EOF");
        check("{", Code::NotJson, "EOF");
        check("\u{feff}{}", Code::NotJson, "column 1");
        check("7", Code::Event, "an event, which is an object");
        check("{}", Code::Event, "`topic` is missing");
        check(r#"{"topic":"a"}"#, Code::Event, "`data` is missing");
        check(r#"{"topic":5,"data":1}"#, Code::Event, "`topic`: invalid type: integer `5`");
        check(r#"{"topik":"a","data":1}"#, Code::UnknownField, "did you mean `topic`?");
        check(r#"{"topic":"a","x":1}"#, Code::UnknownField, "belongs into `data`");
        check(r#"{"topic":"a","topic":"a","data":1}"#, Code::Event, "duplicate field `topic`");
        check(r#"{"topic":"a","data":1,"data":1}"#, Code::Event, "duplicate field `data`");
        check(r#"{"topic":"a","data":1,"headers":{"x":1}}"#, Code::Event, "`headers`: ");
        check(r#"{"topic":"a","data":1,"headers":{"x":"","x":""}}"#, Code::Event, "twice");
        check(r#"{"topic":"a","data_base64":"?"}"#, Code::Event, "not base64");
        check(r#"{"topic":"a","data":1,"data_base64":""}"#, Code::Event, "give one");
        check(r#"{"topic":"a","data":1,"content_type":"a/b"}"#, Code::Event, "data_base64");
        check(r#"{"topic":"a","data":1} x"#, Code::NotJson, "trailing");
    }

    #[test]
    fn headers_are_no_more_than_may_be() {
        let parse = |count: usize| {
            let headers: Vec<String> = (0..count).map(|at| format!(r#""{at}":"""#)).collect();
            let headers = headers.join(",");
            let json = format!(r#"{{"topic":"a","data":1,"headers":{{{headers}}}}}"#);
            Incoming::parse(json.as_bytes()).map(|_fine| ())
        };
        assert!(parse(EVENT_HEADERS_MAX).is_ok());
        // Takes minutes when each is compared with all before it.
        for count in [EVENT_HEADERS_MAX + 1, 500_000] {
            let problem = parse(count).unwrap_err();
            assert_eq!(problem.code(), Code::Event);
            assert!(problem.detail().contains("more headers"), "{problem:?}");
        }
    }

    #[test]
    fn deep_data_is_no_danger() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let json = format!(r#"{{"topic":"a","data":{deep}}}"#);
        assert!(Incoming::parse(json.as_bytes()).is_ok());
    }
}
