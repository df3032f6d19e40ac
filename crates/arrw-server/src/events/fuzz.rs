//! Events as they come in and go out: JSON, lines, CloudEvents.

use std::borrow::Cow;
use std::fmt;

use arrw::{CONTENT_TYPE_DEFAULT, Db, Encoder, Environment, Event, MemoryStorage, NewEvent, Start};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::cloud;
use super::follow::last_event_id;
use super::incoming::{Incoming, elements};
use super::taking::is_trace;
use crate::fuzz::{Input, Outcome, Target, refused, seeds, text_of};
use crate::limits::{CHUNK_BYTES_MAX, CHUNK_LINES_MAX, EVENT_HEADERS_MAX};
use crate::ndjson::Lines;
use crate::problem::{Code, Problem};

const EVENTS: &[&str] = &[
    r#"{"topic":"orders.created","key":"42","data":{"total": 7.50, "of":[1,2]},"headers":{"a":"1","b":"2"},"id":"i-1"}"#,
    r#" {"data":null,"topic":"\u0061.ü"} "#,
    r#"{"topic":"a","data_base64":"aGk=","content_type":"text/plain"}"#,
    r#"{"topic":"a","data":1,"headers":{"ce-id":"1","ce-source":"s","ce-time":"2026-01-31T23:59:59Z"}}"#,
    r#"{"topik":"a","data":1}"#,
];

const EVENT_WORDS: &[&str] = &[
    "\"topic\":\"a\"",
    "\"key\":",
    "\"data\":",
    "\"headers\":{",
    "\"id\":",
    "\"content_type\":",
    "\"application/json\"",
    "\"data_base64\":\"AP8=\"",
    "\\u0000",
    "\\ud800",
    "\\n",
    "null",
    "{}",
    "[]",
    "[[",
    "1e400",
    "\"ce-",
    "\"ce-data\":\"\"",
    ",",
    "jobs.",
    "~.",
];

const CLOUD_WORDS: &[&str] = &[
    "\"specversion\":\"1.0\"",
    "\"id\":\"1\"",
    "\"source\":\"s\"",
    "\"type\":\"a.b\"",
    "\"subject\":\"k\"",
    "\"time\":\"2026-01-31T23:59:59Z\"",
    "\"datacontenttype\":\"text/xml\"",
    "\"dataschema\":\"u\"",
    "\"data_base64\":\"AP8=\"",
    "\"data\":",
    "\"sequence\":\"1\"",
    "\"traceparent\":\"x\"",
    "\"ext\":true",
    "null",
    "\\u0000",
    ",",
];

pub(crate) const EVENT: Target = Target {
    name: "server-event",
    what: "an event as JSON: read as a plain reader does, and written out it is one line that says the same",
    run: event,
    seeds: || seeds(EVENTS),
    words: EVENT_WORDS,
};

pub(crate) const ARRAY: Target = Target {
    name: "server-array",
    what: "an array of events: split as a plain reader does",
    run: array,
    seeds: || vec![format!("[{}]", EVENTS.join(" , ")).into_bytes(), b" [ ] ".to_vec()],
    words: EVENT_WORDS,
};

pub(crate) const LINES: Target = Target {
    name: "server-lines",
    what: "bytes cut into lines: the same wherever they are cut, within the bounds of a chunk",
    run: lines,
    seeds: || {
        let long = "x\n".repeat(CHUNK_LINES_MAX + 200);
        seeds(&["\u{3}\u{1}\u{5}\u{2}{\"a\":1}\n\n{\"b\":2}\r\nend", &format!("\u{1}\u{ff}{long}")])
    },
    words: &["\n", "\n\n", "\r\n", "\r"],
};

pub(crate) const TRACE: Target = Target {
    name: "server-trace",
    what: "`traceparent` and `Last-Event-ID`: of the form that their standards draw",
    run: trace,
    seeds: || {
        seeds(&[
            "00-11112222333344445555666677778888-1234567812345678-01",
            "00c0ffee00c0ffee:42",
            "earliest",
            "2026-01-31T23:59:59+01:00",
        ])
    },
    words: &["-", "00", "ff", "0000000000000000", "latest", ":", "1234567812345678"],
};

pub(crate) const CLOUD: Target = Target {
    name: "server-cloud",
    what: "a CloudEvent: written out it is one that says the same",
    run: |input| cloud_event(cloud::structured(input)),
    seeds: || {
        seeds(&[
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"a.b","subject":"k","time":"2026-01-31T23:59:59Z","data":{"x": 1},"ext":7}"#,
            r#"{"specversion":"1.0","id":"ü","source":"/s","type":"a","datacontenttype":"text/plain","data":"hi"}"#,
            r#"{"specversion":"1.0","id":"2","source":"/s","type":"a","data_base64":"AP8=","datacontenttype":"image/png"}"#,
        ])
    },
    words: CLOUD_WORDS,
};

pub(crate) const CLOUD_BATCH: Target = Target {
    name: "server-cloud-batch",
    what: "an array of CloudEvents: each is read as it is alone",
    run: cloud_batch,
    seeds: || {
        let all = (CLOUD.seeds)().iter().map(|it| text_of(it).to_owned()).collect::<Vec<_>>();
        vec![format!("[{}]", all.join(",")).into_bytes(), b"[]".to_vec()]
    },
    words: CLOUD_WORDS,
};

pub(crate) const CLOUD_BINARY: Target = Target {
    name: "server-cloud-binary",
    what: "a CloudEvent in headers: written out it is one that says the same",
    run: cloud_binary,
    seeds: || {
        seeds(&[
            "ce-specversion: 1.0\nce-id: 1\nce-source: /s\nce-type: a.b\ncontent-type: application/json\n\n{\"x\":1}",
            "ce-specversion: 1.0\nce-id: %C3%BC\nce-source: s\nce-type: a\nce-ext: 7\ncontent-type: text/plain\n\nhi",
        ])
    },
    words: &[
        "\n",
        "ce-",
        "ce-subject: ",
        "ce-time: 2026-01-31T23:59:59Z",
        "%ff",
        "%",
        "\n\n",
        "ce-data: ",
        "text/json",
    ],
};

pub(crate) const EVENT_OUT: Target = Target {
    name: "server-event-out",
    what: "any event of a Rust program: written out it is JSON, and a CloudEvent that is read back",
    run: event_out,
    seeds: || {
        vec![
            b"\x07\x03a.b\x01k\x0atext/plain\x02id\x02\x05ce-id\x011\x01h\x01vhello".to_vec(),
            b"\x00\x01a\x00\x00\x00\x01\x0btraceparent\x01x{\"a\":\n1}".to_vec(),
        ]
    },
    words: &[
        "ce-",
        "ce-data",
        "ce-id",
        "ce-source",
        "ce-time",
        "ce-specversion",
        "ce-type",
        "application/json",
        "+json",
        "null",
    ],
};

/// An event as it is in the log.
fn published(incoming: &Incoming<'_>, look: impl FnOnce(&Event<'_>)) -> Result<(), Problem> {
    let headers = incoming.header_refs();
    look_at(&incoming.new_event(&headers), look)
}

fn look_at(new: &NewEvent<'_>, look: impl FnOnce(&Event<'_>)) -> Result<(), Problem> {
    thread_local! {
        // Only for the form of its frames: nothing depends on what is in it.
        static DB: Db = {
            let mut options = arrw::Options::default();
            (options.log.segment_bytes, options.log.drive) = (1 << 20, arrw::Drive::Callers);
            options.log.retention.bytes_max = Some(4 << 20);
            let environment = Environment::with_storage(std::sync::Arc::new(MemoryStorage::new()));
            Db::open_with(environment, options).expect("memory can be opened")
        };
    }
    DB.with(|db| {
        let mut events = db.bus().subscribe(new.topic, Start::Latest);
        let publish = db.bus().publish(*new).map_err(|error| Problem::from(&error))?;
        let events = events.as_mut().expect("a topic is a filter of itself");
        publish.wait().map_err(|error| Problem::from(&error))?;
        let found = events.try_next().expect("memory can be read");
        // An event with an id that was published before is not there again.
        let event = found.as_ref().and_then(|events| events.iter().next());
        assert!(event.is_some() || new.id.is_some(), "what was published is not seen");
        if let Some(event) = event {
            look(&event);
        }
        Ok(())
    })
}

fn event(input: &[u8]) -> Outcome {
    let plain = serde_json::from_slice::<Value>(input);
    let incoming = match Incoming::parse(input) {
        Ok(incoming) => incoming,
        Err(problem) => {
            // The plain reader bounds depth and numbers, too.
            assert!(problem.code() != Code::NotJson || plain.is_err(), "{problem:?}");
            return refused(&problem);
        }
    };
    let headers = incoming.header_refs();
    let new = incoming.new_event(&headers);
    assert!(headers.len() <= EVENT_HEADERS_MAX);
    if let Ok(plain) = &plain {
        check_plain(plain, &new);
    }
    let checked = published(&incoming, |event| check_out(event, plain.as_ref().ok()));
    match checked {
        Ok(()) => Outcome::accepted(&[
            headers.len(),
            usize::from(new.id.is_some()),
            usize::from(new.content_type.is_some()),
            new.payload.len(),
        ]),
        Err(problem) => refused(&problem),
    }
}

/// Compares an event with the JSON that it was read from.
fn check_plain(plain: &Value, event: &NewEvent<'_>) {
    let text = |name: &str| plain.get(name).and_then(Value::as_str);
    assert_eq!(text("topic"), Some(event.topic));
    assert_eq!(text("key").unwrap_or_default().as_bytes(), event.key);
    assert_eq!(text("id"), event.id);
    let headers = plain.get("headers").and_then(Value::as_object);
    assert_eq!(headers.map_or(0, serde_json::Map::len), event.headers.len());
    for (name, value) in event.headers {
        let found = headers.and_then(|headers| headers[*name].as_str());
        assert_eq!(found.map(str::as_bytes), Some(*value), "`{name}`");
    }
    if let Some(data) = plain.get("data") {
        let payload: Value = serde_json::from_slice(event.payload).expect("it was read before");
        assert_eq!(payload, *data);
    }
}

/// Checks the line of JSON that an event is written as.
fn check_out(event: &Event<'_>, plain: Option<&Value>) {
    let mut line = Vec::new();
    Encoder::new(arrw::Epoch::from_random(1)).event(event, &mut line);
    assert!(!line.contains(&b'\n') && !line.contains(&b'\r'), "more than one line");
    let Members(members) = serde_json::from_slice(&line).expect("it is JSON");
    let distinct = members.iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(distinct.len(), members.len(), "a member stands twice");
    let raw: &RawValue = serde_json::from_slice(&line).expect("it is JSON");
    // Depth and numbers may be more than a plain reader takes.
    let Ok(out) = serde_json::from_str::<Value>(raw.get()) else { return };
    assert_eq!(out["topic"].as_str(), Some(event.topic()));
    assert_eq!(out["seq"].as_u64(), Some(event.seq().get()));
    if let Some(data) = plain.and_then(|plain| plain.get("data")) {
        assert_eq!(out.get("data"), Some(data));
    }
}

fn array(input: &[u8]) -> Outcome {
    let plain = serde_json::from_slice::<Value>(input);
    match elements(input) {
        Ok(elements) => {
            if let Ok(Value::Array(plain)) = plain {
                let each = elements.iter().map(|element| serde_json::from_str(element.get()));
                let each: Vec<Value> = each.collect::<Result<_, _>>().expect("each is JSON");
                assert_eq!(each, plain);
            }
            let events = elements.iter().filter(|it| Incoming::parse(it.get().as_bytes()).is_ok());
            Outcome::accepted(&[elements.len(), events.count()])
        }
        Err(problem) => {
            assert!(!plain.is_ok_and(|plain| plain.is_array()), "{problem:?}");
            refused(&problem)
        }
    }
}

fn lines(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let count = usize::from(input.byte()) % 32;
    let sizes: Vec<usize> = (0..count).map(|_| 1 + usize::from(input.byte())).collect();
    let mut rest = input.rest();
    let whole = chunks(&[rest]);
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle().take(1_000) {
        let (piece, behind) = rest.split_at((*size).min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    let cut = chunks(&pieces);
    assert_eq!(cut.concat(), whole.concat(), "bytes are lost");
    assert_eq!(whole.concat(), input.rest());
    for chunks in [&whole, &cut] {
        for (at, chunk) in chunks.iter().enumerate() {
            let lines = chunk.iter().filter(|byte| **byte == b'\n').count();
            assert!((1..=CHUNK_LINES_MAX).contains(&lines) || at + 1 == chunks.len());
            assert!(chunk.len() <= CHUNK_BYTES_MAX || lines <= 1);
            assert!(chunk.ends_with(b"\n") || at + 1 == chunks.len(), "a line is cut");
        }
    }
    Outcome::accepted(&[whole.len(), cut.len(), pieces.len()])
}

/// What comes out as chunks when these pieces come in.
fn chunks(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut lines = Lines::default();
    let mut chunks = Vec::new();
    for piece in pieces {
        lines.push(piece);
        chunks.extend(std::iter::from_fn(|| lines.next_chunk(false)).map(|it| it.to_vec()));
    }
    chunks.extend(std::iter::from_fn(|| lines.next_chunk(true)).map(|it| it.to_vec()));
    chunks
}

fn trace(input: &[u8]) -> Outcome {
    let text = text_of(input);
    let is_read = is_trace(text);
    assert_eq!(is_read, is_plain_trace(text), "`{text}`");
    let mut headers = HeaderMap::new();
    let Ok(value) = HeaderValue::from_bytes(input) else { return Outcome::refused(&[]) };
    headers.insert("last-event-id", value);
    match last_event_id(&headers) {
        Ok(start) => {
            Outcome::accepted(&[usize::from(start.is_some()), usize::from(is_read), text.len()])
        }
        Err(_) if is_read => Outcome::accepted(&[7]),
        Err(problem) => refused(&problem),
    }
}

/// By its places, as the standard draws it.
fn is_plain_trace(text: &str) -> bool {
    let zero = |range: std::ops::Range<usize>| text.as_bytes()[range].iter().all(|it| *it == b'0');
    let is_fit = |(at, byte): (usize, u8)| match at {
        2 | 35 | 52 => byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
    };
    text.len() == 55
        && text.bytes().enumerate().all(is_fit)
        && !text.starts_with("ff")
        && !zero(3..35)
        && !zero(36..52)
}

/// A CloudEvent that came in goes out and comes in again.
fn cloud_event(read: Result<Incoming<'_>, Problem>) -> Outcome {
    let incoming = match read {
        Ok(incoming) => incoming,
        Err(problem) => return refused(&problem),
    };
    let headers = incoming.header_refs();
    let new = incoming.new_event(&headers);
    let written = published(&incoming, |event| {
        let out = cloud_out(event);
        let again = cloud::structured(&out).expect("what is written is a CloudEvent");
        let headers = again.header_refs();
        let again = again.new_event(&headers);
        assert_eq!((again.topic, again.key, again.id), (new.topic, new.key, new.id));
        assert_eq!(again.payload, new.payload);
        assert_eq!(again.content_type, new.content_type);
    });
    match written {
        Ok(()) => Outcome::accepted(&[headers.len(), new.key.len(), new.payload.len()]),
        Err(problem) => refused(&problem),
    }
}

/// An event as a CloudEvent, of which no member stands twice.
fn cloud_out(event: &Event<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    cloud::write(event, "00c0ffee00c0ffee:7", &mut out);
    let Members(names) = serde_json::from_slice(&out).expect("it is JSON");
    let distinct = names.iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(distinct.len(), names.len(), "a member stands twice: {names:?}");
    out
}

fn cloud_batch(input: &[u8]) -> Outcome {
    let all = match cloud::batched(input) {
        Ok(all) => all,
        Err(problem) => return refused(&problem),
    };
    let each = elements(input).expect("it was read as an array");
    assert_eq!(each.len(), all.len());
    for (alone, together) in each.iter().zip(&all) {
        let alone = cloud::structured(alone.get().as_bytes()).expect("it was read with others");
        assert_eq!(format!("{alone:?}"), format!("{together:?}"));
    }
    Outcome::accepted(&[all.len()])
}

fn cloud_binary(input: &[u8]) -> Outcome {
    let (head, body) = match input.windows(2).position(|two| two == b"\n\n") {
        Some(at) => (&input[..at], &input[at + 2..]),
        None => (input, &[][..]),
    };
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n').take(64) {
        let Some((name, value)) = text_of(line).split_once(": ") else { continue };
        let (name, value) = (HeaderName::try_from(name), HeaderValue::try_from(value));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    cloud_event(cloud::binary(&headers, body))
}

fn event_out(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let (flags, topic, key) = (input.byte(), input.text(), input.part());
    let (content_type, id) = (input.text(), input.text());
    let count = usize::from(input.byte()) % 8;
    let headers: Vec<(&str, &[u8])> = (0..count).map(|_| (input.text(), input.part())).collect();
    let given = |flag: u8, text| (flags & flag == flag).then_some(text);
    let new = NewEvent {
        topic,
        key,
        content_type: given(1, content_type),
        id: given(2, id),
        headers: &headers,
        payload: input.rest(),
    };
    let looked = look_at(&new, |event| {
        check_out(event, None);
        let out = cloud_out(event);
        let again = cloud::structured(&out).expect("what is written is a CloudEvent");
        let headers = again.header_refs();
        let again = again.new_event(&headers);
        assert_eq!(again.topic, topic);
        if std::str::from_utf8(key).is_ok() {
            assert_eq!(again.key, key);
        }
        // Spaces around a JSON text say nothing.
        let is_same = again.payload == new.payload || again.payload == new.payload.trim_ascii();
        assert!(is_same, "{}", text_of(&out));
        let given = new.content_type.filter(|it| *it != CONTENT_TYPE_DEFAULT);
        assert_eq!(again.content_type, given);
    });
    match looked {
        Ok(()) => Outcome::accepted(&[headers.len(), usize::from(flags), new.payload.len()]),
        Err(problem) => refused(&problem),
    }
}

/// The names of the members of an object, as often as they stand there.
struct Members(Vec<String>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut names = Vec::new();
                while let Some((name, _)) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
                    names.push(name.into_owned());
                }
                Ok(Members(names))
            }
        }
        deserializer.deserialize_map(Names)
    }
}
