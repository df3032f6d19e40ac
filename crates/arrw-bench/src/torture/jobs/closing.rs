//! The end of a torture with jobs: all are worked off, then what happened to them is read.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use arrw::JobState;
use serde::Deserialize;
use tokio::time::sleep;

use super::args::{FILTER, Given, QUEUES};
use super::enqueuer::enqueue_last;
use super::worker::LAST;
use crate::connection::{Connection, JSON, get, request};
use crate::history::{Ending, Enqueue, Finish, Transition};
use crate::torture::limits::{JOBS_SHOWN_MAX, JOBS_TIME_MAX, RELEASED_AT_ONCE};
use crate::torture::lives::{Ground, NoAnswer, Watch};
use crate::torture::page::PageOf;

/// The client that enqueues the very last jobs.
const LAST_CLIENT: u32 = 3_000;
/// How often is looked whether all is done.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks after the end, on a connection of its own.
#[derive(Debug)]
pub(super) struct Closing {
    ground: Arc<Ground>,
    watch: Watch,
    connection: Connection,
    address: SocketAddr,
}

/// The topics of jobs as they were read, and who has what as far as they say.
#[derive(Debug, Default)]
struct Read {
    log: Vec<Transition>,
    /// Workers by job.
    holders: BTreeMap<u64, String>,
}

#[derive(Debug, Deserialize)]
struct Queue {
    jobs: Counts,
}

/// Jobs that are not done.
#[derive(Debug, Deserialize)]
struct Counts {
    scheduled: u64,
    ready: u64,
    leased: u64,
    retrying: u64,
}

#[derive(Debug, Deserialize)]
struct Shown {
    state: String,
}

impl Closing {
    pub(super) async fn new(
        (ground, watch): (Arc<Ground>, Watch),
        address: SocketAddr,
    ) -> anyhow::Result<Self> {
        let connection = Connection::open(address).await.context("cannot look at jobs")?;
        Ok(Self { ground, watch, connection, address })
    }

    /// Enqueues the last jobs, gives back what those have who were killed or died, and waits until all is done;
    /// answers what it asked for.
    pub(super) async fn work_off(&mut self) -> anyhow::Result<(Vec<Enqueue>, Vec<Finish>)> {
        let clients = (&self.ground, &self.watch);
        let last = enqueue_last(clients, &mut self.connection, self.address, LAST_CLIENT).await;
        let last = last.map_err(|error| no_answer(&error))?;
        let given_back = self.give_back().await?;
        let begun = Instant::now();
        loop {
            let open = self.open().await?;
            if open == 0 {
                return Ok((last, given_back));
            }
            ensure!(begun.elapsed() < JOBS_TIME_MAX, "{open} jobs were not worked off in time");
            sleep(LOOK_EVERY).await;
        }
    }

    /// What happened to all jobs, and what the newest of some are said to be.
    pub(super) async fn look(&mut self) -> anyhow::Result<(Vec<Transition>, Vec<(u64, JobState)>)> {
        let Read { log, .. } = self.read().await?;
        let jobs = log.iter().rev().filter(|it| it.state == JobState::Completed);
        let jobs: Vec<u64> = jobs.map(|it| it.job).take(JOBS_SHOWN_MAX).collect();
        let mut shown = Vec::with_capacity(jobs.len());
        for job in jobs {
            let body = self.ask(&get(self.address, &format!("/v1/jobs/{job}"), "")).await?;
            let Shown { state } = serde_json::from_slice(body)?;
            let state = JobState::parse(&state).with_context(|| format!("`{state}`?"))?;
            shown.push((job, state));
        }
        Ok((log, shown))
    }

    /// Gives back the jobs of all workers that are no more: otherwise they come back after a minute. A token is where the
    /// lease is in the log, so also those can be given back whose worker never learnt of them.
    async fn give_back(&mut self) -> anyhow::Result<Vec<Finish>> {
        let Read { log, holders } = self.read().await?;
        let mut leased = BTreeMap::new();
        for Transition { job, seq, state, .. } in log {
            let is_held = state == JobState::Leased;
            if is_held && holders.get(&job).is_some_and(|name| !name.ends_with(LAST)) {
                leased.insert(job, seq);
            } else {
                leased.remove(&job);
            }
        }
        let leased: Vec<_> = leased.into_iter().collect();
        let sent_at = self.ground.now();
        for some in leased.chunks(RELEASED_AT_ONCE) {
            let epoch = self.epoch().await?;
            let item = |(job, seq): &(u64, u64)| {
                let outcome = Ending::Release.name();
                format!(r#"{{"job":{job},"token":"{epoch}:{seq}","outcome":"{outcome}"}}"#)
            };
            let items: Vec<String> = some.iter().map(item).collect();
            let body = format!(r#"{{"finish":[{}]}}"#, items.join(","));
            self.ask(&request(self.address, "POST /v1/jobs/finish", JSON, body.as_bytes())).await?;
        }
        // What was answered does not matter: some may have been lost or ended meanwhile.
        let asked = leased.into_iter().map(|(job, token)| Finish {
            job,
            token,
            ending: Ending::Release,
            sent_at,
            answer: None,
        });
        Ok(asked.collect())
    }

    async fn epoch(&mut self) -> anyhow::Result<String> {
        let page = self.page("latest").await?;
        let (epoch, _) = page.next.split_once(':').context("a position without an epoch")?;
        Ok(epoch.to_owned())
    }

    /// Jobs that are not done.
    async fn open(&mut self) -> anyhow::Result<u64> {
        let mut open = 0;
        for queue in QUEUES {
            let body = self.ask(&get(self.address, &format!("/v1/queues/{queue}"), "")).await?;
            let Queue { jobs } = serde_json::from_slice(body)?;
            open += jobs.scheduled + jobs.ready + jobs.leased + jobs.retrying;
        }
        Ok(open)
    }

    /// Reads the topics of jobs from the first event to the last.
    async fn read(&mut self) -> anyhow::Result<Read> {
        let (mut read, mut after) = (Read::default(), "earliest".to_owned());
        let seed = self.ground.seed;
        loop {
            let page = self.page(&after).await?;
            for given in &page.events {
                let transition = given.transition(seed);
                let transition = transition.with_context(|| format!("no such state: {given:?}"))?;
                match given.worker() {
                    Some(worker) => read.holders.insert(transition.job, worker.to_owned()),
                    None => read.holders.remove(&transition.job),
                };
                read.log.push(transition);
            }
            if page.events.is_empty() && page.next == after {
                return Ok(read);
            }
            after = page.next;
        }
    }

    async fn page(&mut self, after: &str) -> anyhow::Result<PageOf<'_, Given<'_>>> {
        let target = format!("/v1/events?filter={FILTER}&after={after}&limit=1000");
        let request = get(self.address, &target, "");
        PageOf::read(self.ask(&request).await?)
    }

    async fn ask(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        let answer = self.watch.wait(self.connection.ask(request)).await;
        answer.map_err(|error| no_answer(&error))?.success()
    }
}

fn no_answer(error: &NoAnswer) -> anyhow::Error {
    anyhow::anyhow!("the jobs at the end were not answered for: {error:?}")
}
