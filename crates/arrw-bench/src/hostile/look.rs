//! Looks at the server from the side: how it is, and the whole of its log.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::ledger::Found;
use super::limits::SILENCE_MAX;
use crate::connection::{Connection, get, number_behind};

/// What is looked at of `/v1/stats`.
#[derive(Debug, Deserialize)]
pub(super) struct Stats {
    /// The one that asked among them.
    pub(super) connections: u64,
    pub(super) log: Log,
}

/// See [`Stats`].
#[derive(Debug, Deserialize)]
pub(super) struct Log {
    pub(super) epoch: String,
}

/// The body of an answer that is a success, on a connection of its own.
pub(super) async fn ask(address: SocketAddr, target: &str) -> anyhow::Result<Vec<u8>> {
    let asking = async {
        let mut connection = Connection::open(address).await?;
        let answer = connection.ask(&get(address, target, "")).await?;
        anyhow::Ok(answer.success()?.to_vec())
    };
    let answer = timeout(SILENCE_MAX, asking).await.context("was not answered in time");
    answer.and_then(|answer| answer).with_context(|| format!("GET {target}"))
}

/// How the server is.
pub(super) async fn stats(address: SocketAddr) -> anyhow::Result<Stats> {
    Ok(serde_json::from_slice(&ask(address, "/v1/stats").await?)?)
}

#[derive(Debug, Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    events: Vec<Given<'a>>,
    next: String,
    /// There must be none: nothing is ever trimmed here.
    #[serde(borrow)]
    gaps: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Given<'a> {
    seq: u64,
    topic: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl<'a> Page<'a> {
    fn read(body: &'a [u8]) -> anyhow::Result<Self> {
        let page: Self = serde_json::from_slice(body).context("a page that is no JSON")?;
        ensure!(page.gaps.is_none(), "there are gaps in the log: {:?}", page.gaps);
        Ok(page)
    }
}

/// The ids of all events in the log, by topic.
pub(super) async fn whole_log(address: SocketAddr) -> anyhow::Result<Found> {
    let (mut found, mut after, mut last) = (Found::new(), "earliest".to_owned(), 0);
    loop {
        let target = format!("/v1/events?after={after}&limit=1000");
        let body = ask(address, &target).await?;
        let page = Page::read(&body)?;
        if page.events.is_empty() {
            return Ok(found);
        }
        after.clone_from(&page.next);
        last = take_page(&mut found, last, page)?;
    }
}

/// Takes in the events of a page behind the one with the seq `last`; answers the seq of its last one.
fn take_page(found: &mut Found, mut last: u64, page: Page<'_>) -> anyhow::Result<u64> {
    for given in page.events {
        let Given { seq, topic, data } = given;
        ensure!(last < seq, "event {seq} came behind event {last}");
        last = seq;
        let id = number_behind(data.get().as_bytes(), "\"id\":").unwrap_or_default();
        found.entry(topic).or_default().push(id);
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_taken_in_by_topic() {
        let event = |seq: u64, topic: &str, data: &str| {
            format!(r#"{{"seq":{seq},"topic":"{topic}","data":{data}}}"#)
        };
        let page = |events: &[String], more: &str| {
            format!(r#"{{"events":[{}],"next":"e:9"{more}}}"#, events.join(","))
        };
        let deep = format!(r#"{{"id":2,"deep":{}{}}}"#, "[".repeat(1_000), "]".repeat(1_000));
        let events =
            [event(3, "a", r#"{"id":1,"x":1e999999}"#), event(5, "b", "7"), event(9, "a", &deep)];
        let mut found = Found::new();
        let mut take = |last: u64, body: &[u8]| take_page(&mut found, last, Page::read(body)?);
        assert_eq!(take(2, page(&events, "").as_bytes()).unwrap(), 9);
        // A repeat, a gap, and half a page.
        assert!(take(3, page(&events, "").as_bytes()).is_err());
        let gap = page(&[], r#","gaps":[{"first":1,"last":2}]"#);
        assert!(take(9, gap.as_bytes()).is_err());
        assert!(take(2, &page(&events, "").as_bytes()[..50]).is_err());
        let expected = [("a".to_owned(), vec![1, 2]), ("b".to_owned(), vec![0])];
        assert_eq!(found, Found::from(expected));
    }
}
