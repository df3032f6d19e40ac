//! What a server answers at one moment, asked of it.

use std::time::Instant;

use arrw_server::{Client, ClientError};
use serde_json::Value;

use super::samples::Samples;

/// Topics, consumers and workers that are asked for: the most that one answer has. Of more, the first by name are looked at.
pub(super) const LISTED_MAX: usize = 1_000;

/// All that is shown of one moment.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) taken: Instant,
    pub(super) samples: Samples,
    /// Topics with how many events they have had.
    pub(super) topics: Vec<(String, u64)>,
    /// As `/v1/consumers` answers them.
    pub(super) consumers: Vec<Value>,
    /// As `/v1/workers` answers them.
    pub(super) workers: Vec<Value>,
}

impl Snapshot {
    /// Asks four times. What a key does not cover is left out.
    ///
    /// # Errors
    /// When nobody answers, or the figures themselves are refused.
    pub(super) async fn take(client: &mut Client) -> Result<Self, ClientError> {
        let samples = Samples::parse(&client.call_text("GET", "/metrics", None).await?);
        let taken = Instant::now();
        let topics = list(client, &format!("/v1/topics?limit={LISTED_MAX}"), "topics").await?;
        let topic =
            |it: &Value| Some((it["topic"].as_str()?.to_owned(), it["last_offset"].as_u64()?));
        Ok(Self {
            taken,
            samples,
            topics: topics.iter().filter_map(topic).collect(),
            consumers: list(client, "/v1/consumers", "consumers").await?,
            workers: list(client, &format!("/v1/workers?limit={LISTED_MAX}"), "workers").await?,
        })
    }
}

async fn list(client: &mut Client, target: &str, member: &str) -> Result<Vec<Value>, ClientError> {
    match client.call("GET", target, None).await {
        Ok(mut answer) => match answer[member].take() {
            Value::Array(all) => Ok(all),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => Ok(Vec::new()),
        },
        Err(ClientError::Refused(_)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
