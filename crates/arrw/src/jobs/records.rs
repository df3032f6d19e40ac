//! Reads what the log keeps of jobs.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use arrw_jobs::CARRIED;
use arrw_log::{Frame, Log, ReadError, Record, Seq, Start};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::jobs::limits::{RECENT_BYTES_MAX, RECENT_MAX};

/// What a job was enqueued with, as its record has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    text: String,
    args: std::ops::Range<usize>,
}

/// What is in the JSON of the record that enqueued a job. Members that are not there have their default.
#[derive(Debug, Deserialize)]
pub(crate) struct Members<'a> {
    #[serde(borrow)]
    pub(crate) args: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) tags: Vec<&'a str>,
    #[serde(borrow, default)]
    pub(crate) metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) id: Option<&'a str>,
}

/// What is in the JSON of a record that carries a job forward.
#[derive(Debug, Deserialize)]
struct Carried<'a> {
    #[serde(borrow)]
    job: &'a RawValue,
}

impl Payload {
    fn new(text: String) -> Self {
        let start = text.as_ptr().addr();
        let members: Option<Members<'_>> = serde_json::from_str(&text).ok();
        let args = members.and_then(|members| members.args).map(|args| {
            let at = args.get().as_ptr().addr() - start;
            at..at + args.get().len()
        });
        let args = args.unwrap_or(0..0);
        Self { text, args }
    }

    /// What a record holds: of a job that was carried forward, what was in the record before.
    fn of(record: &Record<'_>) -> Self {
        let text = String::from_utf8_lossy(record.payload());
        if record.kind() == CARRIED
            && let Ok(carried) = serde_json::from_str::<Carried<'_>>(&text)
        {
            return Self::new(carried.job.get().to_owned());
        }
        Self::new(text.into_owned())
    }

    /// All of it, as JSON.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The args, as JSON.
    #[must_use]
    pub fn args(&self) -> &str {
        match self.text.get(self.args.clone()) {
            Some(args) if !args.is_empty() => args,
            _ => "null",
        }
    }

    /// Its tags.
    #[must_use]
    pub fn tags(&self) -> Vec<&str> {
        self.members().map(|members| members.tags).unwrap_or_default()
    }

    /// The JSON value that goes with it.
    #[must_use]
    pub fn metadata(&self) -> Option<&str> {
        self.members().and_then(|members| members.metadata).map(RawValue::get)
    }

    /// The id that it was enqueued with.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.members().and_then(|members| members.id)
    }

    fn members(&self) -> Option<Members<'_>> {
        serde_json::from_str(&self.text).ok()
    }
}

/// Frames that were read lately: jobs that were enqueued together are claimed one after the other, and a frame on the
/// disk is read whole.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<VecDeque<Frame>>);

impl Recent {
    /// The frame that a record is in, from there on. Reads it when it is not one of the recent ones.
    pub(crate) fn holding(&self, log: &Log, seq: Seq) -> Result<Frame, ReadError> {
        let mut recent = self.lock();
        let is_in = |frame: &&Frame| frame.first() <= seq && seq <= frame.last();
        let known = recent.iter().find(is_in).cloned();
        if let Some(frame) = known {
            drop(recent);
            return Ok(frame.starting_at(seq));
        }
        // Who wants the same waits for it, and need not read it too.
        let frame = log.reader(Start::At(seq))?.try_next()?;
        let Some(frame) = frame else {
            return Err(ReadError::BeyondTail { wanted: seq, tail: log.tail() });
        };
        recent.push_back(frame.clone());
        let bytes = |recent: &VecDeque<Frame>| recent.iter().map(|it| it.stored().len()).sum();
        let mut held: usize = bytes(&recent);
        while RECENT_MAX < recent.len() || RECENT_BYTES_MAX < held {
            let Some(oldest) = recent.pop_front() else { break };
            held -= oldest.stored().len();
        }
        Ok(frame)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Frame>> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

/// The payloads of records, in the order of the seqs. Looks at each frame once.
pub(crate) fn payloads(
    log: &Log,
    recent: &Recent,
    seqs: &[Seq],
) -> Result<Vec<Payload>, ReadError> {
    let mut order: Vec<(Seq, usize)> =
        seqs.iter().enumerate().map(|(place, seq)| (*seq, place)).collect();
    order.sort_unstable();
    let mut found: Vec<(usize, Payload)> = Vec::with_capacity(seqs.len());
    let mut wanted = order.into_iter().peekable();
    while let Some((seq, _)) = wanted.peek() {
        let frame = recent.holding(log, *seq)?;
        let last = frame.last();
        for record in frame.records() {
            if wanted.peek().is_none_or(|(seq, _)| last < *seq) {
                break;
            }
            while let Some((_, place)) = wanted.next_if(|(seq, _)| *seq == record.seq()) {
                found.push((place, Payload::of(&record)));
            }
        }
    }
    found.sort_unstable_by_key(|(place, _)| *place);
    Ok(found.into_iter().map(|(_, payload)| payload).collect())
}
