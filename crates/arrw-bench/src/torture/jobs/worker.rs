//! A client that works over all lives of the server: claims jobs, ends their leases in all ways, comes too late, dies.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::args::{self, KIND, ON_PURPOSE, QUEUES};
use super::enqueuer::One;
use crate::connection::{Connection, JSON, request};
use crate::history::{Ending, Enqueue, Finish, Lease, Said, Task, Told};
use crate::random::Random;
use crate::torture::limits::{
    CLAIM_JOBS_MAX, CLAIM_WAIT_MS_MAX, DELAY_MS_MAX, LEASE_MS_MAX, LEASE_MS_MIN, TOKENS_KEPT,
};
use crate::torture::lives::{Ground, NoAnswer, Phase, Watch};
use crate::torture::page::seq_of;

/// The code with which is refused who comes too late.
pub(super) const LEASE_OVER: &str = "ARW0053";

/// How the names of workers end that are there when nothing is killed any more.
pub(super) const LAST: &str = "-last";

/// What a worker saw.
#[derive(Debug, Default)]
pub(in crate::torture) struct Worked {
    pub(super) leases: Vec<Lease>,
    pub(super) finishes: Vec<Finish>,
    /// Jobs that came of others.
    pub(super) enqueues: Vec<Enqueue>,
}

/// What the number of a worker becomes that of a client with.
const FIRST_CLIENT: u32 = 4_000;

/// A lease that it has, or had.
#[derive(Clone, Debug)]
struct Held {
    job: u64,
    token: String,
    seq: u64,
}

/// Who works.
#[derive(Debug)]
pub(super) struct Worker {
    number: u32,
    random: Random,
    ground: Arc<Ground>,
    watch: Watch,
    is_over: Arc<AtomicBool>,
    /// How many names it had.
    names: u64,
    held: Vec<Held>,
    /// Leases that have ended.
    old: Vec<Held>,
    /// True once it died when nothing was killed any more.
    died_last: bool,
    worked: Worked,
}

#[derive(Debug, Deserialize)]
struct Claimed<'a> {
    #[serde(borrow)]
    jobs: Vec<Given<'a>>,
}

#[derive(Debug, Deserialize)]
struct Given<'a> {
    job: u64,
    token: String,
    attempt: u16,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
}

/// What is answered to a batch.
#[derive(Debug, Deserialize)]
struct Committed {
    jobs: Vec<One>,
}

#[derive(Debug, Deserialize)]
struct Finished<'a> {
    results: Vec<Ended>,
    #[serde(borrow)]
    jobs: Option<Vec<Given<'a>>>,
}

#[derive(Debug, Deserialize)]
struct Ended {
    job: u64,
    state: Option<String>,
    error: Option<Problem>,
}

#[derive(Debug, Deserialize)]
struct Problem {
    code: String,
}

impl Worker {
    pub(super) fn new(
        number: u32,
        random: Random,
        (ground, watch): (Arc<Ground>, Watch),
        is_over: Arc<AtomicBool>,
    ) -> Self {
        let (held, old, worked) = (Vec::new(), Vec::new(), Worked::default());
        let (names, died_last) = (0, false);
        Self { number, random, ground, watch, is_over, names, held, old, died_last, worked }
    }

    /// Works until it is told that all is done.
    pub(super) async fn run(mut self) -> Worked {
        let mut number = 0;
        while let Some(life) = self.watch.behind(number).await {
            number = life.number;
            if self.random.below(2) == 0 {
                // Otherwise it goes on with what it holds, as if nothing had been.
                self.die();
            }
            let Ok(mut connection) = Connection::open(life.address).await else { continue };
            loop {
                if self.is_over.load(Ordering::Relaxed) {
                    return self.worked;
                }
                match self.step(&mut connection, life.address).await {
                    Ok(()) => (),
                    Err(NoAnswer::Cut) => break,
                    Err(NoAnswer::GivenUp) => return self.worked,
                    Err(NoAnswer::Silent) => {
                        self.accuse("was never answered, and the connection was there");
                        return self.worked;
                    }
                }
            }
        }
        self.worked
    }

    async fn step(
        &mut self,
        connection: &mut Connection,
        address: SocketAddr,
    ) -> Result<(), NoAnswer> {
        if self.is_ending() && !self.died_last {
            // What this one gets nobody gives back: it is lost when its time is over.
            self.held.clear();
            self.claim(connection, address, LEASE_MS_MIN).await?;
            self.died_last = !self.held.is_empty();
            self.die();
            return Ok(());
        }
        if let Some(old) = self.random.below(8).checked_sub(7).and_then(|_| self.draw_old()) {
            if self.random.below(4) == 0 && !self.is_ending() {
                return self.follow_up(connection, address, old).await;
            }
            return self.finish_one(connection, address, (old, Ending::Complete)).await;
        }
        match self.held.len() {
            0 => {
                let lease_ms = LEASE_MS_MIN + self.random.below(LEASE_MS_MAX - LEASE_MS_MIN);
                self.claim(connection, address, lease_ms).await
            }
            _ if !self.is_ending() && self.random.below(40) == 0 => {
                self.die();
                Ok(())
            }
            1 if self.random.below(2) == 0 => {
                let (held, ending) = (self.held.remove(0), self.draw_ending());
                self.held.push(held.clone());
                if ending == Ending::Complete && !self.is_ending() && self.random.below(4) == 0 {
                    return self.follow_up(connection, address, held).await;
                }
                self.finish_one(connection, address, (held, ending)).await
            }
            _ => self.finish_all(connection, address).await,
        }
    }

    fn is_ending(&self) -> bool {
        self.watch.phase() != Phase::Torture
    }

    /// Forgets what it holds, and is somebody else from now on.
    fn die(&mut self) {
        self.names += 1;
        self.held.clear();
    }

    fn name(&self) -> String {
        let last = if self.is_ending() { LAST } else { "" };
        format!("torture-{}-{}{last}", self.number, self.names)
    }

    fn draw_old(&mut self) -> Option<Held> {
        let at = self.random.below(self.old.len().max(1) as u64);
        self.old.get(usize::try_from(at).unwrap_or(0)).cloned()
    }

    fn draw_ending(&mut self) -> Ending {
        match self.random.below(10) {
            _ if self.is_ending() => Ending::Complete,
            0 => Ending::Fail,
            1 => Ending::Snooze,
            2 => Ending::Release,
            3 if self.random.below(3) == 0 => Ending::Discard,
            _ => Ending::Complete,
        }
    }

    /// The members of a claim.
    fn wish(&mut self, lease_ms: u64) -> String {
        let count = self.random.up_to(CLAIM_JOBS_MAX);
        format!(
            r#""worker":"{}","count":{count},"lease_ms":{lease_ms},"queues":["{}"]"#,
            self.name(),
            QUEUES.join("\",\"")
        )
    }

    async fn claim(
        &mut self,
        connection: &mut Connection,
        address: SocketAddr,
        lease_ms: u64,
    ) -> Result<(), NoAnswer> {
        let ground = Arc::clone(&self.ground);
        let others = ground.beside_others().await;
        self.claim_within(connection, address, (lease_ms, 0)).await?;
        drop(others);
        // Who waits holds up nobody who wants to write alone: hardly any job comes then.
        if self.held.is_empty() {
            let wait_ms = self.random.up_to(CLAIM_WAIT_MS_MAX);
            self.claim_within(connection, address, (lease_ms, wait_ms)).await?;
        }
        Ok(())
    }

    async fn claim_within(
        &mut self,
        connection: &mut Connection,
        address: SocketAddr,
        (lease_ms, wait_ms): (u64, u64),
    ) -> Result<(), NoAnswer> {
        let body = format!(r#"{{{},"wait_ms":{wait_ms}}}"#, self.wish(lease_ms));
        let line = format!("POST /v1/queues/{}/claim", QUEUES[0]);
        let request = request(address, &line, JSON, body.as_bytes());
        let asked_at = self.ground.now();
        let answer = self.watch.ask(connection, &request).await?;
        let claimed = answer.success().and_then(|body| Ok(serde_json::from_slice(body)?));
        match claimed {
            Ok(Claimed { jobs }) => self.take(jobs, asked_at),
            Err(error) => Err(self.accuse(&format!("may not claim: {error}"))),
        }
    }

    /// Notes the jobs that it got.
    fn take(&mut self, jobs: Vec<Given<'_>>, asked_at: u64) -> Result<(), NoAnswer> {
        let got_at = self.ground.now();
        for Given { job, token, attempt, args } in jobs {
            let seq = seq_of(&token).map_err(|error| self.accuse(&error.to_string()))?;
            let task = args.and_then(|args| args::task(self.ground.seed, args.get()));
            let lease = Lease { job, token: seq, task, attempt, asked_at, got_at };
            self.worked.leases.push(lease);
            self.held.push(Held { job, token, seq });
        }
        Ok(())
    }

    /// Asks to end a lease, which it may still have; notes that before it is answered. Answers the members that say how.
    fn begin(&mut self, held: &Held, ending: Ending) -> (usize, String) {
        let at = self.worked.finishes.len();
        let number = u64::from(self.number) << 32 | at as u64;
        let mut delay_ms = 0;
        let (told, members) = match ending {
            Ending::Complete => (Told::Result(Some(number)), format!(r#","result":{number}"#)),
            Ending::Fail => {
                delay_ms = self.random.below(DELAY_MS_MAX);
                let error = format!(r#","error":"{ON_PURPOSE}{number}","retry_in_ms":{delay_ms}"#);
                (Told::Error(Some(number)), error)
            }
            Ending::Snooze => {
                delay_ms = self.random.up_to(DELAY_MS_MAX);
                (Told::Nothing, format!(r#","for_ms":{delay_ms}"#))
            }
            Ending::Discard => {
                (Told::Error(Some(number)), format!(r#","error":"{ON_PURPOSE}{number}""#))
            }
            Ending::Release => (Told::Nothing, String::new()),
        };
        let (job, token, delay) = (held.job, held.seq, delay_ms * 1_000_000);
        let sent_at = self.ground.now();
        let (follow_up, answer) = (None, None);
        self.worked.finishes.push(Finish {
            job,
            token,
            ending,
            told,
            delay,
            follow_up,
            sent_at,
            answer,
        });
        (at, members)
    }

    /// What it is to be.
    fn state_of(&self, at: usize) -> &'static str {
        self.worked.finishes[at].ending.state().name()
    }

    /// Notes what was said to it.
    fn end(&mut self, at: usize, said: Said) {
        let finish = &mut self.worked.finishes[at];
        finish.answer = Some((self.ground.now(), said));
        let (job, seq) = (finish.job, finish.token);
        let is_completed = said == Said::Done && finish.ending == Ending::Complete;
        self.ground.note(self.watch.number(), |events| {
            events.completed += u64::from(is_completed);
            events.late += u64::from(said == Said::Over);
        });
        if let Some(place) = self.held.iter().position(|it| (it.job, it.seq) == (job, seq)) {
            self.old.push(self.held.remove(place));
            let more = self.old.len().saturating_sub(TOKENS_KEPT);
            self.old.drain(..more);
        }
    }

    async fn finish_one(
        &mut self,
        connection: &mut Connection,
        address: SocketAddr,
        (held, ending): (Held, Ending),
    ) -> Result<(), NoAnswer> {
        let ground = Arc::clone(&self.ground);
        let _others = ground.beside_others().await;
        let (at, members) = self.begin(&held, ending);
        let body = format!(r#"{{"token":"{}"{members}}}"#, held.token);
        let line = format!("POST /v1/jobs/{}/{}", held.job, ending.name());
        let request = request(address, &line, JSON, body.as_bytes());
        let answer = self.watch.ask(connection, &request).await?;
        let said = if answer.is_refused_with(LEASE_OVER) { Said::Over } else { Said::Done };
        if said == Said::Done
            && let Err(error) = answer.success()
        {
            return Err(self.accuse(&format!("may not end the lease of job {}: {error}", held.job)));
        }
        self.end(at, said);
        Ok(())
    }

    /// Completes a job and enqueues another in one commit.
    async fn follow_up(
        &mut self,
        connection: &mut Connection,
        address: SocketAddr,
        held: Held,
    ) -> Result<(), NoAnswer> {
        let ground = Arc::clone(&self.ground);
        let _others = ground.beside_others().await;
        let (at, members) = self.begin(&held, Ending::Complete);
        let place = self.worked.enqueues.len();
        let task = Task { client: FIRST_CLIENT + self.number, number: place as u64 + 1 };
        self.worked.finishes[at].follow_up = Some(task);
        self.worked.enqueues.push(Enqueue { sent_at: ground.now(), ..Enqueue::new(task, 1) });
        let (args, queue) = (args::json(ground.seed, task), QUEUES[0]);
        let (job, token) = (held.job, &held.token);
        let body = format!(
            r#"{{"finish":[{{"job":{job},"token":"{token}","outcome":"complete"{members}}}],"jobs":[{{"queue":"{queue}","kind":"{KIND}","args":{args},"max_attempts":1000}}]}}"#
        );
        let request = request(address, "POST /v1/batch", JSON, body.as_bytes());
        let answer = self.watch.ask(connection, &request).await?;
        if answer.is_refused_with(LEASE_OVER) {
            self.end(at, Said::Over);
            return Ok(());
        }
        let committed = answer.success().and_then(|body| Ok(serde_json::from_slice(body)?));
        match committed {
            Ok(Committed { jobs }) => {
                let jobs = jobs.into_iter().map(|it| it.job).collect();
                self.worked.enqueues[place].answers.push(jobs);
                self.end(at, Said::Done);
                Ok(())
            }
            Err(error) => Err(self.accuse(&format!("may not complete job {job}: {error}"))),
        }
    }

    /// Ends all that it holds in one call, half the time with the next claim.
    async fn finish_all(
        &mut self,
        connection: &mut Connection,
        address: SocketAddr,
    ) -> Result<(), NoAnswer> {
        let ground = Arc::clone(&self.ground);
        let _others = ground.beside_others().await;
        let (mut items, mut places) = (Vec::new(), Vec::new());
        for held in self.held.clone() {
            let ending = self.draw_ending();
            let (at, members) = self.begin(&held, ending);
            let (job, token, name) = (held.job, &held.token, ending.name());
            items.push(format!(r#"{{"job":{job},"token":"{token}","outcome":"{name}"{members}}}"#));
            places.push(at);
        }
        let claim = match self.random.below(2) {
            0 => format!(r#","claim":{{{}}}"#, self.wish(LEASE_MS_MAX)),
            _ => String::new(),
        };
        let body = format!(r#"{{"finish":[{}]{claim}}}"#, items.join(","));
        let request = request(address, "POST /v1/jobs/finish", JSON, body.as_bytes());
        let asked_at = self.ground.now();
        let answer = self.watch.ask(connection, &request).await?;
        let finished = answer.success().and_then(|body| Ok(serde_json::from_slice(body)?));
        let Finished { results, jobs } = match finished {
            Ok(finished) => finished,
            Err(error) => return Err(self.accuse(&format!("may not finish: {error}"))),
        };
        if results.len() != places.len() {
            return Err(self.accuse(&format!("finished {places:?} and was told {results:?}")));
        }
        for (at, ended) in places.into_iter().zip(results) {
            let said = match (&ended.state, &ended.error) {
                (Some(state), None) if state == self.state_of(at) => Said::Done,
                (None, Some(problem)) if problem.code == LEASE_OVER => Said::Over,
                _ => return Err(self.accuse(&format!("was told {ended:?}"))),
            };
            if ended.job != self.worked.finishes[at].job {
                return Err(self.accuse(&format!("was told of another job: {ended:?}")));
            }
            self.end(at, said);
        }
        self.take(jobs.unwrap_or_default(), asked_at)
    }

    fn accuse(&self, what: &str) -> NoAnswer {
        self.ground.accuse(format!("worker {} {what}", self.number));
        NoAnswer::GivenUp
    }
}
