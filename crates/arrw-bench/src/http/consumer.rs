//! `http.consumer`: named consumers that read pages of what was published before, and acknowledge each.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, ensure};

use super::publish::{LINES, Publisher, latency};
use super::{row, runtime, serve};
use crate::connection::{Connection, JSON, find, get, number_behind, request};
use crate::disk::{self, WorkFolder};
use crate::inflight::{self, Caller, Run};
use crate::plan::{Load, Plan};
use crate::row::{Row, Target};
use crate::runs::{Spread, float};

const CONSUMERS: usize = 4;
/// Events of a page.
const PAGE: u64 = 100;
const TARGET: f64 = 200_000.0;

/// Bodies of 10,000 events that are published before. A consumer that has read all of them begins anew.
fn bodies(load: Load) -> usize {
    match load {
        Load::Full => 100,
        Load::Quick | Load::Brief => 20,
    }
}

pub(super) fn measure(
    plan: &Plan,
    folder: &WorkFolder,
    out: &mut dyn Write,
) -> anyhow::Result<Row> {
    let mut runs = Vec::new();
    for number in 1..=plan.load.runs() {
        let place = folder.fresh("http-consumer")?;
        let pages = run_in(plan, &place)?;
        disk::remove(&place)?;
        let run = Run { records_per_s: pages.records_per_s * float(PAGE), ..pages };
        let Run { records_per_s, p50_us, p99_us } = run;
        writeln!(
            out,
            "http.consumer run {number}: {records_per_s:.0} events/s, \
             a page and its acknowledgement p50 {p50_us:.0} us, p99 {p99_us:.0} us"
        )?;
        runs.push(run);
    }
    let metric = "4 consumers read pages of 100 and acknowledge each, sum; latency of the two";
    Ok(Row {
        latency: Some(latency(&runs)),
        target: Some(Target::AtLeast(TARGET)),
        ..row(
            "http.consumer",
            metric,
            "events/s",
            Spread::of(runs.iter().map(|run| run.records_per_s)),
        )
    })
}

fn run_in(plan: &Plan, place: &Path) -> anyhow::Result<Run> {
    let server = serve(plan, place)?;
    let runtime = runtime()?;
    let mut publisher = runtime.block_on(Publisher::of_lines(server.address(), 0))?;
    for _ in 0..bodies(plan.load) {
        runtime.block_on(publisher.append())?;
    }
    let all = u64::try_from(bodies(plan.load))? * LINES;
    let mut consumers = Vec::new();
    for number in 0..CONSUMERS {
        consumers.push(runtime.block_on(Consumer::open(server.address(), number, all))?);
    }
    inflight::run_on(&runtime, plan.load, consumers, || true)
}

/// A consumer that reads everything, and then everything again under another name.
#[derive(Debug)]
struct Consumer {
    connection: Connection,
    address: SocketAddr,
    number: usize,
    /// How often it began.
    turn: u64,
    name: String,
    generation: u64,
    /// Position behind the last page; `None` before the first.
    after: Option<String>,
    /// Events that are left of those that were published.
    left: u64,
    all: u64,
}

impl Consumer {
    async fn open(address: SocketAddr, number: usize, all: u64) -> anyhow::Result<Self> {
        let mut consumer = Self {
            connection: Connection::open(address).await?,
            address,
            number,
            turn: 0,
            name: String::new(),
            generation: 0,
            after: None,
            left: 0,
            all,
        };
        consumer.begin().await?;
        Ok(consumer)
    }

    /// Becomes a consumer that has read nothing.
    async fn begin(&mut self) -> anyhow::Result<()> {
        self.turn += 1;
        self.name = format!("bench-{}-{}", self.number, self.turn);
        let path = format!("/v1/consumers/{}", self.name);
        let json = br#"{"filter":"bench.>","after":"earliest"}"#;
        self.ask(&format!("PUT {path}"), json).await.context("cannot make a consumer")?;
        let opened = self.ask(&format!("POST {path}/open"), b"").await?;
        self.generation = number_behind(&opened, "\"generation\":")?;
        (self.after, self.left) = (None, self.all);
        Ok(())
    }

    async fn ask(&mut self, line: &str, json: &[u8]) -> anyhow::Result<Vec<u8>> {
        let request = request(self.address, line, JSON, json);
        let answer = self.connection.ask(&request).await?;
        let (status, body) = (answer.status(), answer.body);
        ensure!(
            (200..300).contains(&status),
            "`{line}` was answered {status}: {}",
            String::from_utf8_lossy(body)
        );
        Ok(body.to_vec())
    }

    /// Reads the next page, and answers where it ends.
    async fn page(&mut self) -> anyhow::Result<String> {
        let Self { name, generation, .. } = self;
        let after = self.after.as_ref().map(|after| format!("&after={after}")).unwrap_or_default();
        let target =
            format!("/v1/consumers/{name}/events?generation={generation}&limit={PAGE}{after}");
        let body = self.connection.ask(&get(self.address, &target, "")).await?.success()?;
        // Each event is an object, whose data is a text; so is the page itself.
        let count = body.iter().filter(|byte| **byte == b'{').count() as u64 - 1;
        ensure!(count == PAGE, "a page has {count} events, not {PAGE}");
        self.left -= count;
        next_of(body)
    }
}

/// The position behind a page.
fn next_of(body: &[u8]) -> anyhow::Result<String> {
    const NAME: &[u8] = b"\"next\":\"";
    // It stands behind the events.
    let end = &body[body.len().saturating_sub(64)..];
    let at = find(end, NAME).context("the page does not say where it ends")? + NAME.len();
    let text = end[at..].split(|byte| *byte == b'"').next().unwrap_or_default();
    Ok(str::from_utf8(text)?.to_owned())
}

impl Caller for Consumer {
    /// One page and its acknowledgement.
    async fn append(&mut self) -> anyhow::Result<()> {
        if self.left < PAGE {
            self.begin().await?;
        }
        let next = self.page().await?;
        let generation = self.generation;
        let ack = format!(r#"{{"generation":{generation},"position":"{next}"}}"#);
        let line = format!("POST /v1/consumers/{}/ack", self.name);
        self.ask(&line, ack.as_bytes()).await?;
        self.after = Some(next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_where_it_ends() {
        let body =
            br#"{"events":[{"seq":1,"data":"x"}],"next":"c3701b54f1b7a500:18446744073709551615"}"#;
        assert_eq!(next_of(body).unwrap(), "c3701b54f1b7a500:18446744073709551615");
        assert!(next_of(b"{}").is_err());
    }
}
