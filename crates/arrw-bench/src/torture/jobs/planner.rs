//! The client that puts the schedule and the trigger, pauses a queue, and has jobs wait and cancelled there.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use serde::Deserialize;

use super::args::{self, FOLLOWED, KIND, QUEUES, SCHEDULE, TRIGGER};
use super::enqueuer::One;
use crate::connection::{Connection, JSON, request};
use crate::history::{Enqueue, PAUSED, Standing, Task};
use crate::random::Random;
use crate::torture::limits::SCHEDULE_STEP_S;
use crate::torture::lives::{Ground, NoAnswer, Phase, Watch};
use crate::torture::page::seq_of;

/// The names of the schedule and of the trigger, as parts of their paths.
pub(super) const SCHEDULE_PATH: &str = "/v1/schedules/torture";
pub(super) const TRIGGER_PATH: &str = "/v1/triggers/torture";

/// The client that enqueues in the paused queue.
const CLIENT: u32 = 3_001;

/// What it saw.
#[derive(Debug, Default)]
pub(in crate::torture) struct Planned {
    pub(super) enqueues: Vec<Enqueue>,
    pub(super) cancels: Vec<(u64, bool)>,
    pub(super) standing: Option<Standing>,
}

/// Who plans.
#[derive(Debug)]
pub(super) struct Planner {
    pub(super) random: Random,
    pub(super) ground: Arc<Ground>,
    pub(super) watch: Watch,
    pub(super) planned: Planned,
}

#[derive(Debug, Deserialize)]
struct Put {
    cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Cancelled {
    state: String,
}

impl Planner {
    /// Plans in each life until the last round is over.
    pub(super) async fn run(mut self) -> Planned {
        let mut number = 0;
        while let Some(life) = self.watch.behind(number).await {
            number = life.number;
            // Whoever was always killed before puts them in the last life.
            let is_last = life.phase != Phase::Torture;
            if is_last && self.planned.standing.is_some() {
                break;
            }
            let Ok(mut connection) = Connection::open(life.address).await else { continue };
            match self.plan(&mut connection, life.address).await {
                Ok(()) if is_last => break,
                Ok(()) => self.ground.note(number, |events| events.planned = 1),
                Err(NoAnswer::Cut) => (),
                Err(NoAnswer::GivenUp) => break,
                Err(NoAnswer::Silent) => {
                    self.accuse("was never answered, and the connection was there");
                    break;
                }
            }
        }
        self.planned
    }

    async fn plan(
        &mut self,
        connection: &mut Connection,
        address: SocketAddr,
    ) -> Result<(), NoAnswer> {
        if self.planned.standing.is_none() {
            let pause = format!("POST /v1/queues/{}/pause", QUEUES[PAUSED]);
            self.ask::<serde_json::Value>(connection, address, (&pause, "")).await?;
        }
        // The same again leaves them where they are.
        if self.planned.standing.is_none() || self.random.below(2) == 0 {
            self.put(connection, address).await?;
        }
        self.enqueue(connection, address).await?;
        let job = self.enqueue(connection, address).await?;
        self.cancel(connection, address, job).await
    }

    async fn put(
        &mut self,
        connection: &mut Connection,
        address: SocketAddr,
    ) -> Result<(), NoAnswer> {
        let job = |client: u32| {
            let (queue, args) = (QUEUES[0], args::standing_json(client));
            format!(r#"{{"queue":"{queue}","kind":"{KIND}","args":{args},"max_attempts":1000}}"#)
        };
        let schedule = format!(
            r#"{{"every":"{SCHEDULE_STEP_S}s","misfire":"run_once","job":{}}}"#,
            job(SCHEDULE)
        );
        let trigger = format!(r#"{{"filter":"torture.{FOLLOWED}","job":{}}}"#, job(TRIGGER));
        let line = format!("PUT {SCHEDULE_PATH}");
        let _as_it_is: Put = self.ask(connection, address, (&line, &schedule)).await?;
        let line = format!("PUT {TRIGGER_PATH}");
        let put: Put = self.ask(connection, address, (&line, &trigger)).await?;
        let after = put.cursor.context("a trigger without a cursor").and_then(|it| seq_of(&it));
        let after = after.map_err(|error| self.accuse(&error.to_string()))?;
        self.planned.standing.get_or_insert_with(|| Standing {
            schedule: SCHEDULE,
            step: SCHEDULE_STEP_S * 1_000_000,
            trigger: TRIGGER,
            after,
            ..Standing::default()
        });
        Ok(())
    }

    /// Enqueues a job that waits until the end; answers its number.
    async fn enqueue(
        &mut self,
        connection: &mut Connection,
        address: SocketAddr,
    ) -> Result<u64, NoAnswer> {
        let place = self.planned.enqueues.len();
        let task = Task { client: CLIENT, number: place as u64 + 1 };
        let enqueue = Enqueue { sent_at: self.ground.now(), ..Enqueue::new(task, 1) };
        self.planned.enqueues.push(enqueue);
        let (args, queue) = (args::json(self.ground.seed, task), QUEUES[PAUSED]);
        let job =
            format!(r#"{{"queue":"{queue}","kind":"{KIND}","args":{args},"max_attempts":1000}}"#);
        let One { job, .. } = self.ask(connection, address, ("POST /v1/jobs", &job)).await?;
        self.planned.enqueues[place].answers.push(vec![job]);
        Ok(job)
    }

    async fn cancel(
        &mut self,
        connection: &mut Connection,
        address: SocketAddr,
        job: u64,
    ) -> Result<(), NoAnswer> {
        let place = self.planned.cancels.len();
        self.planned.cancels.push((job, false));
        let line = format!("POST /v1/jobs/{job}/cancel");
        let Cancelled { state } = self.ask(connection, address, (&line, "")).await?;
        if state != "cancelled" {
            return Err(self.accuse(&format!("cancelled job {job}, which is {state}")));
        }
        self.planned.cancels[place].1 = true;
        Ok(())
    }

    async fn ask<T: for<'a> Deserialize<'a>>(
        &self,
        connection: &mut Connection,
        address: SocketAddr,
        (line, body): (&str, &str),
    ) -> Result<T, NoAnswer> {
        let request = request(address, line, JSON, body.as_bytes());
        let _others = self.ground.beside_others().await;
        let answer = self.watch.ask(connection, &request).await?;
        let read = answer.success().and_then(|body| Ok(serde_json::from_slice(body)?));
        read.map_err(|error| self.accuse(&format!("`{line}`: {error}")))
    }

    fn accuse(&self, what: &str) -> NoAnswer {
        self.ground.accuse(format!("the planner {what}"));
        NoAnswer::GivenUp
    }
}
