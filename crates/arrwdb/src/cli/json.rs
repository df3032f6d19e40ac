//! How the values of a log look in JSON.

use arrw_log::{Damage, Inspection, Record, RepairReport, SegmentSummary, Verification};
use serde_json::{Map, Value, json};

use super::text;

/// A record as one object: text as `key` and `data`, other bytes as `key_base64` and `data_base64`.
pub(crate) fn record(record: &Record<'_>) -> Value {
    let mut object = Map::new();
    object.insert("seq".to_owned(), record.seq().get().into());
    object.insert("topic".to_owned(), record.topic().into());
    object.insert("offset".to_owned(), record.offset().into());
    object.insert("time".to_owned(), text::time(record.time()).into());
    if !record.key().is_empty() {
        put_bytes(&mut object, "key", record.key());
    }
    put_bytes(&mut object, "data", record.payload());
    Value::Object(object)
}

fn put_bytes(object: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => object.insert(name.to_owned(), text.into()),
        Err(_) => object.insert(format!("{name}_base64"), text::base64(bytes).into()),
    };
}

pub(crate) fn verification(found: &Verification) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("first", found.first.get().into());
    put("tail", found.tail.get().into());
    put("records", found.records.into());
    put("given_up", found.given_up.into());
    put("frames", found.frames.into());
    put("bytes", found.bytes.into());
    put("segments", found.segments.into());
    put("affected_records", found.affected_records().into());
    put("damages", found.damages.iter().map(damage).collect());
    put("notes", found.notes.as_slice().into());
    object
}

fn damage(damage: &Damage) -> Value {
    let (first, last) = (damage.first.get(), damage.last.get());
    json!({
        "file": damage.file, "from": damage.from, "to": damage.to,
        "first": first, "last": last, "records": text::affected(damage), "what": damage.what,
    })
}

pub(crate) fn repair(report: &RepairReport) -> Map<String, Value> {
    let mut object = verification(&report.found);
    object.insert("files".to_owned(), report.files.as_slice().into());
    let epoch = report.epoch.map(|epoch| epoch.to_string());
    object.insert("repaired".to_owned(), epoch.is_some().into());
    object.insert("epoch".to_owned(), epoch.into());
    object
}

pub(crate) fn inspection(log: &Inspection, segments: &[&SegmentSummary]) -> Value {
    json!({
        "log_id": format!("{:032x}", log.log_id),
        "epoch": log.epoch.to_string(),
        "left_as": log.left_as,
        "first": log.first.get(),
        "durable": log.durable.get(),
        "segments": segments.iter().map(|summary| segment(summary)).collect::<Value>(),
    })
}

fn segment(segment: &SegmentSummary) -> Value {
    json!({
        "file": segment.file,
        "state": segment.state,
        "file_bytes": segment.file_bytes,
        "frame_bytes": segment.frame_bytes,
        "first": segment.first.map(arrw_log::Seq::get),
        "last": segment.last.map(arrw_log::Seq::get),
        "first_time": segment.first_time.map(text::time),
        "last_time": segment.last_time.map(text::time),
        "topics": segment.topics,
    })
}
