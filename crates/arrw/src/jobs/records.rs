//! Reads what the log keeps of jobs.

use arrw_log::{Log, ReadError, Seq, Start};
use serde::Deserialize;
use serde_json::value::RawValue;

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

/// The payloads of records, in the order of the seqs. Reads frames that several are in once, if they come in the order
/// of the log.
pub(crate) fn payloads(log: &Log, seqs: &[Seq]) -> Result<Vec<Payload>, ReadError> {
    let mut order: Vec<(Seq, usize)> =
        seqs.iter().enumerate().map(|(place, seq)| (*seq, place)).collect();
    order.sort_unstable();
    let mut found: Vec<(usize, Payload)> = Vec::with_capacity(seqs.len());
    let mut wanted = order.into_iter().peekable();
    let mut reader = None;
    while let Some((seq, _)) = wanted.peek() {
        let reader = match &mut reader {
            None => reader.insert(log.reader(Start::At(*seq))?),
            Some(reader) => reader,
        };
        reader.skip_to(*seq);
        let Some(frame) = reader.try_next()? else {
            return Err(ReadError::BeyondTail { wanted: *seq, tail: log.tail() });
        };
        for record in frame.records() {
            while let Some((_, place)) = wanted.next_if(|(seq, _)| *seq == record.seq()) {
                let text = String::from_utf8_lossy(record.payload()).into_owned();
                found.push((place, Payload::new(text)));
            }
        }
    }
    found.sort_unstable_by_key(|(place, _)| *place);
    Ok(found.into_iter().map(|(_, payload)| payload).collect())
}
