//! The end of a torture with jobs: all are worked off, then what happened to them is read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use arrw::JobState;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::sleep;

use super::args::{self, FILTER, FOLLOWED, Given, QUEUES};
use super::enqueuer::enqueue_last;
use super::planner::{SCHEDULE_PATH, TRIGGER_PATH};
use super::worker::LAST;
use crate::connection::{Connection, JSON, get, request};
use crate::history::{Ending, Enqueue, Finish, PAUSED, Shown, Told, Transition};
use crate::torture::limits::{JOBS_TIME_MAX, RELEASED_AT_ONCE, SLOTS_MIN};
use crate::torture::lives::{Ground, NoAnswer, Watch};
use crate::torture::page::{PageOf, seq_of};

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

/// What is told of a job.
#[derive(Debug, Deserialize)]
struct JobTold<'a> {
    state: &'a str,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    history: Vec<Change<'a>>,
}

/// How it came into a state.
#[derive(Debug, Deserialize)]
struct Change<'a> {
    position: &'a str,
    state: &'a str,
    error: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
struct Schedule {
    made: u64,
    missed: u64,
}

#[derive(Debug, Deserialize)]
struct Trigger {
    cursor: String,
}

/// The last event of a topic.
#[derive(Debug, Deserialize)]
struct Newest {
    events: Vec<Place>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Place {
    seq: u64,
}

impl JobTold<'_> {
    fn shown(&self, job: u64) -> anyhow::Result<Shown> {
        let state_of = |name: &str| JobState::parse(name).with_context(|| format!("`{name}`?"));
        let mut history = Vec::with_capacity(self.history.len());
        for (at, Change { position, state, error }) in self.history.iter().enumerate() {
            let result = self.result.filter(|_| at == 0);
            let told = args::told(result, error.as_deref());
            history.push((seq_of(position)?, state_of(state)?, told));
        }
        Ok(Shown { job, state: state_of(self.state)?, history })
    }
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
        let resume = format!("POST /v1/queues/{}/resume", QUEUES[PAUSED]);
        self.post(&resume).await?;
        while !self.has_tripped().await? {
            in_time(begun, "the trigger did not come to the last event")?;
            sleep(LOOK_EVERY).await;
        }
        self.until_done(begun).await?;
        while self.schedule().await?.0 < SLOTS_MIN {
            in_time(begun, "the schedule's slots did not come")?;
            sleep(LOOK_EVERY).await;
        }
        self.post(&format!("POST {SCHEDULE_PATH}/pause")).await?;
        self.until_done(begun).await?;
        Ok((last, given_back))
    }

    /// Waits until all jobs are done that there are.
    async fn until_done(&mut self, begun: Instant) -> anyhow::Result<()> {
        loop {
            let open = self.open().await?;
            if open == 0 {
                return Ok(());
            }
            in_time(begun, &format!("{open} jobs were not worked off"))?;
            sleep(LOOK_EVERY).await;
        }
    }

    /// Jobs that the schedule made, and slots that it missed.
    pub(super) async fn schedule(&mut self) -> anyhow::Result<(u64, u64)> {
        let body = self.ask(&get(self.address, SCHEDULE_PATH, "")).await?;
        let Schedule { made, missed } = serde_json::from_slice(body)?;
        Ok((made, missed))
    }

    /// Whether the trigger has looked at the last event that it follows.
    async fn has_tripped(&mut self) -> anyhow::Result<bool> {
        let target = format!("/v1/topics/torture.{FOLLOWED}/events?order=newest&limit=1");
        let request = get(self.address, &target, "");
        let Newest { events } = serde_json::from_slice(self.ask(&request).await?)?;
        let Some(Place { seq }) = events.first().copied() else { return Ok(true) };
        let body = self.ask(&get(self.address, TRIGGER_PATH, "")).await?;
        let Trigger { cursor } = serde_json::from_slice(body)?;
        Ok(seq <= seq_of(&cursor)?)
    }

    async fn post(&mut self, line: &str) -> anyhow::Result<()> {
        self.ask(&request(self.address, line, JSON, b"")).await?;
        Ok(())
    }

    /// What happened to all jobs, and what the newest of some are said to be.
    pub(super) async fn look(
        &mut self,
        shown_max: usize,
    ) -> anyhow::Result<(Vec<Transition>, Vec<Shown>)> {
        let Read { log, .. } = self.read().await?;
        let jobs = log.iter().rev().filter(|it| it.state.is_final());
        let jobs: Vec<u64> = jobs.map(|it| it.job).take(shown_max).collect();
        let mut shown = Vec::with_capacity(jobs.len());
        for job in jobs {
            let body = self.ask(&get(self.address, &format!("/v1/jobs/{job}"), "")).await?;
            shown.push(serde_json::from_slice::<JobTold<'_>>(body)?.shown(job)?);
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
            told: Told::Nothing,
            delay: 0,
            follow_up: None,
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

fn in_time(begun: Instant, what: &str) -> anyhow::Result<()> {
    ensure!(begun.elapsed() < JOBS_TIME_MAX, "{what} in time");
    Ok(())
}

fn no_answer(error: &NoAnswer) -> anyhow::Error {
    anyhow::anyhow!("the jobs at the end were not answered for: {error:?}")
}

/// Has the server keep no more than so many finished jobs of each state and queue, as an operator who wants it small.
pub(in crate::torture) async fn keep_few(address: SocketAddr, count: usize) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let kept = format!(r#"{{"for_ms":86400000,"count":{count}}}"#);
    let body = format!(r#"{{"keep_done":{kept},"keep_dead":{kept}}}"#);
    for queue in QUEUES {
        let line = format!("PUT /v1/queues/{queue}/limits");
        connection.ask(&request(address, &line, JSON, body.as_bytes())).await?.success()?;
    }
    Ok(())
}
