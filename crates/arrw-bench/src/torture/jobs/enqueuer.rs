//! A client that enqueues jobs over all lives of the server, and notes each call and its answers.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::ensure;
use arrw::Priority;
use serde::Deserialize;

use super::args::{self, KIND, QUEUES};
use crate::connection::{Connection, JSON, request};
use crate::history::{Enqueue, Task};
use crate::random::Random;
use crate::torture::limits::{ARRAY_JOBS_MAX, DELAY_MS_MAX, KEYS, LONG_DELAY_MS_MAX};
use crate::torture::lives::{Ground, NoAnswer, Phase, Watch};

/// Who enqueues.
#[derive(Debug)]
pub(super) struct Enqueuer {
    pub(super) number: u32,
    pub(super) random: Random,
    pub(super) ground: Arc<Ground>,
    pub(super) watch: Watch,
}

/// A call as it is made, each time in the same words.
#[derive(Debug)]
struct Call {
    queue: &'static str,
    enqueue: Enqueue,
    has_ids: bool,
    delay_ms: u64,
    /// How often it is made once it was answered.
    left: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct One {
    pub(super) job: u64,
    pub(super) new: bool,
}

#[derive(Debug, Deserialize)]
struct Many {
    jobs: Vec<One>,
}

impl Enqueuer {
    /// Enqueues until the last round is over; answers all calls in their order.
    pub(super) async fn run(mut self) -> Vec<Enqueue> {
        let (mut calls, mut open): (_, Option<Call>) = (Vec::new(), None);
        let mut number = 0;
        while let Some(life) = self.watch.behind(number).await {
            number = life.number;
            // Whoever is not answered asks again where that does no harm, and else never knows.
            if let Some(call) = open.take_if(|call| !call.has_ids) {
                calls.push(call.enqueue);
            }
            let Ok(mut connection) = Connection::open(life.address).await else { continue };
            loop {
                let mut call = match open.take() {
                    Some(call) => call,
                    None if self.watch.phase() != Phase::Torture => return calls,
                    None => {
                        self.ground.due().await;
                        self.draw(&calls)
                    }
                };
                let asked = self.ask(&mut connection, life.address, &mut call).await;
                match asked {
                    Ok(()) if call.left == 0 => calls.push(call.enqueue),
                    Ok(()) => {
                        call.left -= 1;
                        open = Some(call);
                    }
                    Err(NoAnswer::Cut) => {
                        open = Some(call);
                        break;
                    }
                    Err(no_answer) => {
                        if matches!(no_answer, NoAnswer::Silent) {
                            self.accuse("was never answered, and the connection was there");
                        }
                        calls.push(call.enqueue);
                        return calls;
                    }
                }
            }
        }
        calls.extend(open.map(|call| call.enqueue));
        calls
    }

    /// The next call.
    fn draw(&mut self, before: &[Enqueue]) -> Call {
        let number = before.last().map_or(1, |call| call.first.number + call.count);
        let count = match self.random.below(3) {
            0 => self.random.up_to(ARRAY_JOBS_MAX),
            _ => 1,
        };
        let first = Task { client: self.number, number };
        let key = (count == 1 && self.random.below(3) == 0).then(|| self.random.below(KEYS));
        let has_ids = key.is_none() && self.random.below(3) == 0;
        let delay_ms = match self.random.below(9) {
            _ if has_ids => 0,
            0 | 1 => self.random.up_to(DELAY_MS_MAX),
            // It lasts over a kill.
            2 => self.random.up_to(LONG_DELAY_MS_MAX),
            _ => 0,
        };
        let priority = Priority::ALL[usize::try_from(self.random.below(4)).unwrap_or(0)];
        let enqueue =
            Enqueue { key, priority, delay: delay_ms * 1_000_000, ..Enqueue::new(first, count) };
        Call {
            queue: QUEUES[usize::from(self.random.below(2) == 0)],
            enqueue,
            has_ids,
            delay_ms,
            left: if has_ids { self.random.below(2) } else { 0 },
        }
    }

    async fn ask(
        &self,
        connection: &mut Connection,
        address: SocketAddr,
        call: &mut Call,
    ) -> Result<(), NoAnswer> {
        let body = call.body(self.ground.seed);
        let request = request(address, "POST /v1/jobs", JSON, body.as_bytes());
        let _others = self.ground.beside_others().await;
        if call.enqueue.sent_at == 0 {
            call.enqueue.sent_at = self.ground.now();
        }
        let answer = self.watch.ask(connection, &request).await?;
        match answer.success().and_then(|body| call.take(body)) {
            Ok(true) => {
                self.ground.note(self.watch.number(), |events| events.enqueued += 1);
                Ok(())
            }
            Ok(false) => Ok(()),
            Err(error) => {
                self.accuse(&error.to_string());
                Err(NoAnswer::GivenUp)
            }
        }
    }

    fn accuse(&self, what: &str) {
        self.ground.accuse(format!("a call of client {}, which enqueues: {what}", self.number));
    }
}

impl Call {
    fn body(&self, seed: u64) -> String {
        let Enqueue { first, count, .. } = &self.enqueue;
        let job = |number: u64| {
            let task = Task { number, ..*first };
            let args = args::json(seed, task);
            let id = format!(r#","id":"{}-{number}""#, first.client);
            let id = if self.has_ids { id } else { String::new() };
            let delay = match self.delay_ms {
                0 => String::new(),
                ms => format!(r#","delay_ms":{ms}"#),
            };
            // By both clients: so it may be held by a job of the other.
            let unique = self
                .enqueue
                .key
                .map(|key| format!(r#","unique":{{"key":"k{key}","across_queues":true}}"#));
            let unique = unique.unwrap_or_default();
            let (queue, priority) = (self.queue, self.enqueue.priority.name());
            format!(
                r#"{{"queue":"{queue}","kind":"{KIND}","args":{args},"priority":"{priority}","max_attempts":1000{id}{delay}{unique}}}"#
            )
        };
        let jobs: Vec<String> = (first.number..first.number + count).map(job).collect();
        if *count == 1 { jobs.concat() } else { format!("[{}]", jobs.join(",")) }
    }

    /// Takes an answer; true for the first.
    fn take(&mut self, body: &[u8]) -> anyhow::Result<bool> {
        let jobs: Vec<One> = match self.enqueue.count {
            1 => vec![serde_json::from_slice(body)?],
            _ => serde_json::from_slice::<Many>(body)?.jobs,
        };
        let (found, count) = (jobs.len() as u64, self.enqueue.count);
        ensure!(found == count, "was answered with {found} jobs of {count}");
        let is_first = self.enqueue.answers.is_empty();
        ensure!(is_first || !jobs.iter().any(|job| job.new), "was new again");
        if let ([One { job, new: false }], Some(_)) = (jobs.as_slice(), self.enqueue.key) {
            self.enqueue.held_by = Some(*job);
            return Ok(is_first);
        }
        self.enqueue.answers.push(jobs.iter().map(|job| job.job).collect());
        Ok(is_first)
    }
}

/// Enqueues a few jobs in each queue, by a client that enqueues nothing else; answers its calls.
pub(super) async fn enqueue_last(
    (ground, watch): (&Arc<Ground>, &Watch),
    connection: &mut Connection,
    address: SocketAddr,
    number: u32,
) -> Result<Vec<Enqueue>, NoAnswer> {
    let (ground, watch) = (Arc::clone(ground), watch.clone());
    let client = Enqueuer { number, random: Random::new(0), ground, watch };
    let mut calls = Vec::new();
    for (queue, at) in QUEUES.into_iter().zip(0..) {
        let first = Task { client: number, number: 1 + at * ARRAY_JOBS_MAX };
        let enqueue = Enqueue::new(first, ARRAY_JOBS_MAX);
        let mut call = Call { queue, enqueue, has_ids: false, delay_ms: 0, left: 0 };
        client.ask(connection, address, &mut call).await?;
        calls.push(call.enqueue);
    }
    Ok(calls)
}
