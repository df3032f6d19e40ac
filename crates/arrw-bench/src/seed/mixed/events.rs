//! Durable events over HTTP, and a reader of Server-Sent Events that counts them.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::{sleep, timeout};

use super::Ground;
use super::tally::Tally;
use crate::connection::{Connection, NDJSON, number_behind, request};
use crate::http::sse::{follow, next_stamp, stamped};

const TOPIC: &str = "bench.mixed";
/// How long nothing may come before the rest counts as lost.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// Publishes each batch at its time, and waits for its answer.
pub(super) async fn publish(ground: Ground) -> anyhow::Result<()> {
    let mut connection = Connection::open(ground.address).await?;
    let (items, batch) = (ground.mix.items, ground.mix.batch);
    let mut number = 0;
    for at in 0..items.div_ceil(batch) {
        let due = wait_for(ground, at).await;
        let count = batch.min(items - number);
        let mut lines = String::new();
        for _ in 0..count {
            number += 1;
            let text = stamped(number, due);
            lines.push_str(&format!("{{\"topic\":\"{TOPIC}\",\"data\":\"{text}\"}}\n"));
        }
        let request = request(ground.address, "POST /v1/events", NDJSON, lines.as_bytes());
        let answered = connection.ask(&request).await?.success()?;
        let acknowledged = number_behind(answered, "\"count\":")?;
        ensure!(acknowledged == count, "{acknowledged} events of {count} were acknowledged");
    }
    Ok(())
}

/// Waits until a request is due; answers since when what is in it counts: it was due then, or goes at once.
pub(super) async fn wait_for(ground: Ground, request: u64) -> u64 {
    if ground.mix.every.is_zero() {
        return ground.now();
    }
    let due = ground.due(request);
    let early = due.saturating_sub(ground.now());
    if early != 0 {
        sleep(Duration::from_nanos(early)).await;
    }
    due
}

/// Who reads them.
#[derive(Debug)]
pub(super) struct Reader(Connection);

impl Reader {
    /// Waits until it is sure to get all that is published from now on.
    pub(super) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self(follow(address, TOPIC).await?))
    }

    /// Reads until it has all, or nothing comes any more. One that comes out of order is an error.
    pub(super) async fn read(mut self, ground: Ground) -> anyhow::Result<Tally> {
        let mut tally = Tally::of(ground.mix.items)?;
        let mut last = 0;
        while !tally.is_complete() {
            self.0.make_room();
            match timeout(SILENCE_MAX, self.0.more()).await {
                Ok(read) => read.context("the reader of events was cut off")?,
                Err(_silence) => break,
            }
            let now = ground.now();
            while let Some((number, due)) = next_stamp(&mut self.0)? {
                ensure!(last < number, "event {number} came behind {last}");
                last = number;
                tally.take(number, (due, now))?;
            }
        }
        Ok(tally)
    }
}
