//! A job as a server takes it, made of arguments.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::cli::exit::Advised;

/// A job as a server takes it. What is not given has its default there.
#[derive(Debug, Default, Serialize)]
pub(crate) struct JobIn<'a> {
    pub(crate) queue: &'a str,
    pub(crate) kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) args: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delay_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_attempts: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unique: Option<UniqueIn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a str>,
    pub(crate) tags: &'a [String],
}

/// What may not be twice; the kind and the args without a key.
#[derive(Debug, Serialize)]
pub(crate) struct UniqueIn<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<&'a str>,
}

/// The args of a job, which must be JSON.
pub(crate) fn args(text: Option<&str>) -> Result<Option<&RawValue>, Advised> {
    let args = text.map(|text| {
        serde_json::from_str::<&RawValue>(text).map_err(|error| Advised {
            what: format!("the args are not JSON: {error}"),
            help: "a JSON string has quotes of its own, as in '\"hello\"'".to_owned(),
        })
    });
    args.transpose()
}
