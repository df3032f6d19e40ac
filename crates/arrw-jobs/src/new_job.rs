//! A job that is to be enqueued, checked and made ready for the log before its place is decided.

use std::fmt::Write as _;

use arrw_log::{Timestamp, crc64};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::codec::Out;
use crate::error::JobError;
use crate::event::{Enqueued, IdOf, encode_plan};
use crate::job::{Plan, Priority, Unique};
use crate::json;
use crate::limits::{
    ARGS_BYTES_MAX, ATTEMPTS_MAX, METADATA_BYTES_MAX, NAME_BYTES_MAX, QUOTED_CHARS_MAX, TAGS_MAX,
};
use crate::mix::mix_all;

/// A job to be enqueued, borrowed from the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob<'a> {
    /// Its queue: 1 to 128 visible ASCII characters without a dot.
    pub queue: &'a str,
    /// What is to be done: the name of a handler, 1 to 128 visible ASCII characters.
    pub kind: &'a str,
    /// What its handler gets, as JSON, at most 1 MiB. Default `null`.
    pub args: &'a str,
    /// Default normal.
    pub priority: Priority,
    /// When it becomes ready; `None`, or a time that is over, for at once.
    pub run_at: Option<Timestamp>,
    /// How it is tried.
    pub plan: Plan,
    /// What may not be twice.
    pub unique: Option<UniqueBy<'a>>,
    /// At most 16, 1 to 128 visible ASCII characters each.
    pub tags: &'a [&'a str],
    /// A JSON value that goes with the job, at most 16 KiB; traces, for example.
    pub metadata: Option<&'a str>,
    /// A repeated enqueue with the same id in the same queue answers the first job, for ten minutes. At most 128
    /// visible ASCII characters.
    pub id: Option<&'a str>,
}

impl<'a> NewJob<'a> {
    /// A job of that queue and kind, with all else at its default.
    #[must_use]
    pub fn new(queue: &'a str, kind: &'a str, args: &'a str) -> Self {
        Self {
            queue,
            kind,
            args,
            priority: Priority::Normal,
            run_at: None,
            plan: Plan::default(),
            unique: None,
            tags: &[],
            metadata: None,
            id: None,
        }
    }
}

/// Which jobs count as the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UniqueBy<'a> {
    /// What they have in common; `None` for their kind and args.
    pub key: Option<&'a str>,
    /// Jobs of other queues count as well.
    pub across_queues: bool,
    /// When the key is free again whatever became of its holder.
    pub until: Option<Timestamp>,
    /// The states in which a job holds its key, one bit each. Default [`Unique::UNFINISHED`].
    pub states: u8,
    /// What becomes of the second.
    pub on_duplicate: OnDuplicate,
}

impl Default for UniqueBy<'_> {
    fn default() -> Self {
        let (states, on_duplicate) = (Unique::UNFINISHED, OnDuplicate::Keep);
        Self { key: None, across_queues: false, until: None, states, on_duplicate }
    }
}

/// What becomes of a job whose key is held. The first job is answered in each case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDuplicate {
    /// Nothing changes.
    #[default]
    Keep,
    /// A first job that still waits gets the args of the second.
    Replace,
    /// A first job that still waits gets the `run_at` of the second, if that is later.
    Delay,
}

impl OnDuplicate {
    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Keep => 0,
            Self::Replace => 1,
            Self::Delay => 2,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        [Self::Keep, Self::Replace, Self::Delay].get(usize::from(byte)).copied()
    }
}

/// A job that was checked, as the log will have it.
#[derive(Clone, Debug)]
pub struct Enqueue {
    pub(crate) queue: String,
    pub(crate) kind: String,
    pub(crate) priority: Priority,
    pub(crate) run_at: Timestamp,
    pub(crate) plan: Plan,
    pub(crate) unique: Option<(Unique, OnDuplicate)>,
    pub(crate) id: Option<(IdOf, String)>,
    pub(crate) fact: Vec<u8>,
    pub(crate) payload: String,
}

impl Enqueue {
    /// Checks a job. `now` is about the present time.
    ///
    /// # Errors
    /// [`JobError`] when it cannot be as it is.
    pub fn new(job: &NewJob<'_>, now: Timestamp) -> Result<Self, JobError> {
        check_queue(job.queue)?;
        check_name("kind", job.kind)?;
        job.tags.iter().try_for_each(|tag| check_name("tag", tag))?;
        check_size("list of tags", job.tags.len(), TAGS_MAX, "tags")?;
        check_json("args", job.args, ARGS_BYTES_MAX)?;
        if let Some(metadata) = job.metadata {
            check_json("metadata", metadata, METADATA_BYTES_MAX)?;
        }
        if let Some(id) = job.id {
            check_name("id", id)?;
        }
        check_plan(&job.plan)?;
        let run_at = job.run_at.filter(|at| now < *at).unwrap_or_default();
        let unique = job.unique.map(|by| unique_of(job, by));
        let mut payload = String::with_capacity(job.args.len() + job.kind.len() + 96);
        write_payload(&mut payload, job, run_at);
        let id = job.id.map(|id| {
            let of = IdOf { key: digest(&[job.queue, id]), body: body_of(job, unique) };
            (of, id.to_owned())
        });
        let fact = Enqueued {
            kind: job.kind,
            priority: job.priority,
            run_at,
            plan: job.plan.clone(),
            unique: unique.map(|(unique, _)| unique),
            id: id.as_ref().map(|(of, _)| *of),
            origin: None,
        }
        .encode();
        Ok(Self {
            queue: job.queue.to_owned(),
            kind: job.kind.to_owned(),
            priority: job.priority,
            run_at,
            plan: job.plan.clone(),
            unique,
            id,
            fact,
            payload,
        })
    }

    /// Bytes that it takes in the log, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.payload.len() + self.fact.len()
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    pub(crate) fn event(&self) -> Enqueued<'_> {
        Enqueued {
            kind: &self.kind,
            priority: self.priority,
            run_at: self.run_at,
            plan: self.plan.clone(),
            unique: self.unique.map(|(unique, _)| unique),
            id: self.id.as_ref().map(|(of, _)| *of),
            origin: None,
        }
    }
}

fn unique_of(job: &NewJob<'_>, by: UniqueBy<'_>) -> (Unique, OnDuplicate) {
    let queue = if by.across_queues { "" } else { job.queue };
    let key = match by.key {
        Some(key) => digest(&[queue, "key", key]),
        None => digest(&[queue, "args", job.kind, job.args]),
    };
    let until = by.until.unwrap_or_default();
    (Unique { key, until, states: by.states }, by.on_duplicate)
}

/// A digest of what is asked for. It does not depend on the time: the same again, later, is the same.
fn body_of(job: &NewJob<'_>, unique: Option<(Unique, OnDuplicate)>) -> u64 {
    let mut rest = Out::default();
    rest.byte(job.priority.byte());
    rest.number(job.run_at.unwrap_or_default().micros());
    encode_plan(&job.plan, &mut rest);
    if let Some((Unique { key, until, states }, on_duplicate)) = unique {
        rest.0.extend_from_slice(&key);
        rest.number(until.micros());
        rest.byte(states);
        rest.byte(on_duplicate.byte());
    }
    let texts = [job.kind, job.args, job.metadata.unwrap_or_default()];
    let parts = texts.iter().chain(job.tags).map(|text| crc64(text.as_bytes()));
    mix_all(parts.chain([crc64(&rest.0)]))
}

/// A digest of parts and where they end.
fn digest(parts: &[&str]) -> [u8; 16] {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part);
    }
    let sum: [u8; 32] = sha.finalize().into();
    let mut key = [0; 16];
    key.copy_from_slice(sum.split_at(16).0);
    key
}

fn write_payload(out: &mut String, job: &NewJob<'_>, run_at: Timestamp) {
    out.push_str("{\"kind\":\"");
    out.push_str(job.kind);
    out.push('"');
    if job.priority != Priority::Normal {
        json::member(out, "priority", job.priority.name());
    }
    if run_at.micros() != 0 {
        json::time_member(out, "run_at", run_at);
    }
    if job.plan.max_attempts != Plan::default().max_attempts {
        let _infallible = write!(out, ",\"max_attempts\":{}", job.plan.max_attempts);
    }
    if job.plan.timeout_ms != 0 {
        let _infallible = write!(out, ",\"timeout_ms\":{}", job.plan.timeout_ms);
    }
    if let Some(id) = job.id {
        json::member(out, "id", id);
    }
    if !job.tags.is_empty() {
        out.push_str(",\"tags\":[");
        for (at, tag) in job.tags.iter().enumerate() {
            out.push_str(if at == 0 { "\"" } else { ",\"" });
            out.push_str(tag);
            out.push('"');
        }
        out.push(']');
    }
    if let Some(metadata) = job.metadata {
        out.push_str(",\"metadata\":");
        out.push_str(metadata);
    }
    out.push_str(",\"args\":");
    out.push_str(job.args);
    out.push('}');
}

/// Checks the name of a queue, which is one token of a topic.
///
/// # Errors
/// When it cannot be one.
pub fn check_queue(name: &str) -> Result<(), JobError> {
    check("queue", name, ", and no dot")
}

/// Checks the name of a kind, a tag, a worker, or an id.
///
/// # Errors
/// When it cannot be one.
pub fn check_name(what: &'static str, name: &str) -> Result<(), JobError> {
    check(what, name, "")
}

fn check(what: &'static str, name: &str, but: &'static str) -> Result<(), JobError> {
    let fits = |byte: u8| {
        byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'\\' | b'*' | b'>')
            && (but.is_empty() || byte != b'.')
    };
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(());
    }
    let name = name.chars().take(QUOTED_CHARS_MAX).collect();
    Err(JobError::Name { what, name, max: NAME_BYTES_MAX, but })
}

pub(crate) fn check_size(
    what: &'static str,
    actual: usize,
    max: usize,
    unit: &'static str,
) -> Result<(), JobError> {
    if actual <= max { Ok(()) } else { Err(JobError::TooLarge { what, actual, max, unit }) }
}

pub(crate) fn check_json(what: &'static str, text: &str, max: usize) -> Result<(), JobError> {
    check_size(what, text.len(), max, "bytes")?;
    match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(JobError::Json { what, why: error.to_string() }),
    }
}

fn check_plan(plan: &Plan) -> Result<(), JobError> {
    if !(1..=ATTEMPTS_MAX).contains(&plan.max_attempts) {
        return Err(JobError::Range { what: "max_attempts", range: "1 to 1,000" });
    }
    if !plan.backoff.is_valid() {
        let range = "1 to 32 waits of at most a year each, the first not longer than the longest";
        return Err(JobError::Range { what: "the backoff", range });
    }
    Ok(())
}
