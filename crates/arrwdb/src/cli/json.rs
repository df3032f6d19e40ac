//! How the values of a log look in JSON.

use arrw_log::{BackupReport, Damage, Inspection, RepairReport, SegmentSummary, Seq, Verification};
use arrw_server::rfc3339;
use serde::Serialize;

use super::text;

/// A record. Bytes that are text stand in `key` and `data`, others in `key_base64` and `data_base64`.
#[derive(Debug, Serialize)]
pub(crate) struct Record<'a> {
    seq: u64,
    topic: &'a str,
    offset: u64,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
}

impl<'a> From<&arrw_log::Record<'a>> for Record<'a> {
    fn from(record: &arrw_log::Record<'a>) -> Self {
        let key = Some(record.key()).filter(|key| !key.is_empty());
        let (key, key_base64) = key.map_or((None, None), split);
        let (data, data_base64) = split(record.payload());
        Self {
            seq: record.seq().get(),
            topic: record.topic(),
            offset: record.offset(),
            time: rfc3339(record.time()),
            key,
            key_base64,
            data,
            data_base64,
        }
    }
}

/// Bytes as text, or else as base64.
fn split(bytes: &[u8]) -> (Option<&str>, Option<String>) {
    let text = std::str::from_utf8(bytes).ok();
    (text, text.is_none().then(|| text::base64(bytes)))
}

/// What was found in a log that was read in full.
#[derive(Debug, Serialize)]
pub(crate) struct Found<'a> {
    /// True when the log is as it should be: from the start, or now.
    ok: bool,
    first: u64,
    tail: u64,
    records: u64,
    given_up: u64,
    frames: u64,
    bytes: u64,
    segments: u64,
    affected_records: u64,
    damages: Vec<Damaged<'a>>,
    notes: &'a [String],
}

/// What a log is found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Sound,
    Damaged,
}

impl<'a> Found<'a> {
    pub(crate) fn new(found: &'a Verification, state: State) -> Self {
        Self {
            ok: state == State::Sound,
            first: found.first.get(),
            tail: found.tail.get(),
            records: found.records,
            given_up: found.given_up,
            frames: found.frames,
            bytes: found.bytes,
            segments: found.segments,
            affected_records: found.affected_records(),
            damages: found.damages.iter().map(Damaged::from).collect(),
            notes: &found.notes,
        }
    }
}

#[derive(Debug, Serialize)]
struct Damaged<'a> {
    file: &'a str,
    from: u64,
    to: u64,
    first: u64,
    last: u64,
    records: u64,
    what: &'a str,
}

impl<'a> From<&'a Damage> for Damaged<'a> {
    fn from(damage: &'a Damage) -> Self {
        Self {
            file: &damage.file,
            from: damage.from,
            to: damage.to,
            first: damage.first.get(),
            last: damage.last.get(),
            records: text::affected(damage),
            what: damage.what,
        }
    }
}

/// What a repair found, and did or would do.
#[derive(Debug, Serialize)]
pub(crate) struct Repair<'a> {
    #[serde(flatten)]
    found: Found<'a>,
    /// True when it was carried out.
    repaired: bool,
    /// Files that were or would be written anew.
    files: &'a [String],
    /// The new life of the log.
    epoch: Option<String>,
}

impl<'a> Repair<'a> {
    pub(crate) fn new(report: &'a RepairReport, state: State) -> Self {
        Self {
            found: Found::new(&report.found, state),
            repaired: report.epoch.is_some(),
            files: &report.files,
            epoch: report.epoch.map(|epoch| epoch.to_string()),
        }
    }
}

/// What was copied.
#[derive(Debug, Serialize)]
pub(crate) struct Backup {
    first: u64,
    last: u64,
    bytes: u64,
}

impl From<&BackupReport> for Backup {
    fn from(report: &BackupReport) -> Self {
        Self { first: report.first.get(), last: report.last.get(), bytes: report.bytes }
    }
}

/// What a log consists of.
#[derive(Debug, Serialize)]
pub(crate) struct Log<'a> {
    log_id: String,
    epoch: String,
    left_as: &'a str,
    first: u64,
    durable: u64,
    segments: Vec<Segment<'a>>,
}

impl<'a> Log<'a> {
    pub(crate) fn new(log: &'a Inspection, segments: &[&'a SegmentSummary]) -> Self {
        Self {
            log_id: format!("{:032x}", log.log_id),
            epoch: log.epoch.to_string(),
            left_as: log.left_as,
            first: log.first.get(),
            durable: log.durable.get(),
            segments: segments.iter().map(|segment| Segment::from(*segment)).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
struct Segment<'a> {
    file: &'a str,
    state: &'a str,
    file_bytes: u64,
    frame_bytes: Option<u64>,
    first: Option<u64>,
    last: Option<u64>,
    first_time: Option<String>,
    last_time: Option<String>,
    topics: Option<usize>,
}

impl<'a> From<&'a SegmentSummary> for Segment<'a> {
    fn from(segment: &'a SegmentSummary) -> Self {
        Self {
            file: &segment.file,
            state: segment.state,
            file_bytes: segment.file_bytes,
            frame_bytes: segment.frame_bytes,
            first: segment.first.map(Seq::get),
            last: segment.last.map(Seq::get),
            first_time: segment.first_time.map(rfc3339),
            last_time: segment.last_time.map(rfc3339),
            topics: segment.topics,
        }
    }
}
