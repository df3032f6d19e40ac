//! Events on their way into a record and out again.

use arrw_log::limits::{HEADERS_MAX, KEY_BYTES_MAX, TOPIC_BYTES_MAX};
use arrw_log::{Batch, Epoch, Frame, Kind, NewRecord, Seq, Timestamp};

use super::{Input, Outcome, Target};
use crate::event::{CONTENT_TYPE_DEFAULT, Event, NewEvent};
use crate::limits::{CONTENT_TYPE_BYTES_MAX, ID_BYTES_MAX};

pub(super) const EVENT: Target = Target {
    name: "bus-event",
    what: "parts of an event: seen as they were given; parts of any record: an event or none",
    run: event,
    seeds: || {
        vec![
            b"\x03\x0eorders.created\x0242\x0atext/plain\x04id-1\x01\x05trace\x03abchello".to_vec(),
            b"\x00\x03a.b\x00\x00\x00\x00{}".to_vec(),
            b"\x04\x01a\x00\x00\x00\x03\x05:type\x01\xff\x03:id\x01x\x03:id\x01y1".to_vec(),
            b"\x00\x08jobs.x.y\x00\x00\x00\x00{}".to_vec(),
        ]
    },
    words: &[":type", ":id", ":", "jobs", "jobs.", "collections.a", "~.a", "application/json"],
};

/// The parts of an event as an input has them.
struct Parts<'a> {
    /// Whether there is a content type (1) and an id (2); 4 for a record that nobody checked.
    flags: u8,
    topic: &'a str,
    key: &'a [u8],
    content_type: &'a str,
    id: &'a str,
    headers: Vec<(&'a str, &'a [u8])>,
    payload: &'a [u8],
}

fn parts(input: &[u8]) -> Parts<'_> {
    let mut input = Input::new(input);
    let (flags, topic, key) = (input.byte(), input.text(), input.part());
    let (content_type, id) = (input.text(), input.text());
    let count = usize::from(input.byte()) % (HEADERS_MAX + 2);
    let headers = (0..count).map(|_| (input.text(), input.part())).collect();
    Parts { flags, topic, key, content_type, id, headers, payload: input.rest() }
}

fn event(input: &[u8]) -> Outcome {
    let parts = parts(input);
    if parts.flags & 4 == 4 {
        return any_record(&parts);
    }
    let given = |flag: u8, text| (parts.flags & flag == flag).then_some(text);
    let Parts { topic, key, payload, .. } = parts;
    let new = NewEvent {
        topic,
        key,
        content_type: given(1, parts.content_type),
        id: given(2, parts.id),
        headers: &parts.headers,
        payload,
    };
    let mut batch = Batch::new();
    if let Err(error) = new.push_to(&mut batch) {
        assert!(batch.is_empty(), "it was refused and is there");
        return Outcome::refused_because(&error);
    }
    let frame = frame(batch);
    let record = frame.records().next().expect("it was pushed");
    let event = Event::of(record).expect("it was pushed as an event");
    assert_eq!((event.topic(), event.key(), event.payload()), (topic, key, payload));
    assert_eq!(event.content_type(), new.content_type.unwrap_or(CONTENT_TYPE_DEFAULT));
    assert_eq!(event.id(), new.id);
    assert!(event.headers().eq(parts.headers.iter().copied()), "{:?}", parts.headers);
    assert!(topic.len() <= TOPIC_BYTES_MAX && key.len() <= KEY_BYTES_MAX);
    assert!(new.id.is_none_or(|id| (1..=ID_BYTES_MAX).contains(&id.len())));
    assert!(event.content_type().len() <= CONTENT_TYPE_BYTES_MAX);
    Outcome::accepted(&[parts.headers.len(), usize::from(parts.flags & 3), payload.len()])
}

/// A record that another program wrote: its headers may be anything.
fn any_record(parts: &Parts<'_>) -> Outcome {
    let Parts { topic, key, headers, payload, flags, .. } = parts;
    let kind = Kind(u16::from(flags >> 4));
    let mut batch = Batch::new();
    if let Err(error) = batch.push(NewRecord { kind, topic, key, headers, payload }) {
        return Outcome::refused_because(&error);
    }
    let frame = frame(batch);
    let record = frame.records().next().expect("it was pushed");
    let Some(event) = Event::of(record) else { return Outcome::refused(&[1]) };
    let id_bytes = event.id().map_or(0, str::len);
    let theirs = event.headers().filter(|(name, _)| name.starts_with(':')).count();
    assert_eq!(theirs, 0, "headers of ours are shown");
    Outcome::accepted(&[id_bytes, event.content_type().len(), event.headers().count(), 7])
}

fn frame(batch: Batch) -> Frame {
    Frame::in_memory(batch, Seq::FIRST, Timestamp::from_micros(1), Epoch::from_random(1))
}
