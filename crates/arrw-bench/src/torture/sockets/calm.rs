//! What is asked of a server that is not killed any more: where channels end, and who is in them.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::limits::{ASKED_AT_ONCE, PRESENCE_EVERY, PRESENCE_TIME_MAX};
use super::payload;
use crate::connection::{Connection, JSON, request};
use crate::history::Written;

#[derive(Debug, Deserialize)]
struct Answered<T> {
    result: Replies<T>,
}

#[derive(Debug, Deserialize)]
struct Replies<T> {
    replies: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct PastOf {
    history: Past,
}

#[derive(Debug, Deserialize)]
struct Past {
    offset: u64,
}

#[derive(Debug, Deserialize)]
struct StatsOf {
    presence_stats: Stats,
}

#[derive(Debug, Deserialize)]
struct Stats {
    num_clients: u64,
}

/// Publishes one event in every second channel, before anybody follows: so some channels are empty at first and others not.
pub(super) async fn prime(address: SocketAddr, channels: u32) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let primed: Vec<u32> = (0..channels).step_by(2).collect();
    for some in primed.chunks(ASKED_AT_ONCE) {
        let event = |channel: &u32| {
            let data = Written { writer: 0, number: u64::from(*channel) };
            json!({ "topic": payload::channel(*channel), "data": { "first": data } })
        };
        let events: Vec<_> = some.iter().map(event).collect();
        let body = serde_json::to_vec(&events)?;
        connection.ask(&request(address, "POST /v1/events", JSON, &body)).await?.success()?;
    }
    Ok(())
}

/// The last offset of each channel.
pub(super) async fn ends(address: SocketAddr, channels: u32) -> anyhow::Result<Vec<u64>> {
    let mut connection = Connection::open(address).await?;
    let command = |channel| json!({ "history": { "channel": channel, "limit": 0 } });
    let all: Vec<PastOf> = ask(&mut connection, address, channels, command).await?;
    Ok(all.into_iter().map(|it| it.history.offset).collect())
}

/// Waits until as many clients are in each channel as is said.
///
/// # Errors
/// When they are not in time: which channel that is, and how many are said to be in it.
pub(super) async fn presence(address: SocketAddr, expected: &[u64]) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let channels = u32::try_from(expected.len())?;
    let command = |channel| json!({ "presence_stats": { "channel": channel } });
    let until = Instant::now() + PRESENCE_TIME_MAX;
    loop {
        let all: Vec<StatsOf> = ask(&mut connection, address, channels, command).await?;
        let found = all.iter().map(|it| it.presence_stats.num_clients);
        let Some((channel, (found, expected))) =
            found.zip(expected).enumerate().find(|(_, (found, expected))| found != *expected)
        else {
            return Ok(());
        };
        ensure!(
            Instant::now() < until,
            "presence: {found} clients are said to be in channel {channel}, and {expected} are"
        );
        tokio::time::sleep(PRESENCE_EVERY).await;
    }
}

/// Asks the same of all channels.
async fn ask<T: DeserializeOwned>(
    connection: &mut Connection,
    address: SocketAddr,
    channels: u32,
    command: impl Fn(String) -> serde_json::Value,
) -> anyhow::Result<Vec<T>> {
    let names: Vec<String> = (0..channels).map(payload::channel).collect();
    let mut all = Vec::new();
    for some in names.chunks(ASKED_AT_ONCE) {
        let commands: Vec<_> = some.iter().cloned().map(&command).collect();
        let body = serde_json::to_vec(&json!({ "commands": commands }))?;
        let answer = connection.ask(&request(address, "POST /api/batch", JSON, &body)).await?;
        let body = answer.success()?;
        let answered: Answered<T> = serde_json::from_slice(body)
            .with_context(|| format!("`{}`", String::from_utf8_lossy(body)))?;
        ensure!(answered.result.replies.len() == some.len(), "too few replies");
        all.extend(answered.result.replies);
    }
    Ok(all)
}
